"""Text to tokens and back: a byte-level BPE trained on the real pool, or the tokenizer that a pretrained model came with."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Encoding, decoders, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as Encoder

from fortifai.errors import UserError

from ..hub import reachable
from .pretrained import find, unavailable

BEGIN = "<|begin|>"
"""Stands before every block: what the first token of a block is predicted from."""

TOKENIZER_FILE = "tokenizer.json"
SETTINGS_FILE = "tokenizer_config.json"


@dataclass(frozen=True)
class Tokenizer:
    """An encoder of the tokenizers library, and the token that begins a block."""

    encoder: Encoder
    begin: int

    def __post_init__(self) -> None:
        # A text that spells a special token means these characters: what is read is real, and is to be written again as it was.
        self.encoder.encode_special_tokens = True

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text, without special ones.

        Raises:
            UserError: The encoder cannot encode the text at all.
        """
        tokens: list[int] = self._encoded(text).ids
        return tokens

    def encode_measured(self, text: str) -> tuple[list[int], int]:
        """Return the tokens of a text, and how many of its characters are lost.

        A character is lost if no token but the unknown one stands for it; white space does not count.

        Raises:
            UserError: The encoder cannot encode the text at all.
        """
        encoding = self._encoded(text)
        pairs = zip(encoding.ids, encoding.offsets, strict=True)
        known = np.array([span for token, span in pairs if token != self._unknown], np.int64)
        depth = np.zeros(len(text) + 1, np.int64)
        if len(known):
            np.add.at(depth, known[:, 0], 1)
            np.add.at(depth, known[:, 1], -1)
        uncovered = np.flatnonzero(depth.cumsum()[:-1] == 0)
        return encoding.ids, sum(not text[position].isspace() for position in uncovered)

    def decode(self, tokens: Iterable[int]) -> str:
        """Return the text of tokens; bytes that are not UTF-8 show as the replacement character."""
        text: str = self.encoder.decode(list(tokens), skip_special_tokens=True)
        return text

    @property
    def size(self) -> int:
        """Tokens in the vocabulary, special ones included."""
        size: int = self.encoder.get_vocab_size(with_added_tokens=True)
        return size

    def fingerprint(self) -> str:
        """Return a SHA-256 over the encoder's definition and the token that begins a block: equal where tokens come out equal."""
        return hashlib.sha256(f"{self.begin}|{json.dumps(self._definition, sort_keys=True)}".encode()).hexdigest()

    def save(self, folder: Path) -> None:
        """Write two JSON files into an existing folder, as transformers does, so that it can read them too."""
        self.encoder.save(str(folder / TOKENIZER_FILE))
        settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": self.encoder.id_to_token(self.begin)}
        (folder / SETTINGS_FILE).write_text(json.dumps(settings, indent=1))

    @cached_property
    def _definition(self) -> dict[str, Any]:
        definition: dict[str, Any] = json.loads(self.encoder.to_str())
        return definition

    @cached_property
    def _unknown(self) -> int | None:
        model = self._definition["model"]
        name, number = model.get("unk_token"), model.get("unk_id")  # a Unigram model has the number
        return number if name is None else self.encoder.token_to_id(name)

    def _encoded(self, text: str) -> Encoding:
        try:
            return self.encoder.encode(text, add_special_tokens=False)
        except Exception as error:  # the library raises nothing more precise, for a word that it has no token for
            raise UserError(f"the tokenizer cannot encode the text: {error}; take another one") from error


def train_tokenizer(text: str, vocabulary: int) -> Tokenizer:
    """Train a byte-level BPE, the same one every time, with one more token that begins a block.

    Every byte has a token, so any text can be encoded.

    Args:
        text: What it is trained on; a text with too few different words makes fewer tokens.
        vocabulary: The number of tokens without the one that begins a block, >= 256; 256: bytes, no merges.
    """
    encoder = Encoder(models.BPE())
    encoder.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    encoder.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, initial_alphabet=alphabet, show_progress=False)
    encoder.train_from_iterator(text.splitlines(keepends=True), trainer)
    encoder.add_special_tokens([BEGIN])
    return Tokenizer(encoder, _token_id(encoder, BEGIN))


def load_tokenizer(folder: Path) -> Tokenizer:
    """Return the tokenizer that `Tokenizer.save` wrote."""
    encoder = Encoder.from_file(str(folder / TOKENIZER_FILE))
    return Tokenizer(encoder, _token_id(encoder, json.loads((folder / SETTINGS_FILE).read_text())["bos_token"]))


def pretrained_tokenizer(name: str) -> Tokenizer:
    """Return the tokenizer of a pretrained model.

    Blocks begin with its begin-of-text token, or, if it has none, with its end-of-text token.

    Args:
        name: What a suite calls the model: a folder, a name on the hub, or `SMOLLM2`.

    Raises:
        UserError: The model is missing (or not cached, where there is no network), its tokenizer has neither token, or it is
            not one of the tokenizers library.
    """
    from transformers import AutoTokenizer  # seconds, which a chain from scratch need not wait for

    source = find(name)
    is_local = Path(source.name).is_dir()
    try:
        tokenizer = AutoTokenizer.from_pretrained(source.name, local_files_only=is_local or not reachable(), **source.arguments)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise unavailable(name, error) from error
    if not tokenizer.is_fast:
        raise UserError(f"the tokenizer of model.pretrained {name!r} has no fast form (tokenizer.json), which is needed")
    begin = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    if begin is None:
        raise UserError(
            f"the tokenizer of model.pretrained {name!r} has no begin-of-text and no end-of-text token to begin a block with"
        )
    return Tokenizer(tokenizer.backend_tokenizer, begin)


def _token_id(encoder: Encoder, token: str) -> int:
    number = encoder.token_to_id(token)
    if number is None:
        raise ValueError(f"{token} is not in the vocabulary")
    return number
