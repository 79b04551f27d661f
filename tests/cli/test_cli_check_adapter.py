"""`fortifai check-adapter`: a line for each check, or one JSON document."""

from dataclasses import replace

import pytest
from cli_support import Call

from fortifai.contract.declaration import ModalityDeclaration, modalities
from fortifai.modalities.analytic import GAUSSIAN

SEEN = ("--check", "splits_are_disjoint", "--check", "beats_the_null")


@pytest.fixture
def excusing(monkeypatch: pytest.MonkeyPatch) -> ModalityDeclaration:
    """An adapter that excuses a check which it passes."""
    declaration = replace(GAUSSIAN, name="excusing", expected_failures={"beats_the_null": "long mended"})
    monkeypatch.setitem(modalities._entries, "excusing", declaration)
    return declaration


def test_every_check_has_a_line(call: Call) -> None:
    answer = call("check-adapter", "analytic-categorical", *SEEN)
    assert (answer.code, answer.err) == (0, "")
    skipped, passed, total = answer.out.splitlines()
    assert skipped.startswith("skipped  splits_are_disjoint: 100% of the training samples have an equal one")
    assert passed == "passed   beats_the_null"
    assert total.startswith("analytic-categorical@1: 1 passed, 1 skipped, in ")


def test_json_is_one_document(call: Call) -> None:
    document = call("check-adapter", "analytic-gaussian", *SEEN, "--json").json
    assert (document["schema"], document["name"], document["version"]) == (1, "analytic-gaussian", "2")
    assert [(row["name"], row["state"], row["reason"]) for row in document["checks"]] == [
        ("splits_are_disjoint", "passed", None),
        ("beats_the_null", "passed", None),
    ]
    assert all(row["summary"].endswith(".") and row["seconds"] >= 0 for row in document["checks"])


def test_a_failure_is_exit_code_1(call: Call, excusing: ModalityDeclaration) -> None:
    answer = call("check-adapter", excusing.name, "--check", "beats_the_null")
    assert answer.code == 1
    assert answer.out.startswith("FAILED   beats_the_null: passed, and was expected to fail (long mended)")
    assert call("check-adapter", excusing.name, "--check", "beats_the_null", "--set", "n=900").code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("tabula",), "unknown modality 'tabula'; did you mean 'tabular'?"),
        (("tabular", "--check", "beats_the_nul"), "unknown check 'beats_the_nul'; did you mean 'beats_the_null'?"),
        (("text", "--check", "the_relative_scale_is_used"), "'text' is not checked for the_relative_scale_is_used"),
        (("tabular", "--set", "model.compnents=2"), "model.compnents: unknown key (known: components, "),
    ],
)
def test_what_is_unknown_is_exit_code_2(call: Call, words: tuple[str, ...], message: str) -> None:
    answer = call("check-adapter", *words)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
