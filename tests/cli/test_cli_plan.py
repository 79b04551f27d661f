"""`fortifai describe` and `fortifai plan`: what a suite runs, and what it costs."""

import re

import pytest

from fortifai.contract.modality import Modality
from fortifai.fidelity.power import smallest_visible_ratio
from fortifai.modalities.tabular.adapter import GaussianMixtureAdapter
from fortifai.planning.suite_file import load_suite
from fortifai.runner.run_folder import RunFolder


def test_describe_says_what_a_suite_runs(call, small):
    described = call("describe", small, "--json").json
    assert set(described) == {"schema", "name", "version", "summary", "rule", "chains", "regimes"}
    assert (described["name"], described["version"], described["rule"], described["chains"]) == ("small", 3, "phi<0.75", 12)
    (regime,) = described["regimes"]
    assert regime["objectives"] == ["ce", "tce:gamma=0.9,unit=component"]
    # fresh-mix:k=2 ends after generation 1; generation 0 is the same for all strategies
    assert regime["core_seconds"] == pytest.approx(0.1 * 2 * 2 * (2 + 1 + 2 + 1))
    text = call("describe", small).out
    for word in ("small@3", "penguins", "components 2", "sliced_wasserstein", "fresh-mix:k=2", "2 seeds, 12 chains"):
        assert word in text


def test_describe_counts_fewer_chains_of_a_control_that_is_run_by_fewer_seeds(call, small, tmp_path):
    content = small.read_text()
    small.write_text(content.replace("seeds = 2\n", "seeds = 2\ncontrol_seeds = 1\n", 1))
    assert small.read_text() != content
    described = call("describe", small, "--json").json
    assert described["chains"] == 10 == len(call("plan", small, "--out", tmp_path, "--json").json["chains"])
    assert "controls by the first 1 seed alone" in " ".join(call("describe", small).out.split())


def test_describe_says_what_settings_make_of_a_suite(call, small):
    described = call("describe", small, "--set", "n=50", "--json").json
    assert [regime["n"] for regime in described["regimes"]] == [50]
    text = call("describe", small, "--set", "n=50").out
    assert re.search(r"suite\s+small@3\+[0-9a-f]{8}\s", text)
    assert re.search(r"settings\s+n=50\s", text)
    assert "settings" not in call("describe", small).out


def test_describe_shows_the_suite_that_a_run_folder_holds(call, small, tmp_path):
    words = ("--set", "n=50")
    suite = load_suite(small, ["n=50"])
    folder = RunFolder.of(tmp_path / "runs", suite)
    folder.create()
    folder.claim(suite)
    small.write_text(small.read_text().replace("penguins", "diamonds"))  # what the run holds counts, not the file of today
    text = call("describe", folder.path).out
    assert f"suite     {suite.tag}" in text
    assert "source penguins" in text
    assert "diamonds" in call("describe", small, *words).out
    refused = call("describe", folder.path, *words)
    assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)
    assert "--set takes the suite's name or file" in refused.err
    nearby = call("describe", folder.path.parent)
    assert (nearby.code, nearby.out) == (2, "")
    assert f"did you mean {folder.path}?" in nearby.err


def test_plan_shows_the_chains_and_what_they_cost(call, small, tmp_path):
    planned = call("plan", small, "--out", tmp_path, "--json").json
    assert list(planned) == ["schema", "suite", "chains", "generation_0", "estimate", "power", "needs", "missing"]
    assert planned["suite"] == "small@3"
    assert planned["generation_0"] == {"fits": 4, "chains": 12}
    estimate = planned["estimate"]
    unknown = {"gpu_seconds": 0.0, "energy_joules": None, "money": None}  # needs no GPU, was not tried out, has no price
    assert unknown.items() <= estimate.items()
    assert estimate.keys() - unknown == {"seconds", "core_seconds", "disk_bytes", "memory_bytes", "basis"}
    assert all(estimate[name] > 0 for name in ("seconds", "disk_bytes", "memory_bytes"))
    assert (estimate["core_seconds"], estimate["basis"]) == (estimate["seconds"], {"plain": "declared"})
    assert len(planned["chains"]) == 12
    for chain in planned["chains"]:
        assert set(chain) == {"id", "regime", "strategy", "objective", "seed", "state", "horizon", "finished"}
        assert (chain["state"], chain["finished"]) == ("pending", 0)
    selected = call(
        "plan", small, "--out", tmp_path, "--seeds", 3, "--strategy", "replace", "--objective", "tce-quantile", "--json"
    ).json
    assert [(c["objective"], c["seed"]) for c in selected["chains"]] == [
        (objective, seed) for seed in range(3) for objective in ("ce", "tce-quantile:keep=0.98,unit=component")
    ]
    assert list(tmp_path.iterdir()) == [small]  # planning writes nothing


