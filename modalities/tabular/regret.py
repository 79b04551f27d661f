"""Regret: what a decision that is made from a generation's rows costs on held-out real ones, above the best there is.

A distance says how far a model is from the data; regret says what that costs somebody who decides by it. Near the best decision
costs are flat, so that regret grows with the square of a small error, and not with the error.
"""

from fortifai.config import resolve
from fortifai.contract.metric_inputs import MetricInputs
from fortifai.contract.modality import AnyModality
from fortifai.errors import UserError
from fortifai.registry import Registry

from .decision import Decision
from .policies import policy_of

LEAST_SCALE = 1e-6
"""What the best decision has to cost, or a score to save, for regret to be a share of it."""

_names: Registry[type[Decision]] = Registry("metric")
_names.register(Decision.name, Decision)


def decision_of(argument: str) -> Decision:
    """Return what the parameters behind ``decision_regret:`` say, such as ``policy=newsvendor,ratio=0.9``. Raises UserError."""
    return resolve(_names, f"{Decision.name}:{argument}")


def decision_regret(inputs: MetricInputs, argument: str) -> float:
    """Return the regret of a decision that is made from the synthetic rows and paid on the real ones: >= 0, 0 at best.

    Of ``newsvendor``, ``value-at-risk`` and ``portfolio`` it is a share of what the best decision costs on the real rows, of
    ``threshold`` one of what the score saves there. The best decision is made from the real rows themselves, with hindsight, so
    that a generation 0 has some regret too. Reads all rows.

    Args:
        inputs: The generation.
        argument: Parameters of the decision.
    """
    policy = policy_of(decision_of(argument))
    return policy.regret(inputs.synthetic["x"].numpy(), inputs.real["x"].numpy())


def require(adapter: AnyModality, argument: str) -> None:
    """Raise UserError for a decision that is none of this table: a column that it does not have, or nothing to decide."""
    decision, real = decision_of(argument), adapter.splits.test["x"].numpy()
    name, last = f"metric '{Decision.name}:{argument}'", real.shape[1] - 1
    if beyond := [column for column in decision.columns if column > last]:
        raise UserError(f"{name}: the table has no column {beyond[0]}: columns are counted from 0 to {last}")
    if policy_of(decision).scale(real) < LEAST_SCALE:
        why = "the score tells nothing of the cost" if decision.policy == "threshold" else "the best decision costs nothing"
        raise UserError(f"{name}: {why} on the held-out rows, so that there is nothing to decide")
