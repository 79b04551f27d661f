"""What a language model of the kind of Llama costs: floating-point operations of its matrix products."""

from ..config import LanguageModelConfig


def forward_flops(config: LanguageModelConfig, vocabulary: int, length: int) -> int:
    """Return the FLOPs of one sequence through a model from scratch, a multiplication and an addition counted as two.

    A layer has four projections of its width D to itself and three between D and its inner width I, 8 D^2 + 6 D I a token, and
    attends over all ``length`` places, those that are masked included: 4 D a pair. The output layer costs 2 V D a token. A step
    of training costs three times as much. Normalisation, rotations and softmax are left out, as by torch.utils.flop_counter.

    Args:
        config: The model, of an architecture with separate query, key, value and gate projections and as many key heads as heads.
        vocabulary: Tokens that it predicts, V.
        length: Tokens of the sequence, T.
    """
    width, inner = config.hidden_size, config.intermediate_size
    layer = 8 * width**2 + 6 * width * inner + 4 * width * length
    return length * (config.layers * layer + 2 * vocabulary * width)
