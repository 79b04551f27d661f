"""Text that was written to do harm, and what must never reach an output."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import example
from hypothesis import strategies as st

CONTROLS = [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0))]
BIDI = [*"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"]
ZERO_WIDTH = [*"\u00ad\u034f\u115f\u180e\u200b\u200c\u200d\u2060\u2063\u3164\ufe0f\ufeff\U000e0001\U000e0041\U000e0100"]
LINE_BREAKS = [*"\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"]
FORBIDDEN = frozenset([*CONTROLS, *BIDI, *ZERO_WIDTH, *LINE_BREAKS])

MARKUP = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x9b31m",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!-- hidden",
    "<https://evil.example>",
    "[click](https://evil.example)",
    "![pixel](https://evil.example/p.png)",
    "[a]: https://evil.example",
    "[^1]: note",
    "https://evil.example",
    "www.evil.example",
    "me@evil.example",
    "**bold** _it_ ~~gone~~ `code` ``x``",
    "$\\frac{1}{2}$ $x$",
    "a|b|c",
    "&lt;b&gt; &#60; &copy;",
    "[bold]rich[/bold] [link=https://evil.example]x[/link] :warning:",
    "# heading",
    "## heading ##",
    "> quoted",
    "- item",
    "1. item",
    "[x] done",
    "---",
    "===",
    "``` fence",
    "\\",
    "_hidden",
    "{{ 7 * 7 }}",
    "\u202egnp.exe",
    "a\u200bb",
    "../../../escaped",
    "a\nb\r\nc",
    "\ud800",
]
"""What got through to a terminal, a page or a picture, or might have."""

PLAIN = [
    "tce:gamma=0.9,unit=pixel",
    "tce-quantile:keep=0.9,unit=sample",
    "anchored:anchor=fresh,real=0.25",
    "φ<0.75",
    "phi<0.75",
    "kurtosis>1.5",
    "≥ 2.31 [1.90, –]",
    "sliced_wasserstein",
    "quick@3+0a1b2c3d",
    "0 % [0, 43]",
    "μ ± σ · τ = 0.5",
    "perplexité, Größe, расстояние, 距離, 거리, مسافة, מרחק, दूरी, ระยะทาง",
    "null given as 1 instead of 0.5; p is adjusted (Holm)",
]
"""What is said every day, and must stay as it is."""

hostile = st.lists(st.sampled_from(MARKUP) | st.sampled_from(sorted(FORBIDDEN)) | st.text(max_size=6), max_size=6).map("".join)
"""Pieces of markup, characters that must not get through, and anything else, in any order."""

letters = st.text(
    st.characters(categories=("Lu", "Ll", "Lt", "Lm", "Lo", "Nd"), exclude_characters="".join(ZERO_WIDTH) + "\uffa0\u1160"),
    min_size=1,
)
"""Words of any language."""


def is_visible(character: str) -> bool:
    """Whether a terminal draws it and does nothing else, by its Unicode category."""
    return character not in FORBIDDEN and unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def each_piece(test: Callable[..., None]) -> Callable[..., None]:
    """Let a property of ``text`` be tried on every piece of markup, and on every character that must not get through."""
    for text in (*MARKUP, *(f"a{character}b" for character in sorted(FORBIDDEN))):
        test = example(text=text)(test)
    return test


SUITE = """
schema = 1
name = "small"
version = 3
summary = "for tests"

[regimes.plain]
modality = "tabular"
data = "penguins"
model.components = 2
n = 40
generations = 2
seeds = 2
objectives = ["tce"]
strategies = ["replace", "control"]
metrics = ["sliced_wasserstein", "nll"]
fidelity_metric = "sliced_wasserstein"
seconds_per_generation = 0.1
"""


@dataclass(frozen=True)
class Answer:
    """How a command ended."""

    code: int
    out: str
    err: str


Call = Callable[..., Answer]
