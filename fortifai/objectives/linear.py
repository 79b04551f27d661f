"""The loss of a language model's output layer without its logits: products, softmax, objective and gradients in chunks of tokens.

A token whose loss has no slope (TCE masked it) needs neither of the two products of the backward pass, so that TCE costs less
than cross entropy. The gradients come with the loss, as in Liger (Hsu et al., arXiv 2410.10989) and Cut Cross-Entropy (Wijmans
et al., arXiv 2411.09009), because the logits that they need are gone afterwards.
"""

from collections.abc import Iterator
from typing import Any, Literal, cast, overload

import torch
from torch import Tensor

from fortifai.errors import UserError
from fortifai.objectives import Objective, resolve_for
from fortifai.objectives.linear_inputs import Tokens, checked_tokens

TILE = 512
"""Rows of the weight in one product on a CPU: they stay in its cache while the tokens of the chunk go by."""


@overload
def linear_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    objective: str | Objective,
    *,
    bias: Tensor | None = None,
    token_weights: Tensor | None = None,
    ignore_index: int = -100,
    normalizer: float | Tensor | None = None,
    chunk_size: int | None = None,
    return_confidence: Literal[False] = False,
) -> Tensor: ...


@overload
def linear_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    objective: str | Objective,
    *,
    bias: Tensor | None = None,
    token_weights: Tensor | None = None,
    ignore_index: int = -100,
    normalizer: float | Tensor | None = None,
    chunk_size: int | None = None,
    return_confidence: Literal[True],
) -> tuple[Tensor, Tensor]: ...


