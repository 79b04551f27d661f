"""Tokens drawn anew one by one: only those that were chosen, from the model's own probabilities, whatever the batch."""

import torch

from fortifai.modalities.text.adapter import LanguageModelAdapter
from fortifai.modalities.text.model import network
from fortifai.modalities.text.model.network import LanguageModel
from fortifai.randomness import stream


def test_only_what_was_chosen_is_drawn_anew(fitted: tuple[LanguageModelAdapter, LanguageModel]) -> None:
    adapter, model = fitted
    samples = adapter.splits.validation.take(slice(6))
    chosen = torch.rand(samples["tokens"].shape, generator=stream(0, "x")) < 0.3
    once, again = (adapter.redraw(model, samples, chosen, stream(1, "x"))["tokens"] for _ in range(2))
    assert torch.equal(once, again)
    assert once.dtype == samples["tokens"].dtype
    assert torch.equal(once[~chosen], samples["tokens"][~chosen])
    assert (once[chosen] != samples["tokens"][chosen]).float().mean() > 0.1
    fewer = adapter.redraw(model, samples, chosen & (torch.arange(chosen.shape[1]) < 5), stream(1, "x"))["tokens"]
    assert torch.equal(fewer[:, :5], once[:, :5]), "what is drawn does not depend on what else is chosen"
    by_two = network.redraw(model, samples["tokens"], chosen, 2, 7)
    assert torch.equal(by_two, network.redraw(model, samples["tokens"], chosen, 6, 7))


def test_tokens_are_drawn_by_their_probabilities(fitted: tuple[LanguageModelAdapter, LanguageModel]) -> None:
    """The share of draws that give the text's own token is the mean of their probabilities, within four standard errors."""
    adapter, model = fitted
    samples = adapter.splits.validation.take(slice(20))
    probability = adapter.likelihood(model, samples).confidence.double()
    everything = torch.ones_like(samples["tokens"], dtype=torch.bool)
    draws = [adapter.redraw(model, samples, everything, stream(seed, "x"))["tokens"] for seed in range(20)]
    hits = torch.stack([(drawn == samples["tokens"]).double() for drawn in draws]).mean(0)
    error = (probability * (1 - probability)).mean().sqrt() / (len(draws) * probability.numel()) ** 0.5
    assert abs(float(hits.mean() - probability.mean())) < 4 * float(error)
