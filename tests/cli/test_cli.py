"""The command line: what it prints and how it ends."""

import json
import subprocess
import sys

import pytest
from cli_support import Answer, python

from fortifai.errors import RunFailed

# Listing


def test_list_gives_everything_that_has_a_name(call):
    answer = call("list", "--json")
    assert (answer.code, answer.err) == (0, "")
    assert list(answer.json) == ["schema", "suites", "modalities", "metrics", "objectives", "strategies"]
    assert answer.json["schema"] == 1
    for entries in list(answer.json.values())[1:]:
        assert entries
        assert [entry["name"] for entry in entries] == sorted(entry["name"] for entry in entries)
        assert all(isinstance(entry["summary"], str) for entry in entries)


def test_every_part_of_the_list_has_its_keys(call):
    found = call("list", "--json").json
    keys = {part: set(found[part][0]) for part in found if part != "schema"}
    assert keys == {
        "suites": {"name", "version", "available", "reason", "summary", "modalities", "regimes"},
        "modalities": {"name", "version", "available", "reason", "summary", "metrics"},
        "metrics": {"name", "available", "reason", "summary", "better", "target", "unit", "range", "least_n", "reads", "chance"},
        "objectives": {"name", "summary", "form", "parameters"},
        "strategies": {"name", "summary", "form", "parameters"},
    }
    (tabular,) = [entry for entry in found["modalities"] if entry["name"] == "tabular"]
    assert (tabular["available"], tabular["reason"]) == (True, None)
    assert "sliced_wasserstein" in tabular["metrics"]
    (mix,) = [entry for entry in found["strategies"] if entry["name"] == "fresh-mix"]
    assert mix["form"] == "fresh-mix:k=6"
    assert [(p["name"], p["default"]) for p in mix["parameters"]] == [("k", 6)]


@pytest.mark.parametrize("part", ["suites", "modalities", "metrics", "objectives", "strategies"])
def test_a_part_of_the_list_is_printed_alone_under_the_same_key(call, part):
    alone = call("list", part, "--json").json
    assert list(alone) == ["schema", part]
    assert alone[part] == call("list", "--json").json[part]
    table = call("list", part).out
    assert all(entry["name"] in table and entry["summary"] in table for entry in alone[part])


def test_listing_imports_neither_torch_nor_pandas():
    script = (
        "import sys; sys.argv = ['fortifai', 'list', '--json']\n"
        "from fortifai.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "print([name for name in ('torch', 'pandas', 'scipy', 'sklearn') if name in sys.modules], file=sys.stderr)"
    )
    done = python(script)
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1] == "[]"
    assert json.loads(done.stdout)["schema"] == 1


# Describing and planning


def test_describe_says_what_a_suite_runs(call, small):
    found = call("describe", small, "--json").json
    assert set(found) == {"schema", "name", "version", "summary", "rule", "chains", "regimes"}
    assert (found["name"], found["version"], found["rule"], found["chains"]) == ("small", 3, "phi<0.75", 12)
    (regime,) = found["regimes"]
    assert regime["objectives"] == ["ce", "tce:gamma=0.9"]
    assert regime["core_seconds"] == pytest.approx(0.1 * 2 * 2 * (3 + 2 + 3))  # fresh-mix:k=2 ends after generation 1
    text = call("describe", small).out
    for word in ("small@3", "penguins", "components 2", "sliced_wasserstein", "fresh-mix:k=2", "2 seeds, 12 chains"):
        assert word in text


def test_plan_gives_the_chains_and_what_they_cost(call, small, tmp_path):
    found = call("plan", small, "--out", tmp_path, "--json").json
    assert list(found) == ["schema", "suite", "chains", "estimate", "needs", "missing"]
    assert found["suite"] == "small@3"
    assert set(found["estimate"]) == {"seconds", "disk_bytes", "memory_bytes"}
    assert all(value > 0 for value in found["estimate"].values())
    assert len(found["chains"]) == 12
    for chain in found["chains"]:
        assert set(chain) == {"id", "regime", "strategy", "objective", "seed", "state", "horizon", "finished"}
        assert (chain["state"], chain["finished"]) == ("pending", 0)
    selected = call(
        "plan", small, "--out", tmp_path, "--seeds", 3, "--strategy", "replace", "--objective", "focal", "--json"
    ).json
    assert [(c["objective"], c["seed"]) for c in selected["chains"]] == [
        (objective, seed) for seed in range(3) for objective in ("ce", "focal:gamma=2")
    ]
    assert list(tmp_path.iterdir()) == [small]  # planning writes nothing


