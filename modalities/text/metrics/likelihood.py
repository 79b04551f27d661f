"""What a language model thinks of real text and of its own."""

import torch

from fortifai.contract.metric_inputs import MetricInputs


def perplexity(inputs: MetricInputs) -> float:
    """Return exp of the mean negative log-likelihood of a token of the real test split: >= 1, infinite beyond a float's range.

    It is per token of the model's own vocabulary, so comparable between models of one tokenizer only.
    """
    return float(torch.exp(inputs.nll("real").double().mean()))


def nll_gap(inputs: MetricInputs) -> float:
    """Return the mean negative log-likelihood of the model's own samples minus that of held-out real text, in nats per token.

    Below 0 where the model is surer of its own text than of real text; the confidence gap weighs the likely tokens, this one
    the unlikely.
    """
    return float(inputs.nll("synthetic").double().mean() - inputs.nll("real").double().mean())
