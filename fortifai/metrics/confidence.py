"""What a likelihood model thinks of real data and of its own: metrics that every modality has."""

from fortifai.contract.metric_inputs import MetricInputs


def held_out_nll(inputs: MetricInputs) -> float:
    """Mean negative log-likelihood of the real test split per element, in nats."""
    return float(inputs.nll("real").double().mean())


def confidence_gap(inputs: MetricInputs) -> float:
    """Mean confidence on the model's own samples minus that on held-out real data, in [-1, 1].

    Positive where the model is surer of its own output: the observation that TCE rests on (ForTIFAI, Figure 1).
    """
    own = inputs.confidence("synthetic").double().mean()
    real = inputs.confidence("real").double().mean()
    return float(own - real)
