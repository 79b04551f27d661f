"""The page of a run as one file of HTML, which loads nothing and shows everything without a script."""

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from fortifai.fidelity.rule import BASELINE
from fortifai.report.blocks import in_blocks
from fortifai.report.commands import commands_of
from fortifai.report.contents import Contents
from fortifai.report.costs import costs_of
from fortifai.report.estimate import HEADINGS as HEADINGS_OF_ESTIMATE
from fortifai.report.examples import Example, Section
from fortifai.report.filmstrip import UnreadablePicture, first_row
from fortifai.report.html import environment, inline_svg, png_uri, policy, wav_uri
from fortifai.report.inline_plot import inline_plot
from fortifai.report.plots import HEADINGS, KINDS, Plot
from fortifai.report.plug_ins import code_used
from fortifai.report.style import Picture


@dataclass(frozen=True)
class _Figure:
    heading: str
    svg: Markup


@dataclass(frozen=True)
class _Figures:
    kind: str
    heading: str
    about: str
    figures: list[_Figure]


@dataclass(frozen=True)
class _Sample:
    """What shows one generation, or real data: a text, a picture within the page, or the file to open; and a sound to play."""

    title: str
    generation: int | None
    text: str | None
    picture: str | None
    file: str | None
    sound: str | None = None


@dataclass(frozen=True)
class _Chain:
    objective: str
    seed: int
    samples: list[_Sample]
    diverged: str | None


@dataclass(frozen=True)
class _Samples:
    """All objectives of one regime and strategy; ``real``: what they are to be compared with, where it is shown but once."""

    heading: str
    real: _Sample | None
    chains: list[_Chain]


def web_page(contents: Contents, out: Path) -> str:
    """Return the page of a run.

    Args:
        contents: What is shown.
        out: The folder that the examples were copied into.
    """
    templates = environment("fortifai.report")
    script = templates.get_template("page.js.j2").render()
    return templates.get_template("page.html.j2").render(
        policy=policy(script),
        script=Markup(script),
        contents=contents,
        suite=contents.numbers.suite,
        summary=(contents.numbers.suite.model_extra or {}).get("summary"),
        blocks=in_blocks(contents.score, BASELINE, contents.title),
        samples=[_samples(section, out) for section in contents.gallery.sections],
        figures=_figures(contents),
        costs=costs_of(contents.numbers, BASELINE),
        estimate_headings=HEADINGS_OF_ESTIMATE,
        commands=commands_of(contents.numbers, *code_used(contents.numbers)),
    )


def _figures(contents: Contents) -> list[_Figures]:
    """Return the plots by kind, one for each regime and strategy, those of control chains last."""
    confidence = [picture for picture in contents.pictures if picture.kind == "confidence"]
    everything: list[Plot | Picture] = [*contents.plots, *confidence]
    shown = sorted(everything, key=lambda one: one.group.is_control)
    return [
        _Figures(kind, HEADINGS[kind], about, figures)
        for kind, about in KINDS.items()
        if (figures := [_figure(place, one) for place, one in enumerate(shown) if one.kind == kind])
    ]


def _figure(place: int, shown: Plot | Picture) -> _Figure:
    heading = " · ".join(filter(None, (shown.group.regime, shown.group.strategy, shown.metric)))
    title = f"{HEADINGS[shown.kind]}: {heading}"
    description = f"{KINDS[shown.kind]} Objectives: {', '.join(shown.objectives)}. Their numbers are in the score."
    name = f"picture-{place}"
    if isinstance(shown, Plot):
        return _Figure(heading, inline_plot(shown, name, title, description))
    return _Figure(heading, inline_svg(shown.svg, name, title, description))


def _samples(section: Section, out: Path) -> _Samples:
    real = None if section.real is None else _sample(section.real, out)
    # A picture of real data is small, and stands above each objective's; a text stands above them all.
    above = [real] if real is not None and real.picture is not None else []
    chains = [
        _Chain(chain.objective, chain.seed, [*above, *(_sample(example, out) for example in chain.examples)], chain.diverged)
        for chain in section.chains
    ]
    return _Samples(section.heading, None if above else real, chains)


def _sample(example: Example, out: Path) -> _Sample:
    sound = None if example.sound is None else wav_uri((out / example.sound).read_bytes())
    if example.file is None or not example.is_picture:
        linked = None if example.file == example.sound else example.file
        return _Sample(example.title, example.generation, example.text, None, linked, sound)
    try:
        content = first_row(out / example.file)
    except UnreadablePicture:  # it can be decoded, and does not say how high its first row is
        content = (out / example.file).read_bytes()
    return _Sample(example.title, example.generation, None, png_uri(content), None, sound)
