"""What a text becomes: three parts that together are the text, or an error that says what is wrong with it."""

import re

import pandas as pd
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fortifai.errors import UserError
from fortifai.modalities.text import hub
from fortifai.modalities.text.config import TextData
from fortifai.modalities.text.data import bundled
from fortifai.modalities.text.data.corpora import Corpus, read
from fortifai.modalities.text.data.splitting import split

PROSE = "".join(f"Line {i} says that {i} times {i} is {i * i}.\n" for i in range(3000))


@pytest.fixture(scope="module")
def bible() -> str:
    return bundled.king_james()


def in_order(text: str, parts: tuple[tuple[str, ...], ...]) -> list[tuple[int, str]]:
    """Put the stretches of all parts back in order by walking through the text; fails where none of them continues it."""
    queues, at, ordered = [list(part) for part in parts], 0, []
    while at < len(text):
        # Where two parts could continue it, their heads begin alike; the longer one is then tried first.
        fits = [p for p, queue in enumerate(queues) if queue and text.startswith(queue[0], at)]
        assert fits, f"no stretch continues the text at {at}"
        part = max(fits, key=lambda p: len(queues[p][0]))
        stretch = queues[part].pop(0)
        ordered.append((part, stretch))
        at += len(stretch)
    assert not any(queues)
    return ordered


def test_the_bible_is_a_verse_a_line_without_numbers_brackets_and_headings(bible):
    lines = bible.splitlines()
    assert len(lines) == 31_102
    assert lines[0] == "In the beginning God created the heaven and the earth."
    assert lines[-1] == "The grace of our Lord Jesus Christ be with you all. Amen."
    assert not re.search(r"[\d\[\]]|  |\( | $", bible, re.MULTILINE)
    assert all(lines)
    assert set(re.findall(r"[^A-Za-z ,.;:!?()\n-]", bible)) == {"’", "—", "æ", "Æ"}


def test_the_help_topics_are_prose_about_python():
    assert "assert_stmt" in bundled.python_topics()
    assert len(bundled.python_topics()) > 400_000


@pytest.mark.parametrize("source", bundled.BUNDLED)
def test_a_bundled_text_is_split_by_position_into_the_shares_asked_for(source):
    corpus = read(TextData(source=source))
    text = bundled.BUNDLED[source]()
    stretches = in_order(text, (corpus.train, corpus.validation, corpus.test))
    assert "".join(stretch for _, stretch in stretches) == text
    assert all(stretch.endswith("\n") for _, stretch in stretches)
    for part, share in ((corpus.train, 0.8), (corpus.validation, 0.1), (corpus.test, 0.1)):
        assert sum(map(len, part)) / len(text) == pytest.approx(share, abs=0.01)
    # Held-out stretches reach over the whole text: in each fifth of it there is some of both.
    position, fifths = 0, set()
    for part, stretch in stretches:
        fifths.add((part, int(5 * (position + len(stretch) / 2) / len(text))))
        position += len(stretch)
    assert fifths == {(part, fifth) for part in range(3) for fifth in range(5)}
    assert read(TextData(source=source)) == corpus


@given(st.text(alphabet="ab \n", max_size=3000), st.floats(0.02, 0.45), st.floats(0.02, 0.45))
@example("one line that never ends " * 300, 0.1, 0.1)
@example("x" * 5000, 0.1, 0.2)
@example("a long line\n" * 7, 0.3, 0.3)
def test_parts_never_overlap_and_together_are_the_text(pattern, validation, test):
    # Every letter becomes a different one, so that a stretch can only come from its own place.
    text = "".join(c if c.isspace() else chr(0x4E00 + i) for i, c in enumerate(pattern))
    parts = split(text, validation, test)
    stretches = [stretch for part in parts for stretch in part]
    assert all(stretch in text for stretch in stretches)
    assert sorted("".join(stretches)) == sorted(text)
    for part in parts:
        letters = "".join("".join(part).split())
        assert list(letters) == sorted(letters), "the stretches of a part are in document order"


@settings(max_examples=30)
@given(st.lists(st.integers(1, 60), min_size=300, max_size=400), st.floats(0.05, 0.3), st.floats(0.05, 0.3))
def test_lines_stay_whole_and_the_shares_are_kept(lengths, validation, test):
    lines = ["x" * (length - 1) + "\n" for length in lengths]
    text = "".join(lines)
    parts = split(text, validation, test)
    assert all(stretch.endswith("\n") for part in parts for stretch in part)
    for part, share in zip(parts, (1 - validation - test, validation, test), strict=True):
        assert abs(sum(map(len, part)) / len(text) - share) < 0.03


@pytest.mark.parametrize("text", ["word " * 2000, "x" * 9000], ids=["one line", "one word"])
def test_a_text_of_a_single_line_is_dealt_out_too(text):
    train, validation, test = split(text, 0.1, 0.1)
    sizes = [sum(map(len, part)) / len(text) for part in (train, validation, test)]
    assert sizes == pytest.approx([0.8, 0.1, 0.1], abs=0.02)
    if " " in text:
        assert all(stretch.endswith(" ") for part in (train, validation, test) for stretch in part)


def test_a_file_and_a_folder_of_files_are_read_in_the_order_of_their_paths(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "c.txt").write_text("third\r\nline")
    (tmp_path / "b" / "z.txt").write_text("second\n")
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbffirst" + PROSE.encode())
    (tmp_path / "ignored.md").write_text("not this")
    corpus = read(TextData(source=str(tmp_path)))
    text = f"first{PROSE}second\nthird\nline\n"
    in_order(text, (corpus.train, corpus.validation, corpus.test))
    alone = read(TextData(source=str(tmp_path / "a.txt")))
    in_order(f"first{PROSE}", (alone.train, alone.validation, alone.test))


