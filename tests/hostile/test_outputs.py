"""Names that were written to do harm, from a file to a terminal, a page and a picture: shown everywhere, obeyed nowhere."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from hostile_support import MARKUP, SUITE, is_visible
from html_support import Element, requires_a_page_that_stands_alone
from markdown_it import MarkdownIt
from markdown_it.token import Token
from trajectory_support import falling, frame, write_chain, write_run

from fortifai.cli.output import print_facts, print_table
from fortifai.leaderboard import build
from fortifai.records.schema import FailureRecord, SuiteRecord
from fortifai.report import report
from fortifai.sanitise import one_line

NAMES = [text.strip() for text in MARKUP if text != "\ud800"]  # which no file in UTF-8 can hold
EVERYTHING = " ".join(NAMES)


def obeyed(text: str) -> list[str]:
    """Return the characters that a terminal would obey, or not show."""
    return [character for character in text.replace("\n", "") if not is_visible(character)]


def tokens(page: str) -> Iterator[Token]:
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    for token in parser.parse(page):
        yield token
        yield from token.children or ()


def requires_a_harmless_page(page: str) -> None:
    """Fail for a page that links to anywhere but its own files, or holds HTML, formulas or characters that are not seen."""
    assert not obeyed(page)
    seen = list(tokens(page))
    targets = [token.attrGet("href") or token.attrGet("src") for token in seen if token.type in ("link_open", "image")]
    assert all(re.fullmatch(r"(pictures|examples)/[\w.@+=-]+", str(target)) for target in targets)
    html = {token.content for token in seen if token.type in ("html_inline", "html_block")}
    assert html <= {"<code>", "</code>", "<!---->"}
    assert not {token.type for token in seen} & {"s_open", "blockquote_open"}
    sources = [re.sub(r"(`+)[^`].*?\1", "", token.content) for token in seen if token.type == "inline"]
    assert not [source for source in sources if re.search(r"\$|https?://|www\.", source)]  # of formulas, and what GitHub links


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Trajectories of objectives, in groups and by metrics, whose names are hostile."""
    curves = {(name, seed): falling(2 + seed) for name in ("ce", *NAMES) for seed in range(2)}
    groups = [frame(curves, regime=NAMES[0], strategy=NAMES[4], model=NAMES[7], metric="w1")]
    few = {key: curve for key, curve in curves.items() if key[0] in ("ce", NAMES[0])}
    groups += [frame(few, regime=name, strategy=name, modality=name, suite=name, metric=name) for name in NAMES[:8]]
    pd.concat(groups).to_csv(tmp_path / "t.csv", index=False)
    return tmp_path / "t.csv"


def test_scores_show_names_and_obey_none(call, table):
    answer = call("score", table)
    assert (answer.code, answer.err) == (0, "")
    assert not obeyed(answer.out)
    for name in NAMES:
        assert one_line(name) in answer.out


def test_scores_as_json_have_the_names_themselves(call, table):
    answer = call("score", table, "--json")
    assert not obeyed(answer.out)
    assert {row["objective"] for row in json.loads(answer.out)["rows"]} >= {name for name in NAMES if "\r" not in name}


def test_comparisons_show_names_and_obey_none(call, table, tmp_path):
    named = tmp_path / "\x1b[31mred[bold].csv"
    named.write_bytes(table.read_bytes())
    answer = call("compare", table, named)
    assert answer.code == 0
    assert not obeyed(answer.out + answer.err)
    assert "\\x1b[31mred[bold].csv against t.csv" in answer.out


def test_a_terminal_with_colours_gets_those_of_the_table_only(call, table, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "2000")
    answer = call("score", table)
    assert "\x1b[" in answer.out
    assert "\x1b[31mred" not in answer.out
    assert not obeyed(re.sub(r"\x1b\[[\d;]*m", "", answer.out))
    assert "[link=https://evil.example]x[/link] :warning:" in answer.out


