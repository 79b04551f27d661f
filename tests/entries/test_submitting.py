"""A run folder as one file: every number of it to the last bit, what it was run with, and what a reader has to know."""

import json
import random
import shutil
from pathlib import Path

import pytest
from cli_support import Call
from entry_support import SUBMISSION, content_of

import fortifai
from fortifai.entries import submit
from fortifai.entries.suite import suite_of
from fortifai.errors import UserError
from fortifai.leaderboard.submission import suite_hash
from fortifai.planning.suite_file import load_suite, suite_names
from fortifai.records.entry import Submission
from fortifai.records.entry_file import encode, read_entry
from fortifai.records.entry_verification import verify_entry
from fortifai.records.numbers import Columns, RunNumbers
from fortifai.records.run_numbers import numbers_of
from fortifai.records.schema import SuiteDescription
from fortifai.records.verification import verify_run
from fortifai.runner.run_folder import describe


def test_every_number_of_every_chain_is_in_the_entry(run: Path, entry: Path) -> None:
    chains = {chain["id"]: chain for chain in content_of(entry)["numbers"]["chains"]}
    folders = [file.parent for file in run.glob("*/chain.json")]
    assert {folder.name for folder in folders} == chains.keys()
    assert len(chains) == 12
    for folder in folders:
        records = [json.loads(line) for line in (folder / "generations.jsonl").read_text().splitlines()]
        columns = chains[folder.name]["generations"]
        for name in ("metrics", "notes", "seconds", "training"):
            keys = {key for record in records for key in record[name]}
            assert columns[name] == {key: [record[name].get(key) for record in records] for key in keys}
        for name in ("masked_share", "peak_memory_bytes"):
            assert columns[name] == [record[name] for record in records]
        assert chains[folder.name]["head"] == records[-1]["hash"]
        assert chains[folder.name]["generation_0"] == records[0]["shared"]


def test_nulls_machines_and_identities_are_in_the_entry(run: Path, entry: Path) -> None:
    numbers = read_entry(entry).numbers
    null = json.loads((run / "nulls" / "biased.json").read_text())
    assert numbers.nulls[0].values == null["values"]
    assert len(numbers.nulls[0].values) == 64
    assert (len(numbers.machines), len(numbers.settings)) == (1, 1)
    for chain in numbers.chains:
        stored = json.loads((run / chain.id / "chain.json").read_text())
        record = numbers.record(chain).model_dump(mode="json")
        assert {name: value for name, value in record.items() if name != "hash"} == {
            k: v for k, v in stored.items() if k != "hash"
        }


def test_what_a_shared_generation_0_took_is_in_the_entry(suite: Path, tmp_path: Path) -> None:
    kept = fortifai.run(suite, tmp_path, generations=1, quiet=True).path
    numbers = numbers_of(kept)
    files = sorted(kept.glob("generation-0/*/generation.json"))
    assert [shared.key for shared in numbers.generations_0] == [file.parent.name for file in files]
    assert {chain.generation_0 for chain in numbers.chains} == {file.parent.name for file in files}
    for shared, file in zip(numbers.generations_0, files, strict=True):
        assert shared.seconds == json.loads(file.read_text())["record"]["seconds"]


def test_a_run_and_its_entry_have_one_digest(run: Path, entry: Path, call: Call) -> None:
    of_run, of_entry = verify_run(run), verify_entry(entry)
    assert of_run.is_whole
    assert of_entry.is_whole
    assert (of_run.digest, of_run.records) == (of_entry.digest, of_entry.records)
    answers = [call("verify", path) for path in (run, entry)]
    assert [answer.code for answer in answers] == [0, 0]
    assert all(f"digest {of_run.digest[:16]}" in answer.out for answer in answers)
    assert call("verify", entry, "--json").json["digest"] == of_run.digest


def test_an_entry_scores_as_its_run_does(run: Path, entry: Path) -> None:
    of_entry = fortifai.score(entry)
    assert of_entry == fortifai.score(run)
    assert content_of(entry)["score"] == of_entry.model_dump(mode="json")


def test_the_same_run_gives_the_same_bytes(run: Path, entry: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "elsewhere" / run.name)
    again, _ = submit(tmp_path / "elsewhere" / run.name, SUBMISSION, tmp_path)
    assert again.name == entry.name == "tiny@1--mine.json.gz"
    assert again.read_bytes() == entry.read_bytes()


def test_an_entry_never_replaces_a_file(run: Path, entry: Path, call: Call) -> None:
    before = entry.read_bytes()
    for out in (entry, entry.parent):
        answer = call("leaderboard", "submit", run, "--method", "mine", "--contact", "other@example.org", "--out", out)
        assert (answer.code, answer.out) == (2, "")
        assert "an entry never replaces another" in answer.err
    assert entry.read_bytes() == before
    assert [file.name for file in entry.parent.iterdir()] == [entry.name]


