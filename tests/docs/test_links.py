"""Every link of the documentation leads somewhere, and every file that it names is there."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from docs_support import PAGES, ROOT, WRITTEN, name, prose, text

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")

PATH = re.compile(r"(?<![\w/:.])(?:fortifai|modalities|tests|benchmarks|suites|docs|leaderboards|\.ci)/[\w./@-]*[\w/]")
"""A path within the repository, wherever a page names one."""


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings have on GitHub."""
    headings = re.findall(r"^#{1,6} (.+?) *$", prose(page), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)) for heading in headings)
    return {heading.strip().lower().replace(" ", "-") for heading in plain}


def links(page: Path) -> list[str]:
    """Return the links of a page that stay within the repository."""
    return [target for target in LINK.findall(prose(page)) if not re.match(r"[a-z]+:", target)]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    broken = []
    for target in links(page):
        path, _, anchor = unquote(target).partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def test_the_index_names_every_page() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / target.partition("#")[0]).resolve() for target in links(index)}
    assert set(PAGES) - {index} <= linked


def test_every_picture_is_shown_on_a_page() -> None:
    shown = {(page.parent / target).resolve() for page in PAGES for target in links(page)}
    assert set((ROOT / "docs" / "pictures").iterdir()) <= shown


@pytest.mark.parametrize("page", WRITTEN, ids=name)
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    assert [path for path in PATH.findall(text(page)) if not (ROOT / path).exists()] == []