def test_plan_with_settings_is_another_suite(call, small, tmp_path):
    found = call("plan", small, "--set", "n=50", "--out", tmp_path, "--json").json
    assert found["suite"].startswith("small@3+")
    assert not {c["id"] for c in found["chains"]} & {c["id"] for c in call("plan", small, "--json").json["chains"]}


def test_plan_for_people_says_how_many_and_how_long(call, small, tmp_path):
    text = call("plan", small, "--out", tmp_path, "--workers", 2).out
    assert "12 chains, 0 of them done; the rest takes about 2 s with 2 workers" in text
    assert "2 pending" in text


def test_a_suite_that_needs_a_gpu_is_planned_anywhere_and_run_where_one_is(call, small, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.chdir(tmp_path)
    small.write_text(small.read_text() + "gpu = true\n")
    found = call("plan", small, "--json").json
    assert found["needs"] == ["a CUDA GPU"]
    (missing,) = found["missing"]
    assert missing.startswith("a CUDA GPU: ")
    text = call("plan", small).out
    assert "needs a GPU: about 0.000889 GPU hours (estimated from arithmetic, not measured)" in text  # 32 times 0.1 s
    assert "needs a CUDA GPU, MISSING: torch finds none here" in text
    assert "on one GPU, estimated" in call("describe", small).out
    refused = call("run", small)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.splitlines() == ["fortifai: suite small cannot run on this machine, which lacks:", f"  {missing}"]
    assert list(tmp_path.iterdir()) == [small]
    assert call("run", small, "--set", "gpu=false", "--seeds", 1, "--generations", 1, "--strategy", "replace").code == 0


def test_a_run_can_be_looked_at_scored_and_taken_further(call, small, tmp_path):
    run = tmp_path / "runs" / "small@3"
    words = (small, "--out", run.parent, "--seeds", 1, "--generations", 1, "--strategy", "replace", "--strategy", "control")
    ran = call("run", *words)
    assert (ran.code, ran.out) == (0, f"{run}: 4 chains done; next: fortifai score {run}\n")
    status = call("status", run, "--json").json
    assert list(status) == ["schema", "suite", "held_by", "chains"]
    assert (status["suite"], status["held_by"]) == ("small@3", None)
    assert {(c["state"], c["finished"]) for c in status["chains"]} == {("done", 2)}
    assert "small@3: 4 of 4 chains done; no process is at it" in call("status", run).out
    scored = call("score", run, "--json").json
    assert scored["schema"] == 1
    assert sorted((row["strategy"], row["objective"]) for row in scored["rows"]) == [
        (strategy, objective) for strategy in ("control", "replace") for objective in ("ce", "tce:gamma=0.9")
    ]
    done = call("plan", *words, "--json").json
    assert {c["state"] for c in done["chains"]} == {"done"}
    assert (done["estimate"]["seconds"], done["estimate"]["disk_bytes"]) == (0, 0)
    further = call("plan", *words, "--generations", 2, "--json").json
    assert {(c["state"], c["finished"], c["horizon"]) for c in further["chains"]} == {("partial", 2, 2)}
    assert further["estimate"]["seconds"] > 0


# How it ends


def test_help_shows_every_command(call):
    answer = call("--help")
    assert answer.code == 0
    commands = ("list", "describe", "plan", "run", "status", "score", "report", "leaderboard")
    assert all(f" {name} " in answer.out for name in commands)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RunFailed("2 of 6 chains did not finish"), "2 of 6 chains did not finish"),
        (KeyboardInterrupt(), "stopped; what is done is kept, and the same command resumes it"),
    ],
)
def test_a_run_that_failed_or_was_stopped_ends_with_code_1(call, small, monkeypatch, error, said):
    def fail(*given: object, **named: object) -> None:
        raise error

    monkeypatch.setattr("fortifai.runner.run.run", fail)
    assert call("run", small) == Answer(1, "", f"fortifai: {said}\n")


def test_a_process_ends_with_the_code_and_one_line():
    done = python("from fortifai.cli import main; main()", "describe", "qiuck")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "fortifai: unknown suite 'qiuck'; did you mean 'quick'? (`fortifai list suites` shows them all)\n"


def test_a_reader_that_has_seen_enough_gets_no_traceback():
    script = "from fortifai.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-P", "-c", script, "list", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait(timeout=60) == 1
