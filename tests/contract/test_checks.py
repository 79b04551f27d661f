"""What an adapter returns is checked in every generation: twenty mistakes, each of which names the method, and none is scored."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from gaussian_support import Gaussian, Memory, chain

from fortifai.contract.modality import Fit, Likelihood
from fortifai.errors import BrokenAdapter, Diverged
from fortifai.recursion.protocol import run_chain

Change = Callable[[Any], Any]


class Broken(Gaussian):
    """The Gaussian, with one answer changed on its way."""

    def __init__(self, method: str, change: Change) -> None:
        super().__init__()
        self._method, self._change = method, change

    def _changed(self, method: str, answer: Any) -> Any:
        return self._change(answer) if method == self._method else answer

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        return self._changed("fit", super().fit(*args, **kwargs))

    def sample(self, *args: Any, **kwargs: Any) -> Any:
        return self._changed("sample", super().sample(*args, **kwargs))

    def likelihood(self, *args: Any, **kwargs: Any) -> Any:
        return self._changed("likelihood", super().likelihood(*args, **kwargs))


def x(change: Callable[[torch.Tensor], Any]) -> Change:
    return lambda data: {"x": change(data["x"])}


def nll(change: Callable[[torch.Tensor], Any]) -> Change:
    return lambda answer: answer._replace(nll=change(answer.nll))


def confidence(change: Callable[[torch.Tensor], Any]) -> Change:
    return lambda answer: answer._replace(confidence=change(answer.confidence))


def share(value: Any) -> Change:
    return lambda fit: Fit(fit.model, value, fit.notes)


MISTAKES = {
    "a model alone": ("fit", lambda fit: fit.model, "a Fit"),
    "a share of 7.5": ("fit", share(7.5), r"a masked_share in \[0, 1\], and returned 7.5"),
    "a share below 0": ("fit", share(-0.2), "a masked_share"),
    "a share that is NaN": ("fit", share(math.nan), "a masked_share"),
    "no share": ("fit", share(None), "a masked_share"),
    "a note that is a text": ("fit", lambda fit: Fit(fit.model, 0.0, {"steps": "many"}), "notes that are numbers"),
    "rows missing": ("sample", x(lambda t: t[:-1]), r"'x' of shape \(40,\), and returned \(39,\)"),
    "rows too many": ("sample", x(lambda t: torch.cat([t, t])), "'x' of shape"),
    "a column too many": ("sample", x(lambda t: t[:, None]), r"'x' of shape \(40,\), and returned \(40, 1\)"),
    "another type": ("sample", x(lambda t: t.float()), "'x' of type torch.float64, and returned torch.float32"),
    "another name": ("sample", lambda data: {"y": data["x"]}, "tensors named x"),
    "one more name": ("sample", lambda data: {**data, "y": data["x"]}, "tensors named x"),
    "an array": ("sample", x(lambda t: t.numpy()), "a tensor as 'x'"),
    "a tensor alone": ("sample", lambda data: data["x"], "a mapping of tensors"),
    "a pair that is no likelihood": ("likelihood", tuple, "a Likelihood"),
    "likelihoods of fewer": ("likelihood", lambda a: Likelihood(a.nll[:-1], a.confidence[:-1]), "nll of"),
    "a mean": ("likelihood", nll(torch.mean), "nll of"),
    "shapes that broadcast": ("likelihood", confidence(lambda t: t[:, None]), "confidence of shape"),
    "confidence of 1.4": ("likelihood", confidence(lambda t: t + 0.4), r"confidence in \[0, 1\]"),
    "confidence of -0.2": ("likelihood", confidence(lambda t: t - 1), r"confidence in \[0, 1\]"),
    "confidence of NaN": ("likelihood", confidence(lambda t: t.index_fill(0, torch.tensor([3]), math.nan)), "a number"),
    "integers": ("likelihood", nll(lambda t: t.long()), "nll as floats"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_names_adapter_method_and_what_was_expected(mistake):
    method, change, expected = MISTAKES[mistake]
    history = Memory()
    with pytest.raises(BrokenAdapter, match=rf"Broken\.{method} should return .*{expected}"):
        list(run_chain(chain(adapter=Broken(method, change)), history, 3))
    assert history.records == []


class Meddling(Gaussian):
    """Changes what it is given."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self._method = method

    def fit(self, samples: Any, *args: Any, **kwargs: Any) -> Any:
        if self._method == "fit":
            samples["x"].numpy()[:] = samples["x"].numpy()[::-1].copy()  # only reordered, and behind torch's back
        return super().fit(samples, *args, **kwargs)

    def sample(self, model: Any, source: Any, *args: Any, **kwargs: Any) -> Any:
        if self._method == "sample":
            source["x"].mul_(2)
        return super().sample(model, source, *args, **kwargs)


@pytest.mark.parametrize("method", ["fit", "sample"])
def test_training_data_that_is_changed_in_place_is_noticed(method):
    with pytest.raises(BrokenAdapter, match=rf"Meddling\.{method} should return samples left as they were given"):
        list(run_chain(chain(adapter=Meddling(method)), Memory(), 3))


class Forgetful(Memory):
    """Reads back another model than was saved."""

    def model(self, generation: int) -> Any:
        model = super().model(generation)
        return type(model)(model.mean, 2 * model.variance)


def test_a_model_that_does_not_load_to_itself_is_noticed_at_generation_0():
    with pytest.raises(BrokenAdapter, match=r"load_model should return the model that was saved, and returned .* nats"):
        list(run_chain(chain(), Forgetful(), 3))


def test_a_likelihood_that_is_not_a_number_is_a_divergence_and_no_mistake():
    history = Memory()
    list(run_chain(chain(adapter=Broken("likelihood", nll(lambda t: t * math.nan))), history, 3))
    assert [(r.status, r.reason) for r in history.records] == [("diverged", "the likelihood is not a number")]


@pytest.mark.parametrize("value", [-1e-7, 1 + 1e-7])
def test_rounding_is_no_mistake(value):
    adapter = Broken("likelihood", confidence(lambda t: torch.full_like(t, value)))
    assert [record.status for record in run_chain(chain(adapter=adapter), Memory(), 1)] == ["ok", "ok"]


def test_samples_that_are_not_finite_are_a_divergence():
    adapter = Broken("sample", x(lambda t: t * math.inf))
    history = Memory()
    list(run_chain(chain(adapter=adapter), history, 3))
    assert [(r.status, r.reason) for r in history.records] == [("diverged", "the samples are not finite")]
    assert issubclass(Diverged, Exception)
    assert not issubclass(BrokenAdapter, Diverged)
