"""What a node does to its copy of the run folder happens to the run folder, whole and in order, wherever the node is lost."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from cluster_support import chain_task, local_run, sent_by_a_node, write_bell
from runner_support import numbers

from fortifai.errors import Damaged
from fortifai.records.verification import verify_run
from fortifai.runner.cluster.inbox import Inbox
from fortifai.runner.cluster.node import Report, Sent
from fortifai.runner.cluster.outbox import Outbox
from fortifai.runner.cluster.parcels import Changes, Piece, files_for
from fortifai.runner.messages import TaskDone, read_event


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run by this process, all of whose generations are kept."""
    return local_run(tmp_path_factory.mktemp("whole"), keep="all")


@pytest.fixture
def begun(tmp_path: Path, whole: Path) -> Path:
    """A run folder whose chains are announced and have yet to begin."""
    run = shutil.copytree(whole, tmp_path / whole.name)
    for left in (*run.glob("*/generations.jsonl"), *run.glob("*/generation-??"), *run.glob("generation-0/*")):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    return run


def take(inbox: Inbox, sent: Sent) -> None:
    if isinstance(sent, Piece):
        inbox.receive(sent)
    elif isinstance(sent, Changes):
        inbox.commit(sent)


def _take_all(inbox: Inbox, sent: Sequence[Sent]) -> None:
    for one in sent:
        take(inbox, one)


def lines(run: Path, chain: str) -> int:
    records = run / chain / "generations.jsonl"
    return len(records.read_text().splitlines()) if records.exists() else 0


def of_chain(run: Path, chain: str) -> dict[str, object]:
    return {path: content for path, content in numbers(run).items() if path.startswith((chain, "generation-0"))}


def test_a_chain_that_a_node_runs_has_the_numbers_of_a_local_one(begun: Path, whole: Path) -> None:
    task = chain_task(write_bell(begun.parent), begun, keep="all")
    chain, inbox = task.chain.identity()[0], Inbox(begun)
    sent = list(sent_by_a_node(task))
    _take_all(inbox, sent)
    inbox.close()
    assert isinstance(sent[0], Report)
    assert isinstance(read_event(str(sent[-1])), TaskDone)
    mine = of_chain(begun, chain)
    assert len(mine) == 1 + 6 * 2 + 2  # records, samples and models, and those of generation 0 that others take over
    assert mine.items() <= numbers(whole).items()
    (shared,) = begun.glob("generation-0/*/samples.safetensors")
    assert shared.samefile(begun / chain / "generation-00" / "samples.safetensors")  # a second name, as locally
    assert not list(begun.glob(".*"))


def test_a_node_that_is_lost_at_any_moment_costs_what_was_not_committed_and_no_number(begun: Path, whole: Path) -> None:
    task = chain_task(write_bell(begun.parent), begun)
    chain = task.chain.identity()[0]
    times, finished = 0, 0
    while finished < 6:
        inbox = Inbox(begun)
        for place, one in enumerate(sent_by_a_node(chain_task(write_bell(begun.parent), begun))):
            if place > times % 9 + 3:  # lost: now here, now there
                break
            take(inbox, one)
            assert lines(begun, chain) >= finished  # nothing goes back
            finished = lines(begun, chain)
        inbox.close()
        assert verify_run(begun).findings == ()
        times += 1
    assert times > 1
    mine = {path: content for path, content in of_chain(begun, chain).items() if not path.startswith("generation-0")}
    assert mine.items() <= numbers(whole).items()


def test_what_arrives_other_than_it_was_sent_is_not_committed(begun: Path) -> None:
    task = chain_task(write_bell(begun.parent), begun)
    chain, inbox = task.chain.identity()[0], Inbox(begun)
    sent = list(sent_by_a_node(task))
    place = next(place for place, one in enumerate(sent) if isinstance(one, Piece) and "generation-01/samples" in one.path)
    flipped = sent[place].content
    sent[place] = Piece(sent[place].path, flipped[:-1] + bytes([flipped[-1] ^ 1]))
    with pytest.raises(Damaged, match=r"samples\.safetensors is not what its record has the hash of"):
        _take_all(inbox, sent)
    inbox.close()
    assert lines(begun, chain) == 1
    assert not (begun / chain / "generation-01").exists()


@pytest.mark.parametrize("name", ["../elsewhere", "/etc/passwd", "chain/../../elsewhere"])
def test_a_node_writes_nowhere_but_into_the_run_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(Damaged, match="a node has sent a file of the name"):
        Inbox(tmp_path).receive(Piece(name, b"x"))


def test_what_is_damaged_in_the_run_folder_is_set_aside_there_and_computed_again(tmp_path: Path, whole: Path) -> None:
    run = shutil.copytree(whole, tmp_path / whole.name)
    suite = write_bell(tmp_path, (whole.parent / "bell.toml").read_text().replace("generations = 5", "generations = 6"))
    task = chain_task(suite, run, keep="all")
    chain = task.chain.identity()[0]
    (run / chain / "generation-05" / "samples.safetensors").write_bytes(b"scratched")
    inbox = Inbox(run)
    _take_all(inbox, list(sent_by_a_node(task)))
    inbox.close()
    assert (run / chain / "generation-05.damaged-1" / "samples.safetensors").read_bytes() == b"scratched"
    assert lines(run, chain) == 7
    mine, before = numbers(run), numbers(whole)
    assert all(mine[path] == content for path, content in before.items() if path.endswith(".safetensors"))


def test_only_what_a_task_needs_is_sent(whole: Path) -> None:
    task = chain_task(whole.parent / "bell.toml", whole)
    chain = task.chain.identity()[0]
    names = {name.split("/")[0] for name in files_for(whole, task)}
    assert names == {"suite.json", "nulls", chain}


def test_changes_are_found_by_looking(tmp_path: Path) -> None:
    chain = tmp_path / "c"
    (chain / "fit-01").mkdir(parents=True)
    (chain / "generations.jsonl").write_text("a\n")
    (chain / "fit-01" / "state").write_text("x")
    outbox = Outbox(tmp_path)
    assert list(outbox.pack()) == []
    with (chain / "generations.jsonl").open("a") as file:
        file.write("b\n")
    shutil.rmtree(chain / "fit-01")
    (chain / "generation-01" / "model").mkdir(parents=True)
    (chain / "generation-01" / "samples").write_bytes(b"")
    (chain / "half.tmp").write_text("x")
    assert list(outbox.pack()) == [
        Piece("c/generation-01/samples", b""),
        Piece("c/generations.jsonl", b"b\n"),
        Changes(
            written=("c/generation-01/samples",),
            appended=("c/generations.jsonl",),
            folders=("c/generation-01", "c/generation-01/model"),
            removed=("c/fit-01", "c/fit-01/state"),
        ),
    ]
    assert list(outbox.pack()) == []


def test_records_are_held_against_those_before_them(whole: Path, tmp_path: Path) -> None:
    run = shutil.copytree(whole, tmp_path / whole.name)
    (name,) = [path.parent.name for path in sorted(run.glob("*/generations.jsonl"))][:1]
    line = json.dumps({"generation": 6, "hash": "0" * 64}) + "\n"
    inbox = Inbox(run)
    inbox.receive(Piece(f"{name}/generations.jsonl", line.encode()))
    with pytest.raises(Damaged, match="has another hash than its content and the record before it"):
        inbox.commit(Changes(appended=(f"{name}/generations.jsonl",)))
