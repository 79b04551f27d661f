"""Files that somebody wrote to do harm, or that were damaged: each refused with one line, and nothing of them obeyed."""

import gzip
import json
import os
import random
import zlib
from pathlib import Path
from typing import Any

import pytest
from cli_support import Call
from entry_support import Change, chain_of, content_of, pack, tampered

from fortifai.errors import UserError
from fortifai.records.entry_file import MOST_BYTES, MOST_TEXT, canonical, read_entry

NAME = "tiny@1--mine.json.gz"


def fault(file: Path) -> str:
    """Return why a file is refused: one line, without its path."""
    with pytest.raises(UserError) as error:
        read_entry(file)
    message = str(error.value)
    assert "\n" not in message
    assert message.isprintable()
    return message.removeprefix(f"{file}: ")


def write(folder: Path, content: bytes) -> Path:
    (file := folder / NAME).write_bytes(content)
    return file


def test_an_entry_is_read_as_it_was_written(entry: Path) -> None:
    read = read_entry(entry)
    assert canonical(read.model_dump(mode="json")) == gzip.decompress(entry.read_bytes())


# Bytes


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    packer = zlib.compressobj(9, wbits=31)
    parts = [packer.compress(b" " * 2**20) for _ in range(MOST_TEXT // 2**20 + 1)]
    bomb = b"".join([*parts, packer.flush()])
    assert len(bomb) < MOST_BYTES / 10
    header = pack(b"")[:10]
    assert fault(write(tmp_path, header + bomb[10:])) == "unpacks to more than 64 MiB, and no entry does"


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    noise = random.Random(0).randbytes(MOST_BYTES + 1)
    assert "has more than 4,194,304 bytes" in fault(write(tmp_path, pack(noise)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda packed: b"", "not an entry: it should be gzip"),
        (lambda packed: gzip.decompress(packed), "not an entry: it should be gzip"),
        (lambda packed: packed[:4] + b"\x01\x02\x03\x04" + packed[8:], "without a time or a name"),
        (lambda packed: packed[:3] + b"\x08" + packed[4:10] + b"../../x\0" + packed[10:], "without a time or a name"),
        (lambda packed: packed[:-20], "is damaged: it ends too early"),
        (lambda packed: packed[:-8] + b"\0\0\0\0" + packed[-4:], "is damaged: Error -3"),
        (lambda packed: packed + packed, "bytes behind its end"),
        (lambda packed: packed + b"<script>", "has 8 bytes behind its end"),
    ],
    ids=["empty", "plain", "time", "name", "torn", "checksum", "twice", "tail"],
)
def test_what_is_not_one_plain_gzip_is_refused(entry: Path, tmp_path: Path, change: Any, message: str) -> None:
    assert message in fault(write(tmp_path, change(entry.read_bytes())))


def test_links_pipes_and_folders_are_not_opened(entry: Path, tmp_path: Path) -> None:
    (link := tmp_path / "link.json.gz").symlink_to(entry)
    os.mkfifo(pipe := tmp_path / "pipe.json.gz")
    (folder := tmp_path / "folder.json.gz").mkdir()
    for file in (link, pipe, folder):
        assert fault(file) == "is not a regular file, and only those are read"
    assert fault(tmp_path / "none.json.gz") == "no such file"


# Text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "a JSON object is expected, not list"),
        (b'{"schema":NaN}', "NaN is not a number of JSON"),
        (b'{"schema":Infinity}', "Infinity is not a number of JSON"),
        (b'{"schema":1e999}', "not JSON"),
        (b'{"schema":' + b"9" * 5_000 + b"}", "not JSON"),
        (b'{"schema":1,"schema":1}', "not the canonical JSON"),
        (b'{ "schema":1}', "not the canonical JSON"),
        (b'{"schema":1.00}', "not the canonical JSON"),
        (b'{"schema":"\\u0041"}', "not the canonical JSON"),
        ('{"schema":"é"}'.encode("latin-1"), "not UTF-8"),
        ('{"schema":1}'.encode("utf-16"), "not UTF-8"),
        (b'\xef\xbb\xbf{"schema":1}', "not JSON"),
        (b'{"schema":"\\ud800"}', "not UTF-8"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "nested too deeply: more than 32"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply: more than 32"),
        (b'{"schema":2}', "has schema version 2, and this fortifai reads version 1"),
        (b'{"schema":true}', "has schema version True"),
        (b"{}", "has schema version None"),
        (b'{"schema":1}', "is required"),
    ],
    ids=range(21),
)
def test_what_is_not_the_json_of_an_entry_is_refused(tmp_path: Path, text: bytes, message: str) -> None:
    assert message in fault(write(tmp_path, pack(text)))


# Content


