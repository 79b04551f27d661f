"""Regeneration: every stretch of a block is written anew after what stands before it in the source."""

import torch
from torch import Tensor
from transformers import GenerationConfig

from ..config import Decoding
from .kv_cache import buffered_cache
from .network import LanguageModel


def regenerate(model: LanguageModel, source: Tensor, decoding: Decoding, seed: int) -> Tensor:
    """Write every stretch of ``new_tokens`` of every block anew, after the up to ``context`` source tokens before it.

    The first stretch of a block is written after the begin token alone. The contexts are the source's own text (ForTIFAI: only
    the new tokens are kept), so that all stretches at the same place of their blocks have equally long contexts: no padding.

    Args:
        model: The model that writes.
        source: Blocks of tokens, int32 (n, T).
        decoding: How the text is continued.
        seed: Decides every random draw. The global generators are left as they were.

    Returns:
        int32 (n, T).
    """
    written = torch.empty_like(source)
    with torch.random.fork_rng(devices=[model.network.device] if model.network.device.type == "cuda" else []):
        torch.manual_seed(seed)
        for start in range(0, source.shape[1], decoding.new_tokens):
            stop = min(start + decoding.new_tokens, source.shape[1])
            context = source[:, max(0, start - decoding.context) : start]
            begin = context.new_full((len(context), 1), model.tokenizer.begin)
            written[:, start:stop] = _continue(model, torch.cat([begin, context], dim=1).long(), stop - start, decoding)
    return written


def _continue(model: LanguageModel, prompts: Tensor, length: int, decoding: Decoding) -> Tensor:
    """Return ``length`` tokens after each prompt, int64 (n, P): int32 (n, length)."""
    network = model.network.eval()
    settings = GenerationConfig(
        max_new_tokens=length,
        do_sample=decoding.beams == 1,
        num_beams=decoding.beams,
        repetition_penalty=decoding.repetition_penalty,
        suppress_tokens=[model.tokenizer.begin],
        eos_token_id=None,
        pad_token_id=model.tokenizer.begin,
        **({} if decoding.beams > 1 else _warping(decoding)),
    )
    parts = []
    for part in prompts.split(max(1, decoding.batch // decoding.beams)):
        part = part.to(network.device)
        written = network.generate(
            part,
            attention_mask=torch.ones_like(part),
            generation_config=settings,
            past_key_values=buffered_cache(network, part.shape[1] + length),
        )
        parts.append(written[:, part.shape[1] :].int().cpu())
    return torch.cat(parts)


def _warping(decoding: Decoding) -> dict[str, float | int | None]:
    return {
        "temperature": decoding.temperature,
        "top_p": decoding.top_p if decoding.top_p < 1 else None,
        "top_k": decoding.top_k or 0,
        "min_p": decoding.min_p or None,
    }
