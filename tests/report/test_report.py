"""The page of a report: the score, and the pictures of it."""

import re

import pytest
from report_support import page_of, with_texts
from trajectory_support import falling, write_chain, write_run

import fortifai
from fortifai.errors import UserError
from fortifai.report import report
from fortifai.report.tables import estimate


def test_the_table_has_the_rows_of_the_score(run, tmp_path):
    text = page_of(run, tmp_path / "r")
    assert text.startswith("# quick@1 · phi<0.75 on w1 · tabular · mixture-5\n")
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    headings, _, *rows = table
    assert all(len(row) == len(headings) for row in table)
    expected = [(row.objective, estimate(row.fidelity_interval)) for row in fortifai.score(run).rows]
    assert [(row[headings.index("objective")], row[headings.index("fidelity interval")]) for row in rows] == expected


def test_every_picture_that_the_page_shows_is_beside_it_and_the_other_way_round(run, tmp_path):
    text = page_of(run, tmp_path / "r")
    shown = set(re.findall(r"\]\(([^)]+)\)", text))
    assert shown == {str(file.relative_to(tmp_path / "r")) for file in (tmp_path / "r").rglob("*.png")}
    assert {name.removeprefix("pictures/").partition("-")[0] for name in shown} == {"fidelity", "survival", "threshold"}


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
    chain = with_texts(write_chain(run, "ce", 0, [1.5, 1.6]), 2)
    text = page_of(run, tmp_path / "r")
    assert "1. unscored: the baseline's generation 0 (1.5) is no better than the null (1)" in text
    assert f"generation 1 of {chain.name}" in text
    assert "## Pictures" not in text


def test_the_same_run_has_the_same_page_which_replaces_the_last(run, tmp_path):
    one = page_of(run, tmp_path / "r")
    (tmp_path / "r" / "README.md").write_text("an old one")
    assert page_of(run, tmp_path / "r") == one


def test_a_folder_that_cannot_be_written_is_refused(run, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        report(run, tmp_path / "taken")
