"""What a model's likelihood says of real data and of its own samples: metrics that every modality has."""

from fortifai.contract.metric_inputs import MetricInputs


def held_out_nll(inputs: MetricInputs) -> float:
    """Return the mean negative log-likelihood of the held-out real test split, in nats per element."""
    return float(inputs.nll("real").double().mean())


def confidence_gap(inputs: MetricInputs) -> float:
    """Return the mean confidence on the model's own samples minus that on the held-out real test split, in [-1, 1].

    It is positive where the model is surer of its own output: the observation that TCE rests on (ForTIFAI, Figure 1).
    """
    own = inputs.confidence("synthetic").double().mean()
    real = inputs.confidence("real").double().mean()
    return float(own - real)
