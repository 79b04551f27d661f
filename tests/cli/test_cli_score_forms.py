"""What `fortifai score` prints: blocks that fit a terminal, and the forms of other programs."""

import csv
import io
import itertools
import json
import re

import pandas as pd
import pytest
from cli_support import Answer
from trajectory_support import falling, frame

LONG = "tce-quantile:keep=0.9,scale=relative,unit=component"
FORMS = ("--wide", "--csv", "--markdown", "--latex", "--json")


def noisy(onset, seed, noise=1 / 9):
    return falling(onset + seed / 5 + (-1) ** seed * noise, 20)


@pytest.fixture
def table(tmp_path):
    """Two regimes of four chains each, with controls that stay whole."""
    curves = {(o, s): noisy(t, s) for o, t in (("ce", 2), (LONG, 6)) for s in range(4)}
    curves |= {("focal:gamma=2", s): noisy(2, s, -1 / 3) for s in range(4)}
    whole = {(o, s): falling(900, 20) for o in ("ce", LONG) for s in range(4)}
    parts = [frame(curves, strategy="replace"), frame(whole, strategy="control")]
    pd.concat([part.assign(regime=regime) for part in parts for regime in ("drift", "biased")]).to_csv(
        tmp_path / "t.csv", index=False
    )
    return tmp_path / "t.csv"


@pytest.fixture
def terminal(monkeypatch):
    """Make standard output a terminal of so many columns, without colours."""

    def terminal(columns: int) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setenv("COLUMNS", str(columns))

    return terminal


def plain(answer: Answer) -> str:
    return re.sub(r"\x1b\[[\d;]*m", "", answer.out)


@pytest.mark.parametrize("columns", [80, 60, 200])
def test_a_terminal_shows_every_name_whole_and_no_line_that_is_too_long(call, table, terminal, columns):
    terminal(columns)
    answer = call("score", table)
    text = plain(answer)
    assert (answer.code, answer.err) == (0, "")
    assert max(map(len, text.splitlines())) <= columns
    assert "…" not in text
    assert text.count(LONG) == 4  # a row and a sentence for each regime
    sentences = text[text.index("Under ") : text.index("drift")]
    assert len(re.findall(r"\[\d\.\d\d, [\d.–]+\]", sentences)) == sentences.count("[") == 2  # none is broken over two lines
    assert not re.search(r"\x1b\[(?!0m|1m|2m)", answer.out)  # bold and dim, and no colour


def test_a_name_that_is_wider_than_the_terminal_is_not_broken(call, table, terminal):
    terminal(30)
    for words in ((), ("--wide",)):
        assert LONG in plain(call("score", table, *words)).split()


def test_a_pipe_has_one_line_for_a_row_and_one_for_a_sentence(call, table):
    lines = call("score", table).out.splitlines()
    (row, _) = [line.split() for line in lines if line.startswith(LONG)]
    assert row[-1] == "0/4"
    (first, second) = [line for line in lines if re.match(r"Under `\w+`, tce", line)]
    assert (first.split()[1], second.split()[1]) == ("`biased`,", "`drift`,")
    assert all("times as long as cross entropy [" in line and line.endswith(".") for line in (first, second))
    unseen = [line for line in lines if "no difference from cross entropy was seen for focal:gamma=2" in line]
    assert len(unseen) == 2
    assert all(re.search(r"with 4 chains an ER below [\d.]+ may go unseen\.$", line) for line in unseen)
    assert not [line for line in lines if re.match(r"\d+  .*no difference", line)], "said once"


def test_controls_that_stayed_whole_are_one_line(call, table):
    out = call("score", table).out
    assert "\ncontrol: none of 16 chains crossed\n" in out
    assert not re.search(r"^\w+ · control", out, re.MULTILINE)


