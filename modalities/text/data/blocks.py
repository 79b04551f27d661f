"""From a text to blocks of tokens: three splits that never overlap, each block beginning where the one before it ended."""

import torch

from fortifai.contract.samples import Samples, Splits
from fortifai.errors import UserError

from ..config import TextData
from ..model.tokenizer import Tokenizer
from .corpora import Corpus

MOST_LOST = 0.01
"""A tokenizer may lack a rare sign. When it has no token for more than this share of a text, the model learns another text."""


def split(corpus: Corpus, tokenizer: Tokenizer, data: TextData) -> Splits:
    """Cut the three parts of a corpus into blocks: ``tokens``, int32 (n, block); of held-out ones an even choice is kept.

    Raises UserError when a part is shorter than one block, and when the tokenizer has no tokens for what stands in it.
    """
    parts = {"training": corpus.train, "validation": corpus.validation, "test": corpus.test}
    train, validation, test = (
        _blocks(stretches, tokenizer, data.block, f"{corpus.name}: the {part} part") for part, stretches in parts.items()
    )
    return Splits(train, *(_evenly(part, data.most_held_out) for part in (validation, test)))


def _evenly(samples: Samples, most: int) -> Samples:
    """Give at most this many blocks, evenly spread over the text."""
    return samples.take(torch.linspace(0, len(samples) - 1, min(most, len(samples))).round().long())


def _blocks(stretches: tuple[str, ...], tokenizer: Tokenizer, block: int, where: str) -> Samples:
    # Each stretch by itself, so that no block spans a seam; what is left over at a stretch's end is shorter than a block.
    rows, tokens, lost = [], 0, 0
    for stretch in stretches:
        ids, missed = tokenizer.encode_measured(stretch)
        found = torch.tensor(ids, dtype=torch.int32)
        tokens, lost = tokens + len(found), lost + missed
        rows.append(found[: len(found) // block * block].reshape(-1, block))
    share = lost / max(1, sum(len(stretch) for stretch in stretches))
    if share > MOST_LOST:
        raise UserError(
            f"{where}: the tokenizer has no tokens for {share:.1%} of its characters; take a model whose tokenizer knows this "
            "language, or one from scratch, whose tokenizer is made from the text"
        )
    cut = torch.cat(rows) if rows else torch.empty(0, block, dtype=torch.int32)
    if not len(cut):
        raise UserError(f"{where} has {tokens} tokens, less than one block of {block}: lower data.block or give more text")
    return Samples.real(tokens=cut)
