"""The adapter that is checked, in its small example, with the fit that many checks ask about."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from fortifai import objectives
from fortifai.config import Frozen, ModelConfig, Sampling, explain
from fortifai.contract.declaration import ModalityDeclaration
from fortifai.contract.modality import AnyModality, Fit
from fortifai.contract.samples import Samples
from fortifai.errors import UserError
from fortifai.objectives import Objective
from fortifai.planning.settings import apply_setting, parse_settings
from fortifai.randomness import stream

SMALLEST = 1e-30
"""Stands for a confidence of 0 where its logarithm is taken."""

TABLES = ("model", "data", "sampling")
"""The tables of a regime that are the adapter's own."""


@dataclass(frozen=True)
class Setting:
    """The example of a declaration, validated.

    Attributes:
        config: The model and how it is trained.
        data: Which data, and how it is split.
        sampling: How a model is read out.
        n: Samples that a model is fitted to.
    """

    config: ModelConfig
    data: Frozen
    sampling: Sampling
    n: int


def setting_of(declaration: ModalityDeclaration, settings: Iterable[str] = ()) -> Setting:
    """Return the example of a declaration.

    Args:
        declaration: Whose example.
        settings: The user's, ``"key=value"`` each, such as ``model.components=2`` or ``n=50``.

    Raises:
        UserError: A key is unknown or a value is out of range; the text has all of them.
    """
    example = declaration.example
    tables: dict[str, Any] = {key: deepcopy(dict(getattr(example, key))) for key in TABLES}
    content = {"regimes": {"example": {**tables, "n": example.n}}}
    errors = []
    for key, value in parse_settings(settings).items():
        if key.partition(".")[0] not in (*TABLES, "n"):
            errors.append(f"--set {key}: should be n, or a key of model, data or sampling, such as model.device")
        else:
            errors += apply_setting(content, key, value)
    table = content["regimes"]["example"]
    n = table.pop("n")
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        errors.append(f"n: should be a number of samples, not {n!r}")
    made: dict[str, Any] = {}
    for key, cls in declaration.tables().items():
        try:
            made[key] = cls.model_validate(table[key])
        except ValidationError as error:
            errors += explain(error, known=cls.model_fields, prefix=f"{key}.")
    if errors:
        where = f"the example of modality {declaration.name!r}"
        raise UserError(f"{where}: {'; '.join(errors)}; its declaration gives it (example=Example(...)), or --set does")
    return Setting(made["model"], made["data"], made["sampling"], n)


class Subject:
    """An adapter in its example.

    Args:
        declaration: The adapter's.
        setting: The example.
    """

    def __init__(self, declaration: ModalityDeclaration, setting: Setting) -> None:
        self.declaration = declaration
        self.setting = setting
        self._by_objective: dict[str, Fit[object]] = {}

    def bind(self) -> AnyModality:
        """Return the adapter, made anew."""
        return self.declaration.bind(self.setting.config, self.setting.data)

    @cached_property
    def adapter(self) -> AnyModality:
        """The adapter, made once."""
        return self.bind()

    @cached_property
    def training(self) -> Samples:
        """The n real samples that models are fitted to: the first of the pool where it has an order, else drawn from it."""
        return self.training_of(self.adapter)

    def training_of(self, adapter: AnyModality) -> Samples:
        """Return the same n samples of another adapter's pool, which should be the same."""
        splits = adapter.splits
        if splits.in_order:
            return splits.train.take(slice(self.setting.n))
        return splits.train.take(torch.randperm(len(splits.train), generator=stream("conformance", "training"))[: self.setting.n])

    @cached_property
    def fitted(self) -> Fit[object]:
        """The fit of cross entropy to `training`, from scratch."""
        return self.fit()

    def fitted_by(self, objective: str) -> Fit[object]:
        """Return the fit of an objective to `training`, from scratch, which is made once."""
        if objective not in self._by_objective:
            self._by_objective[objective] = self.fit(objective=objective)
        return self._by_objective[objective]

    @property
    def model(self) -> object:
        """The model of `fitted`."""
        return self.fitted.model

    @cached_property
    def own(self) -> Samples:
        """As many samples of `model` as it was fitted to, at temperature 1."""
        return self.sample(self.model)

    def objective(self, name: str | Objective) -> Objective:
        """Return the objective of a name, as the modality weighs it. Raises UserError where it cannot."""
        return objectives.resolve_for(name, self.declaration.elements)

    def fit(
        self,
        samples: Samples | None = None,
        objective: str | Objective = "ce",
        init: object | None = None,
        draw: str = "fit",
        adapter: AnyModality | None = None,
    ) -> Fit[object]:
        """Return a fit.

        Args:
            samples: What to fit to; None: `training`.
            objective: The loss, or its name.
            init: The model to start from; None: from scratch.
            draw: Names the stream of random numbers: the same name, the same numbers.
            adapter: Which adapter fits; None: `adapter`.
        """
        who = self.adapter if adapter is None else adapter
        training = self.training if samples is None else samples
        return who.fit(training, self.objective(objective), init, stream("conformance", draw))

    def sample(
        self,
        model: object,
        source: Samples | None = None,
        temperature: float = 1.0,
        draw: str = "sample",
        adapter: AnyModality | None = None,
    ) -> Samples:
        """Return what a model makes of a source, stamped as generation 0's.

        Args:
            model: What to draw from.
            source: What is regenerated; None: `training`.
            temperature: That of the sampling, whatever the example has.
            draw: Names the stream of random numbers.
            adapter: Which adapter samples; None: `adapter`.
        """
        who = self.adapter if adapter is None else adapter
        sampling = self.setting.sampling.model_copy(update={"temperature": temperature})
        origin = self.training if source is None else source
        return Samples.synthetic(who.sample(model, origin, sampling, stream("conformance", draw)), 0)

    def nll(self, model: object, samples: Samples, adapter: AnyModality | None = None) -> Tensor:
        """Return the negative log-likelihood of every element, as the adapter answers it.

        Where the models have none, -log of the confidence stands in for it: it tells models apart, and what one knows from the
        rest.
        """
        who = self.adapter if adapter is None else adapter
        nll, confidence = who.likelihood(model, samples)
        return -confidence.clamp(min=SMALLEST).log() if who.implicit else nll

    def confidence(self, model: object, samples: Samples) -> Tensor:
        """Return the confidence in every element, as the adapter answers it."""
        return self.adapter.likelihood(model, samples).confidence


def by_sample(values: Tensor) -> Tensor:
    """Return the mean over the elements of each sample, float64 (n,), of values (n, ...)."""
    return values.reshape(len(values), -1).double().mean(1)


def same_tensors(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Return whether two sets of named tensors are equal to the last bit."""
    return one.keys() == other.keys() and all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def farthest(one: Tensor, other: Tensor) -> float:
    """Return the largest absolute difference of two tensors; infinite where their shapes differ or only one has a NaN."""
    if one.shape != other.shape:
        return float("inf")
    if torch.equal(one, other):  # infinities too, whose difference is none
        return 0.0
    return float((one - other).abs().nan_to_num(nan=float("inf")).max())
