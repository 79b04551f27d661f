"""The printed coverage of the intervals is what the benchmark measured, and a small run of it agrees."""

import csv
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import special

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import interval_coverage as coverage

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "scoring.md").read_text("utf-8")

with (ROOT / "benchmarks" / "interval_coverage.csv").open(newline="") as file:
    MEASURED = list(csv.DictReader(file))

OURS = [row for row in MEASURED if row["method"] == "ours"]


def test_the_page_prints_what_was_measured():
    rows = [list(row.values()) for row in MEASURED]
    assert len(rows) == len(coverage.LAWS) * len(coverage.CHAINS) * len(coverage.CENSORED) * len(coverage.METHODS)
    assert "\n".join(coverage.by_chains(rows)) in PAGE
    assert "\n".join(coverage.by_method(rows)) in PAGE


def test_what_the_page_says_of_the_table_is_so():
    text = " ".join(PAGE.split())

    def ends(column, rows):
        return min(row[column] for row in rows), max(row[column] for row in rows)

    without_early = [row for row in OURS if row["onsets"] != "early"]
    assert "holds throughout ({} to {})".format(*ends("ER", OURS)) in text
    low, high = (f"{100 * float(share):.1f}" for share in ends("p < 0.05", OURS))
    assert f"below 0.05 in {low} to {high} % of comparisons" in text
    uncensored = [row for row in without_early if row["censored"] == "0 %"]
    assert "without censoring ({} to {})".format(*ends("FI", uncensored)) in text
    some = [row for row in without_early if row["censored"] == "30 %"]
    assert "between {} and {} at 30 % for those two laws".format(*ends("FI", some)) in text
    others = [row for row in OURS if row["onsets"] == "early" or row["censored"] == "60 %"]
    assert "more than half are censored** ({} to {})".format(*ends("FI", others)) in text


@pytest.mark.parametrize("measured", OURS, ids=lambda row: f"{row['onsets']}, {row['chains']}, {row['censored']}")
def test_a_small_run_agrees(measured):
    replicates, chains, censored = 300, int(measured["chains"]), float(measured["censored"].rstrip(" %")) / 100
    methods = {"ours": coverage.ours}
    (row,) = coverage.cell(measured["onsets"], chains, censored, replicates, 0, (7,), methods)
    small = dict(zip(coverage.HEADINGS, row, strict=True))
    has_interval = 1 - float(measured["no interval"].rstrip(" %")) / 100
    for name in ("FI", "ER", "p < 0.05"):
        share, p = float(small[name]), float(measured[name])
        error = math.sqrt(p * (1 - p) * (1 / (has_interval * replicates) + 1 / 4000))
        assert abs(share - p) < 4 * error + 1 / replicates


@pytest.mark.parametrize("law", coverage.LAWS.values(), ids=coverage.LAWS.keys())
def test_the_truth_is_the_mean_of_what_is_drawn(law):
    onsets = law(np.random.default_rng(3).standard_normal(200_000))
    for horizon in (0.4, 1.0, 1.6, 10.0):
        assert np.minimum(onsets, horizon).mean() == pytest.approx(coverage.restricted_mean(law, horizon), rel=0.005)


def test_the_laws_are_what_the_page_calls_them():
    scores = np.random.default_rng(4).standard_normal(200_000)
    normal, heavy, early = (law(scores) for law in coverage.LAWS.values())
    assert np.std(normal) / normal.mean() == pytest.approx(0.2, rel=0.01)
    assert np.quantile(np.log(heavy) / coverage.SPREAD, 0.99) == pytest.approx(special.stdtrit(3, 0.99), rel=0.03)
    assert (early < 0.3).mean() == pytest.approx(0.15, rel=0.02)
    assert np.median(early[early < 0.3]) == pytest.approx(0.1, rel=0.02)