def test_plan_says_what_the_seeds_can_show(call, small, tmp_path):
    (two,) = call("plan", small, "--out", tmp_path, "--json").json["power"]
    assert (two["regime"], two["seeds"], two["comparisons"], two["smallest_visible_ratio"]) == ("plain", 2, 3, None)
    assert "plain: with 2 seeds no ER will be seen; three are the fewest" in call("plan", small, "--out", tmp_path).out
    (five,) = call("plan", small, "--out", tmp_path, "--seeds", 5, "--json").json["power"]
    assert five["smallest_visible_ratio"] == smallest_visible_ratio(5, 3, five["sd_log_ratio"])
    text = call("plan", small, "--out", tmp_path, "--seeds", 5).out
    assert f"plain: with 5 seeds an ER below {five['smallest_visible_ratio']:.2g} will not be seen" in text
    assert "after Holm among 3 comparisons, if onsets have a coefficient of variation of 0.2" in text
    alone = call("plan", small, "--out", tmp_path, "--objective", "ce", "--json").json["power"]
    assert [(entry["comparisons"], entry["smallest_visible_ratio"]) for entry in alone] == [(0, None)]


def test_plan_with_settings_is_another_suite(call, small, tmp_path):
    planned = call("plan", small, "--set", "n=50", "--out", tmp_path, "--json").json
    assert planned["suite"].startswith("small@3+")
    assert not {c["id"] for c in planned["chains"]} & {c["id"] for c in call("plan", small, "--json").json["chains"]}


def test_plan_for_people_says_how_many_and_how_long(call, small, tmp_path):
    text = call("plan", small, "--out", tmp_path, "--workers", 2).out
    assert "12 chains, 0 of them done; the rest takes about 1 s with 2 workers" in text
    assert "generation 0 is fitted 4 times for 12 chains" in text
    assert "2 pending" in text


def test_plan_says_that_disk_and_memory_are_unknown_until_a_model_is_kept(call, small, tmp_path, monkeypatch):
    monkeypatch.setenv("FORTIFAI_CACHE", str(tmp_path / "cache"))  # where no plan is remembered from before
    monkeypatch.setattr(GaussianMixtureAdapter, "model_bytes", Modality.model_bytes)
    assert "with 1 worker, disk unknown, memory unknown\n" in call("plan", small, "--out", tmp_path).out
    assert call("plan", small, "--out", tmp_path, "--json").json["estimate"]["disk_bytes"] is None
    monkeypatch.setattr(RunFolder, "model_bytes", lambda folder, regime: 1_000)
    assert "unknown" not in call("plan", small, "--out", tmp_path).out


def test_a_suite_that_needs_a_gpu_is_planned_anywhere_and_run_where_one_is(call, small, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.chdir(tmp_path)
    small.write_text(small.read_text() + "gpu = true\n")
    planned = call("plan", small, "--json").json
    assert planned["needs"] == ["a CUDA GPU"]
    (missing,) = planned["missing"]
    assert missing.startswith("a CUDA GPU: ")
    text = call("plan", small).out
    assert "needs a GPU: about 0.000667 GPU hours" in text  # 24 times 0.1 s
    assert "seconds of plain: as its suite file declares, not measured here" in text
    priced = call("plan", small, "--price", 3600, "--json").json["estimate"]
    assert priced["money"] == {"amount": 2.4, "price": 3600, "per": "gpu_hour", "hours": pytest.approx(2.4 / 3600, rel=1e-3)}
    assert "costs about 2.4, at 3600 for an hour of a GPU\n" in call("plan", small, "--price", 3600).out
    assert "needs a CUDA GPU, MISSING: torch finds none here" in text
    assert "on one GPU, estimated" in call("describe", small).out
    refused = call("run", small)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.splitlines() == ["fortifai: suite small cannot run on this machine, which lacks:", f"  {missing}"]
    assert list(tmp_path.iterdir()) == [small]
    words = "--set gpu=false --seeds 1 --generations 1 --strategy replace --executor in-process"
    assert call("run", small, *words.split()).code == 0


def test_a_plan_tries_a_regime_out_once_and_says_so(call, small, tmp_path, monkeypatch):
    monkeypatch.setenv("FORTIFAI_CACHE", str(tmp_path / "cache"))
    words = ("plan", small, "--out", tmp_path, "--probe", 0.3)
    tried = call(*words, "--json").json["estimate"]
    assert tried["basis"] == {"plain": "probed"}
    assert tried["seconds"] > 0
    assert call(*words, "--json").json["estimate"] == tried, "the second plan goes by what the first one found out"
    text = call("plan", small, "--out", tmp_path, "--price", 1.5).out
    assert "seconds of plain: by a trial of some seconds on this machine" in text
    assert "at 1.5 for an hour of a core\n" in text


@pytest.mark.parametrize(
    ("option", "value"), [("--probe", -1), ("--probe", 1e9), ("--probe", "nan"), ("--price", -2), ("--price", "inf")]
)
def test_a_probe_or_a_price_that_cannot_be_is_refused(call, small, option, value):
    refused = call("plan", small, option, value)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith(f"fortifai: {option} ")
    assert ": must be " in refused.err
