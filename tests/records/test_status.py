"""How far the chains of a run are, read from its folder alone."""

from trajectory_support import falling, write_chain, write_run

from fortifai.records.status import read_status


def test_every_chain_that_was_started_says_where_it_stands_and_why_it_ended_early(tmp_path):
    run = write_run(tmp_path)
    write_chain(run, "ce", 1, falling(4, 6), horizon=20)
    write_chain(run, "ce", 0, falling(4, 6))
    write_chain(run, "tce:gamma=0.9", 0, falling(4, 2), diverged=True, horizon=6)
    write_chain(run, "tce:gamma=0.9", 1, [], failure="out of memory", horizon=6)
    write_chain(run, "tce:gamma=0.9", 2, [], horizon=6)
    columns = ("objective", "seed", "state", "finished", "horizon", "reason")
    status = read_status(run)
    assert [tuple(chain[column] for column in columns) for chain in status] == [
        ("ce", 0, "done", 7, 6, None),
        ("ce", 1, "partial", 7, 20, None),
        ("tce:gamma=0.9", 0, "diverged", 4, 6, "the loss is NaN"),
        ("tce:gamma=0.9", 1, "failed", 0, 6, "out of memory"),
        ("tce:gamma=0.9", 2, "pending", 0, 6, None),
    ]
    assert all((run / chain["id"]).is_dir() for chain in status)
    assert {(chain["regime"], chain["strategy"]) for chain in status} == {("drift", "replace")}


def test_a_run_without_chains_has_no_status(tmp_path):
    assert read_status(write_run(tmp_path)) == []
