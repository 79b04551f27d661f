"""Histograms of confidence, as a run recorded them."""

import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from trajectory_support import falling, sealed, write_chain, write_run

from fortifai.report import plot
from fortifai.report.confidence import draw_confidence

BINS = 20


def summary(mean):
    """All mass in the bin that holds the mean."""
    histogram = np.zeros(BINS)
    histogram[int(mean * BINS)] = 1
    return {"mean": mean, "q50": mean, "histogram": histogram.tolist()}


def with_confidence(folder, own, real=0.3):
    """Put the confidence of ``own``, by generation, into a chain's records."""
    path = folder / "generations.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record in records:
        if record["status"] == "ok":
            record["confidence"] = {"synthetic": summary(own(record["generation"])), "real": summary(real)}
    path.write_text(sealed(map(json.dumps, records), folder.name))


@pytest.fixture
def run(tmp_path):
    run = write_run(tmp_path)
    for objective, step in (("tce:gamma=0.9", 0.02), ("ce", 0.05)):
        for seed in range(2):
            with_confidence(write_chain(run, objective, seed, falling(3, 10)), lambda g, step=step: 0.41 + step * g)
    return run


def texts(svg):
    return ["".join(element.itertext()) for element in ET.parse(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_a_run_has_a_fourth_picture_of_generation_0_a_middle_and_the_last(run, tmp_path):
    files = plot(run, tmp_path / "p")
    assert sorted({path.name.partition("-")[0] for path in files}) == ["confidence", "fidelity", "survival", "threshold"]
    assert files[-1].read_bytes().startswith(b"\x89PNG")
    written = texts(files[-2])
    assert [text for text in written if text.startswith("generation")] == ["generation 0", "generation 5", "generation 10"]
    # The baseline's row first, though it was written last; each panel says the means that were recorded.
    assert [text for text in written if text.startswith("mean")] == [
        f"mean 0.30 real, {own} own" for own in ("0.41", "0.66", "0.91", "0.41", "0.51", "0.61")
    ]
    assert any("ce (2)" in text for text in written)


def test_the_histograms_drawn_are_the_means_over_chains(tmp_path):
    run = write_run(tmp_path)
    for seed, own in enumerate((0.1, 0.9)):
        with_confidence(write_chain(run, "ce", seed, falling(1, 2)), lambda _, own=own: own)
    svg = draw_confidence(run, tmp_path / "p", "ce")[0].svg.read_text()
    one = draw_confidence(run, tmp_path / "q", "ce")[0].svg.read_text()
    assert svg == one
    # The line of own samples has two peaks of equal height, half of the grey bar's.
    line = next(d for d in re.findall(r'd="([^"]+)"[^>]*stroke: #d55e00', svg, flags=re.S) if d.count("L") > BINS)
    heights = [float(y) for y in re.findall(r"[ML] [\d.]+ ([\d.]+)", line)]
    floor = max(heights)
    peaks = [y for y in heights if y < floor - 1]
    assert len(peaks) == 4  # two ends each
    assert max(peaks) - min(peaks) < 1e-6


def test_the_last_generation_is_the_last_that_every_objective_has(run, tmp_path):
    with_confidence(write_chain(run, "focal:gamma=2", 0, falling(1, 4), diverged=True), lambda _: 0.5)
    written = texts(draw_confidence(run, tmp_path / "p", "ce")[0].svg)
    assert [text for text in written if text.startswith("generation")] == ["generation 0", "generation 2", "generation 4"]


def test_a_run_of_before_histograms_is_drawn_without_them(tmp_path):
    run = write_run(tmp_path)
    write_chain(run, "ce", 0, falling(3, 10))
    assert {path.name.partition("-")[0] for path in plot(run, tmp_path / "p")} == {"fidelity", "survival", "threshold"}
