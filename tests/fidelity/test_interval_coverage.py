"""The printed coverage of the intervals is what the benchmark measured, and a small run of it agrees."""

import csv
import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import interval_coverage as coverage

ROOT = Path(__file__).parents[2]

with (ROOT / "benchmarks" / "interval_coverage.csv").open(newline="") as file:
    MEASURED = list(csv.DictReader(file))


def test_the_page_prints_what_was_measured():
    lines = (ROOT / "docs" / "scoring.md").read_text("utf-8").splitlines()
    start = lines.index("| " + " | ".join(coverage.HEADINGS) + " |")
    printed = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start + 2 : start + 2 + len(MEASURED)]]
    assert printed == [list(row.values()) for row in MEASURED]
    assert len(printed) == len(coverage.LAWS) * len(coverage.CHAINS) * len(coverage.CENSORED)


def test_what_the_page_says_of_the_table_is_so():
    text = " ".join((ROOT / "docs" / "scoring.md").read_text("utf-8").split())

    def ends(column: str, censored: tuple[str, ...]) -> str:
        shares = [row[column] for row in MEASURED if row["censored"] in censored]
        return f"({min(shares)} to {max(shares)})"

    assert f"near its 95 % throughout {ends('ER', ('0 %', '30 %', '60 %'))}" in text
    assert f"a little short at 0 and 30 % {ends('FI', ('0 %', '30 %'))}" in text
    assert f"60 % censoring** {ends('FI', ('60 %',))}" in text


@pytest.mark.parametrize("measured", MEASURED, ids=lambda row: f"{row['onsets']}, {row['chains']}, {row['censored']}")
def test_a_small_run_agrees(measured):
    replicates, chains, censored = 300, int(measured["chains"]), float(measured["censored"].rstrip(" %")) / 100
    row = coverage.cell(measured["onsets"], np.random.default_rng(7), chains, censored, replicates, bca=0, resamples=0)
    got = dict(zip(coverage.HEADINGS, row, strict=True))
    no_interval = "no interval of FI"
    has_interval = 1 - float(measured[no_interval].rstrip(" %")) / 100
    shares = [(float(got[name]), float(measured[name]), has_interval) for name in ("FI", "ER")]
    shares.append((1 - float(got[no_interval].rstrip(" %")) / 100, has_interval, 1.0))
    for share, p, counted in shares:
        error = math.sqrt(p * (1 - p) * (1 / (counted * replicates) + 1 / 4000))
        assert abs(share - p) < 4 * error + 1 / replicates


@pytest.mark.parametrize("law", coverage.LAWS.values(), ids=coverage.LAWS.keys())
def test_the_truth_is_the_mean_of_what_is_drawn(law):
    onsets = law.onset(np.random.default_rng(3).standard_normal(200_000))
    assert np.log(onsets).std() == pytest.approx(coverage.SPREAD, rel=0.01)
    for horizon in (0.4, 1.0, 1.6, math.inf):
        assert np.minimum(onsets, horizon).mean() == pytest.approx(law.restricted_mean(horizon), rel=0.005)
