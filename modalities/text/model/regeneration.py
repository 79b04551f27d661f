"""Regeneration: every stretch of a text is written anew after what stands before it in the source."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from transformers import GenerationConfig, PreTrainedModel

from ..config import Decoding
from .kv_cache import buffered_cache
from .network import LanguageModel


def regenerate(
    model: LanguageModel, source: Tensor, decoding: Decoding, seed: int, *, as_one_text: bool = False, kept: int = 0
) -> Tensor:
    """Write every stretch of ``new_tokens`` anew, after the up to ``context`` source tokens before it.

    The contexts are the source's own text (ForTIFAI: only the new tokens are kept), so that stretches have contexts of few
    different lengths: no padding. What has nothing before it is written after the begin token alone.

    Args:
        model: The model that writes.
        source: Blocks of tokens, int32 (n, T).
        decoding: How the text is continued.
        seed: Decides every random draw. The global generators are left as they were.
        as_one_text: Whether the blocks follow one another, so that a context slides over their ends. False: each block is a text.
        kept: Tokens at the beginning of each text that stay as they are, such as what asks for the rest of it.

    Returns:
        int32 (n, T).
    """
    texts = source.reshape(1, -1) if as_one_text else source
    written = texts.clone()
    alike: dict[tuple[int, int], list[int]] = defaultdict(list)  # starts of stretches, by the lengths of context and stretch
    for start in range(kept, texts.shape[1], decoding.new_tokens):
        alike[min(start, decoding.context), min(decoding.new_tokens, texts.shape[1] - start)].append(start)
    with torch.random.fork_rng(devices=[model.network.device] if model.network.device.type == "cuda" else []):
        torch.manual_seed(seed)
        for (before, length), starts in alike.items():
            place = torch.tensor(starts)[:, None]  # (S, 1), of S stretches that are alike
            context = texts[:, place + torch.arange(-before, 0)].reshape(len(texts) * len(starts), before)
            begin = context.new_full((len(context), 1), model.tokenizer.begin)
            new = _continue(model, torch.cat([begin, context], dim=1).long(), length, decoding)
            written[:, place + torch.arange(length)] = new.reshape(len(texts), len(starts), length)
    return written.reshape(source.shape)


def _continue(model: LanguageModel, prompts: Tensor, length: int, decoding: Decoding) -> Tensor:
    """Return ``length`` tokens after each prompt, int64 (n, P): int32 (n, length)."""
    network = model.network.eval()
    settings = GenerationConfig(
        max_new_tokens=length,
        num_beams=decoding.beams,
        repetition_penalty=decoding.repetition_penalty,
        suppress_tokens=sorted({model.tokenizer.begin, *_ends(network)}),
        eos_token_id=None,
        pad_token_id=model.tokenizer.begin,
        **_reading(model, decoding),
    )
    parts = []
    for part in prompts.split(max(1, decoding.batch // decoding.beams)):
        part = part.to(network.device)
        with _no_settings_of_its_own(network):
            written = network.generate(
                part,
                attention_mask=torch.ones_like(part),
                generation_config=settings,
                past_key_values=buffered_cache(network, part.shape[1] + length),
            )
        parts.append(written[:, part.shape[1] :].int().cpu())
    return torch.cat(parts)


def _reading(model: LanguageModel, decoding: Decoding) -> dict[str, bool | float | int | None]:
    """Return whether and how tokens are drawn at random, as transformers takes it."""
    if decoding.do_sample == "model":
        own = model.network.generation_config
        if own is None or not own.do_sample:
            return {"do_sample": False}
        return {"do_sample": True, **{name: getattr(own, name) for name in ("temperature", "top_k", "top_p", "min_p")}}
    if decoding.beams > 1:
        return {"do_sample": False}
    return {
        "do_sample": True,
        "temperature": decoding.temperature,
        "top_p": decoding.top_p if decoding.top_p < 1 else None,
        "top_k": decoding.top_k or 0,
        "min_p": decoding.min_p or None,
    }


def _ends(network: PreTrainedModel) -> list[int]:
    """Return the tokens that end a text for a pretrained model: a stretch has a length, and no end."""
    own = network.generation_config
    ends = None if own is None else own.eos_token_id
    return [] if ends is None else [ends] if isinstance(ends, int) else list(ends)


@contextmanager
def _no_settings_of_its_own(network: PreTrainedModel) -> Iterator[None]:
    """Let the settings of a call alone decide: transformers fills what they leave open from the network's own."""
    own = network.generation_config
    network.generation_config = GenerationConfig()
    try:
        yield
    finally:
        network.generation_config = own
