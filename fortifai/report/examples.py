"""What generations made, beside real data: the examples that a run folder holds, put together for a page.

What cannot be read is left out and named: a broken picture must not cost a report.
"""

import textwrap
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from fortifai.errors import UserError
from fortifai.fidelity.rule import is_control
from fortifai.records.layout import REAL_EXAMPLE, generation_name
from fortifai.records.reading import find_example, find_sound, read_records
from fortifai.records.schema import ChainRecord, GenerationRecord
from fortifai.report.filmstrip import UnreadablePicture, check_picture, compose
from fortifai.report.sound import is_playable
from fortifai.sanitise import file_name

WIDTH = 100
"""Characters of a line of a text that is shown."""

FOLDER = "examples"
"""The folder beside the page that the files shown are copied to."""


@dataclass(frozen=True)
class Example:
    """What shows the samples of one generation, or real data where ``generation`` is None.

    Either ``text`` to quote, or ``file``, relative to the page, to embed or to link. ``sound``: a file to play, likewise, which
    may be ``file`` itself.
    """

    generation: int | None
    text: str | None = None
    file: str | None = None
    sound: str | None = None

    @property
    def title(self) -> str:
        """The heading above it."""
        return "real" if self.generation is None else f"generation {self.generation}"

    @property
    def is_picture(self) -> bool:
        """Whether it is embedded."""
        return self.file is not None and self.file.endswith(".png")

    @property
    def wrapped(self) -> str:
        """The text in lines of at most `WIDTH` characters, where it has spaces."""
        wrapper = textwrap.TextWrapper(WIDTH, replace_whitespace=False, break_on_hyphens=False)
        return "\n".join(map(wrapper.fill, (self.text or "").splitlines()))

    @property
    def fence(self) -> str:
        """A fence that no line of the text closes."""
        longest = max((len(list(run)) for mark, run in groupby(self.text or "") if mark == "`"), default=0)
        return "`" * max(3, longest + 1)


@dataclass(frozen=True)
class ShownChain:
    """What became of one objective's samples: a chain's examples, in order, and how the chain ended if it diverged.

    ``filmstrip``: a picture with all of them, relative to the page, where they are pictures.
    """

    objective: str
    seed: int
    examples: list[Example]
    filmstrip: str | None
    diverged: str | None


@dataclass
class Section:
    """All objectives of one regime and strategy, and real data beside them."""

    heading: str
    real: Example | None = None
    chains: list[ShownChain] = field(default_factory=list)


@dataclass(frozen=True)
class LeftOut:
    """A file that cannot be shown: what it would have shown of which chain, where it lies in the run folder, and why not."""

    title: str
    objective: str
    seed: int
    file: str
    reason: str


@dataclass(frozen=True)
class Gallery:
    """All that a page shows of samples, and the files that it leaves out because they cannot be read."""

    sections: list[Section] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def collect(run: Path, chains: list[ChainRecord], baseline: str, out: Path) -> Gallery:
    """Put together the examples of each objective's lowest seed, and copy those that are not text to ``out/examples``.

    Args:
        run: The run folder.
        chains: Its chains.
        baseline: The objective that comes first.
        out: The folder of the page.

    Raises:
        UserError: When ``out`` cannot be written.
    """
    gallery = Gallery()
    for (modality, model, regime, strategy), group in groupby(sorted(chains, key=_order), key=_place):
        section = Section(" · ".join((modality, model, regime, strategy)))
        order = sorted(group, key=lambda chain: (chain.objective != baseline, chain.objective, chain.seed))
        for _, of_objective in groupby(order, key=lambda chain: chain.objective):
            # The lowest seed that has examples: one that was not run yet, or that ran before there were any, has none.
            for chain in of_objective:
                reader = _Reader(run, chain, out, gallery.left_out)
                if shown := reader.chain():
                    section.chains.append(shown)
                    section.real = section.real or reader.example(None)
                    break
        if section.chains:
            gallery.sections.append(section)
    return gallery


