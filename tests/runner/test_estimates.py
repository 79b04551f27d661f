"""What a run notes of what it expects, before anything of a regime has run."""

from cluster_support import SUITE, local_run

from fortifai.records.layout import ESTIMATE_FILE
from fortifai.records.schema import EstimateRecord, ExpectedSpeed
from fortifai.records.verification import verify_run


def test_what_was_expected_at_first_stays_and_damage_is_seen_and_set_aside(tmp_path):
    run = local_run(tmp_path, strategies=["replace"], seeds=1, generations=1)
    assert "seconds_per_generation = 0.008" in SUITE
    declared = ExpectedSpeed(fixed=0.008, per_sample=0.0, first=None, basis="declared", gpu=False)
    assert EstimateRecord.load(run / ESTIMATE_FILE).regimes == {"drift": declared}
    content = (run / ESTIMATE_FILE).read_bytes()
    local_run(tmp_path, strategies=["replace"], seeds=1, generations=2)
    assert (run / ESTIMATE_FILE).read_bytes() == content, "by now something has run"
    (run / ESTIMATE_FILE).write_bytes(content.replace(b"0.008", b"0.009"))
    assert [finding.where for finding in verify_run(run).of("damaged")] == [ESTIMATE_FILE]
    local_run(tmp_path, strategies=["replace"], seeds=1, generations=3)
    assert verify_run(run).is_whole