def test_a_folder_for_it_is_made_where_it_is_missing(run: Path, entry: Path, tmp_path: Path) -> None:
    path, _ = submit(run, SUBMISSION, tmp_path / "entries" / "mine")
    assert path == tmp_path / "entries" / "mine" / entry.name
    assert path.read_bytes() == entry.read_bytes()


def test_a_file_of_another_name_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has to be called tiny@1--mine\.json\.gz"):
        submit(run, SUBMISSION, tmp_path / "x.json.gz")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--method", "../x", "--method '../x': should be letters, digits"),
        ("--contact", "nobody", "--contact 'nobody': should be a mail address"),
        ("--paper", "javascript:alert(1)", "--paper 'javascript:alert(1)': should be an address that begins with https://"),
        ("--code", "https://x.example/<b>", "should be an address that begins with https://"),
        ("--provenance", "mine", "should be one of maintainer-run, author-submitted, paper-reported"),
    ],
)
def test_what_cannot_stand_in_an_entry_is_refused(run: Path, tmp_path: Path, call: Call, option, value, message) -> None:
    options = {"--method": "mine", "--contact": "me@example.org", option: value}
    answer = call("leaderboard", "submit", run, *(word for pair in options.items() for word in pair), "--out", tmp_path)
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert message in answer.err
    assert not list(tmp_path.iterdir())


def test_marks_say_what_is_so(run: Path, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert submit(run, SUBMISSION, tmp_path)[1].marks.model_dump() == {"own_suite": True, "partial": False, "dirty": False}
    monkeypatch.setattr("fortifai.runner.chain_record.commit", lambda: "c0ffee0+changes")
    fewer = fortifai.run(suite, tmp_path / "fewer", seeds=1, strategies=["replace"], quiet=True).path
    changed = Submission(method="other", contact="me@example.org")
    assert submit(fewer, changed, tmp_path)[1].marks.model_dump() == {"own_suite": True, "partial": True, "dirty": True}


def test_fewer_objectives_are_not_partial_and_fewer_generations_are(suite: Path, tmp_path: Path) -> None:
    baseline = fortifai.run(suite, tmp_path / "a", objectives=["ce"], quiet=True).path
    assert not submit(baseline, SUBMISSION, tmp_path)[1].marks.partial
    shorter = fortifai.run(suite, tmp_path / "b", generations=2, quiet=True).path
    (out := tmp_path / "out").mkdir()
    assert submit(shorter, SUBMISSION, out)[1].marks.partial


@pytest.mark.parametrize("name", suite_names())
def test_every_shipped_suite_is_recognised_by_what_a_run_says_of_it(name: str) -> None:
    """From its description alone, an entry's own suite would have the same identities, too."""
    suite = load_suite(name)
    described = SuiteDescription.model_validate(json.loads(json.dumps(describe(suite))))
    numbers = RunNumbers(
        fortifai="0", suite=described, nulls=[], settings=[], machines=[], generations_0=[], chains=[], missing=[]
    )
    assert suite_hash(described.model_dump(mode="json")) == suite_hash(describe(suite_of(numbers, own=False)))
    own = suite_of(numbers, own=True)
    assert [regime.identity() for regime in own.regimes] == [regime.identity() for regime in suite.regimes]


def test_300_chains_of_60_generations_have_less_than_2_megabytes(run: Path, entry: Path) -> None:
    """By 30 chains of 8 metrics whose every digit is random, which nothing compresses further."""
    rng = random.Random(0)
    few = numbers_of(run)
    template = few.chains[0]

    def column() -> list[float | None]:
        return [rng.random() for _ in range(61)]

    chains = [
        template.model_copy(
            update={
                "id": f"{number:016x}",
                "seed": number,
                "head": f"{rng.getrandbits(256):064x}",
                "generations": Columns(
                    metrics={f"metric_{place}": column() for place in range(8)},
                    masked_share=[round(rng.random(), 6) for _ in range(61)],
                    notes={"em_iterations": [float(rng.randrange(100)) for _ in range(61)]},
                    seconds={step: [round(rng.random(), 6) for _ in range(61)] for step in ("fit", "sample", "measure")},
                    peak_memory_bytes=[700_000_000 + 4096 * rng.randrange(1000)] * 61,
                    training={"size": [1500] * 61, "real": [0] * 61, "synthetic": [1500] * 61, "reused": [0] * 61},
                ),
            }
        )
        for number in range(30)
    ]
    packed = read_entry(entry).model_copy(update={"numbers": few.model_copy(update={"chains": chains})})
    assert len(encode(packed)) < 2e6 / 10
