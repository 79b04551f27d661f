"""No Python that a task file names is run, unless the user allows it."""

import json
import os
from pathlib import Path

import pytest

from fortifai.errors import UserError
from fortifai.modalities.text.metrics import harness
from fortifai.permission import VARIABLE

TASK = """
task: tiny
dataset_path: json
dataset_kwargs: {data_files: {test: DATA}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{context}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{label}}"
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
"""
OS = "{{ cycler.__init__.__globals__.os.system('touch RAN') }}"

FILES = {
    "tag.yaml": TASK + "process_docs: !function evil.f\n",
    "include.yaml": "include: tag.yaml\ntask: other\n",
    "list.yaml": "task: other\ninclude: [plain.yaml, below/tag.yaml]\n",
    "cycle.yaml": "include: [cycle.yaml, tag.yaml]\ntask: other\n",
    "merge.yaml": "task: other\nbase: &base {include: tag.yaml}\n<<: *base\n",
    "group.yaml": "group: several\ntask:\n  - task: one\n    process_docs: !function evil.f\n",
    "files.yaml": "group: several\ntask: [tag.yaml]\n",
    "class.yaml": "task: other\nclass: !function evil.Task\n",
    "metric.yaml": TASK.replace("metric: acc", "metric: SCRIPT"),
    "hub.yaml": TASK.replace("metric: acc", "metric: acc, hf_evaluate: true"),
    "script.yaml": TASK.replace("dataset_path: json", "dataset_path: SCRIPT"),
    "trusting.yaml": TASK.replace("{data_files", "{trust_remote_code: true, data_files"),
    "pickle.yaml": TASK.replace("dataset_path: json", "dataset_path: pandas"),
    "template.yaml": TASK.replace("{{context}}", OS),
    "object.yaml": TASK + 'description: !!python/object/apply:os.system ["touch RAN"]\n',
}
"""Task files that run code, by every road that there is into Python."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Those files, beside a plain one, and Python that leaves a file named RAN when it is run."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv(VARIABLE, raising=False)
    (tmp_path / "below").mkdir()
    data = tmp_path / "tiny.jsonl"
    data.write_text('{"context": "a", "choices": ["x", "y"], "label": 0}\n' * 3)
    ran = f'open({str(tmp_path / "RAN")!r}, "w").close()'
    (tmp_path / "script").mkdir()
    for file in ("evil.py", "below/evil.py", "script/script.py"):
        (tmp_path / file).write_text(f"{ran}\n\ndef f(docs):\n    return docs\n\nclass Task:\n    pass\n")
    for name, content in {**FILES, "plain.yaml": TASK, "below/tag.yaml": FILES["tag.yaml"]}.items():
        for word, path in (("DATA", data), ("SCRIPT", tmp_path / "script"), ("touch RAN", f"touch {tmp_path / 'RAN'}")):
            content = content.replace(word, str(path))
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("read", [harness.load, lambda path: harness.check(None, path)], ids=["load", "check"])
def test_code_is_refused_before_it_is_run(folder, read, name):
    with pytest.raises(
        UserError, match=r"the task would run Python code: .*; read it first, and if you trust it, pass --allow-code"
    ):
        read(str(folder / name))
    assert not (folder / "RAN").exists()


def test_a_plain_task_loads(folder):
    assert harness.load(str(folder / "plain.yaml")).metric == "acc"


@pytest.mark.parametrize("name", ["tag.yaml", "include.yaml", "template.yaml", "metric.yaml"])
def test_code_that_is_allowed_is_run(folder, monkeypatch, name):
    monkeypatch.setenv(VARIABLE, "1")
    harness.load(str(folder / name))
    assert (folder / "RAN").exists()


def test_templates_of_other_tasks_are_as_free_as_before(folder):
    from lm_eval import utils

    before = utils.env
    for name in ("plain.yaml", "template.yaml"):
        try:
            harness.load(str(folder / name))
        except UserError:
            assert name == "template.yaml"
    assert utils.env is before


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a: " + "[" * 3_000, "nested too deeply"),
        ("a: [", "cannot be read as YAML"),
        ("a: 9999-99-99", "cannot be read as YAML"),
        (json.dumps({"a": "x" * 2**20}), "it has more than 1 MiB"),
        ("a: " + "9" * 5_000, "cannot be read as YAML"),
        (b"task: caf\xe9", "cannot be read as YAML"),
        (b"\xff\xfet\0a\0s\0k\0", "cannot be read as YAML"),
    ],
    ids=["deep", "broken", "no date", "large", "digits", "latin-1", "utf-16"],
)
def test_a_file_that_is_not_yaml_is_refused_in_one_line(tmp_path, content, reason):
    (file := tmp_path / "task.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=reason) as refused:
        harness.load(str(file))
    assert "\n" not in str(refused.value)


SUITE = """
schema = 1
name = "texts"
version = 1
summary = "a task file"

[regimes.plain]
modality = "text"
data = {{source = "{text}", block = 16}}
model = {{vocabulary = 256, hidden_size = 16, intermediate_size = 32, layers = 1, heads = 2}}
n = 8
generations = 1
seeds = 1
objectives = ["tce"]
strategies = ["replace", "control"]
metrics = ["unigram_js", "lm-eval:{task}"]
fidelity_metric = "unigram_js"
seconds_per_generation = 1
"""


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_command_runs_no_code_without_the_user_s_word(folder, call, command):
    (text := folder / "text.txt").write_text("and the king of bread went up to the sea\n" * 100)
    (suite := folder / "suite.toml").write_text(SUITE.format(text=text, task=folder / "include.yaml"))
    answer = call(command, suite)
    assert (answer.code, answer.out) == (2, "")
    assert "the task would run Python code: !function evil.f in line" in answer.err
    assert answer.err.count("\n") == 1
    assert not (folder / "RAN").exists()


def test_a_user_s_word_is_heard_by_the_command_and_its_workers(folder, call):
    (text := folder / "text.txt").write_text("and the king of bread went up to the sea\n" * 100)
    (suite := folder / "suite.toml").write_text(SUITE.format(text=text, task=folder / "tag.yaml"))
    assert call("plan", suite, "--allow-code").code == 0
    assert (folder / "RAN").exists()
    assert os.environ[VARIABLE] == "1"  # which worker processes inherit