def linear_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    objective: str | Objective,
    *,
    bias: Tensor | None = None,
    token_weights: Tensor | None = None,
    ignore_index: int = -100,
    normalizer: float | Tensor | None = None,
    chunk_size: int | None = None,
    return_confidence: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Return an objective's loss straight from hidden states and output embedding, without holding the logits of all tokens.

    The same value and gradients as ``objective.loss(nll, exp(-nll))`` with ``nll = F.cross_entropy(hidden @ weight.T + bias,
    targets, reduction="none")``, in less time and memory: the gradients are computed with the loss, chunk by chunk, and a token
    whose loss has no slope, as one that TCE masks, skips its part of the backward pass. Products are computed in the dtype of
    the inputs, or that of autocast; sums in float32 or wider. First derivatives only.

    Args:
        hidden: Hidden states, (..., D).
        weight: Output embedding, (V, D), tied to the input embedding or not.
        targets: int64 (...), in 0 ... V - 1; those equal to ``ignore_index`` do not count.
        objective: A name such as ``"tce:gamma=0.9"``, or an Objective.
        bias: (V,) or None.
        token_weights: Non-negative factors of the tokens' losses, (...); None: 1.
        ignore_index: The target of tokens that do not count.
        normalizer: What the sum is divided by, > 0, such as the number of tokens of all micro-batches of a step; None: the
            number of tokens that are not ignored, the masked ones among them.
        chunk_size: Tokens whose logits are held at once, >= 1; None: as many as hold some 32 MiB.
        return_confidence: Whether to return the confidence too.

    Returns:
        The loss: a scalar in nats, float32 or wider; of no tokens it is NaN, as any mean of nothing, and 0 with a normalizer.
        With ``return_confidence`` also p_t of every token, (...), without a gradient, NaN where ignored.

    Raises:
        UserError: Shapes, dtypes, devices or targets do not fit; a name or parameter is wrong; or the objective depends on the
            records of a chain (`Objective.outside_chain`).
    """
    objective = resolve_for(objective).outside_chain()
    tokens = checked_tokens(hidden, weight, targets, bias, token_weights, ignore_index, chunk_size)
    scale = None if normalizer is None else float(normalizer)
    if scale is not None and not scale > 0:
        raise UserError(f"linear_cross_entropy: normalizer should be a number above 0, and is {scale:g}")
    if torch.is_grad_enabled() and any(leaf is not None and leaf.requires_grad for leaf in tokens[:3]):
        # One by one, because autograd does not look for tensors inside a tuple.
        fused = _Fused.apply(*tokens[:3], tokens[3:], objective, scale)  # type: ignore[no-untyped-call]
        loss, nll = cast(tuple[Tensor, Tensor], fused)
    else:
        nll = _nll(tokens)
        loss = _value(tokens, objective, nll, scale)
    if not return_confidence:
        return loss
    return loss, tokens.spread(torch.exp(-nll), float("nan"))


def linear_nll(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    *,
    bias: Tensor | None = None,
    ignore_index: int = -100,
    chunk_size: int | None = None,
) -> Tensor:
    """Return the negative log-likelihood of every target, without gradients and without the logits of all tokens at once.

    Args:
        hidden: Hidden states, (..., D).
        weight: Output embedding, (V, D).
        targets: int64 (...), in 0 ... V - 1 or ``ignore_index``.
        bias: (V,) or None.
        ignore_index: The target of tokens that do not count.
        chunk_size: As of `linear_cross_entropy`.

    Returns:
        (...), in nats, float32 or wider, 0 where ignored, as ``F.cross_entropy(..., reduction="none")`` has it.

    Raises:
        UserError: Shapes, dtypes, devices or targets do not fit.
    """
    tokens = checked_tokens(hidden, weight, targets, bias, None, ignore_index, chunk_size)
    return tokens.spread(_nll(tokens), 0.0)


def _softmax(tokens: Tokens) -> Iterator[tuple[slice, Tensor, Tensor, Tensor]]:
    """Yield for each chunk of c tokens: its slice of the tokens, exp(logits - their largest) (c, V), the sums (c,), the nll (c,).

    The exponentials lie in a buffer that the next chunk overwrites; the caller may change them.
    """
    hidden, weight = tokens.hidden.to(tokens.dtype), tokens.weight.to(tokens.dtype)
    n, vocabulary = len(tokens.targets), len(weight)
    buffer = hidden.new_empty(min(n, tokens.chunk_size), vocabulary, dtype=tokens.wide)
    tile = TILE if hidden.device.type == "cpu" else vocabulary
    for start in range(0, n, tokens.chunk_size):
        here = slice(start, min(start + tokens.chunk_size, n))
        logits = buffer[: here.stop - start]
        for left in range(0, vocabulary, tile):
            part, rows = logits[:, left : left + tile], weight[left : left + tile].t()
            if part.dtype == hidden.dtype:
                torch.mm(hidden[here], rows, out=part)
            else:
                part.copy_(hidden[here] @ rows)
        if tokens.bias is not None:
            logits.add_(tokens.bias)
        target_logits = logits.gather(1, tokens.targets[here, None]).squeeze(1)
        largest = logits.amax(1)
        total = logits.sub_(largest[:, None]).exp_().sum(1)
        yield here, logits, total, total.log() + (largest - target_logits)


@torch.no_grad()
def _nll(tokens: Tokens) -> Tensor:
    nll = tokens.hidden.new_empty(len(tokens.targets), dtype=tokens.wide)
    with torch.autocast(nll.device.type, enabled=False):
        for here, _, _, part in _softmax(tokens):
            nll[here] = part
    return nll


def _loss(objective: Objective, nll: Tensor, weights: Tensor | None) -> Tensor:
    # Every objective is linear in the nll at a fixed confidence, so that a token's weight may multiply its nll.
    return objective.loss(nll if weights is None else nll * weights, torch.exp(-nll))


def _value(tokens: Tokens, objective: Objective, nll: Tensor, normalizer: float | None) -> Tensor:
    loss = _loss(objective, nll, tokens.weights)
    if normalizer is None:
        return loss
    # The mean of no tokens is NaN, but a share of none in a batch that has some elsewhere is nothing.
    return loss * (len(nll) / normalizer) if len(nll) else nll.sum()


def _slope(objective: Objective, nll: Tensor, weights: Tensor | None) -> Tensor:
    """Return the derivative of the objective's sum over these tokens by the nll of each, (n,): exactly 0 where it is masked."""
    with torch.enable_grad():
        free = nll.detach().requires_grad_()
        (slope,) = torch.autograd.grad(_loss(objective, free, weights), free)
    return slope * len(nll)


