"""Codes and labels as the tokens of a language model: codes first, then a token a label, then the one that begins a clip."""

from collections.abc import Sequence

from tokenizers import Tokenizer as Encoder
from tokenizers import models, pre_tokenizers

from ...text.model.tokenizer import BEGIN, Tokenizer

UNSAID = "clip"
"""The only label where a source does not say what is said."""


def vocabulary(codes: int, classes: Sequence[str]) -> Tokenizer:
    """Return the tokenizer of ``<label> c7 c23 ...``; token k is code k.

    Args:
        codes: How many codes there are.
        classes: The names of the labels; none: all clips have the same one.
    """
    names = [*(f"c{code}" for code in range(codes)), *(f"<{name}>" for name in classes or (UNSAID,))]
    encoder = Encoder(models.WordLevel({name: place for place, name in enumerate(names)}, unk_token=names[0]))
    encoder.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    encoder.add_special_tokens([BEGIN])
    return Tokenizer(encoder, len(names))
