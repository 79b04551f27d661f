"""A causal language model with its tokenizer: built, asked for likelihoods, saved and loaded."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
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

from fortifai.device import device_of, product_type
from fortifai.errors import UserError, did_you_mean
from fortifai.integrations.causal_lm import check_served
from fortifai.objectives import linear_nll

from ..config import LanguageModelConfig
from . import pretrained
from .tokenizer import Tokenizer, load_tokenizer


@dataclass(frozen=True)
class LanguageModel:
    """A network of transformers, and the tokenizer whose tokens it predicts.

    Attributes:
        network: With the weights of the epoch that was kept.
        tokenizer: Whose tokens it predicts.
        last: The weights of the last epoch of its fit, where another one was kept; not saved.
    """

    network: PreTrainedModel
    tokenizer: Tokenizer
    last: Mapping[str, Tensor] | None = field(default=None, compare=False, repr=False)

    @contextmanager
    def at_last_epoch(self) -> Iterator[None]:
        """Put the weights of the last epoch in place, and those that were kept back afterwards."""
        if self.last is None:
            yield
            return
        kept = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.last)
        try:
            yield
        finally:
            self.network.load_state_dict(kept)


def settings(config: LanguageModelConfig, tokenizer: Tokenizer, block: int) -> PreTrainedConfig:
    """Return the network's configuration for transformers; no weights are loaded.

    Args:
        config: The model that is wanted.
        tokenizer: Its tokenizer, whose size a network from scratch has.
        block: Tokens of a block, T; a network from scratch reads one more, the begin token.

    Raises:
        UserError: The architecture is unknown to transformers, or the pretrained model cannot be found.
    """
    if config.pretrained is not None:
        source = pretrained.find(config.pretrained)
        try:
            stored: PreTrainedConfig = AutoConfig.from_pretrained(source.name, **source.arguments)
        except (OSError, ValueError) as error:
            raise pretrained.unavailable(config.pretrained, error) from error
        return stored
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
        known = list(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
        hint = did_you_mean(config.architecture, known) or "llama, gpt2 and qwen3 are some that it knows"
        raise UserError(f"model.architecture {config.architecture!r} is not known to transformers; {hint}") from error


def check_fits(settings: PreTrainedConfig, tokenizer: Tokenizer, block: int, label: str) -> None:
    """Raise UserError if a network cannot be trained on the blocks of this tokenizer.

    Args:
        settings: The network's configuration.
        tokenizer: Must have no token that the network does not know.
        block: Tokens of a block, T; with the begin token the network must be able to read them.
        label: What the error calls the model.
    """
    if type(settings) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise UserError(f"{label}: {settings.model_type} is not a causal language model of transformers, which continues a text")
    text = settings.get_text_config()
    if text.vocab_size < tokenizer.size:
        raise UserError(
            f"{label}: the model knows {text.vocab_size} tokens and its tokenizer has {tokenizer.size}: they do not match"
        )
    positions = getattr(text, "max_position_embeddings", None)
    if positions is not None and block + 1 > positions:
        raise UserError(
            f"{label}: reads at most {positions} tokens; a block of {block} and the begin token are more: lower data.block"
        )


def initial_model(config: LanguageModelConfig, tokenizer: Tokenizer, block: int, seed: int) -> LanguageModel:
    """Return the model that a fit without an earlier one starts from: the pretrained one, or one with random weights.

    Args:
        config: The model that is wanted.
        tokenizer: Its tokenizer.
        block: Tokens of a block, T.
        seed: Decides the random weights. The global generators are left as they were.

    Raises:
        UserError: The pretrained model cannot be loaded, or the network's logits are not those of a plain output layer.
    """
    if config.pretrained is not None:
        source = pretrained.find(config.pretrained)
        try:
            network = AutoModelForCausalLM.from_pretrained(source.name, dtype=torch.float32, **source.arguments)
        except (OSError, ValueError) as error:
            raise pretrained.unavailable(config.pretrained, error) from error
        # A GGUF was read as plain numbers: from here on it is trained, and saved, as such.
        network.hf_quantizer = None  # type: ignore[assignment]
        network.config.__dict__.pop("quantization_config", None)  # which would make it a GGUF again when it is loaded
    else:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = AutoModelForCausalLM.from_config(settings(config, tokenizer, block))
    check_served(network)  # before anything is trained
    return LanguageModel(network, tokenizer)


def parameters(settings: PreTrainedConfig) -> int:
    """Return the number of parameters of a network of this configuration, without making them."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in AutoModelForCausalLM.from_config(settings).parameters())


