"""Nothing that was written to do harm gets through the sanitiser, and plain text comes out as it went in."""

import io
import itertools
import json
import re
from xml.etree import ElementTree

import matplotlib as mpl
import matplotlib.text
import pytest
from hostile_support import FORBIDDEN, MARKUP, PLAIN, each_piece, hostile, is_visible, letters
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from matplotlib.figure import Figure

from fortifai import sanitise

LINKED_BY_GITHUB = re.compile(r"(?:https?|ftp)://|www\.|[\w.+-]@[\w.-]+\.\w", re.IGNORECASE)


def tokens(page: str) -> list[Token]:
    """Return what a page is made of, without the nesting."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return [inner for token in parser.parse(page) for inner in (token, *(token.children or ()))]


def said(page: str) -> str:
    """Return what a reader of a page sees, its comments left out."""
    return "".join(token.content for token in tokens(page) if token.type in ("text", "code_inline", "text_special"))


def kinds(page: str) -> set[str]:
    return {token.type for token in tokens(page) if token.content != "<!---->"}


@each_piece
@given(text=hostile)
def test_one_line_lets_nothing_through_that_is_not_seen(text):
    shown = sanitise.one_line(text)
    assert all(map(is_visible, shown))
    assert len(shown.splitlines()) <= 1
    assert sanitise.one_line(shown) == shown


@each_piece
@given(text=hostile)
def test_several_lines_are_as_many_as_before(text):
    shown = sanitise.lines(text)
    assert shown.count("\n") == text.count("\n")
    assert all(map(is_visible, shown.replace("\n", "")))


@given(st.recursive(hostile, lambda inner: st.lists(inner) | st.dictionaries(hostile, inner), max_leaves=5))
def test_json_means_the_same_and_shows_all_that_is_in_it(value):
    document = json.dumps(value, ensure_ascii=False, indent=1)
    shown = sanitise.json_text(document)
    assert json.loads(shown) == value
    assert all(map(is_visible, shown.replace("\n", "")))
    shown.encode()


PLACES = [
    ("{}", "paragraph"),
    ("# {}", "heading"),
    ("## a · {}", "heading"),
    ("1. {}", "list"),
    ("- {}", "list"),
    ("seen: {}.", "text"),
]


@pytest.mark.parametrize("place", [place for place, _ in PLACES], ids=[f"{kind} {place}" for place, kind in PLACES])
@each_piece
@given(text=hostile)
def test_a_page_says_the_text_and_has_no_markup_of_it(place, text):
    for show in (sanitise.markdown, sanitise.code):
        shown = show(text)
        page = place.format(shown)
        allowed = kinds(place.format("word")) | ({"code_inline"} if shown.startswith("`") else set())
        allowed |= {"html_inline"} if shown.startswith("<code>") else set()
        assert kinds(page) <= allowed or not shown
        around = said(place.format("word")).split("word")
        assert said(page).strip() == f"{around[0]}{sanitise.one_line(text).strip()}{around[1]}".strip() or not shown


@given(left=hostile, right=hostile)
def test_a_cell_stays_one_cell(left, right):
    for show in (sanitise.markdown, sanitise.code):
        page = f"| a | b |\n|---|---|\n| {show(left)} | {show(right)} |\n"
        found = tokens(page)
        assert [token.type for token in found].count("td_open") == 2
        assert [token.type for token in found].count("tr_open") == 2
        cells = [said_of(token) for before, token in itertools.pairwise(found) if before.type == "td_open"]
        assert cells == [sanitise.one_line(text).strip() for text in (left, right)]


def said_of(cell: Token) -> str:
    return "".join(token.content for token in cell.children or () if token.type in ("text", "code_inline", "text_special"))


@each_piece
@given(text=hostile)
def test_github_finds_nothing_to_link_and_no_formula(text):
    shown = sanitise.markdown(text)
    assert not LINKED_BY_GITHUB.search(shown)
    assert "$" not in shown
    assert not re.search(r"<(?!!---->)[A-Za-z/!?]", shown)


@each_piece
@given(text=hostile)
def test_a_label_is_drawn_as_it_stands(text):
    shown = sanitise.label(text)
    assert all(map(is_visible, shown))
    assert not shown.startswith("_")
    assert matplotlib.text.Text()._preprocess_math(shown)[1] is False


@pytest.mark.parametrize("text", MARKUP)
def test_a_picture_is_valid_xml_that_holds_the_label_as_text(text):
    figure = Figure(figsize=(1, 1))
    figure.text(0, 0, sanitise.label(text))
    drawn = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none"}):
        figure.savefig(drawn, format="svg")
    root = ElementTree.fromstring(drawn.getvalue())
    assert sanitise.one_line(text)[:50] in "".join(root.itertext())
    assert not [node for node in root.iter() if node.tag.rpartition("}")[2] in ("script", "a", "foreignObject", "image", "img")]


@given(st.lists(hostile, min_size=1, max_size=6))
def test_a_file_name_names_a_file_in_its_folder(parts):
    name = sanitise.file_name("fidelity", *parts)
    assert re.fullmatch(r"[A-Za-z0-9.@+=_-]+", name)
    assert not name.startswith(".")
    assert len(name) <= sanitise.LONGEST_FILE_NAME


@given(
    hostile | st.sampled_from(PLAIN) | st.from_regex(r"[a:,=_]{1,8}", fullmatch=True),
    hostile | st.from_regex(r"[a:,=_]{1,8}", fullmatch=True),
)
def test_two_names_are_two_files(one, other):
    assert (sanitise.file_name("kind", one) == sanitise.file_name("kind", other)) == (one == other)


@pytest.mark.parametrize("name", [".", "..", ".hidden", "../..", ""])
def test_a_file_name_is_neither_hidden_nor_another_folder(name):
    assert re.fullmatch(r"[A-Za-z0-9@+=_-][A-Za-z0-9.@+=_-]+", sanitise.file_name(name))


def test_names_of_files_are_what_they_were():
    assert sanitise.file_name("survival", "replace", "w1") == "survival-replace-w1"
    name = sanitise.file_name("fidelity", "quick@3", "anchored:anchor=fresh,real=0.25", "sliced_wasserstein")
    assert name == "fidelity-quick@3-anchored_anchor=fresh_real=0.25-sliced_wasserstein"


def test_a_line_break_or_a_tab_becomes_a_space_and_the_rest_is_written_out():
    assert sanitise.one_line("a\nb\r\nc\td\x1b[0m\u202e\ud800") == r"a b c d\x1b[0m\u202e\ud800"
    assert sanitise.json_text('"\x9b\u202e\U000e0041"') == r'"\u009b\u202e\udb40\udc41"'


@pytest.mark.parametrize("text", PLAIN)
def test_plain_text_is_unchanged(text):
    assert sanitise.one_line(text) == sanitise.lines(text) == sanitise.markdown(text) == text
    assert sanitise.label(text)[:50] == text[:50]
    assert sanitise.code(text) == f"`{text}`"
    assert sanitise.json_text(json.dumps(text, ensure_ascii=False)) == json.dumps(text, ensure_ascii=False)


@given(st.lists(letters, min_size=1).map(" ".join))
def test_words_of_any_language_are_unchanged(text):
    assert sanitise.one_line(text) == sanitise.markdown(text) == sanitise.label(text[:60]) + text[60:] == text


@pytest.mark.parametrize("text", ["a", "Plain-1", "_x", "a.b", "-", "x" * 64, "0"])
def test_a_name(text):
    assert sanitise.is_name(text)


@pytest.mark.parametrize(
    "text", ["", ".", "..", ".a", "a/b", "../x", "a b", "a\n", "é", "x" * 65, "a:b", "a\0", *sorted(FORBIDDEN)]
)
def test_what_is_not_a_name(text):
    assert not sanitise.is_name(text)


def test_a_run_folder_is_named_by_its_suite_and_settings():
    assert sanitise.run_name("quick", 3, {}) == "quick@3"
    assert sanitise.run_name("quick", 3, {"b": 1, "a": "x"}) == sanitise.run_name("quick", 3, {"a": "x", "b": 1})
    assert re.fullmatch(r"quick@3\+[0-9a-f]{8}", sanitise.run_name("quick", 3, {"n": 50}))
