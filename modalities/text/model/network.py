"""A causal language model with its tokenizer: built, asked for likelihoods, saved and read back."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from fortifai.errors import UserError
from fortifai.integrations.causal_lm import check_served
from fortifai.objectives import linear_nll

from ..config import LanguageModelConfig
from . import pretrained
from .tokenizer import Tokenizer
from .tokenizer import load as load_tokenizer


@dataclass(frozen=True)
class LanguageModel:
    """A network of transformers, and the tokenizer whose tokens it predicts."""

    network: PreTrainedModel
    tokenizer: Tokenizer


def settings(config: LanguageModelConfig, tokenizer: Tokenizer, block: int) -> PreTrainedConfig:
    """Give the network's configuration, without its weights.

    Raises UserError for an architecture that transformers does not have, and for a pretrained model that cannot be found.
    """
    if config.pretrained is not None:
        source = pretrained.find(config.pretrained)
        try:
            found: PreTrainedConfig = AutoConfig.from_pretrained(source.name, **source.arguments)
        except (OSError, ValueError) as error:
            raise pretrained.unavailable(config.pretrained, error) from error
        return found
    try:
        return AutoConfig.for_model(
            config.architecture,
            vocab_size=tokenizer.size,
            hidden_size=config.hidden_size,
            intermediate_size=config.intermediate_size,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.heads,
            head_dim=config.hidden_size // config.heads,
            max_position_embeddings=block + 1,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.begin,
            eos_token_id=None,
            pad_token_id=None,
        )
    except ValueError as error:
        if config.architecture in CONFIG_MAPPING:
            raise UserError(f"model.architecture {config.architecture!r} with these settings: {error}") from error
        near = get_close_matches(config.architecture, list(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES), n=3)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "llama, gpt2 and qwen3 are some that it knows"
        raise UserError(f"model.architecture {config.architecture!r} is not known to transformers; {hint}") from error


def check(found: PreTrainedConfig, tokenizer: Tokenizer, block: int, label: str) -> None:
    """Raise UserError when a network is no causal language model, cannot read a block, or does not know all tokens."""
    if type(found) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise UserError(f"{label}: {found.model_type} is no causal language model of transformers, which continues a text")
    text = found.get_text_config()
    if text.vocab_size < tokenizer.size:
        raise UserError(
            f"{label}: the model knows {text.vocab_size} tokens and its tokenizer has {tokenizer.size}: they do not match"
        )
    positions = getattr(text, "max_position_embeddings", None)
    if positions is not None and block + 1 > positions:
        raise UserError(
            f"{label}: reads at most {positions} tokens; a block of {block} and the begin token are more: lower data.block"
        )


def begin(config: LanguageModelConfig, tokenizer: Tokenizer, block: int, seed: int) -> LanguageModel:
    """Give the model that a first fit starts from: the pretrained one, or random weights drawn from ``seed``."""
    if config.pretrained is not None:
        source = pretrained.find(config.pretrained)
        try:
            network = AutoModelForCausalLM.from_pretrained(source.name, dtype=torch.float32, **source.arguments)
        except (OSError, ValueError) as error:
            raise pretrained.unavailable(config.pretrained, error) from error
        # A GGUF was read as plain numbers: from here on it is trained, and saved, as such.
        network.hf_quantizer = None  # type: ignore[assignment]
        network.config.__dict__.pop("quantization_config", None)  # which would make it a GGUF again when it is read back
    else:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = AutoModelForCausalLM.from_config(settings(config, tokenizer, block))
    check_served(network)  # refuses, before anything is trained, a network whose logits are not those of a plain output layer
    return LanguageModel(network, tokenizer)


def parameters(found: PreTrainedConfig) -> int:
    """Count the parameters of a network without making them."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in AutoModelForCausalLM.from_config(found).parameters())


def device_of(config: LanguageModelConfig) -> torch.device:
    """Give the device that a configuration names. Raises UserError when it is not there."""
    found = torch.cuda.is_available()
    if config.device.startswith("cuda") and not found:
        raise UserError(f"device {config.device!r} is not available on this machine; use auto or cpu")
    return torch.device(config.device if config.device != "auto" else "cuda" if found else "cpu")


def move(model: LanguageModel, config: LanguageModelConfig) -> None:
    """Put a model on the device that a configuration names."""
    module: nn.Module = model.network
    module.to(device_of(config))


def precision(config: LanguageModelConfig, device: torch.device) -> AbstractContextManager[object]:
    """Give the context in which a network runs: bfloat16 products where asked for, or, on a GPU that has them, by default."""
    wanted = config.precision
    able = device.type == "cuda" and torch.cuda.is_bf16_supported()
    if wanted == "bfloat16" or (wanted == "auto" and able):
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()


def output_layer(network: PreTrainedModel) -> tuple[Tensor, Tensor | None]:
    """Give the weight, (V, D), and the bias of the layer that predicts tokens."""
    layer = network.get_output_embeddings()
    return layer.weight, getattr(layer, "bias", None)


def hidden_states(model: LanguageModel, tokens: Tensor) -> Tensor:
    """Give what the output layer reads where it predicts ``tokens``: after the begin token and all tokens before, (n, T, D)."""
    start = torch.full_like(tokens[:, :1], model.tokenizer.begin)
    read = torch.cat([start, tokens[:, :-1]], dim=1)
    found: Tensor = model.network.base_model(input_ids=read, use_cache=False).last_hidden_state
    return found


@torch.no_grad()
def token_nll(model: LanguageModel, tokens: Tensor, batch: int) -> Tensor:
    """Negative log-likelihood of every token given the begin token and all before it, float32 (n, T), in nats."""
    model.network.eval()
    weight, bias = output_layer(model.network)
    parts = []
    for part in tokens.split(batch):
        targets = part.to(model.network.device).long()
        parts.append(linear_nll(hidden_states(model, targets), weight, targets, bias=bias).cpu())
    return torch.cat(parts) if parts else torch.empty(tokens.shape)


def save(model: LanguageModel, folder: Path) -> None:
    """Write the network as transformers does, safetensors and JSON, and the tokenizer as one JSON file."""
    model.network.save_pretrained(folder)
    model.tokenizer.save(folder)


def load(folder: Path) -> LanguageModel:
    """Read what `save` wrote, to the last bit."""
    network = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", local_files_only=True)
    return LanguageModel(network, load_tokenizer(folder))
