"""`fortifai report`: one page with the score, the pictures and what the generations made."""

import re
import subprocess
import sys

import pytest
from fidelity_support import distance, falling, write_chain, write_run
from hypothesis import given
from hypothesis import strategies as st

import fortifai
from fortifai.cli import main
from fortifai.errors import UserError
from fortifai.report import report
from fortifai.report.examples import Example
from fortifai.report.tables import estimate


def with_texts(folder, generations, ending=".txt"):
    (folder / "examples").mkdir()
    for generation in range(generations):
        text = f"generation {generation} of {folder.name}, which repeats | itself\n"
        (folder / "examples" / f"generation-{generation:02d}{ending}").write_text(text)
    (folder / "examples" / f"real{ending}").write_text("In the beginning")


@pytest.fixture
def run(tmp_path):
    """Three seeds of two objectives; only the baseline collapses."""
    found = write_run(tmp_path / "runs")
    for objective, onset in (("tce:gamma=0.9", 8), ("ce", 2)):
        for seed in range(3):
            with_texts(write_chain(found, objective, seed, falling(onset + seed / 10)), 11)
    return found


def page_of(run, out):
    page, *_ = report(run, out)
    assert page == out / "README.md"
    return page.read_text("utf-8")


def call(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["fortifai", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err


def test_the_table_has_the_rows_of_the_score(run, tmp_path):
    text = page_of(run, tmp_path / "r")
    assert text.startswith("# quick@1 · phi<0.75 on w1 · tabular · mixture-5\n")
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    headings, _, *rows = table
    assert all(len(row) == len(headings) for row in table)
    expected = fortifai.score(run).rows
    found = [(row[headings.index("objective")], row[headings.index("fidelity interval")]) for row in rows]
    assert found == [(row.objective, estimate(row.fidelity_interval)) for row in expected]


def test_every_file_that_the_page_shows_is_beside_it_and_the_other_way_round(run, tmp_path):
    text = page_of(run, tmp_path / "r")
    shown = set(re.findall(r"\]\(([^)]+)\)", text))
    there = {str(file.relative_to(tmp_path / "r")) for file in (tmp_path / "r").rglob("*.png")}
    assert shown == there
    assert {name.removeprefix("pictures/").partition("-")[0] for name in shown} == {"fidelity", "survival", "threshold"}


def test_a_text_of_every_generation_of_the_lowest_seed_baseline_first(run, tmp_path):
    text = page_of(run, tmp_path / "r")
    examples = text[text.index("## What") :]
    assert re.findall(r"^### (.*)", examples, re.M) == ["tabular · mixture-5 · drift · replace"]
    assert re.findall(r"^#### (.*)", examples, re.M) == ["`ce`, seed 0", "`tce:gamma=0.9`, seed 0"]
    assert examples.count("In the beginning") == 1
    flat = " ".join(examples.split())
    for objective in ("ce", "tce_gamma=0.9"):
        found = re.findall(rf"generation (\d+) ```text generation (\d+) of tabular-drift-replace-{objective}-0-d0,", flat)
        assert found == [(str(g), str(g)) for g in range(11)]
    assert "which repeats | itself" in flat
    assert max(map(len, examples.splitlines())) <= 110


def test_pictures_are_embedded_and_other_files_linked(tmp_path):
    run = write_run(tmp_path / "runs")
    with_texts(write_chain(run, "ce", 0, falling(2, 3)), 4, ".png")
    with_texts(sound := write_chain(run, "focal:gamma=2", 0, falling(2, 3)), 4, ".wav")
    text = page_of(run, tmp_path / "r")
    assert "![generation 3](examples/tabular-drift-replace-ce-0-d0-generation-03.png)" in text
    assert f"\n[examples/{sound.name}-generation-03.wav](examples/{sound.name}-generation-03.wav)\n" in text
    copied = tmp_path / "r" / "examples" / f"{sound.name}-generation-03.wav"
    assert copied.read_bytes() == (sound / "examples" / "generation-03.wav").read_bytes()


def test_a_filmstrip_stands_for_its_pictures_and_links_to_them(tmp_path):
    run = write_run(tmp_path / "runs")
    with_texts(chain := write_chain(run, "ce", 0, falling(2, 3)), 4, ".png")
    (chain / "examples" / "filmstrip.png").write_text("all of them")
    text = page_of(run, tmp_path / "r")
    film = f"examples/{chain.name}-filmstrip.png"
    assert f"![generations from top to bottom]({film})" in text
    assert (tmp_path / "r" / film).read_text() == "all of them"
    assert "![generation 3]" not in text
    assert re.findall(r"\[(\d)\]\(examples/.*?-generation-0(\d)\.png\)", text) == [(str(g), str(g)) for g in range(4)]


def test_only_recorded_generations_are_shown_and_how_it_ended_is_said(tmp_path):
    run = write_run(tmp_path / "runs")
    write_chain(run, "ce", 0, falling(2, 2))  # of before there were examples
    with_texts(write_chain(run, "ce", 1, falling(2, 2), diverged=True), 5)
    text = page_of(run, tmp_path / "r")
    assert "#### `ce`, seed 1" in text
    assert [int(g) for g in re.findall(r"^generation (\d+)$", text, re.M)] == [0, 1, 2]
    assert "Then training diverged: the loss is NaN" in text


def test_a_run_without_examples_has_a_report_without_them(tmp_path):
    run = write_run(tmp_path / "runs")
    write_chain(run, "ce", 0, falling(2))
    write_chain(run, "ce", 1, falling(2, 4), horizon=10)
    text = page_of(run, tmp_path / "r")
    assert "## Pictures" in text
    assert "## What" not in text
    assert "1 chain is not finished, and not scored." in text


def test_what_cannot_be_scored_has_a_report_that_says_why(tmp_path):
    run = write_run(tmp_path / "runs")
    with_texts(write_chain(run, "ce", 0, [1.5, 1.6]), 2)
    text = page_of(run, tmp_path / "r")
    assert "1. unscored: the baseline's generation 0 (1.5) is no better than the null (1)" in text
    assert "generation 1 of tabular" in text
    assert "## Pictures" not in text


def test_the_same_run_gives_the_same_page_and_replaces_the_last(run, tmp_path):
    one = page_of(run, tmp_path / "r")
    (tmp_path / "r" / "README.md").write_text("an old one")
    assert page_of(run, tmp_path / "r") == one


@given(st.text("`ab \n", min_size=1))
def test_no_text_ends_its_fence(text):
    fence = Example("", text=text).fence
    assert len(fence) >= 3
    assert fence not in text


def test_what_has_no_report_is_answered(run, tmp_path, monkeypatch, capsys):
    (csv := tmp_path / "t.csv").write_text("objective,generation,metric,value\nce,0,w1,0.2\n")
    (empty := tmp_path / "empty").mkdir()
    unfinished = write_run(tmp_path / "other")
    write_chain(unfinished, "ce", 0, distance(1, 0.9), horizon=10)
    (taken := tmp_path / "taken").write_text("")
    for words, said in (
        ((csv,), f"{csv}: a file, and a report is of a run folder; `fortifai score {csv} --plot DIR`"),
        ((tmp_path / "nowhere",), "not a run folder: expected a suite.json in it"),
        ((empty,), "not a run folder"),
        ((run.parent,), f"did you mean {run}?"),
        ((unfinished,), f"{unfinished}: no finished chain in it yet"),
        ((run, "--out", taken), f"{taken}"),
    ):
        options = () if "--out" in words else ("--out", tmp_path / "r")
        code, out, err = call(monkeypatch, capsys, "report", *words, *options)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert said in err
    assert not (tmp_path / "r").exists()


def test_an_example_that_cannot_be_read_is_named(run, tmp_path):
    broken = next(run.glob("*-ce-0-*")) / "examples" / "generation-04.txt"
    broken.unlink()
    broken.mkdir()
    with pytest.raises(UserError, match=r"generation-04\.txt: Is a directory; it shows generation 4 of ce"):
        report(run, tmp_path / "r")


def test_the_command_says_what_it_wrote(run, tmp_path, monkeypatch, capsys):
    code, out, err = call(monkeypatch, capsys, "report", run, "--out", tmp_path / "r")
    assert (code, out, err) == (0, f"{tmp_path / 'r' / 'README.md'} (6 pictures)\n", "")


def test_a_report_needs_no_torch():
    code = "import sys, fortifai.report.page, fortifai.cli.reporting; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
