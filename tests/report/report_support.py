"""Runs with examples, and the page that reports them."""

from pathlib import Path

from picture_support import picture

from fortifai.records.reading import read_chains
from fortifai.report import report


def with_texts(chain: Path, generations: int, ending: str = ".txt") -> Path:
    """Add an example of each generation, and one of real data, to a chain's folder."""
    (chain / "examples").mkdir()
    for generation in range(generations):
        text = f"generation {generation} of {chain.name}, which repeats | itself\n"
        (chain / "examples" / f"generation-{generation:02d}{ending}").write_text(text)
    (chain / "examples" / f"real{ending}").write_text("In the beginning")
    return chain


def with_pictures(chain: Path, generations: int) -> Path:
    """Add a picture of each generation, whose level is its number, and one of real data of level 200."""
    (chain / "examples").mkdir()
    for generation in range(generations):
        picture(chain / "examples" / f"generation-{generation:02d}.png", generation)
    picture(chain / "examples" / "real.png", 200)
    return chain


def page_of(run: Path, out: Path) -> str:
    page, *_ = report(run, out)
    assert page == out / "README.md"
    return page.read_text("utf-8")


def folder_of(run: Path, objective: str, seed: int) -> Path:
    """Return the folder of a chain."""
    return next(run / chain.id for chain in read_chains(run) if (chain.objective, chain.seed) == (objective, seed))
