"""What generations made, beside real data: the examples that a run folder holds, put together for a page."""

import shutil
import textwrap
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from fortifai.errors import UserError
from fortifai.records.layout import FILMSTRIP, REAL_EXAMPLE, generation_name
from fortifai.records.reading import find_example, read_records
from fortifai.records.schema import ChainRecord

WIDTH = 100
"""Characters of a line of a text that is shown."""


@dataclass(frozen=True)
class Example:
    """One file that shows samples: ``text`` to quote, or ``file``, relative to the page, to embed or to link."""

    title: str
    text: str | None = None
    file: str | None = None

    @property
    def picture(self) -> bool:
        """Whether it is embedded."""
        return self.file is not None and self.file.endswith(".png")

    @property
    def fence(self) -> str:
        """A fence that no line of the text closes."""
        longest = max((len(list(run)) for mark, run in groupby(self.text or "") if mark == "`"), default=0)
        return "`" * max(3, longest + 1)


@dataclass(frozen=True)
class Course:
    """What became of one objective's samples: a chain's examples, in order, and how the chain ended if it diverged.

    ``filmstrip``: all of them in one picture, where they are pictures.
    """

    objective: str
    seed: int
    examples: list[Example]
    filmstrip: Example | None
    diverged: str | None


@dataclass
class Section:
    """All objectives of one regime and strategy, and real data beside them."""

    heading: str
    real: Example | None = None
    courses: list[Course] = field(default_factory=list)


def collect(run: Path, chains: list[ChainRecord], baseline: str, out: Path) -> list[Section]:
    """Put together the examples of each objective's lowest seed, and copy those that are no text to ``out/examples``.

    The baseline comes first. Raises UserError when one cannot be read or copied.
    """
    sections: list[Section] = []
    for (modality, model, regime, strategy), group in groupby(sorted(chains, key=_place), key=_place):
        section = Section(" · ".join((modality, model, regime, strategy)))
        order = sorted(group, key=lambda chain: (chain.objective != baseline, chain.objective, chain.seed))
        for _, of_objective in groupby(order, key=lambda chain: chain.objective):
            # The lowest seed that has examples: one that was not run yet, or that ran before there were any, has none.
            for chain in of_objective:
                if examples := _examples(run, chain, out):
                    diverged = next((r.reason for r in read_records(run / chain.id) if r.status == "diverged"), None)
                    strip = _example(run, chain, FILMSTRIP, "generations from top to bottom", out)
                    section.courses.append(Course(chain.objective, chain.seed, examples, strip, diverged))
                    section.real = section.real or _example(run, chain, REAL_EXAMPLE, "real", out)
                    break
        if section.courses:
            sections.append(section)
    return sections


def _place(chain: ChainRecord) -> tuple[str, str, str, str]:
    return chain.modality, chain.model, chain.regime, chain.strategy


def _examples(run: Path, chain: ChainRecord, out: Path) -> list[Example]:
    generations = [record.generation for record in read_records(run / chain.id) if record.status == "ok"]
    found = (_example(run, chain, generation_name(g), f"generation {g}", out) for g in generations)
    return [example for example in found if example is not None]


def _example(run: Path, chain: ChainRecord, name: str, title: str, out: Path) -> Example | None:
    source = find_example(run / chain.id, name)
    if source is None:
        return None
    try:
        if source.suffix == ".txt":
            text = source.read_text("utf-8", errors="replace")
            lines = (textwrap.fill(line, WIDTH, replace_whitespace=False, break_on_hyphens=False) for line in text.splitlines())
            return Example(title, text="\n".join(lines))
        file = f"examples/{chain.id}-{source.name}"
        (out / "examples").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, out / file)
    except OSError as error:
        raise UserError(f"{error.filename or source}: {error.strerror}; it shows {title} of {chain.objective}") from None
    return Example(title, file=file)
