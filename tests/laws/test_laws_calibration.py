"""`fortifai calibrate`: it passes on the loop we have, and fails on a loop that is wrong."""

import json
import math
import sys

import pytest
import torch
from scipy.stats import norm

from fortifai.cli import main
from fortifai.config import Sampling
from fortifai.contract.modality import Fit
from fortifai.contract.samples import Samples
from fortifai.errors import UserError
from fortifai.laws import calibrate
from fortifai.laws.calibration import bound
from fortifai.laws.experiments import EXPERIMENTS
from fortifai.laws.monte_carlo import Tally
from fortifai.objectives import TruncatedCrossEntropy
from fortifai.recursion import strategies


def laws_violated(*laws):
    return {row.law for row in calibrate(laws, chains=400).violated()}


@pytest.mark.parametrize("law", EXPERIMENTS)
def test_the_protocol_obeys_every_law(law):
    calibration = calibrate([law], chains=200)
    assert calibration.rows
    assert {row.law for row in calibration.rows} == {law}
    assert calibration.violated() == []
    assert all(row.standard_error > 0 and abs(row.z) <= calibration.bound for row in calibration.rows)


def test_the_same_seed_gives_the_same_rows_and_another_seed_others():
    first, again, other = (calibrate([3], 100, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_bound_is_corrected_for_the_number_of_rows():
    assert bound(1) == pytest.approx(norm.isf(0.0005))
    assert 2 * 50 * norm.sf(bound(50)) == pytest.approx(0.001)


def test_a_tally_is_the_mean_and_its_standard_error():
    values = torch.arange(10.0, dtype=torch.float64) ** 2
    tally = Tally(20.0)
    for part in values.split(3):
        tally.add(part)
    assert tally.mean == pytest.approx(float(values.mean()))
    assert tally.standard_error == pytest.approx(float(values.std()) / math.sqrt(10))


# Loops that are wrong: a ruler that cannot fail is not a ruler


@pytest.fixture
def gaussian():
    from fortifai.modalities.analytic.gaussian import Gaussian, GaussianAdapter

    return Gaussian, GaussianAdapter


def test_a_variance_divided_by_n_minus_1_is_caught(monkeypatch, gaussian):
    model, adapter = gaussian
    fit = adapter.fit

    def unbiased(self, samples, *args):
        fitted, n = fit(self, samples, *args), len(samples)
        return Fit(model(fitted.model.mean, fitted.model.variance * n / (n - 1)), fitted.masked_share)

    monkeypatch.setattr(adapter, "fit", unbiased)
    assert laws_violated(1, 2, 3) == {1, 2, 3}


def test_a_generation_that_trains_on_real_data_again_is_caught(monkeypatch):
    # generation 1 is fitted to the real data of generation 0: every fit is counted one too early
    def late(self, generation, supply, rng):
        return supply.real(0) if generation == 1 else supply.synthetic(generation - 1)

    monkeypatch.setattr(strategies.Replace, "mix", late)
    assert laws_violated(1, 2) == {1, 2}


def test_an_accumulated_pool_without_the_real_data_is_caught(monkeypatch):
    def forgetful(self, generation, supply, rng):
        return Samples.concat([supply.synthetic(g) for g in range(generation)])

    monkeypatch.setattr(strategies.Accumulate, "mix", forgetful)
    assert laws_violated(3) == {3}


def test_an_anchor_that_is_not_fresh_is_caught(monkeypatch):
    monkeypatch.setattr(strategies.Anchored, "fresh", lambda self, n, generation: n if generation == 0 else self._anchors(n))
    mix = strategies.Anchored.mix

    def stale(self, generation, supply, rng):
        first = strategies.Supply(supply.n, lambda g: supply.real(0).take(slice(self._anchors(supply.n))), supply.synthetic)
        return mix(self, generation, first, rng)

    monkeypatch.setattr(strategies.Anchored, "mix", stale)
    assert laws_violated(4) == {4}


def test_weights_that_are_not_used_are_caught(monkeypatch):
    mix = strategies.Weighted.mix
    monkeypatch.setattr(strategies.Weighted, "mix", lambda *args: (mixed := mix(*args)).weighted(torch.ones(len(mixed))))
    assert laws_violated(5) == {5}


def test_a_truncation_on_the_wrong_side_is_caught(monkeypatch):
    weights = TruncatedCrossEntropy.weights
    monkeypatch.setattr(TruncatedCrossEntropy, "weights", lambda *args: 1 - weights(*args))
    assert laws_violated(6) == {6}


def test_an_anchor_that_is_not_that_of_generation_0_is_caught(monkeypatch, gaussian):
    _, adapter = gaussian
    anchors = adapter.anchors
    monkeypatch.setattr(adapter, "anchors", lambda *args: 1.1 * anchors(*args))
    assert laws_violated(9) == {9}


def test_confidence_by_the_new_fit_instead_of_the_model_that_made_the_samples_is_caught(monkeypatch, gaussian):
    _, adapter = gaussian
    fit = adapter.fit
    monkeypatch.setattr(adapter, "fit", lambda self, samples, objective, init, *args: fit(self, samples, objective, None, *args))
    assert laws_violated(9) == {9}


def test_a_bias_that_is_not_applied_is_caught(monkeypatch, gaussian):
    _, adapter = gaussian
    sample = adapter.sample
    monkeypatch.setattr(adapter, "sample", lambda self, model, source, _, rng: sample(self, model, source, Sampling(), rng))
    assert laws_violated(9) == {9}


def test_training_on_what_is_not_the_last_output_is_caught(monkeypatch):
    monkeypatch.setattr(strategies.Replace, "mix", lambda self, generation, supply, rng: supply.real(0))
    assert laws_violated(7, 8) == {7, 8}


# The command


def run(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["fortifai", "calibrate", *words])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0), *capsys.readouterr()


def test_json_is_one_document_with_a_row_for_every_check(monkeypatch, capsys):
    code, out, err = run(monkeypatch, capsys, "--law", "3", "--chains", "100", "--json")
    content = json.loads(out)
    assert (code, err, list(content), content["schema"]) == (0, "", ["schema", "rows"], 1)
    for row in content["rows"]:
        assert list(row) == ["law", "setting", "predicted", "measured", "standard_error", "z"]
        assert row["z"] == pytest.approx((row["measured"] - row["predicted"]) / row["standard_error"])


def test_the_table_ends_with_the_bound_and_the_verdict(monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "--law", "3", "--chains", "100")
    assert code == 0
    assert out.splitlines()[-1] == f"24 rows, bound |z| <= {bound(24):.2f} (0.1 % for all of them together): all hold"


def test_a_violated_law_is_exit_1_and_named(monkeypatch, capsys):
    monkeypatch.setattr(strategies.Accumulate, "mix", strategies.Replace.mix)
    code, out, _ = run(monkeypatch, capsys, "--law", "3", "--chains", "200")
    assert code == 1
    assert "law 3, variance of the mean, accumulate, n = 10, t = 12" in out.splitlines()[-1]
    assert run(monkeypatch, capsys, "--law", "3", "--chains", "200", "--json")[0] == 1


@pytest.mark.parametrize(("words", "message"), [(("--law", "11"), "unknown law 11"), (("--chains", "9"), "9 chains are too few")])
def test_wrong_usage_is_exit_2_and_one_line(monkeypatch, capsys, words, message):
    code, out, err = run(monkeypatch, capsys, *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_chains_that_do_not_vary_and_are_wrong_are_a_violation(monkeypatch, gaussian):
    model, adapter = gaussian
    monkeypatch.setattr(
        adapter,
        "fit",
        lambda self, samples, *args: Fit(model(*torch.ones(2, *samples["x"].shape[1:], dtype=torch.float64)), 0.0),
    )
    rows = calibrate([3], 100).violated()
    assert rows
    assert all(row.z is None for row in rows)
    with pytest.raises(UserError):
        calibrate([0])
