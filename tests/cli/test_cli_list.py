"""`fortifai list`: everything that has a name, at once."""

import json

import pytest
from cli_support import python


def test_list_shows_everything_that_has_a_name(call):
    answer = call("list", "--json")
    assert (answer.code, answer.err) == (0, "")
    assert list(answer.json) == ["schema", "suites", "modalities", "metrics", "objectives", "strategies", "executors"]
    assert answer.json["schema"] == 1
    for entries in list(answer.json.values())[1:]:
        assert entries
        assert [entry["name"] for entry in entries] == sorted(entry["name"] for entry in entries)
        assert all(isinstance(entry["summary"], str) for entry in entries)


def test_every_part_of_the_list_has_its_keys(call):
    names = call("list", "--json").json
    keys = {part: set(names[part][0]) for part in names if part != "schema"}
    assert keys == {
        "suites": {"name", "version", "available", "reason", "summary", "modalities", "regimes", "package"},
        "modalities": {"name", "version", "available", "reason", "summary", "metrics", "package"},
        "metrics": {
            *("name", "available", "reason", "summary", "better", "target", "unit", "range", "least_n", "reads", "chance"),
            "package",
        },
        "objectives": {"name", "available", "reason", "summary", "form", "parameters", "package"},
        "strategies": {"name", "available", "reason", "summary", "form", "parameters", "package"},
        "executors": {"name", "available", "reason", "summary", "parameters", "package"},
    }
    (tabular,) = [entry for entry in names["modalities"] if entry["name"] == "tabular"]
    assert (tabular["available"], tabular["reason"]) == (True, None)
    assert "sliced_wasserstein" in tabular["metrics"]
    (mix,) = [entry for entry in names["strategies"] if entry["name"] == "fresh-mix"]
    assert mix["form"] == "fresh-mix:k=6"
    assert [(p["name"], p["default"]) for p in mix["parameters"]] == [("k", 6)]


@pytest.mark.parametrize("part", ["suites", "modalities", "metrics", "objectives", "strategies", "executors"])
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
