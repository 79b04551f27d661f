"""One entry of a leaderboard: the numbers of a run, who sends them in, and the score that is claimed for them."""

from typing import Any, Literal

from pydantic import Field

from fortifai.records.numbers import RunNumbers
from fortifai.sanitise import LONGEST_NAME
from fortifai.storage import Stored, StoredFile

ENDING = ".json.gz"
"""How the name of an entry's file ends."""

METHOD = rf"^[A-Za-z0-9_-][A-Za-z0-9._-]{{0,{LONGEST_NAME - 1}}}$"
_URL = r"https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~/?#@!&+,;=%:-]*)?"
URL = rf"^{_URL}$"
CONTACT = rf"^([A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+|{_URL})$"

LONGEST_TEXT = 500
"""Characters of a text in an entry."""

Provenance = Literal["maintainer-run", "author-submitted", "paper-reported"]
"""Who computed it: the maintainers of this board, the method's authors, or it is taken from a paper."""


class Submission(Stored):
    """Who sends in what."""

    method: str = Field(pattern=METHOD, description="name of the method; part of the file's name")
    contact: str = Field(pattern=CONTACT, max_length=200, description="a mail address or an https:// address")
    paper: str | None = Field(None, pattern=URL, max_length=300, description="https:// address of the paper")
    code: str | None = Field(None, pattern=URL, max_length=300, description="https:// address of the code")
    provenance: Provenance = Field("author-submitted", description="who computed it")


class Marks(Stored):
    """What a reader has to know of an entry, and what is refused when it is the case and not said."""

    own_suite: bool = Field(description="the suite is not one that comes with fortifai, or differs from it")
    partial: bool = Field(
        description="not every regime, strategy, seed and generation of the suite is there for every objective of the entry"
    )
    dirty: bool = Field(description="run from sources that differ from the commit that is named")


class PlugIn(Stored):
    """A package beside fortifai that was installed when the entry was made, or a file, whose code made the numbers."""

    name: str = Field(pattern=METHOD, description="name of the distribution, or of the file, which ends with .py")
    version: str = Field(pattern=r"^[A-Za-z0-9._+!-]{1,64}$", description="its version; of a file, the word file")
    provides: list[str] = Field(description="what the run uses of it, such as modality spectra")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="SHA-256 over its Python files and their names")
    commit: str | None = Field(
        pattern=r"^[0-9a-f]{7,64}(\+changes)?$",
        description="commit of its source, with +changes behind it when there were some; null outside a checkout",
    )


class Entry(StoredFile):
    """One entry of a leaderboard."""

    submission: Submission = Field(description="who sends in what")
    marks: Marks = Field(description="what a reader has to know")
    suite_sha256: str = Field(pattern="^[0-9a-f]{64}$", description="SHA-256 over what the suite decides: see suite_hash")
    plug_ins: list[PlugIn] = Field(description="packages beside fortifai whose code made the numbers")
    numbers: RunNumbers = Field(description="the run")
    score: dict[str, Any] = Field(description="the score table that is claimed; whoever checks computes it again")
    commands: list[str] = Field(description="what to type to compute it again, in order")
    hash: str | None = Field(None, description="SHA-256 over all other fields")

    @property
    def file_name(self) -> str:
        """The name that the file has to have."""
        return f"{self.numbers.suite.identity}--{self.submission.method}{ENDING}"
