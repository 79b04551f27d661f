"""Adapters with one mistake each: a Gaussian or a categorical distribution that is right but for that."""

import os
import pickle
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import ConfigDict, model_validator
from torch import Tensor

from fortifai.config import Identity, Runtime
from fortifai.contract.declaration import ModalityDeclaration
from fortifai.contract.modality import Fit, Likelihood
from fortifai.contract.samples import Samples
from fortifai.modalities.analytic import CATEGORICAL, GAUSSIAN
from fortifai.modalities.analytic.categorical import CategoricalAdapter
from fortifai.modalities.analytic.config import AnalyticData, GaussianConfig
from fortifai.modalities.analytic.gaussian import Gaussian, GaussianAdapter
from fortifai.objectives import CrossEntropy, Elements, Objective
from fortifai.randomness import stream


@dataclass(frozen=True)
class Mistake:
    """An adapter with a mistake, and the check that sees it."""

    check: str
    declaration: ModalityDeclaration


MISTAKES: dict[str, Mistake] = {}
"""Every mistake, by its name."""


def mistake(check: str, base: ModalityDeclaration = GAUSSIAN, **changes: Any) -> Callable[[type], type]:
    """Take a class as the adapter of a mistake, which is named after it."""

    def note(cls: type) -> type:
        declaration = replace(base, name=cls.__name__, adapter=f"{__name__}:{cls.__name__}", **changes)
        MISTAKES[cls.__name__] = Mistake(check, declaration)
        return cls

    return note


class Right(GaussianAdapter):
    """No mistake."""


class RightCategories(CategoricalAdapter):
    """No mistake."""


RIGHT = replace(GAUSSIAN, name="right", adapter=f"{__name__}:Right")
RIGHT_CATEGORIES = replace(CATEGORICAL, name="right-categories", adapter=f"{__name__}:RightCategories")


# Data