def _order(chain: ChainRecord) -> tuple[bool, tuple[str, str, str, str]]:
    return is_control(chain.strategy), _place(chain)  # controls come last


def _place(chain: ChainRecord) -> tuple[str, str, str, str]:
    return chain.modality, chain.model, chain.regime, chain.strategy


@dataclass(frozen=True)
class _Reader:
    """Reads the examples of one chain, and notes in ``left_out`` what cannot be read."""

    run: Path
    record: ChainRecord
    out: Path
    left_out: list[LeftOut]

    def chain(self) -> ShownChain | None:
        """Return what there is to show of the chain, or None without a single example."""
        records = read_records(self.run / self.record.id, self.record)
        generations = [record.generation for record in records if record.status == "ok"]
        examples = [example for example in map(self.example, generations) if example is not None]
        if not examples:
            return None
        return ShownChain(self.record.objective, self.record.seed, examples, self._filmstrip(generations), _divergence(records))

    def example(self, generation: int | None) -> Example | None:
        """Return the example of a generation, or of real data for None; None where there is none that can be read."""
        source = self._source(generation)
        if source is None:
            return None
        try:
            heard = find_sound(self.run / self.record.id, _name(generation))
            sound = heard.read_bytes() if heard is not None and is_playable(heard) else None
            if source.suffix == ".txt":
                return Example(generation, source.read_text("utf-8", errors="replace"), sound=self._written_sound(heard, sound))
            if source.suffix == ".png":
                check_picture(source)
            content = source.read_bytes()
        except (OSError, UnreadablePicture) as error:
            self._leave_out(Example(generation).title, source, error)
            return None
        return Example(generation, file=self._write(source.name, content), sound=self._written_sound(heard, sound))

    def _written_sound(self, file: Path | None, content: bytes | None) -> str | None:
        return None if file is None or content is None else self._write(file.name, content)

    def _filmstrip(self, generations: list[int]) -> str | None:
        """Write the chain's filmstrip and return its name, or None where generations are not shown by pictures."""
        sources = [(generation, self._source(generation)) for generation in generations]
        pictures = [(str(generation), path) for generation, path in sources if path is not None]
        if any(path.suffix != ".png" for _, path in pictures):
            return None
        real = self._source(None)
        if real is not None and real.suffix == ".png":
            pictures.insert(0, ("real", real))
        name = self._place("filmstrip.png")
        try:
            compose(pictures, self.out / name)
        except UnreadablePicture as error:
            self._leave_out("the filmstrip", error.path, error)
            return None
        except OSError as error:
            raise UserError(f"{self.out / name}: cannot be written: {error.strerror}") from None
        return name

    def _source(self, generation: int | None) -> Path | None:
        return find_example(self.run / self.record.id, _name(generation))

    def _place(self, file: str) -> str:
        """Return where a file of the chain lies, relative to the page."""
        name, dot, ending = file.rpartition(".")
        return f"{FOLDER}/{file_name(self.record.id, name)}{dot}{file_name(ending)}"

    def _write(self, file: str, content: bytes) -> str:
        name = self._place(file)
        try:
            (self.out / FOLDER).mkdir(parents=True, exist_ok=True)
            (self.out / name).write_bytes(content)
        except OSError as error:
            raise UserError(f"{error.filename or self.out / name}: cannot be written: {error.strerror}") from None
        return name

    def _leave_out(self, title: str, file: Path, error: OSError | UnreadablePicture) -> None:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        where = str(file.relative_to(self.run))
        self.left_out.append(LeftOut(title, self.record.objective, self.record.seed, where, reason))


def _name(generation: int | None) -> str:
    return REAL_EXAMPLE if generation is None else generation_name(generation)


def _divergence(records: list[GenerationRecord]) -> str | None:
    return next((record.reason for record in records if record.status == "diverged"), None)