def test_controls_that_crossed_have_rows_after_all_others(call, table, tmp_path):
    data = pd.read_csv(table)
    lost = (data["strategy"] == "control") & (data["regime"] == "drift") & (data["objective"] == "ce") & (data["seed"] == 0)
    data.loc[lost & (data["generation"] > 0), "value"] = 0.9
    data.to_csv(tmp_path / "lost.csv", index=False)
    out = call("score", tmp_path / "lost.csv").out
    assert "\ncontrol: 1 of 16 chains crossed\n" in out
    headings = re.findall(r"^(\w+ · \w+) · horizon 20$", out, re.MULTILINE)
    assert headings == ["biased · replace", "drift · replace", "biased · control", "drift · control"]


def test_chains_that_were_cut_short_are_counted(call, table, tmp_path):
    data = pd.read_csv(table)
    headless = (data["objective"] == LONG) & (data["seed"] == 0) & (data["generation"] == 0) & (data["strategy"] == "replace")
    data[~headless].to_csv(tmp_path / "cut.csv", index=False)
    assert f"{LONG}: 1 incomplete chain, not scored." in call("score", tmp_path / "cut.csv").out


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(FORMS, 2)))
def test_two_forms_at_once_are_refused(call, one, other):
    answer = call("score", "nowhere.csv", other, one)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == f"fortifai: {one} and {other}: one of {', '.join(FORMS)} can be had at a time\n"


def test_wide_has_all_columns_and_all_rows(call, table):
    out = call("score", table, "--wide").out
    for heading in ("fidelity interval", "control false positives", "p, all thresholds", "phi at 0", "horizon"):
        assert heading in out
    assert len(re.findall(rf"^ \w+ .*{re.escape(LONG)}", out, re.MULTILINE)) == 4


def test_csv_has_every_digit_and_a_line_for_every_row(call, table):
    rows = list(csv.DictReader(io.StringIO(call("score", table, "--csv").out)))
    document = json.loads(call("score", table, "--json").out)["rows"]
    assert [row["objective"] for row in rows] == [row["objective"] for row in document]
    for row, own in zip(rows, document, strict=True):
        assert float(row["fidelity_interval"]) == own["fidelity_interval"]["value"]
        assert (row["reason"] or None) == own["reason"]
        if own["extension_ratio"] is not None and own["extension_ratio"]["low"] is not None:
            assert float(row["extension_ratio_low"]) == own["extension_ratio"]["low"]
            assert float(row["p_value"]) == own["p_value"]
    assert "pairs" not in rows[0]


def test_markdown_is_a_table_with_notes(call, table):
    title, blank, headings, rule, *rest = call("score", table, "--markdown").out.splitlines()
    assert title.startswith("**t.csv · phi<0.75 on w1")
    assert (blank, rule) == ("", "|" + "---|" * headings.count(" |"))
    assert [line.count("|") for line in rest[:10]] == [headings.count("|")] * 10
    assert rest[11].startswith("1. ")


def test_latex_is_escaped_and_has_its_rules(call, tmp_path):
    hostile = r"a_b & 50 % $x$ \end{tabular} #1 ~ ^ *"
    curves = {(o, s): noisy(t, s) for o, t in (("ce", 2), (hostile, 6)) for s in range(4)}
    frame(curves, regime="[2cm]").to_csv(tmp_path / "t.csv", index=False)
    out = call("score", tmp_path / "t.csv", "--latex").out
    for word in (r"\toprule", r"\midrule", r"\bottomrule"):
        assert out.count(word) == 1
    assert [out.count(word) for word in (r"\begin{tabular}", r"\end{tabular}", r"\begin{table}", r"\end{table}")] == [1] * 4
    escaped = r"a\_b \& 50 \% \$x\$ \textbackslash{}end\{tabular\} \#1 \textasciitilde{} \textasciicircum{} {*}"
    assert out.count(escaped) == 1
    rows = [line for line in out.splitlines() if line.endswith(r" \\")]
    assert len(rows) == 3
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {len(re.search(r"\{(l+)\}", out)[1]) - 1}
    assert not [row for row in rows[1:] if not row.startswith("{[}2cm] & ")]
    assert out.isascii()
