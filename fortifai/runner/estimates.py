"""What a run expects its generations to take, and the note of it that the report holds against what they took."""

from collections.abc import Iterable

from fortifai.errors import UserError
from fortifai.files import set_aside
from fortifai.planning.cost import Speed, speed
from fortifai.planning.plan import Plan
from fortifai.planning.probing import recall
from fortifai.records.layout import ESTIMATE_FILE
from fortifai.records.schema import EstimateRecord, ExpectedSpeed
from fortifai.runner.run_folder import RunFolder


def expected_speeds(plan: Plan, folder: RunFolder, regimes: Iterable[str]) -> dict[str, Speed]:
    """Return what generations are expected to take, by regime, and note it of regimes of which none has run yet.

    By what has run, else by a probe that `fortifai plan` made, else by the suite file; none is made here.

    Args:
        plan: What is run.
        folder: Where.
        regimes: The names of those that are run.
    """
    path = folder.path / ESTIMATE_FILE
    try:
        noted = dict(EstimateRecord.load(path).regimes)
    except UserError:  # missing, or damaged: what it held is lost, and nothing hangs on it
        noted = {}
        if path.exists() or path.is_symlink():
            set_aside(path)
    probed, speeds, fresh = recall(plan, folder), dict[str, Speed](), dict[str, ExpectedSpeed]()
    for name in regimes:
        regime, measured = plan.suite.regime(name), folder.measured(name)
        trial = probed.get(name)
        pace = speeds[name] = speed(regime, measured, trial.speed if trial else None)
        if not measured:
            fresh[name] = ExpectedSpeed(
                fixed=pace.fixed,
                per_sample=pace.per_sample,
                first=pace.first,
                basis="probed" if trial else "declared",
                gpu=regime.gpu,
            )
    if fresh:
        EstimateRecord(regimes=noted | fresh).write(path)
    return speeds