def test_pictures_are_in_their_folder_and_hold_text_alone(call, table, tmp_path):
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    answer = call("score", table, "--plot", tmp_path / "p")
    assert answer.code == 0
    drawn = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert {path.parent for path in drawn} == {tmp_path / "p"}
    assert len(drawn) == 6 * 9  # every group has pictures of its own: no name of a file stands for two
    shown = ""
    for path in drawn:
        if path.suffix == ".svg":
            root = ElementTree.fromstring(path.read_bytes())
            assert not {node.tag.rpartition("}")[2] for node in root.iter()} & {"script", "a", "image", "foreignObject"}
            shown += "".join(root.itertext())
    assert all(one_line(name)[:50] in shown for name in NAMES)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run whose every name and reason is hostile, with texts that generations made."""
    run = write_run(tmp_path / "runs", rule="phi<0.75", overrides={EVERYTHING: EVERYTHING})
    record = SuiteRecord.load(run / "suite.json")
    record.model_copy(update={"fortifai": f"0.1.0; {EVERYTHING}"}).write(run / "suite.json")
    names = {"regime": " ".join(NAMES[:4]).replace("/", ""), "strategy": EVERYTHING, "modality": EVERYTHING, "model": EVERYTHING}
    for objective in ("ce", *NAMES):
        for seed in range(2):
            folder = write_chain(run, objective, seed, falling(2 + seed), commit=EVERYTHING, **names)
            (folder / "examples").mkdir()
            (folder / "examples" / "generation-00.txt").write_text(f"{EVERYTHING}\n```\n# out of the fence\n")
            (folder / "examples" / "generation-01.](https:x) <b>").write_text("a file with a hostile name")
            (folder / "examples" / "generation-02.png").write_text("not a picture")
    return run


def test_a_report_shows_names_and_obeys_none(run, tmp_path):
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    page, *_ = report(run, tmp_path / "out" / "r")
    requires_a_harmless_page(page.read_text("utf-8"))
    written = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert {path.parent for path in written} == {tmp_path / "out" / "r" / folder for folder in (".", "pictures", "examples")}
    fenced = [token.content for token in tokens(page.read_text("utf-8")) if token.type == "fence"]
    assert fenced
    assert all(content.endswith("\n# out of the fence\n") for content in fenced)


def test_a_report_in_html_shows_names_and_obeys_none(run, tmp_path):
    _, page, *_ = report(run, tmp_path / "r")
    text = page.read_text("utf-8")
    assert not obeyed(text)
    document = requires_a_page_that_stands_alone(text)
    plain = {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "h1",
        "h2",
        "h3",
        "h4",
        "nav",
        "main",
        "section",
        "script",
    }
    plain |= {"p", "a", "ul", "ol", "li", "dl", "dt", "dd", "div", "code", "pre", "figure", "figcaption", "img"}
    plain |= {"table", "thead", "tbody", "tr", "th", "td"}
    assert {element.tag for element in document.everything()[1:]} - drawing(document) <= plain
    shown = document.text
    for name in NAMES:
        assert " ".join(one_line(name).split()) in shown
    quoted = [pre.source for pre in document.all("pre") if "out of the fence" in pre.source]
    assert len(quoted) == 1 + len(NAMES)
    assert all(one_line(EVERYTHING) in text.replace("\n", " ") for text in quoted)


def drawing(document: Element) -> set[str]:
    """Return the tags within pictures, none of which runs or loads anything."""
    tags = {element.tag for svg in document.all("svg") for element in svg.everything()}
    assert tags <= {"svg", "title", "desc", "g", "defs", "path", "use", "text", "tspan", "clippath", "rect"}
    return tags


def test_a_leaderboard_shows_names_and_obeys_none(run, tmp_path):
    *_, page, badge = build(run, tmp_path / "out")
    assert not obeyed(badge.read_text("utf-8"))
    text = page.read_text("utf-8")
    requires_a_harmless_page(text)
    (commands,) = [token.content for token in tokens(text) if token.type == "fence"]
    # The comment says that nothing here brings a modality of such a name.
    assert [line.split()[0] for line in commands.splitlines()] == ["pip", "#", "fortifai", "fortifai"]
    assert "'fortifai[torch]==0.1.0; " in commands  # one word of the shell's
    assert {path.parent for path in (tmp_path / "out").rglob("*") if path.is_file()} == {
        tmp_path / "out",
        tmp_path / "out" / run.name,
    }


def test_states_of_a_run_are_shown_and_not_obeyed(call, run):
    chain = next(path.parent for path in run.glob("*/chain.json"))
    FailureRecord(reason=EVERYTHING, generation=1).write(chain / "failure.json")
    for words in (("status", run), ("verify", run), ("status", run, "--json"), ("verify", run, "--json")):
        answer = call(*words)
        assert answer.out
        assert not obeyed(answer.out + answer.err)


IDENTITIES = ["../../x", "quick@2", "quick@1/../../../x", "/tmp/x", "", "quick@1+00000000"]


@pytest.mark.parametrize("identity", IDENTITIES)
def test_a_leaderboard_is_never_written_where_a_file_says(call, tmp_path, identity):
    run = write_run(tmp_path / "runs")
    suite = SuiteRecord.load(run / "suite.json")
    changed = suite.model_copy(update={"suite": suite.suite.model_copy(update={"identity": identity})})
    changed.write(run / "suite.json")
    for seed in range(2):
        write_chain(run, "ce", seed, falling(2 + seed))
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    answer = call("leaderboard", "build", run, "--out", tmp_path / "here" / "out")
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert f"identity is {identity!r}, and name, version and overrides say 'quick@1'" in answer.err
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(("name", "version"), [("../../x", 1), ("quick", "../../x"), (".", "."), ("a b", 1), ("x" * 300, 1)])
def test_a_suite_whose_name_is_a_path_has_no_leaderboard(call, tmp_path, name, version):
    run = write_run(tmp_path / "runs")
    suite = SuiteRecord.load(run / "suite.json")
    fields = {"name": name, "version": version, "identity": f"{name}@{version}"}
    suite.model_copy(update={"suite": suite.suite.model_copy(update=fields)}).write(run / "suite.json")
    write_chain(run, "ce", 0, falling(2))
    answer = call("leaderboard", "build", run, "--out", tmp_path / "here" / "out")
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert "should be letters, digits" in answer.err


def test_overrides_that_are_no_table_are_refused(call, tmp_path):
    run = write_run(tmp_path / "runs")
    (file := run / "suite.json").write_text(file.read_text().replace('"overrides": {}', '"overrides": [1, 2]'))
    write_chain(run, "ce", 0, falling(2))
    answer = call("leaderboard", "build", run)
    assert (answer.code, answer.out) == (2, "")
    assert "suite.overrides: input should be a valid dictionary, not [1, 2]" in answer.err


@pytest.mark.parametrize("summary", NAMES)
def test_a_summary_is_described_and_not_obeyed(call, tmp_path, summary):
    (suite := tmp_path / "suite.toml").write_text(SUITE.replace('"for tests"', json.dumps(summary)))
    answer = call("describe", suite)
    assert (answer.code, answer.err) == (0, "")
    assert not obeyed(answer.out)
    assert one_line(summary) in answer.out
    as_json = call("describe", suite, "--json")
    assert not obeyed(as_json.out)
    assert json.loads(as_json.out)["summary"] == summary


@pytest.mark.parametrize("text", NAMES)
def test_tables_and_facts_of_every_command_show_text_as_it_stands(capsys, text):
    print_table(("name", text), [(text, "a")], title=text)
    print_facts([(text, text)])
    out = capsys.readouterr().out
    assert not obeyed(out)
    assert out.count(one_line(text)) >= 5