def test_another_encoding_is_read_when_it_is_named(tmp_path):
    (tmp_path / "old.txt").write_bytes("Übermut tut selten gut\n".encode("latin-1") * 500)
    corpus = read(TextData(source=str(tmp_path / "old.txt"), encoding="latin-1"))
    assert corpus.train[0].startswith("Übermut")


def own_splits() -> dict[str, str]:
    return {split: f" = {split} = \n" + PROSE[: 500 * (i + 1)] for i, split in enumerate(("train", "validation", "test"))}


@pytest.mark.parametrize("ending", ["raw", "tokens"])
def test_wikitext_files_keep_their_own_splits(tmp_path, ending):
    texts = own_splits()
    for split_name, short in (("train", "train"), ("validation", "valid"), ("test", "test")):
        (tmp_path / f"wiki.{short}.{ending}").write_text(texts[split_name])
    assert read(TextData(source=str(tmp_path))) == Corpus(str(tmp_path), *((texts[s],) for s in texts))


def test_parquet_files_keep_their_own_splits_whatever_their_shards(tmp_path):
    texts = own_splits()
    for name, text in texts.items():
        rows = text.splitlines(keepends=True)
        half = len(rows) // 2
        for shard, part in enumerate((rows[:half], rows[half:])):
            pd.DataFrame({"text": part}).to_parquet(tmp_path / f"{name}-{shard:05}-of-00002.parquet")
    corpus = read(TextData(source=str(tmp_path)))
    assert corpus.train == (texts["train"] if texts["train"].endswith("\n") else texts["train"] + "\n",)
    assert corpus.test[0].rstrip("\n") == texts["test"].rstrip("\n")


def test_wikitext_by_name_reads_the_three_files_of_the_hub(tmp_path, monkeypatch):
    requested = []

    def downloaded(repository, name, *, repo_type, local_files_only):
        if local_files_only:
            raise LocalEntryNotFoundError("not cached")
        requested.append((repository, repo_type, name))
        path = tmp_path / name.replace("/", "-")
        pd.DataFrame({"text": [f" {name} \n"]}).to_parquet(path)
        return str(path)

    monkeypatch.setattr(hub.huggingface_hub, "hf_hub_download", downloaded)
    monkeypatch.setattr(hub, "reachable", lambda: True)
    corpus = read(TextData(source="wikitext-2"))
    assert [name for _, _, name in requested] == [
        f"wikitext-2-raw-v1/{part}-00000-of-00001.parquet" for part in ("train", "validation", "test")
    ]
    assert {(repository, kind) for repository, kind, _ in requested} == {("Salesforce/wikitext", "dataset")}
    assert "train" in corpus.train[0]
    assert "test" in corpus.test[0]


def test_a_name_of_the_hub_without_a_network_says_so_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(hub.constants, "ENDPOINT", "http://127.0.0.1:9")  # nothing listens on the discard port
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    hub.reachable.cache_clear()
    try:
        with pytest.raises(UserError, match=r"the hub does not answer.*data.source.*king-james"):
            read(TextData(source="wikitext-2"))
    finally:
        hub.reachable.cache_clear()


@pytest.mark.parametrize(
    ("settings_in", "message"),
    [
        (lambda folder: {"source": "king-jame"}, "did you mean 'king-james'"),
        (lambda folder: {"source": "nothing at all"}, "king-james, python-topics, wikitext-2"),
        (lambda folder: {"source": str(folder)}, "without .txt files"),
        (lambda folder: {"source": str(folder / "empty.md")}, "has no text in it"),
        (lambda folder: {"source": str(folder / "bytes.md")}, r"not utf-8: byte 0xff at offset 3; .*data.encoding=latin-1"),
        (
            lambda folder: {"source": str(folder / "bytes.md"), "encoding": "utf-88"},
            "encoding; did you mean 'utf-8'",
        ),
        (lambda folder: {"source": str(folder / "bytes.md"), "encoding": "hex"}, "is not a text encoding"),
    ],
    ids=["misspelt", "unknown", "no files", "empty", "undecodable", "unknown encoding", "codec of bytes"],
)
def test_what_cannot_be_read_is_refused_with_what_to_do(tmp_path, settings_in, message):
    (tmp_path / "empty.md").write_text(" \n\n")
    (tmp_path / "bytes.md").write_bytes(b"abc\xff\xfe")
    with pytest.raises(UserError, match=message):
        read(TextData(**settings_in(tmp_path)))


def test_a_split_that_is_missing_or_has_no_text_is_named(tmp_path):
    (tmp_path / "wiki.train.raw").write_text("a\n")
    with pytest.raises(UserError, match=r"wiki.train.raw, but no validation and no test"):
        read(TextData(source=str(tmp_path)))
    (tmp_path / "wiki.train.raw").unlink()
    for name in ("train", "validation", "test"):
        pd.DataFrame({"content": ["a"]}).to_parquet(tmp_path / f"{name}.parquet")
    with pytest.raises(UserError, match=r"train.parquet has no column 'text'; it has content"):
        read(TextData(source=str(tmp_path)))
    (tmp_path / "train.parquet").write_bytes(b"not parquet")
    with pytest.raises(UserError, match=r"train.parquet cannot be read as parquet"):
        read(TextData(source=str(tmp_path)))
