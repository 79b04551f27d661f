"""Images, weights, texts and tables that were made to do harm, or that are in another encoding: refused in one line."""

import hashlib
import struct
import warnings
import zlib
from pathlib import Path

import pytest
from PIL import Image

from fortifai.errors import UserError
from fortifai.modalities.image.data.folder import MOST_PIXELS, read_image
from fortifai.modalities.image.features import inception
from fortifai.modalities.tabular.reading import read_file
from fortifai.modalities.text.config import TextData
from fortifai.modalities.text.data import corpora
from fortifai.modalities.text.data.reading import read_decoded, read_path


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def bomb(side: int) -> bytes:
    """Return a PNG of a few hundred bytes that says it has ``side`` x ``side`` pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [8193, 12_000, 200_000])
def test_an_image_that_unpacks_to_more_than_memory_is_refused_with_its_name(tmp_path, side):
    (file := tmp_path / "bomb.png").write_bytes(bomb(side))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with pytest.raises(UserError, match=r"bomb\.png cannot be read as an image: .*(at most|exceeds limit)"):
            read_image(file)


def test_the_largest_image_is_no_larger_than_a_photograph():
    assert MOST_PIXELS == 8192 * 8192


@pytest.mark.parametrize("kind", ["ICO", "PCX", "TGA", "SGI", "DDS", "ICNS", "PDF", "EPS"])
def test_a_format_that_is_not_of_images_in_data_sets_is_not_decoded(tmp_path, kind):
    file = tmp_path / "image.png"
    Image.new("RGB", (32, 32)).save(file, format=kind)
    with pytest.raises(UserError, match=r"image\.png cannot be read as an image: it is none of BMP, GIF, JPEG"):
        read_image(file)


@pytest.mark.parametrize("kind", ["BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP"])
def test_the_formats_of_data_sets_are_read(tmp_path, kind):
    Image.new("RGB", (8, 8), "red").save(tmp_path / "image.png", format=kind)
    assert read_image(tmp_path / "image.png").shape == (3, 8, 8)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with the name, and as far as is known the checksum, of the weights."""
    (folder := tmp_path / "own").mkdir(mode=0o755)
    (file := folder / inception.FILE).write_bytes(b"weights")
    file.chmod(0o644)
    monkeypatch.setattr(inception, "SHA256", hashlib.sha256(b"weights").hexdigest())
    monkeypatch.setenv("FORTIFAI_CACHE", str(folder))
    return file


def test_weights_in_a_folder_of_ones_own_are_taken(weights):
    assert inception.weights_file(str(weights)) == inception.weights_file(None) == weights


@pytest.mark.parametrize("which", ["file", "folder", "target", "folder of the target"])
def test_weights_that_everybody_can_replace_are_refused(weights, tmp_path, which):
    (elsewhere := tmp_path / "elsewhere").mkdir(mode=0o755)
    link = elsewhere / inception.FILE
    if "target" in which:
        link.symlink_to(weights)
    (weights.parent if "folder" in which else weights).chmod(0o1777 if "folder" in which else 0o666)
    with pytest.raises(UserError, match=r"can be written by everybody, .*such as .*set data.inception"):
        inception.weights_file(str(link if "target" in which else weights))


def test_weights_with_another_checksum_are_refused_before_they_are_loaded(weights, monkeypatch):
    monkeypatch.undo()
    with pytest.raises(UserError, match=f"its SHA-256 is {hashlib.sha256(b'weights').hexdigest()}, not f58cb9b6.*download https"):
        inception.weights_file(str(weights))


def test_the_place_where_anybody_may_have_put_weights_is_not_looked_at(weights, monkeypatch, tmp_path):
    monkeypatch.setenv("FORTIFAI_CACHE", str(tmp_path / "empty"))
    with pytest.raises(UserError, match="empty") as refused:
        inception.weights_file(None)
    assert "/tmp/inception" not in str(refused.value)


NOBODY = "~no-such-user-here/x.csv"


@pytest.mark.parametrize("read", [lambda path: read_file(path, []), lambda path: read_path(path, "utf-8", []),
                                  lambda path: corpora.read(TextData(source=path)), inception.weights_file],
                         ids=["table", "text", "corpus", "weights"])  # fmt: skip
@pytest.mark.parametrize(("path", "message"), [(NOBODY, "there is no user 'no-such-user-here'"), ("a\0b", "NUL")])
def test_a_path_that_cannot_be_is_refused(read, path, message):
    with pytest.raises(UserError, match=message):
        read(path)


@pytest.mark.parametrize(
    ("encoding", "content", "message"),
    [
        ("utf-8", "text".encode("utf-16"), "is not utf-8: byte 0xff at offset 0"),
        ("utf-8", "text".encode("utf-16-le"), "is not a text in utf-8, since it holds NUL at character 1; .*utf-16-le"),
        ("utf-8", "café".encode("latin-1"), "is not utf-8: byte 0xe9 at offset 3"),
        ("unicode_escape", rb"\ud800", "half of a character"),
        ("utf-7", b"+2AA-", "half of a character"),
        ("undefined", b"text", "does not read"),
        ("punycode", b"a text", "does not read"),
        ("a\0b", b"text", "does not read"),
        ("zlib", b"text", "is not a text encoding"),
    ],
)
def test_a_text_in_another_encoding_is_refused(tmp_path, encoding, content, message):
    (file := tmp_path / "text.txt").write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_decoded(file, encoding)


@pytest.mark.parametrize(
    ("encoding", "content"), [("utf-8", "\ufeffü".encode()), ("utf-16", "ü".encode("utf-16")), ("latin-1", b"\xfc")]
)
def test_a_text_in_the_encoding_that_is_named_is_read(tmp_path, encoding, content):
    (file := tmp_path / "text.txt").write_bytes(content)
    assert read_decoded(file, encoding) == "ü"


@pytest.mark.parametrize("content", ["a,b\n1,2\n".encode("utf-16"), b"caf\xe9,b\n1,2\n"], ids=["utf-16", "latin-1"])
def test_a_table_in_another_encoding_is_refused(tmp_path, content):
    (file := tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(UserError, match=r"it is not UTF-8: .*; save it as UTF-8"):
        read_file(str(file), [])
