"""Samples of text as a paragraph for people."""

from hypothesis import given
from hypothesis import strategies as st

from fortifai.modalities.text.excerpt import LENGTH, paragraph


def test_blocks_are_joined_until_the_paragraph_is_full():
    assert paragraph(["In the\n beginning\r\n", "God \t created"]) == "In the beginning | God created"
    taken = []

    def blocks():
        for block in ("a" * 150, "b" * 150, "c" * 150, "d" * 150):
            taken.append(block[0])
            yield block

    text = paragraph(blocks())
    assert text == "a" * 150 + " | " + "b" * 150 + " | " + "c" * 94 + "…"
    assert taken == ["a", "b", "c"]  # no block is decoded in vain


def test_what_cannot_be_printed_is_seen():
    assert paragraph(["a\x00b\x1bc\u202ed"]) == "a\ufffdb\ufffdc\ufffdd"


@given(st.lists(st.text(max_size=300), max_size=5))
def test_a_paragraph_is_one_short_printable_line(blocks):
    text = paragraph(blocks)
    assert text.isprintable()
    assert len(text) <= LENGTH + 1
