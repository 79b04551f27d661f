"""The text adapter: causal language models that continue a text and are trained on what they wrote."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from fortifai.contract.modality import Fit, Likelihood, Modality
from fortifai.contract.samples import Samples
from fortifai.coupling.settings import blocks_of
from fortifai.device import device_of
from fortifai.errors import UserError
from fortifai.files import write_text
from fortifai.needs import Need
from fortifai.objectives import Objective
from fortifai.randomness import integer_seed

from .config import Decoding, LanguageModelConfig, TextData
from .data import corpora
from .data.blocks import cut_into_blocks
from .excerpt import paragraph
from .kr_test.items import Item
from .kr_test.sources import items_for
from .model import coupled, network
from .model.network import LanguageModel
from .model.regeneration import regenerate
from .model.tokenizer import pretrained_tokenizer, train_tokenizer
from .model.training import train
from .needs import needs_of
from .selection import Judge, by_kr_test, by_validation_nll

BYTES_PER_PARAMETER = 4
"""Weights are kept as float32."""

BYTES_PER_TOKEN = 64
"""What a token of the vocabulary takes in a saved tokenizer, roughly."""


class LanguageModelAdapter(Modality[LanguageModelConfig, TextData, Decoding, LanguageModel]):
    """Causal language models. Samples hold one tensor, ``tokens``: int32 (n, T), blocks of a text without special tokens.

    An element is a token. Its confidence is the probability that the model gives it after the begin token and all tokens of its
    block before it.

    Attributes:
        data: Which text, and how it is cut and split.
        tokenizer: The pretrained model's, or one trained on the training part of the text.
    """

    def __init__(self, config: LanguageModelConfig, data: TextData) -> None:
        """Read, split and tokenise a text.

        Args:
            config: The model and how it is trained.
            data: Which text, and how it is cut and split.

        Raises:
            UserError: The text is missing, unreadable or too short, or the tokenizer is missing or does not know its language.
        """
        corpus = corpora.read(data)
        if config.pretrained is not None:
            self.tokenizer = pretrained_tokenizer(config.pretrained)
        else:
            self.tokenizer = train_tokenizer("".join(corpus.train), config.vocabulary)
        self.data = data
        super().__init__(config, cut_into_blocks(corpus, self.tokenizer, data))

    @cached_property
    def kr_items(self) -> tuple[Item, ...]:
        """The KR-test items that go with the text. Raises UserError if there are none, or if their file is wrong."""
        return items_for(self.data)

    @classmethod
    def needs(cls, config: LanguageModelConfig, data: TextData) -> Sequence[Need]:
        """Return the text, model and KR-test items that no package brings, and which of them are missing here.

        Raises:
            UserError: The file of KR-test items is wrong.
        """
        return needs_of(config, data)

    def check(self, n: int) -> None:
        """Raise UserError for what cannot be trained.

        That is an absent device, an n beyond the training pool, blocks that do not divide into training sequences or are longer
        than the model can read, and a tokenizer with tokens that the model does not know.
        """
        device_of(self.config.device)
        block, pool = self.data.block, len(self.splits.train)
        if n < 1:
            raise UserError(f"n = {n}: at least 1 block is needed")
        sequence = self.config.training.block
        if sequence is not None and block % sequence:
            raise UserError(f"data.block = {block} cannot be cut into training sequences of model.training.block = {sequence}")
        if n > pool:
            raise UserError(f"n = {n} real blocks are asked for, and the training pool has {pool}: lower n or data.block")
        settings = network.settings(self.config, self.tokenizer, block)
        network.check_fits(settings, self.tokenizer, block, self.config.label)

    def fit(
        self,
        samples: Samples,
        objective: Objective,
        init: LanguageModel | None,
        rng: torch.Generator,
        checkpoints: Path | None = None,
    ) -> Fit[LanguageModel]:
        """Train a copy of ``init``, or the pretrained or random weights without one; see `Modality.fit`.

        The fit's notes are ``training_tokens``, ``steps`` and ``epoch_kept``. Of a model that is coupled from narrow ones they,
        and the masked share, are those of the wide one alone; ``narrow_tokens`` were trained on before.
        """
        seed = integer_seed(rng)
        block = samples["tokens"].shape[1]
        model = network.initial_model(self.config, self.tokenizer, block, seed) if init is None else _copy(init)
        network.move(model, self.config)
        settings = self.config.training
        from_scratch = init is None and self.config.pretrained is None
        epochs = (settings.first_epochs or settings.epochs) if from_scratch else settings.epochs
        before = 0.0
        if from_scratch and blocks_of(self.config.coupling) > 1:
            *narrow, epochs = coupled.passes_of(self.config, self.tokenizer, block, epochs)
            before = float(coupled.tokens(narrow, samples))
            # A checkpoint is the wide model's, from when the narrow ones were done.
            if checkpoints is None or not checkpoints.exists():
                coupled.grow(model, self.config, samples, objective, narrow, seed)
        progress = train(model, samples, objective, self.config, epochs, seed, self._judge(), checkpoints)
        notes = {
            "training_tokens": float(progress.tokens),
            "steps": float(progress.step),
            "epoch_kept": float(progress.best_epoch),
            **({"narrow_tokens": before} if before else {}),
        }
        return Fit(replace(model, last=progress.last), progress.masked / max(progress.tokens, 1), notes)

    def sample(self, model: LanguageModel, source: Samples, sampling: Decoding, rng: torch.Generator) -> Mapping[str, Tensor]:
        """Return every block of ``source`` written anew, stretch by stretch, each after the source's own text before it.

        Args:
            model: The model that writes.
            source: Blocks, ``tokens`` int32 (n, T).
            sampling: How the text is continued.
            rng: The source of every random number.

        Returns:
            ``tokens``, int32 (n, T).
        """
        network.move(model, self.config)
        with network.autocast(self.config, model.network.device):
            one_text = self.data.order == "corpus"
            return {"tokens": regenerate(model, source["tokens"], sampling, integer_seed(rng), as_one_text=one_text)}

    def likelihood(self, model: LanguageModel, samples: Samples) -> Likelihood:
        """Return -log p in nats, and p in [0, 1], of every token: two float32 (n, T)."""
        nll = self.token_nll(model, samples["tokens"])
        return Likelihood(nll, torch.exp(-nll))

    def token_nll(self, model: LanguageModel, tokens: Tensor) -> Tensor:
        """Return the negative log-likelihood of every token after the begin token and all before it in its row.

        Args:
            model: The model.
            tokens: int32 (n, T), rows of any origin, such as the items of a KR-test.

        Returns:
            float32 (n, T), in nats.
        """
        network.move(model, self.config)
        with network.autocast(self.config, model.network.device):
            return network.token_nll(model, tokens, self.config.evaluation_batch)

    def redraw(self, model: LanguageModel, samples: Samples, chosen: Tensor, rng: torch.Generator) -> Mapping[str, Tensor]:
        """Return the texts with the chosen tokens drawn anew, each after the tokens before it as they stood.

        Args:
            model: What to draw from, as it was fitted.
            samples: ``tokens``, int32 (n, T).
            chosen: bool (n, T).
            rng: The source of every random number.

        Returns:
            ``tokens``, int32 (n, T).
        """
        network.move(model, self.config)
        with network.autocast(self.config, model.network.device):
            tokens = network.redraw(model, samples["tokens"], chosen, self.config.evaluation_batch, integer_seed(rng))
        return {"tokens": tokens}

    def show(self, data: Mapping[str, Tensor], stem: Path) -> None:
        """Write the first blocks, ``tokens`` int32 (n, T), as one paragraph of text."""
        text = paragraph(self.tokenizer.decode(row.tolist()) for row in data["tokens"])
        write_text(stem.with_suffix(".txt"), text + "\n")

    def save(self, model: LanguageModel, folder: Path) -> None:
        """Write safetensors and JSON, as transformers does, and the tokenizer."""
        network.save(model, folder)

    def load_model(self, folder: Path) -> LanguageModel:
        """Return the model that `save` wrote, equal to the last bit."""
        return network.load(folder)

    def model_bytes(self) -> int:
        """Return about how many bytes a saved model takes: its parameters and its tokenizer."""
        block = self.splits.train["tokens"].shape[1]
        parameters = network.parameters(network.settings(self.config, self.tokenizer, block))
        return BYTES_PER_PARAMETER * parameters + BYTES_PER_TOKEN * self.tokenizer.size

    def _judge(self) -> Judge | None:
        """Return what judges the model after every epoch, so that the best one is kept; None where the last one is."""
        keep = self.config.training.keep
        if keep == "validation_nll":
            return by_validation_nll(self.splits.validation["tokens"], self.token_nll)
        if keep == "kr_test":
            return by_kr_test(self.kr_items, self.token_nll)
        return None


def _copy(model: LanguageModel) -> LanguageModel:
    return LanguageModel(deepcopy(model.network), model.tokenizer)
