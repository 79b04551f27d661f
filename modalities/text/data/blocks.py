"""From a text to blocks of tokens: three splits that never overlap, each block beginning where the one before it ended."""

import hashlib
from pathlib import Path

import tokenizers
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from fortifai.cache import cached_file, write_cached
from fortifai.contract.samples import Samples, Splits
from fortifai.errors import UserError

from ..config import TextData
from ..model.tokenizer import Tokenizer
from .corpora import Corpus

VERSION = 1
"""Raised when the same text and tokenizer give other blocks."""

MOST_LOST = 0.01
"""A tokenizer may lack a rare sign. If it has no token for more than this share of a text, the model learns another text."""


def cut_into_blocks(corpus: Corpus, tokenizer: Tokenizer, data: TextData) -> Splits:
    """Return the three parts of a corpus as blocks of tokens.

    Args:
        corpus: The text, already split.
        tokenizer: What turns it into tokens.
        data: The length of a block, how many blocks each held-out split keeps, evenly spread over its part, and how the training
            part is dealt.

    Returns:
        Splits with one tensor, ``tokens``: int32 (n, block).

    Raises:
        UserError: A part is shorter than one block, or the tokenizer has no tokens for more than 1 % of its characters.
    """
    parts = {"training": corpus.train, "validation": corpus.validation, "test": corpus.test}
    path = cached_file("blocks", f"{_made_of(parts, tokenizer, data.block)}.safetensors")
    blocks = _cached(path, data.block)
    if blocks is None:
        blocks = {
            part: _blocks(stretches, tokenizer, data.block, f"{corpus.name}: the {part} part")
            for part, stretches in parts.items()
        }
        write_cached(path, save(blocks))
    train, validation, test = (Samples.real(tokens=blocks[part]) for part in parts)
    validation, test = (_evenly_spread(part, data.most_held_out) for part in (validation, test))
    return Splits(train, validation, test, in_order=data.order == "corpus")


def _made_of(parts: dict[str, tuple[str, ...]], tokenizer: Tokenizer, block: int) -> str:
    """Return a hash of all that the blocks are made from: encoding a book takes seconds, in every process."""
    digest = hashlib.sha256(f"{VERSION}|{tokenizers.__version__}|{tokenizer.fingerprint()}|{block}".encode())
    for part, stretches in parts.items():
        digest.update(f"|{part}".encode())
        for stretch in stretches:
            text = stretch.encode(errors="surrogatepass")
            digest.update(f"|{len(text)}|".encode() + text)
    return digest.hexdigest()


def _cached(path: Path, block: int) -> dict[str, Tensor] | None:
    """Return the blocks of all three parts, or None where the file is absent, torn or of other contents."""
    try:
        blocks = load_file(path)
    except (OSError, SafetensorError):
        return None
    is_whole = set(blocks) == {"training", "validation", "test"}
    return blocks if is_whole and all(b.dtype == torch.int32 and b.shape[1:] == (block,) for b in blocks.values()) else None


def _evenly_spread(samples: Samples, most: int) -> Samples:
    return samples.take(torch.linspace(0, len(samples) - 1, min(most, len(samples))).round().long())


def _blocks(stretches: tuple[str, ...], tokenizer: Tokenizer, block: int, where: str) -> Tensor:
    # Each stretch by itself, so that no block spans a seam; what is left over at a stretch's end is shorter than a block.
    rows, length, lost = [], 0, 0
    for stretch in stretches:
        ids, characters_lost = tokenizer.encode_measured(stretch)
        tokens = torch.tensor(ids, dtype=torch.int32)
        length, lost = length + len(tokens), lost + characters_lost
        rows.append(tokens[: len(tokens) // block * block].reshape(-1, block))
    share = lost / max(1, sum(len(stretch) for stretch in stretches))
    if share > MOST_LOST:
        raise UserError(
            f"{where}: the tokenizer has no tokens for {share:.1%} of its characters; take a model whose tokenizer knows this "
            "language, or one from scratch, whose tokenizer is made from the text"
        )
    blocks = torch.cat(rows) if rows else torch.empty(0, block, dtype=torch.int32)
    if not len(blocks):
        raise UserError(f"{where} has {length} tokens, less than one block of {block}: lower data.block or take a longer text")
    return blocks
