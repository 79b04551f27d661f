"""Several models a generation: what each is fitted to, what they make together, and that they run like any chain."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from runner_support import numbers, write_suite

import fortifai
from fortifai.config import Sampling
from fortifai.contract.samples import Samples
from fortifai.errors import UserError
from fortifai.modalities.analytic.config import AnalyticData, GaussianConfig
from fortifai.modalities.analytic.gaussian import Gaussian, GaussianAdapter
from fortifai.objectives import resolve as objective_of
from fortifai.opponents.members import Members
from fortifai.randomness import stream
from fortifai.recursion import strategies


def members(**options: Any) -> Members[Gaussian]:
    adapter = GaussianAdapter(GaussianConfig(), AnalyticData())
    return Members(adapter, **({"count": 2, "plain": 0, "split": True} | options))  # type: ignore[arg-type]


def training(n: int = 10) -> Samples:
    return Samples.real(x=torch.arange(n).double())


def test_each_model_is_fitted_to_a_part_of_its_own() -> None:
    fit = members(count=3).fit(training(9), objective_of("ce"), None, stream(0, "fit"))
    means = torch.stack([model.mean for model in fit.model])
    assert float(means.mean()) == pytest.approx(4.0), "three parts of equal size make up the whole"
    assert len(set(means.tolist())) == 3
    alike = members(count=3, split=False).fit(training(9), objective_of("ce"), None, stream(0, "fit"))
    assert [float(model.mean) for model in alike.model] == [4.0] * 3


def test_of_several_sets_each_model_sees_the_same_part() -> None:
    adapter = members()
    adapter._adapter.__class__ = type("Drawn", (GaussianAdapter,), {"draws": property(lambda self: 2)})
    both = Samples.synthetic({"x": torch.cat([torch.arange(6), torch.arange(6) + 100]).double()}, 0)
    one, other = adapter._parts(both, stream(0, "fit"))
    assert torch.equal(one["x"][:3] + 100, one["x"][3:])
    assert sorted(torch.cat([one["x"], other["x"]]).tolist()) == sorted(both["x"].tolist())


def test_some_may_be_fitted_by_cross_entropy_whatever_the_objective() -> None:
    truncating = objective_of("tce:gamma=0.2")
    mixed = members(plain=1, split=False).fit(training(), truncating, None, stream(0, "fit"))
    plain = members(split=False).fit(training(), objective_of("ce"), None, stream(0, "fit"))
    led = members(split=False).fit(training(), truncating, None, stream(0, "fit"))
    assert mixed.model[1] == plain.model[1]
    assert mixed.model[0] == led.model[0]
    assert mixed.masked_share == led.masked_share
    with pytest.raises(UserError, match=r"plain: should be less than members \(2\)"):
        strategies.resolve("ecosystem:plain=2")


def test_they_make_equal_parts_and_are_likely_in_equal_parts() -> None:
    adapter = members()
    far = tuple(Gaussian(torch.tensor(mean).double(), torch.tensor(0.01).double()) for mean in (-5.0, 5.0))
    made = adapter.sample(far, training(10), Sampling(), stream(0, "sample"))["x"]
    assert (made < 0).tolist() == [True] * 5 + [False] * 5
    x = Samples.real(x=torch.tensor([-5.0, 5.0, 0.0]).double())
    density = torch.stack([torch.exp(-((x["x"] - mean) ** 2) / 0.02) / math.sqrt(2 * math.pi * 0.01) for mean in (-5, 5)])
    measured = adapter.likelihood(far, x)
    assert torch.allclose(torch.exp(-measured.nll), density.mean(0))
    assert torch.allclose(measured.confidence, density.mean(0))


def test_models_are_read_back_as_they_were(tmp_path: Path) -> None:
    adapter = members()
    fit = adapter.fit(training(), objective_of("ce"), None, stream(0, "fit"))
    adapter.save(fit.model, tmp_path)
    assert adapter.load_model(tmp_path) == fit.model


def test_an_ecosystem_runs_resumes_and_is_scored(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, objectives=("ce", "tce-anchored"))
    choice: dict[str, Any] = {"seeds": 2, "quiet": True, "executor": "in-process"}
    names = ["replace", "ecosystem:members=2", "ecosystem:members=2,plain=1"]
    whole = fortifai.run(suite, tmp_path / "whole", strategies=names, generations=2, **choice).path
    for generations in (1, 2):
        parts = fortifai.run(suite, tmp_path / "parts", strategies=names, generations=generations, **choice).path
    assert numbers(whole) == numbers(parts)
    rows = {(row.strategy, row.objective) for row in fortifai.score(whole).rows}
    assert len(rows) == 6
    first = {}
    for chain in whole.glob("*/chain.json"):
        record = json.loads(chain.read_text())
        line = json.loads((chain.parent / "generations.jsonl").read_text().splitlines()[0])
        first[record["strategy"], record["objective"], record["seed"]] = line["shared"]
    strategies_of = {key: {name for (name, _, seed), shared in first.items() if (shared, seed) == key} for key in
                     {(shared, seed) for (_, _, seed), shared in first.items()}}  # fmt: skip
    assert all(len(sharing) == 1 for sharing in strategies_of.values()), "an ecosystem has a generation 0 of its own"


def test_a_metric_that_reads_one_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mean.py").write_text(
        "from fortifai.metrics import Metric\n"
        "MEAN = Metric(compute=lambda inputs: float(inputs.model.means.mean()), name='mean', summary='mean', better='lower',\n"
        "    unit='', valid=(0.0, 1.0), reads=('model',))\n"
    )
    with pytest.raises(UserError, match=r"has models that metric 'mean\.py:MEAN' cannot read"):
        fortifai.run(
            write_suite(tmp_path), tmp_path / "out", strategies=["ecosystem"], quiet=True,
            settings=[f'metrics+=["{tmp_path}/mean.py:MEAN"]'],
        )  # fmt: skip
