"""The text adapter: causal language models that continue a text and are trained on what they wrote."""

from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor

from fortifai.config import Sampling
from fortifai.contract.modality import Fit, Modality
from fortifai.contract.samples import Samples, Splits
from fortifai.errors import UserError
from fortifai.files import write_text
from fortifai.needs import Need
from fortifai.objectives import Objective
from fortifai.randomness import integer_seed

from .config import Decoding, LanguageModelConfig, TextData
from .data import corpora
from .data.blocks import split
from .excerpt import paragraph
from .kr_test.item import Item
from .kr_test.items import items
from .model import network, regeneration, training
from .model.network import LanguageModel
from .model.tokenizer import Tokenizer, pretrained, train
from .needs import needs
from .selection import selector


class LanguageModelAdapter(Modality[LanguageModel]):
    """Causal language models. Samples hold one tensor, ``tokens``: int32 (n, T), blocks of a text without special tokens.

    An element is a token, its confidence the probability that the model gives to it after the begin token and all tokens of its
    block before it.
    """

    config: LanguageModelConfig
    categorical = True

    def __init__(self, config: LanguageModelConfig) -> None:
        super().__init__(config)
        self._loaded: tuple[TextData, Tokenizer] | None = None

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the data that was loaded."""
        return self._data()[1]

    @property
    def kr_items(self) -> tuple[Item, ...]:
        """The KR-test items of the data that was loaded. Raises UserError when it has none."""
        return items(self._data()[0])

    def needs(self, data: TextData) -> list[Need]:
        """List a text, a model and items of a KR-test that come with no package, and which of them are missing here."""
        return needs(self.config, data)

    def load(self, data: TextData) -> Splits:
        """Read, split and tokenise a text. Raises UserError for one that is missing, unreadable or too short."""
        corpus = corpora.read(data)
        if self.config.pretrained is not None:
            tokenizer = pretrained(self.config.pretrained)
        else:
            tokenizer = train("".join(corpus.train), self.config.vocabulary)
        self._loaded = data, tokenizer
        return split(corpus, tokenizer, data)

    def check(self, n: int, splits: Splits) -> None:
        """Refuse an absent device, an n beyond the pool, blocks longer than the model reads, tokens that it does not know."""
        network.device_of(self.config)
        block, pool = splits.train["tokens"].shape[1], len(splits.train)
        sequence = self.config.training.block
        if sequence is not None and block % sequence:
            raise UserError(f"data.block = {block} cannot be cut into training sequences of model.training.block = {sequence}")
        if n > pool:
            raise UserError(f"n = {n} real blocks are asked for, and the training pool has {pool}: lower n or data.block")
        network.check(network.settings(self.config, self.tokenizer, block), self.tokenizer, block, self.config.label)

    def fit(
        self, samples: Samples, validation: Samples, objective: Objective, init: LanguageModel | None, rng: torch.Generator
    ) -> Fit[LanguageModel]:
        """Train as `fit_resumably` does, without checkpoints."""
        return self.fit_resumably(samples, validation, objective, init, rng, None)

    def fit_resumably(
        self,
        samples: Samples,
        validation: Samples,
        objective: Objective,
        init: LanguageModel | None,
        rng: torch.Generator,
        checkpoints: Path | None,
    ) -> Fit[LanguageModel]:
        """Train on from ``init``, or from the pretrained or random weights without one.

        Notes ``training_tokens``, ``steps`` and ``epoch_kept``. Raises Diverged when the loss leaves the finite numbers.
        """
        data, tokenizer = self._data()
        seed = integer_seed(rng)
        block = samples["tokens"].shape[1]
        model = deepcopy(init) if init is not None else network.begin(self.config, tokenizer, block, seed)
        network.move(model, self.config)
        settings = self.config.training
        fresh = init is None and self.config.pretrained is None
        epochs = (settings.first_epochs or settings.epochs) if fresh else settings.epochs
        select = selector(settings.keep, data, validation, self.token_nll)
        done = training.train(model, samples, objective, self.config, epochs, seed, select, checkpoints)
        notes = {"training_tokens": float(done.tokens), "steps": float(done.step), "epoch_kept": float(done.best_epoch)}
        return Fit(model, done.masked / max(done.tokens, 1), notes)

    def sample(self, model: LanguageModel, source: Samples, sampling: Sampling, rng: torch.Generator) -> Samples:
        """Write every block of ``source`` anew, stretch by stretch, each after the source's own text before it."""
        assert isinstance(sampling, Decoding)
        network.move(model, self.config)
        with network.precision(self.config, model.network.device):
            written = regeneration.regenerate(model, source["tokens"], sampling, integer_seed(rng))
        return Samples({"tokens": written}, source.origin)  # the protocol stamps the generation

    def show(self, samples: Samples, stem: Path) -> None:
        """Write the first blocks as one paragraph of text."""
        text = paragraph(self.tokenizer.decode(row.tolist()) for row in samples["tokens"])
        write_text(stem.with_suffix(".txt"), text + "\n")

    def nll(self, model: LanguageModel, samples: Samples) -> Tensor:
        """-log p of every token, float32 (n, T), in nats."""
        return self.token_nll(model, samples["tokens"])

    def confidence(self, model: LanguageModel, samples: Samples) -> Tensor:
        """p of every token, float32 (n, T)."""
        return torch.exp(-self.nll(model, samples))

    def token_nll(self, model: LanguageModel, tokens: Tensor) -> Tensor:
        """-log p of every token after the begin token and all before it in its row, float32 (n, T), in nats."""
        network.move(model, self.config)
        with network.precision(self.config, model.network.device):
            return network.token_nll(model, tokens, self.config.evaluation_batch)

    def save(self, model: LanguageModel, folder: Path) -> None:
        """Write safetensors and JSON, as transformers does, and the tokenizer."""
        network.save(model, folder)

    def load_model(self, folder: Path) -> LanguageModel:
        """Read it back."""
        return network.load(folder)

    def model_bytes(self, splits: Splits) -> int:
        """Four bytes a parameter, and the tokenizer."""
        block = splits.train["tokens"].shape[1]
        return 4 * network.parameters(network.settings(self.config, self.tokenizer, block)) + 64 * self.tokenizer.size

    def _data(self) -> tuple[TextData, Tokenizer]:
        if self._loaded is None:
            raise RuntimeError("load the data first: the tokenizer is made from it")
        return self._loaded
