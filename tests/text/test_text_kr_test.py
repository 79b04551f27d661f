"""Knowledge retention: the authors' measure on the authors' format, and items from a text that are what they claim to be."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fortifai.errors import UserError
from fortifai.modalities.text.config import TextData
from fortifai.modalities.text.data import corpora
from fortifai.modalities.text.kr_test.accuracy import Accuracy, accuracy
from fortifai.modalities.text.kr_test.items import Item, read_items
from fortifai.modalities.text.kr_test.king_james import KINDS, WORD, make_items
from fortifai.modalities.text.kr_test.sources import items_for
from fortifai.modalities.text.model.tokenizer import train_tokenizer

BYTES = train_tokenizer("any text", 256)
RECORDS = [
    {
        "context": "The mill stands by the river.",
        "sentence_true": "It grinds rye for three villages.",
        "sentence_false": "It grinds rye for nine villages.",
        "location": 1,
    },
    {
        "context": "A heron came in spring.",
        "sentence_true": "It left before the harvest.",
        "sentence_false": "It never left the pond at all.",
        "location": 7,
    },
    {"context": "", "sentence_true": "Rain fell.", "sentence_false": "Snow fell for a week.", "location": 9},
]
ITEMS = tuple(Item(**record) for record in RECORDS)
PAGE = Path(__file__).parents[2] / "docs" / "kr-test.md"


@pytest.fixture(scope="module")
def corpus() -> corpora.Corpus:
    return corpora.read(TextData())


@pytest.fixture(scope="module")
def items(corpus) -> tuple[Item, ...]:
    return make_items(corpus)


def uneven(tokens: torch.Tensor) -> torch.Tensor:
    """A stand-in for a model: log-probabilities that depend on the token, on the one before it, and on its place in the text."""
    before = torch.cat([torch.full_like(tokens[:, :1], BYTES.begin), tokens[:, :-1]], dim=1)
    place = torch.arange(tokens.shape[1])
    return -((tokens * 7 + before * 3 + place) % 23).float() / 7


def by_definition(item: Item) -> float:
    """Mean log-probability of each continuation, its first tokens up to the length of the shorter; one sequence at a time."""
    context = list(item.context.encode())
    blank = b" " if context and not item.context[-1].isspace() else b""
    ids = [list(blank + text.encode()) for text in (item.sentence_true, item.sentence_false)]
    shorter = min(map(len, ids))
    means = []
    for continuation in ids:
        tokens = [BYTES.encode(bytes([b]).decode("latin-1"))[0] for b in context + continuation]
        scored = uneven(torch.tensor([tokens]))[0, len(context) : len(context) + shorter]
        means.append(float(scored.double().mean()))
    return means[0] - means[1]


def test_the_score_is_the_mean_over_the_length_of_the_shorter_continuation():
    measured = accuracy(uneven, ITEMS, BYTES)
    expected = [by_definition(item) for item in ITEMS]
    np.testing.assert_allclose(measured.margins, expected, atol=1e-9)
    assert measured.value == np.mean(np.array(expected) > 0)


words = st.text(alphabet="abc de", min_size=1, max_size=30).filter(str.strip)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.text(alphabet="abc d", max_size=40), words, words), min_size=1, max_size=30))
def test_batching_changes_no_answer(triples):
    items = [
        Item(context=context, sentence_true=true, sentence_false=false, location=i)
        for i, (context, true, false) in enumerate(triples)
        if true != false
    ]
    if items:
        margins = accuracy(uneven, items, BYTES).margins
        np.testing.assert_allclose(margins, [by_definition(item) for item in items], atol=1e-9)


def test_continuations_that_no_tokens_tell_apart_are_wrong():
    same = [Item(context="", sentence_true="abc", sentence_false=f"abc{'d' * (i + 1)}", location=i) for i in range(5)]
    measured = accuracy(uneven, same, BYTES)
    assert (measured.margins == 0).all()
    assert measured.value == 0


def test_a_model_to_which_everything_is_equally_likely_answers_nothing_rightly(items):
    measured = accuracy(lambda tokens: torch.full(tokens.shape, -1.5), items, BYTES)
    assert measured.value == 0


def test_the_interval_is_wilsons():
    margins = np.array([1.0] * 70 + [-1.0] * 30)
    measured = Accuracy.of(margins)
    z, n, p = 1.959963984540054, 100, 0.7
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert (measured.low, measured.high) == pytest.approx((centre - half, centre + half))


def test_a_context_that_is_too_long_loses_its_beginning():
    widths, texts = [], []

    def score(tokens: torch.Tensor) -> torch.Tensor:
        widths.append(tokens.shape[1])
        texts.append(BYTES.decode(tokens[0].tolist()))
        return uneven(tokens)

    accuracy(score, ITEMS[:1], BYTES, longest=40)
    assert widths == [40]
    assert texts == ["by the river. It grinds rye for three villages"[-40:]]


def test_a_fraction_of_the_text_is_equally_many_items_in_the_order_of_their_places():
    items = [Item(context="", sentence_true="a", sentence_false="b", location=i) for i in (7, 1, 1, 90, 95, 99, 100)]
    measured = Accuracy.of(np.array([1.0, 1.0, -1.0, -1.0, -1.0, 1.0, -1.0]))
    # in order of place: 1 1 7 90 95 99 100, of which three fractions have two each, and the last item is in none
    assert [measured.of_fractions(items, 3, i, i).value for i in range(3)] == [0.5, 0.5, 0.5]
    assert [measured.of_fractions(items, 3, 0, stage).value for stage in range(5)] == [0.5, 0.5, 0.5, 0.5, 0.5]
    assert measured.of_fractions(items, 7, 0, 2).value == 2 / 3
    assert measured.of_fractions(items, 7, 0, 9).value == measured.value == 3 / 7


@pytest.mark.parametrize(
    "written",
    [json.dumps(RECORDS), json.dumps(RECORDS, indent=1), "\n\n".join(json.dumps(record) for record in RECORDS)],
    ids=["list", "indented list", "lines"],
)
def test_a_list_and_lines_are_read_alike(tmp_path, written):
    (tmp_path / "kr.json").write_text(written)
    assert read_items(tmp_path / "kr.json") == ITEMS
    assert items_for(TextData(source="python-topics", kr_test=str(tmp_path / "kr.json"))) == ITEMS


def without(record: dict, key: str) -> dict:
    return {name: value for name, value in record.items() if name != key}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "\n".join(json.dumps(record) for record in (RECORDS[0], without(RECORDS[1], "sentence_false"))),
            r"item 2 \(line 2\): sentence_false: is required",
        ),
        (json.dumps([RECORDS[0], without(RECORDS[1], "location")], indent=1), r"item 2 \(line 8\): location: is required"),
        (json.dumps([RECORDS[0] | {"location": "here"}]), r"item 1 \(line 1\): location: .*not 'here'"),
        (json.dumps([RECORDS[0] | {"sentence_true": " "}]), r"item 1 \(line 1\): sentence_true"),
        (json.dumps([RECORDS[0] | {"sentence_false": RECORDS[0]["sentence_true"]}]), r"item 1 \(line 1\): .*are the same"),
        (json.dumps(RECORDS[0]) + "\n{context: 1}", "line 2 is not JSON"),
        ('[\n{"context": 1},\n]', "line [23] is not JSON"),
        ("[]", "has no items"),
        ("", "has no items"),
        ("7", r"item 1 \(line 1\)"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_its_line_and_key(tmp_path, text, message):
    (tmp_path / "kr.json").write_text(text)
    with pytest.raises(UserError, match=message):
        read_items(tmp_path / "kr.json")


def test_a_file_that_is_missing_and_a_text_without_items_are_named(tmp_path):
    with pytest.raises(UserError, match="no KR-test file"):
        read_items(tmp_path / "none.json")
    with pytest.raises(UserError, match="no KR-test comes with the text 'python-topics'"):
        items_for(TextData(source="python-topics"))


def exchanged(item: Item) -> tuple[str, str]:
    """Return the one word that was exchanged, and the word in its place."""
    before, after = item.sentence_true.split(), item.sentence_false.split()
    (pair,) = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    (true,), (false,) = (WORD.findall(word) for word in pair)
    assert pair[1] == pair[0].replace(true, false)
    return true.removesuffix("’s"), false.removesuffix("’s")


def test_there_are_enough_items_and_they_are_the_same_every_time(corpus, items):
    assert 500 <= len(items) <= 600
    assert len({item.sentence_true for item in items}) == len(items)
    assert make_items(corpus) == items


def test_items_are_neighbouring_verses_of_the_training_part_alone(corpus, items):
    lines = [line for stretch in corpus.train for line in stretch.splitlines()]
    for item in items:
        assert lines[item.location - 1] == item.sentence_true
        assert lines[item.location - 2] == item.context.rstrip("\n")
    held_out = {line for stretch in (*corpus.validation, *corpus.test) for line in stretch.splitlines()}
    assert not held_out & {item.sentence_true for item in items}
    assert [item.location for item in items] == sorted(item.location for item in items)
    fifths = Counter(5 * item.location // (len(lines) + 1) for item in items)
    assert set(fifths) == set(range(5))


def test_a_false_continuation_has_one_name_or_number_exchanged_for_an_unrelated_one_of_its_kind(corpus, items):
    everything = "".join((*corpus.train, *corpus.validation, *corpus.test))
    counts = Counter(WORD.findall("".join(corpus.train)))
    more_frequent = 0
    for item in items:
        true, false = exchanged(item)
        assert any(true in table and false in table and not table[true] & table[false] for table in KINDS), (true, false)
        assert 1 / 4 <= counts[false] / counts[true] <= 4
        assert false not in WORD.findall(item.context + item.sentence_true)
        assert item.sentence_false not in everything
        more_frequent += counts[false] > counts[true]
    assert abs(more_frequent - len(items) / 2) <= 1, "frequency alone must decide nothing"


def test_a_statement_that_another_verse_makes_is_not_called_false():
    # Whatever is exchanged for Moab here, Egypt must not be: the last line says it of Egypt.
    names = ["Moab Egypt Assyria Ethiopia"] * 4 + ["Egypt Assyria Ethiopia"] * 2
    told = ["A voice is heard", "Moab is destroyed; her little ones have caused a cry to be heard"]
    stretch = "\n".join([*told, *names, ""])
    outcomes = {}
    for last in ("knowest thou not yet that Egypt is destroyed", "knowest thou not yet that nothing is destroyed"):
        exchanges = {
            item.sentence_false.split()[0]
            for turn in range(12)
            for item in make_items(corpora.Corpus("x", (stretch.replace("cry", f"cry {'o' * turn}"),), (last,), ()))
            if item.sentence_true.startswith("Moab")
        }
        outcomes[last.split()[5]] = exchanges
    assert "Egypt" in outcomes["nothing"], "the exchange is there to be refused"
    assert "Egypt" not in outcomes["Egypt"]


def test_a_model_that_knows_the_text_by_heart_answers_rightly_and_pads_little(corpus, items):
    known = {tuple(words[i : i + 4]) for words in map(str.split, corpus.train) for i in range(len(words) - 3)}
    padding = [0, 0]

    def score(tokens: torch.Tensor) -> torch.Tensor:
        padding[0] += int((tokens == BYTES.begin).sum())
        padding[1] += tokens.numel()
        log_p = torch.zeros(tokens.shape)
        for row, ids in enumerate(tokens.tolist()):
            words = BYTES.decode(i for i in ids if i != BYTES.begin).split()[:-1]  # the last may be cut
            unknown = sum(tuple(words[i : i + 4]) not in known for i in range(len(words) - 3))
            log_p[row] = -unknown
        return log_p

    assert accuracy(score, items, BYTES).value > 0.9
    assert padding[0] < 0.1 * padding[1]


def test_the_items_checked_by_hand_are_those_in_use(items):
    rows = [line.split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ") and line[2].isdigit()]
    checked = [(int(row[0].removeprefix("| ")), row[2], row[3]) for row in rows]
    sample = [items[i] for i in np.linspace(0, len(items) - 1, 30).round().astype(int)]
    assert checked == [(item.location, item.sentence_true, item.sentence_false) for item in sample]
    assert all(row[4].startswith("false") for row in rows)
