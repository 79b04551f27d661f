"""The pages of the documentation, as tests read them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]

WRITTEN = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])
"""Every page that was written by hand."""

PAGES = [*WRITTEN, *sorted((ROOT / "leaderboards").glob("*/README.md"))]
"""Every page, the generated ones of the leaderboards too."""

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def name(page: Path) -> str:
    """Return a page's path within the repository, which names its test."""
    return str(page.relative_to(ROOT))


def text(page: Path) -> str:
    """Return the text of a page."""
    return page.read_text("utf-8")


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced blocks of a language, in order."""
    return [code for _, tag, code in FENCE.findall(text(page)) if tag == language]


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return FENCE.sub("", text(page))


def code_spans(page: Path) -> list[str]:
    """Return what stands between single backticks in prose, on one line each."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose(page))]


def section(page: Path, heading: str) -> str:
    """Return the prose below a heading, up to the next one of the same level or higher."""
    level = heading.partition(" ")[0]
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", prose(page), re.MULTILINE | re.DOTALL)
    if found is None:
        raise LookupError(f"{name(page)} has no section {heading!r}")
    return found[1]


def rows(table: str) -> list[list[str]]:
    """Return the cells of every row of a Markdown table but its headings."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")] for line in lines]
    ruled = [index for index, row in enumerate(cells) if all(re.fullmatch(r":?-+:?", cell) for cell in row)]
    headings = {index - 1 for index in ruled}
    return [row for index, row in enumerate(cells) if index not in headings and index not in ruled]