@mistake("real_data_is_well_formed")
class NotFinite(GaussianAdapter):
    @staticmethod
    def draw(config: Any, rows: int, chains: tuple[int, ...], rng: torch.Generator) -> dict[str, Tensor]:
        x = GaussianAdapter.draw(config, rows, chains, rng)["x"]
        x[rows // 2] = torch.nan
        return {"x": x}


@mistake("loads_the_same_twice")
class RandomLoad(GaussianAdapter):
    @staticmethod
    def draw(config: Any, rows: int, chains: tuple[int, ...], rng: torch.Generator) -> dict[str, Tensor]:
        return GaussianAdapter.draw(config, rows, chains, torch.Generator().manual_seed(time.perf_counter_ns()))


@mistake("loads_the_same_in_a_fresh_process")
class HashedLoad(GaussianAdapter):
    @staticmethod
    def draw(config: Any, rows: int, chains: tuple[int, ...], rng: torch.Generator) -> dict[str, Tensor]:
        return GaussianAdapter.draw(config, rows, chains, torch.Generator().manual_seed(hash(f"{rows} rows") % 2**31))


@mistake("opens_no_connection")
class Online(GaussianAdapter):
    def __init__(self, config: Any, data: Any) -> None:
        super().__init__(config, data)
        if "HF_HUB_OFFLINE" in os.environ:  # not in the process of the tests
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", 9), timeout=1)


@mistake("splits_are_disjoint")
class Overlapping(GaussianAdapter):
    def __init__(self, config: Any, data: Any) -> None:
        super().__init__(config, data)
        self.splits = replace(self.splits, test=self.splits.train.take(slice(100, 600)))


@mistake("splits_are_disjoint")
class SlightlyOverlapping(GaussianAdapter):
    def __init__(self, config: Any, data: Any) -> None:
        super().__init__(config, data)
        own = self.splits.validation
        self.splits = replace(
            self.splits, validation=Samples.concat([own.take(slice(20, None)), self.splits.train.take(slice(20))])
        )


# Answers


@mistake("fit_returns_what_it_should")
class ModelAlone(GaussianAdapter):
    def fit(self, *args: Any, **kwargs: Any) -> Any:
        return super().fit(*args, **kwargs).model


@mistake("samples_are_like_the_real_data")
class RowsMissing(GaussianAdapter):
    def sample(self, *args: Any) -> dict[str, Tensor]:
        return {"x": super().sample(*args)["x"][:-1]}


@mistake("samples_are_like_the_real_data")
class AnotherType(GaussianAdapter):
    def sample(self, *args: Any) -> dict[str, Tensor]:
        return {"x": super().sample(*args)["x"].float()}


@mistake("likelihood_is_of_every_element")
class Broadcasting(GaussianAdapter):
    def likelihood(self, *args: Any) -> Likelihood:
        nll, confidence = super().likelihood(*args)
        return Likelihood(nll, confidence[:, None])


def confidence_is(change: Callable[[Tensor], Tensor]) -> Callable[..., Likelihood]:
    def likelihood(self: CategoricalAdapter, *args: Any) -> Likelihood:
        nll, confidence = CategoricalAdapter.likelihood(self, *args)
        return Likelihood(nll, change(confidence))

    return likelihood


@mistake("likelihood_is_of_every_element", CATEGORICAL)
class ConfidenceOf14(CategoricalAdapter):
    likelihood = confidence_is(lambda p: p + 1)


@mistake("likelihood_is_of_every_element", CATEGORICAL)
class NegativeConfidence(CategoricalAdapter):
    likelihood = confidence_is(lambda p: p - 0.5)


@mistake("likelihood_is_of_every_element", CATEGORICAL)
class ConfidenceOfNaN(CategoricalAdapter):
    likelihood = confidence_is(lambda p: torch.where(p == p.max(), torch.nan, p))


@mistake("likelihood_does_not_depend_on_the_others")
class NormalisedByBatch(GaussianAdapter):
    def likelihood(self, *args: Any) -> Likelihood:
        nll, confidence = super().likelihood(*args)
        return Likelihood(nll, confidence / confidence.max())


@mistake("what_is_given_is_left_as_it_was")
class ChangesItsData(GaussianAdapter):
    def fit(self, samples: Samples, *args: Any, **kwargs: Any) -> Fit[Gaussian]:
        samples["x"].sub_(0.0).copy_(samples["x"].sort().values)  # another order only
        return super().fit(samples, *args, **kwargs)


@mistake("what_is_given_is_left_as_it_was")
class TrainsInPlace(GaussianAdapter):
    def fit(self, samples: Samples, objective: Objective, init: Any, *args: Any, **kwargs: Any) -> Fit[Gaussian]:
        fit = super().fit(samples, objective, init, *args, **kwargs)
        if init is not None:
            init.variance.mul_(0.9)
        return fit


# Randomness


@mistake("same_stream_gives_the_same_numbers")
class ByTheClock(GaussianAdapter):
    def fit(self, *args: Any, **kwargs: Any) -> Fit[Gaussian]:
        fit = super().fit(*args, **kwargs)
        return Fit(Gaussian(fit.model.mean + 1e-12 * time.perf_counter_ns() % 1e-3, fit.model.variance), fit.masked_share)


@mistake("different_streams_give_different_samples")
class StreamIgnored(GaussianAdapter):
    def sample(self, model: Any, source: Any, sampling: Any, rng: torch.Generator) -> dict[str, Tensor]:
        return super().sample(model, source, sampling, stream("always the same"))


@mistake("other_calls_change_no_samples")
class OwnGenerator(GaussianAdapter):
    def __init__(self, config: Any, data: Any) -> None:
        super().__init__(config, data)
        self._rng = stream("own")

    def sample(self, model: Any, source: Any, sampling: Any, rng: torch.Generator) -> dict[str, Tensor]:
        return super().sample(model, source, sampling, self._rng)


@mistake("global_generators_are_not_used")
class GlobalNoise(GaussianAdapter):
    def sample(self, *args: Any) -> dict[str, Tensor]:
        x = super().sample(*args)["x"]
        return {"x": x + 1e-3 * torch.randn(x.shape, dtype=x.dtype)}


@mistake("global_generators_are_not_used")
class SeedsNumPy(GaussianAdapter):
    def fit(self, *args: Any, **kwargs: Any) -> Fit[Gaussian]:
        np.random.seed(0)
        return super().fit(*args, **kwargs)


@mistake("numbers_are_the_same_in_a_fresh_process")
class StateOfTheClass(GaussianAdapter):
    fits: ClassVar[list[int]] = []

    def fit(self, *args: Any, **kwargs: Any) -> Fit[Gaussian]:
        fit = super().fit(*args, **kwargs)
        self.fits.append(1)
        return Fit(Gaussian(fit.model.mean + 0.01 * min(len(self.fits), 2), fit.model.variance), fit.masked_share)


# State


@mistake("no_state_between_chains")
class GoesOn(GaussianAdapter):
    _last: Gaussian | None = None

    def fit(self, samples: Samples, objective: Objective, init: Any, *args: Any, **kwargs: Any) -> Fit[Gaussian]:
        fit = super().fit(samples, objective, init, *args, **kwargs)
        last, self._last = self._last, fit.model
        if last is None or isinstance(objective, CrossEntropy) is False:
            return fit
        return Fit(Gaussian(fit.model.mean, (fit.model.variance + last.variance) / 2), fit.masked_share)


@mistake("calls_leave_the_adapter_as_it_was")
class Counts(GaussianAdapter):
    def __init__(self, config: Any, data: Any) -> None:
        super().__init__(config, data)
        self.calls: dict[str, list[int]] = {"fit": []}

    def fit(self, *args: Any, **kwargs: Any) -> Fit[Gaussian]:
        self.calls["fit"].append(1)
        return super().fit(*args, **kwargs)


# Storage


@mistake("a_model_is_loaded_as_it_was_saved")
class SavesHalf(GaussianAdapter):
    def save(self, model: Gaussian, folder: Path) -> None:
        super().save(Gaussian(model.mean.float().double(), model.variance.float().double()), folder)


@mistake("a_model_is_loaded_as_it_was_saved")
class LoadsAnother(GaussianAdapter):
    def load_model(self, folder: Path) -> Gaussian:
        model = super().load_model(folder)
        return Gaussian(model.mean, 2 * model.variance)


@mistake("a_model_is_loaded_in_a_fresh_process")
class KeptInMemory(GaussianAdapter):
    kept: ClassVar[list[Gaussian]] = []

    def save(self, model: Gaussian, folder: Path) -> None:
        self.kept.append(model)
        (folder / "model.txt").write_text(str(len(self.kept) - 1))

    def load_model(self, folder: Path) -> Gaussian:
        place = int((folder / "model.txt").read_text())
        return self.kept[place] if self.kept else Gaussian(torch.tensor(0.0), torch.tensor(1.0))


@mistake("models_are_saved_without_pickle")
class Pickles(GaussianAdapter):
    def save(self, model: Gaussian, folder: Path) -> None:
        (folder / "model.pkl").write_bytes(pickle.dumps(vars(model)))

    def load_model(self, folder: Path) -> Gaussian:
        return Gaussian(**pickle.loads((folder / "model.pkl").read_bytes()))


@mistake("model_bytes_are_about_right")
class Huge(GaussianAdapter):
    def model_bytes(self) -> int:
        return 2**30


# Likelihood and confidence


@mistake("real_data_is_likelier_than_disturbed")
class WrongSign(GaussianAdapter):
    def likelihood(self, *args: Any) -> Likelihood:
        nll, confidence = super().likelihood(*args)
        return Likelihood(-nll, confidence)


@mistake("real_data_is_likelier_than_disturbed")
class ConstantLikelihood(GaussianAdapter):
    def likelihood(self, *args: Any) -> Likelihood:
        nll, confidence = super().likelihood(*args)
        return Likelihood(torch.full_like(nll, 1.4), confidence)


@mistake("likelihood_is_normalised")
class IntegratesToTwo(GaussianAdapter):
    def likelihood(self, *args: Any) -> Likelihood:
        nll, confidence = super().likelihood(*args)
        return Likelihood(nll - np.log(2), confidence)


@mistake("likelihood_is_normalised", CATEGORICAL)
class SumsToTwo(CategoricalAdapter):
    def likelihood(self, *args: Any) -> Likelihood:
        nll, confidence = super().likelihood(*args)
        return Likelihood(nll - np.log(2), confidence)


@mistake("confidence_rises_with_likelihood", CATEGORICAL)
class SureOfTheRare(CategoricalAdapter):
    likelihood = confidence_is(lambda p: 1 - p)


@mistake("confidence_rises_with_likelihood")
class ConstantConfidence(GaussianAdapter):
    def likelihood(self, *args: Any) -> Likelihood:
        nll, confidence = super().likelihood(*args)
        return Likelihood(nll, torch.full_like(confidence, 0.5))


@mistake("confidence_keeps_its_scale")
class OverItsOwnMode(GaussianAdapter):
    """Confidence relative to what the model itself is surest of."""

    def likelihood(self, model: Gaussian, samples: Samples) -> Likelihood:
        nll, confidence = super().likelihood(model, samples)
        return Likelihood(nll, confidence * (2 * torch.pi * model.variance).sqrt())


# Objectives and weights


@mistake("truncating_nothing_is_cross_entropy", CATEGORICAL)
class TwiceAsSure(CategoricalAdapter):
    """Hands the objective a confidence that `likelihood` does not have."""

    def fit(self, samples: Samples, objective: Objective, *args: Any, **kwargs: Any) -> Any:
        return super().fit(samples, Twice(inner=objective), *args, **kwargs)


class Twice(CrossEntropy):
    """An objective that is told three times the confidence."""

    inner: Identity[Any] = None

    def weights(self, confidence: Tensor, mass: Tensor | None = None) -> Tensor:
        return self.inner.weights(3 * confidence, mass)


@mistake("a_strong_objective_changes_the_fit")
class ObjectiveIgnored(GaussianAdapter):
    def fit(self, samples: Samples, objective: Objective, *args: Any, **kwargs: Any) -> Fit[Gaussian]:
        return super().fit(samples, CrossEntropy(), *args, **kwargs)


@mistake("truncation_makes_less_sure")
class UpsideDown(GaussianAdapter):
    """Masks what it is least sure of."""

    @staticmethod
    def _confidence(x: Tensor, model: Gaussian, objective: Objective) -> Tensor:
        return 1 / (1 + GaussianAdapter._confidence(x, model, objective))


class Sharing(GaussianAdapter):
    @staticmethod
    def share(masked: float) -> float:
        raise NotImplementedError

    def fit(self, *args: Any, **kwargs: Any) -> Fit[Gaussian]:
        fit = super().fit(*args, **kwargs)
        return Fit(fit.model, self.share(fit.masked_share))


@mistake("masked_share_is_what_was_left_out")
class NothingMasked(Sharing):
    @staticmethod
    def share(masked: float) -> float:
        return 0.0


@mistake("masked_share_is_what_was_left_out")
class KeptShare(Sharing):
    @staticmethod
    def share(masked: float) -> float:
        return 1 - masked if masked else 0.0


@mistake("every_unit_is_weighed", elements=Elements(units=("number", "pair"), density=True, relative=True))
class UnitIgnored(GaussianAdapter):
    pass


@mistake("the_relative_scale_is_used")
class ScaleIgnored(GaussianAdapter):
    @staticmethod
    def _confidence(x: Tensor, model: Gaussian, objective: Objective) -> Tensor:
        return GaussianAdapter._confidence(x, model, CrossEntropy())


@mistake("weights_of_samples_count")
class WeightsIgnored(GaussianAdapter):
    def fit(self, samples: Samples, *args: Any, **kwargs: Any) -> Fit[Gaussian]:
        return super().fit(replace(samples, weight=None), *args, **kwargs)


@mistake("doubled_weights_are_doubled_rows")
class WeightsSquared(GaussianAdapter):
    def fit(self, samples: Samples, *args: Any, **kwargs: Any) -> Fit[Gaussian]:
        return super().fit(samples.weighted(samples.weights() ** 2), *args, **kwargs)


# Sampling


class OfTemperature(GaussianAdapter):
    @staticmethod
    def temperature(wanted: float) -> float:
        raise NotImplementedError

    def sample(self, model: Any, source: Any, sampling: Any, rng: torch.Generator) -> dict[str, Tensor]:
        changed = sampling.model_copy(update={"temperature": self.temperature(sampling.temperature)})
        return super().sample(model, source, changed, rng)


@mistake("temperature_1_is_as_fitted")
class AlwaysSharper(OfTemperature):
    @staticmethod
    def temperature(wanted: float) -> float:
        return 0.8 * wanted


@mistake("temperature_1_is_as_fitted")
class AlwaysWider(OfTemperature):
    @staticmethod
    def temperature(wanted: float) -> float:
        return 3 * wanted


@mistake("temperature_1_is_as_fitted", CATEGORICAL)
class AlwaysLikelier(CategoricalAdapter):
    def sample(self, model: Any, source: Any, sampling: Any, rng: torch.Generator) -> dict[str, Tensor]:
        return super().sample(model, source, sampling.model_copy(update={"temperature": 0.7 * sampling.temperature}), rng)


@mistake("a_lower_temperature_is_sharper")
class TemperatureIgnored(OfTemperature):
    @staticmethod
    def temperature(wanted: float) -> float:
        return 1.0


@mistake("beats_the_null")
class OneSampleRepeated(GaussianAdapter):
    def sample(self, *args: Any) -> dict[str, Tensor]:
        x = super().sample(*args)["x"]
        return {"x": x[:1].repeat(len(x)) + 3}


# Errors


class LooseConfig(GaussianConfig):
    """Takes any key."""

    model_config = ConfigDict(extra="allow")


@mistake("an_unknown_key_is_refused", config=f"{__name__}:LooseConfig")
class AnyKey(GaussianAdapter):
    pass


class NamedData(AnalyticData):
    """Names what is drawn."""

    truth: Identity[str] = "standard"


@mistake("a_wrong_name_is_a_user_error", data=f"{__name__}:NamedData")
class RawKeyError(GaussianAdapter):
    def __init__(self, config: Any, data: NamedData) -> None:
        self._mean = {"standard": 0.0}[data.truth]
        super().__init__(config, data)


@mistake("sizes_that_cannot_be_trained_are_refused")
class AnySize(GaussianAdapter):
    def check(self, n: int) -> None:
        """Take every n."""


class DeviceConfig(GaussianConfig):
    """Names a device."""

    device: Runtime[str] = "cpu"


@mistake("an_absent_device_is_refused", config=f"{__name__}:DeviceConfig")
class AnyDevice(GaussianAdapter):
    pass


class NeedyData(AnalyticData):
    """Imports what is required before anybody has looked whether it is there."""

    @model_validator(mode="after")
    def _imports(self) -> "NeedyData":
        import safetensors.torch  # noqa: F401
        import xdist.plugin  # noqa: F401

        return self


@mistake("a_missing_requirement_is_named", data=f"{__name__}:NeedyData", requires=("xdist",))
class Needy(GaussianAdapter):
    pass


@mistake("configuration_is_quick_to_import", config=f"{__name__}:SlowConfig")
class Slow(GaussianAdapter):
    pass


class SlowConfig(GaussianConfig):
    """Lies in a module that imports torch: this one."""