def put(*path: str | int) -> Any:
    """Return a change that puts a value at a path of the content."""

    def change_to(value: object) -> Change:
        def change(content: dict[str, Any]) -> None:
            inner: Any = content
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = value

        return change

    return change_to


MARKUP = ("<script>alert(1)</script>", "[click](https://evil.example)", "`x`", "a|b", "{{ 7 * 7 }}", "https://evil.example")
UNSEEN = ("\x1b[31mred", "\u202egnp.exe", "a\u200bb", "a\nb", "\u2066x", "\x00", "\x9b31m")
NAMES = [
    ("numbers", "chains", 0, "objective"),
    ("numbers", "chains", 0, "regime"),
    ("numbers", "chains", 0, "model"),
    ("numbers", "machines", 0, "commit"),
    ("numbers", "machines", 0, "versions", "torch"),
]
TEXTS = [("numbers", "suite", "summary"), ("commands", 0), ("numbers", "chains", 0, "reason")]


@pytest.mark.parametrize("path", [*NAMES, *TEXTS], ids=lambda path: str(path[-1]))
@pytest.mark.parametrize("text", UNSEEN, ids=ascii)
def test_characters_that_are_not_seen_are_refused_everywhere(entry: Path, tmp_path: Path, path: Any, text: str) -> None:
    assert "not seen, or a line break" in fault(tampered(entry, tmp_path, put(*path)(text)))


@pytest.mark.parametrize("path", NAMES, ids=lambda path: str(path[-1]))
@pytest.mark.parametrize("text", MARKUP, ids=ascii)
def test_markup_is_refused_in_names(entry: Path, tmp_path: Path, path: Any, text: str) -> None:
    assert "holds markup" in fault(tampered(entry, tmp_path, put(*path)(text)))


@pytest.mark.parametrize("text", [*MARKUP[:2], UNSEEN[1]], ids=ascii)
def test_keys_are_held_to_the_same(entry: Path, tmp_path: Path, text: str) -> None:
    def rename(content: dict[str, Any]) -> None:
        metrics = content["numbers"]["chains"][0]["generations"]["metrics"]
        metrics[text] = metrics.pop("nll")

    assert "a key of numbers.chains.generations.metrics: holds" in fault(tampered(entry, tmp_path, rename))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("submission", "method"), "../../x", "submission.method"),
        (("submission", "contact"), "<b>@x.example", "submission.contact"),
        (("submission", "paper"), "javascript:alert(1)", "submission.paper"),
        (("submission", "provenance"), "divine", "submission.provenance"),
        (("numbers", "suite", "name"), "../../x", "should be letters, digits"),
        (("numbers", "suite", "version"), "../x", "should be letters, digits"),
        (("numbers", "suite", "identity"), "tiny@1/../../x", "identity is 'tiny@1/../../x'"),
        (("numbers", "suite", "overrides"), [1], "overrides"),
        (("numbers", "chains", 0, "seed"), "0", "a value is of another type than its field"),
        (("numbers", "chains", 0, "seed"), 1e308, "numbers.chains.0.seed"),
        (("numbers", "chains", 0, "machine"), 7, "settings or a machine that are not there"),
        (("numbers", "chains", 0, "generations", "metrics", "nll"), [1.0], "metrics.nll has 1 generations, and masked_share 4"),
        (("numbers", "chains", 0, "generations", "metrics", "nll"), ["NaN", 0.0, 0.0, 0.0], "numbers.chains.0.generations"),
        (("numbers", "chains", 0, "objective"), "x" * 501, "has 501 characters"),
        (("extra",), "x", "unknown key"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_breaks_the_schema_is_refused(entry: Path, tmp_path: Path, path: Any, value: object, message: str) -> None:
    assert message in fault(tampered(entry, tmp_path, put(*path)(value)))


def test_a_changed_number_is_seen_by_the_hash(entry: Path, tmp_path: Path) -> None:
    content = content_of(entry)
    chain_of(content)["generations"]["metrics"]["nll"][1] += 1e-9
    assert fault(write(tmp_path, pack(canonical(content)))) == "its hash does not fit its content"


@pytest.mark.parametrize("command", [("leaderboard", "check"), ("verify",), ("score",), ("leaderboard", "build")])
def test_every_command_refuses_in_one_line(tmp_path: Path, call: Call, command: tuple[str, ...]) -> None:
    file = write(tmp_path, pack(json.dumps({"schema": 1, "numbers": "\x1b[31m"}).encode()))
    answer = call(*command, file)
    assert answer.code == 2
    assert (answer.out + answer.err).count("\n") == 1
    assert "not the canonical JSON" in answer.out + answer.err
    assert list(tmp_path.iterdir()) == [file]
