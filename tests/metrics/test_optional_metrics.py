"""Metrics that need an extra, and metrics that take an argument behind a colon in their name."""

import json
import math
import sys
from dataclasses import replace

import pytest

from fortifai import metrics
from fortifai.cli import main
from fortifai.contract.declaration import modalities
from fortifai.contract.metric import Metric
from fortifai.errors import UnknownName, UserError
from fortifai.planning.suite_file import load_suite

SUITE = """
schema = 1
name = "own"
version = 1
summary = "penguins"
[regimes.a]
modality = "with-extras"
data = "penguins"
model.components = 2
n = 60
generations = 3
objectives = ["tce"]
strategies = ["control"]
fidelity_metric = "sliced_wasserstein"
seconds_per_generation = 0.1
"""
PLAIN = Metric(
    name="absent", compute="math:hypot", summary="how far", better="lower", unit="m", valid=(0, math.inf), reads=("real",)
)
ABSENT = replace(PLAIN, requires=("no_such_module",), extra="more")
THERE = replace(PLAIN, name="there", requires=("json",))
POWER = replace(PLAIN, name="power", takes="exponent")


@pytest.fixture
def declaration(monkeypatch):
    known = modalities.get("tabular")
    declaration = replace(known, name="with-extras", metrics=(*known.metrics, ABSENT, THERE, POWER))
    monkeypatch.setitem(modalities._entries, "with-extras", declaration)
    return declaration


@pytest.fixture
def load(tmp_path, declaration):
    def load(*names):
        text = SUITE + (f"metrics = {json.dumps(['sliced_wasserstein', *names])}" if names else "")
        (tmp_path / "own.toml").write_text(text)
        return load_suite(tmp_path / "own.toml").regimes[0]

    return load


def test_what_a_suite_measures_by_default_does_not_depend_on_what_is_installed(load, declaration):
    measured = load().metrics
    assert set(metrics.of(declaration)) - set(measured) == {
        "absent",
        "there",
        "power",
        "decision_regret",
    }  # the last is the table's own, which takes a decision


def test_a_metric_that_needs_an_extra_is_measured_where_it_is_named(load):
    assert load("there").metric("there") == THERE


def test_a_suite_that_names_a_metric_without_its_extra_is_told_which(load):
    with pytest.raises(UserError, match=r"metrics: 'absent' needs no_such_module; pip install 'fortifai\[more\]'"):
        load("absent")


def test_a_suite_may_measure_a_metric_by_several_arguments(load):
    regime = load("power:3", "power:2")
    assert [regime.metric(name).argument for name in regime.metrics[1:]] == ["3", "2"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("power", "'power' takes what follows a colon, as in power:<exponent>"),
        ("power:", "'power' takes what follows a colon, as in power:<exponent>"),
        ("there:3", "'there' takes nothing behind a colon"),
        ("pwer:3", "unknown metric 'pwer:3'"),
    ],
)
def test_a_name_with_too_little_or_too_much_is_answered(load, name, message):
    with pytest.raises(UserError, match=message):
        load(name)


def test_an_unknown_metric_has_near_names(declaration):
    with pytest.raises(UnknownName, match="sliced_wasserstein"):
        metrics.find(declaration, "sliced_waserstein")


def test_the_list_says_what_is_missing(declaration, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["fortifai", "list", "metrics", "--json"])
    with pytest.raises(SystemExit):
        main()
    listed = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)["metrics"]}
    assert listed["absent"]["available"] is False
    assert "pip install 'fortifai[more]'" in listed["absent"]["reason"]
    assert listed["there"]["available"]
    assert listed["power:<exponent>"]["available"]