class _Gradients:
    """Sums of the gradients by hidden (n, D), weight (V, D) and bias (V,) where they are needed, in single precision or wider."""

    def __init__(self, tokens: Tokens, needed: tuple[bool, bool, bool], scale: float) -> None:
        self.tokens, self.scale = tokens, scale
        self.hidden, self.weight, self.bias = (
            torch.zeros_like(leaf, dtype=tokens.wide, memory_format=torch.contiguous_format)
            if need and leaf is not None
            else None
            for leaf, need in zip(tokens[:3], needed, strict=True)
        )
        self._hidden, self._weight = tokens.hidden.to(tokens.dtype), tokens.weight.to(tokens.dtype)

    def add(self, rows: Tensor, exponentials: Tensor, total: Tensor, slope: Tensor) -> None:
        """Add the part of a chunk of c tokens; those without a slope cost nothing.

        Args:
            rows: The tokens' positions, int64 (c,).
            exponentials: (c, V), which is overwritten.
            total: Their sums, (c,).
            slope: Derivative of the loss by the tokens' nll, but for the scale, (c,).
        """
        kept = slope.nonzero().squeeze(1)  # NaN is kept, so that a diverged model shows
        if len(kept) == 0:
            return
        if len(kept) < len(slope):
            rows, exponentials, total, slope = rows[kept], exponentials[kept], total[kept], slope[kept]
        # slope * (softmax - 1 at the target): the gradient by the logits, but for the scale.
        wide = exponentials.mul_((slope / total)[:, None])
        wide[torch.arange(len(rows), device=rows.device), self.tokens.targets[rows]] -= slope
        by_logits = wide.to(self.tokens.dtype)
        if self.hidden is not None:
            self.hidden[rows] = (by_logits @ self._weight).to(self.tokens.wide).mul_(self.scale)
        if self.weight is not None:
            if by_logits.dtype == self.weight.dtype:
                torch.addmm(self.weight, by_logits.t(), self._hidden[rows], alpha=self.scale, out=self.weight)
            else:
                self.weight.add_(by_logits.t() @ self._hidden[rows], alpha=self.scale)
        if self.bias is not None:
            self.bias.add_(wide.sum(0), alpha=self.scale)


@torch.no_grad()
def _nll_and_gradients(
    tokens: Tokens, objective: Objective, normalizer: float | None, needed: tuple[bool, bool, bool]
) -> tuple[Tensor, tuple[Tensor | None, ...]]:
    """Return the nll of every token (n,) and the gradients of the loss by hidden, weight and bias."""
    n = len(tokens.targets)
    gradients = _Gradients(tokens, needed, 1 / (normalizer or n or 1))
    rows = torch.arange(n, device=tokens.targets.device)
    with torch.autocast(tokens.hidden.device.type, enabled=False):
        if objective.elementwise:
            nll = tokens.hidden.new_empty(n, dtype=tokens.wide)
            for here, exponentials, total, part in _softmax(tokens):
                nll[here] = part
                weights = None if tokens.weights is None else tokens.weights[here]
                gradients.add(rows[here], exponentials, total, _slope(objective, part, weights))
        else:
            # Which tokens count depends on all of them: the nll alone first, then the logits of those that count once more.
            nll = _nll(tokens)
            slope = _slope(objective, nll, tokens.weights)
            kept = slope.nonzero().squeeze(1)
            for here, exponentials, total, _ in _softmax(tokens.only(kept)):
                gradients.add(kept[here], exponentials, total, slope[kept[here]])
    return nll, (gradients.hidden, gradients.weight, gradients.bias)


class _Fused(torch.autograd.Function):
    """The loss, whose gradients are computed in the forward pass and returned by the backward pass."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        rest: tuple[Any, ...],
        objective: Objective,
        normalizer: float | None,
    ) -> tuple[Tensor, Tensor]:
        tokens = Tokens(hidden, weight, bias, *rest)
        nll, ctx.gradients = _nll_and_gradients(tokens, objective, normalizer, ctx.needs_input_grad[:3])
        ctx.save_for_backward(hidden, weight, bias)
        ctx.rest = rest, objective, normalizer
        ctx.mark_non_differentiable(nll)
        return _value(tokens, objective, nll, normalizer), nll

    @staticmethod
    def backward(ctx: Any, grad_loss: Tensor, grad_nll: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():  # asked for by create_graph; a constant would be silently wrong
            raise UserError(
                "linear_cross_entropy has no second derivatives (create_graph=True); for these, use objective.loss of the logits"
            )
        inputs = ctx.saved_tensors
        gradients, ctx.gradients = ctx.gradients, None
        if gradients is None:
            # A second time through the same graph: the first took them, because keeping a copy would double the memory.
            rest, objective, normalizer = ctx.rest
            _, gradients = _nll_and_gradients(Tokens(*inputs, *rest), objective, normalizer, ctx.needs_input_grad[:3])
        # Compared on a CPU only: elsewhere the comparison would wait for the device.
        scaled = grad_loss.device.type != "cpu" or grad_loss.item() != 1
        scaled_gradients: list[Tensor | None] = []
        for leaf, gradient in zip(inputs, gradients, strict=True):
            if gradient is not None:
                gradient = (gradient.mul_(grad_loss) if scaled else gradient).to(leaf.dtype)
            scaled_gradients.append(gradient)
        return *scaled_gradients, None, None, None
