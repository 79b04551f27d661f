"""A filmstrip puts the first rows of pictures below one another."""

import pytest
from picture_support import ROW_HEIGHT, WIDTH, levels, picture
from PIL import Image

from fortifai.records.layout import FIRST_ROW_KEY
from fortifai.report.filmstrip import MARGIN, UnreadablePicture, compose


def test_the_first_row_of_every_picture_stands_in_the_order_asked_for(tmp_path):
    asked = [("real", 200), ("0", 0), ("1", 1), ("10", 10), ("100", 100)]
    pictures = [(label, picture(tmp_path / f"{label}.png", level)) for label, level in asked]
    compose(pictures, tmp_path / "strip.png")
    assert levels(tmp_path / "strip.png") == [level for _, level in asked]
    compose(pictures[:2], tmp_path / "strip.png")
    assert levels(tmp_path / "strip.png") == [200, 0]


def test_labels_are_written_beside_the_rows(tmp_path):
    one = picture(tmp_path / "one.png", 255)
    for label, name in (("7", "seven"), ("8", "eight")):
        compose([(label, one)], tmp_path / f"{name}.png")
    margins = []
    for name in ("seven", "eight"):
        with Image.open(tmp_path / f"{name}.png") as strip:
            margins.append(strip.crop((0, 0, MARGIN, ROW_HEIGHT)).tobytes())
    assert margins[0] != margins[1]


@pytest.mark.parametrize(("row", "height"), [(None, 2 * ROW_HEIGHT), (ROW_HEIGHT, ROW_HEIGHT), (1000, 2 * ROW_HEIGHT)])
def test_a_row_is_as_high_as_the_picture_says_and_no_higher_than_the_picture(tmp_path, row, height):
    compose([("0", picture(tmp_path / "0.png", 50, row))], tmp_path / "strip.png")
    with Image.open(tmp_path / "strip.png") as strip:
        assert strip.size == (MARGIN + WIDTH, height)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a picture"),
        (b"In the beginning", "not a picture"),
        (b"\x89PNG\r\n\x1a\n", "not a picture"),
        (None, "truncated"),
    ],
)
def test_a_picture_that_cannot_be_decoded_is_named_and_nothing_is_written(tmp_path, content, reason):
    sound = picture(tmp_path / "sound.png", 1)
    broken = tmp_path / "broken.png"
    broken.write_bytes(sound.read_bytes()[:-30] if content is None else content)  # None: cut off
    with pytest.raises(UnreadablePicture, match=reason) as caught:
        compose([("0", sound), ("1", broken)], tmp_path / "strip.png")
    assert caught.value.path == broken
    assert str(tmp_path) not in str(caught.value)
    assert not (tmp_path / "strip.png").exists()


def test_a_damaged_byte_anywhere_never_ends_in_another_error(tmp_path):
    content = picture(tmp_path / "0.png", 1).read_bytes()
    unreadable = 0
    for offset in range(len(content)):
        damaged = bytearray(content)
        damaged[offset] ^= 0xFF
        (tmp_path / "0.png").write_bytes(damaged)
        try:
            compose([("0", tmp_path / "0.png")], tmp_path / "strip.png")
        except UnreadablePicture:
            unreadable += 1
    assert unreadable > len(content) / 2


@pytest.mark.parametrize("row", ["high", 0, -3, "", 2.5])
def test_a_height_that_is_none_is_refused(tmp_path, row):
    with pytest.raises(UnreadablePicture, match=f"{FIRST_ROW_KEY} is {row}, and should be"):
        compose([("0", picture(tmp_path / "0.png", 1, row))], tmp_path / "strip.png")


def test_pictures_that_are_too_large_together_are_refused(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise MemoryError

    one = picture(tmp_path / "0.png", 1)
    monkeypatch.setattr("PIL.Image.new", full)
    with pytest.raises(UnreadablePicture, match=f"too large for a strip of {MARGIN + WIDTH} x {ROW_HEIGHT} pixels") as caught:
        compose([("0", one)], tmp_path / "strip.png")
    assert caught.value.path == tmp_path


def test_a_picture_that_is_gone_is_named(tmp_path):
    with pytest.raises(UnreadablePicture, match="No such file or directory") as caught:
        compose([("0", tmp_path / "0.png")], tmp_path / "strip.png")
    assert caught.value.path == tmp_path / "0.png"
