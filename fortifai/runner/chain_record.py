"""What is written into a chain's folder before its first generation."""

from fortifai.errors import RunFailed, UserError
from fortifai.planning.chains import PlannedChain
from fortifai.planning.identity import chain_identity, packages_of
from fortifai.planning.suite import Suite
from fortifai.records.schema import ChainRecord
from fortifai.runner.machine import commit, hardware, versions
from fortifai.runner.run_folder import RunFolder


def chain_record(suite: Suite, folder: RunFolder, planned: PlannedChain) -> ChainRecord:
    """Return what a chain is, and where and with what this process runs it.

    Args:
        suite: The suite it belongs to.
        folder: The run folder, which holds the null of its regime.
        planned: The chain.

    Raises:
        RunFailed: The null is gone.
    """
    identifier, data_hash = planned.identity()
    regime = suite.regime(planned.regime)
    metric = regime.metric(regime.fidelity_metric)
    null = folder.null(regime.name, metric.name, planned.n, data_hash)
    if null is None:
        raise RunFailed(
            f"the null of regime {regime.name!r} was lost while the run was going; the same command measures it again"
        )
    if metric.better == "target":  # a suite file that says so is refused
        raise UserError(f"metric {metric.name!r} cannot be a fidelity metric")
    return ChainRecord(
        id=identifier,
        suite=suite.tag,
        modality=regime.modality,
        model=regime.model.label,
        regime=regime.name,
        strategy=planned.strategy,
        objective=planned.objective,
        seed=planned.seed,
        horizon=planned.horizon,
        data_hash=data_hash,
        fidelity_metric=metric.name,
        better=metric.better,
        null=null.value,
        identity=chain_identity(regime, planned.strategy, planned.objective, planned.seed, data_hash),
        versions=versions() | packages_of(regime, planned.strategy, planned.objective),
        commit=commit(),
        hardware=hardware(),
    )