def move(model: LanguageModel, config: LanguageModelConfig) -> None:
    """Put a model on the device that a configuration names. Raises UserError if there is no such device."""
    module: nn.Module = model.network
    module.to(device_of(config.device))


def autocast(config: LanguageModelConfig, device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which a network on a device computes its products in the precision of a configuration."""
    dtype = product_type(config.precision, device)
    return nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype)


def output_layer(network: PreTrainedModel) -> tuple[Tensor, Tensor | None]:
    """Return the weight, (V, D), and the bias, (V,) or None, of the layer that predicts tokens."""
    layer = network.get_output_embeddings()
    return layer.weight, getattr(layer, "bias", None)


def hidden_states(model: LanguageModel, tokens: Tensor, first_token: bool = True) -> Tensor:
    """Return what the output layer reads where it predicts tokens, after the begin token and all tokens before them.

    Args:
        model: The model.
        tokens: int64 (n, T), on its device.
        first_token: False: without a begin token, so that the first token of a row is read and not predicted.

    Returns:
        (n, T, D), or (n, T - 1, D) without the first token.
    """
    read = tokens[:, :-1]
    if first_token:
        start = torch.full_like(tokens[:, :1], model.tokenizer.begin)
        read = torch.cat([start, read], dim=1)
    hidden: Tensor = model.network.base_model(input_ids=read, use_cache=False).last_hidden_state
    return hidden


@torch.no_grad()
def token_nll(model: LanguageModel, tokens: Tensor, batch: int, first_token: bool = True) -> Tensor:
    """Return the negative log-likelihood of every token after the begin token and all before it in its row.

    Args:
        model: The model; it is left in evaluation mode.
        tokens: int32 or int64 (n, T), on any device.
        batch: Rows that are computed at once, >= 1; the values depend on it by rounding alone.
        first_token: False: without a begin token, and without the first token of a row.

    Returns:
        float32 (n, T), or (n, T - 1) without the first token, on the CPU, in nats.
    """
    model.network.eval()
    weight, bias = output_layer(model.network)
    parts = []
    for part in tokens.split(batch):
        read = part.to(model.network.device).long()
        targets = read if first_token else read[:, 1:]
        parts.append(linear_nll(hidden_states(model, read, first_token), weight, targets, bias=bias).cpu())
    return torch.cat(parts) if parts else torch.empty(tokens.shape)


@torch.no_grad()
def redraw(model: LanguageModel, tokens: Tensor, chosen: Tensor, batch: int, seed: int) -> Tensor:
    """Return texts with the chosen tokens drawn anew, each after the begin token and the tokens before it as they stood.

    A token is drawn for every place, chosen or not, so that what is drawn does not depend on what else is chosen.

    Args:
        model: The model; it is left in evaluation mode.
        tokens: int32 or int64 (n, T), on any device.
        chosen: bool (n, T).
        batch: Rows that are computed at once, >= 1; what is drawn does not depend on it, but for rounding.
        seed: Of the draws.

    Returns:
        Of the type of ``tokens``, (n, T), on the CPU.
    """
    model.network.eval()
    weight, bias = output_layer(model.network)
    rng = torch.Generator().manual_seed(seed)
    parts = []
    for part, places in zip(tokens.split(batch), chosen.split(batch), strict=True):
        hidden = hidden_states(model, part.to(model.network.device).long(), True)
        logits = torch.nn.functional.linear(hidden, weight, bias).double().cpu()
        uniform = torch.rand(logits.shape, generator=rng, dtype=torch.float64).clamp(min=torch.finfo(torch.float64).tiny)
        drawn = (logits - uniform.log().neg().log()).argmax(-1)  # Gumbel's trick: the argmax is a draw from the softmax
        parts.append(torch.where(places.cpu(), drawn.to(part.dtype), part.cpu()))
    return torch.cat(parts)


def save(model: LanguageModel, folder: Path) -> None:
    """Write the network as transformers does, safetensors and JSON, and the tokenizer, into an existing folder."""
    model.network.save_pretrained(folder)
    model.tokenizer.save(folder)


def load(folder: Path) -> LanguageModel:
    """Return the model that `save` wrote, equal to the last bit."""
    network = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", local_files_only=True)
    return LanguageModel(network, load_tokenizer(folder))
