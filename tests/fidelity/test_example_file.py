"""The worked example of docs/scoring.md gives the numbers that it prints."""

import re
from pathlib import Path

from fortifai.fidelity import score
from fortifai.report.tables import as_text

PAGE = Path(__file__).parents[2] / "docs" / "scoring.md"


def test_the_worked_example_scores_as_printed(tmp_path):
    text = PAGE.read_text(encoding="utf-8")
    (tmp_path / "example.csv").write_text(re.search(r"```csv\n(.*?)```", text, re.DOTALL).group(1))
    headings, rows = as_text(score(tmp_path / "example.csv"))
    printed = re.search(r"(\| objective \| fidelity interval .*?)\n\n", text, re.DOTALL).group(1).splitlines()
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in printed]
    assert [[dict(zip(headings, row, strict=True))[heading] for heading in lines[0]] for row in rows] == lines[2:]


def test_the_onsets_are_those_worked_out_by_hand(tmp_path):
    text = PAGE.read_text(encoding="utf-8")
    (tmp_path / "example.csv").write_text(re.search(r"```csv\n(.*?)```", text, re.DOTALL).group(1))
    rows = score(tmp_path / "example.csv").rows
    by_hand = [float(onset) for onset in re.findall(r"^\| ce, seed .* = ([0-9.]+) \|$", text, re.MULTILINE)]
    assert len(by_hand) == 3
    assert abs(rows[0].fidelity_interval.value - sum(by_hand) / 3) < 1e-9
