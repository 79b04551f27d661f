"""Sentences on pages: what stands in backticks is code, and nothing is markup."""

import pytest

from fortifai.report.html import with_code


@pytest.mark.parametrize(
    ("text", "html"),
    [
        (
            "Under `drift`, ce and `tce:gamma=0.9` collapsed",
            "Under <code>drift</code>, ce and <code>tce:gamma=0.9</code> collapsed",
        ),
        ("one ` alone", "one ` alone"),
        ("``", "``"),
        ("`<b>`<i>&", "<code>&lt;b&gt;</code>&lt;i&gt;&amp;"),
        ("`\x1b[2J`", r"<code>\x1b[2J</code>"),
        ("`a\nb`", "<code>a b</code>"),
        (None, ""),
    ],
)
def test_what_stands_in_backticks_is_code(text, html):
    assert with_code(text) == html
