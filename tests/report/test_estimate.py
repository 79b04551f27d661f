"""What a run was expected to cost against what it cost, by hand."""

from trajectory_support import falling, write_chain, write_run

from fortifai.records.layout import ESTIMATE_FILE
from fortifai.records.numbers import SharedNumbers
from fortifai.records.run_numbers import numbers_of
from fortifai.records.schema import EstimateRecord, ExpectedSpeed
from fortifai.report.estimate import estimate_against_actual


def test_expected_and_actual_are_of_the_generations_that_were_run(tmp_path):
    run = write_run(tmp_path / "runs")
    for seed in range(2):
        write_chain(run, "ce", seed, falling(2, 3))  # four generations of 0.1 s
    numbers = numbers_of(run)
    assert estimate_against_actual(run, numbers) == []
    speed = ExpectedSpeed(fixed=0.1, per_sample=0.01, first=1.0, basis="probed", gpu=False)
    EstimateRecord(regimes={"drift": speed, "never-run": speed}).write(run / ESTIMATE_FILE)
    sizes = numbers.chains[0].generations.training["size"]
    expected = 2 * (1.0 + sum(0.1 + 0.01 * size for size in sizes[1:]))
    row = ["drift", "8", f"{expected:.3g}", "0.8", f"{0.8 / expected:.2f}", "one core", "a trial on this machine"]
    assert estimate_against_actual(run, numbers) == [row]
    chains = [chain.model_copy(update={"generation_0": "a"}) for chain in numbers.chains]
    shared = [SharedNumbers(key="a", seconds={"fit": 3.0}, peak_memory_bytes=None)]
    (row,) = estimate_against_actual(run, numbers.model_copy(update={"chains": chains, "generations_0": shared}))
    assert row[1:4] == ["7", f"{expected - 1:.3g}", "3.6"]  # generation 0 once, and three generations of each chain
