"""What the generations made, as a report shows it; what cannot be read is left out and named."""

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from picture_support import levels, picture
from report_support import folder_of, page_of, with_pictures, with_texts
from trajectory_support import falling, write_chain, write_run

from fortifai.errors import UserError
from fortifai.report import report
from fortifai.report.examples import Example


@pytest.fixture
def pictured(tmp_path):
    """A chain of four generations whose examples are pictures, in a run of its own."""
    run = write_run(tmp_path / "pictured")
    return with_pictures(write_chain(run, "ce", 0, falling(2, 3)), 4)


def test_a_text_of_every_generation_of_the_lowest_seed_baseline_first(run, tmp_path):
    text = page_of(run, tmp_path / "r")
    examples = text[text.index("## What") :]
    assert re.findall(r"^### (.*)", examples, re.M) == ["tabular · mixture-5 · drift · replace"]
    assert re.findall(r"^#### (.*)", examples, re.M) == ["`ce`, seed 0", "`tce:gamma=0.9`, seed 0"]
    assert examples.count("In the beginning") == 1
    flat = " ".join(examples.split())
    for objective in ("ce", "tce:gamma=0.9"):
        name = folder_of(run, objective, 0).name
        shown = re.findall(rf"generation (\d+) ```text generation (\d+) of {name},", flat)
        assert shown == [(str(g), str(g)) for g in range(11)]
    assert "which repeats | itself" in flat
    assert max(map(len, examples.splitlines())) <= 110
    assert "Left out" not in text


def test_pictures_are_embedded_where_there_is_no_filmstrip_and_other_files_linked(tmp_path):
    run = write_run(tmp_path / "runs")
    mixed = with_texts(write_chain(run, "ce", 0, falling(2, 3)), 3)
    picture(mixed / "examples" / "generation-03.png", 3)
    sound = with_texts(write_chain(run, "focal:gamma=2", 0, falling(2, 3)), 4, ".wav")
    text = page_of(run, tmp_path / "r")
    assert f"![generation 3](examples/{mixed.name}-generation-03.png)" in text
    assert f"\n[examples/{sound.name}-generation-03.wav](examples/{sound.name}-generation-03.wav)\n" in text
    copied = tmp_path / "r" / "examples" / f"{sound.name}-generation-03.wav"
    assert copied.read_bytes() == (sound / "examples" / "generation-03.wav").read_bytes()


def test_a_filmstrip_stands_for_its_pictures_and_links_to_them(pictured, tmp_path):
    text = page_of(pictured.parent, tmp_path / "r")
    strip = f"examples/{pictured.name}-filmstrip.png"
    assert f"![generations from top to bottom]({strip})" in text
    assert levels(tmp_path / "r" / strip) == [200, 0, 1, 2, 3]
    assert "![generation 3]" not in text
    assert re.findall(r"\[(\d)\]\(examples/.*?-generation-0(\d)\.png\)", text) == [(str(g), str(g)) for g in range(4)]
    assert (tmp_path / "r" / f"examples/{pictured.name}-generation-02.png").exists()
    assert not list(pictured.glob("**/filmstrip*")), "a report changes nothing in the run"


def test_a_filmstrip_in_an_old_run_folder_is_not_looked_at(pictured, tmp_path):
    (pictured / "examples" / "filmstrip.png").write_text("no picture")
    text = page_of(pictured.parent, tmp_path / "r")
    assert levels(tmp_path / "r" / f"examples/{pictured.name}-filmstrip.png") == [200, 0, 1, 2, 3]
    assert "Left out" not in text


def test_a_filmstrip_links_to_its_pictures_by_the_number_of_the_generation(pictured, tmp_path):
    (pictured / "examples" / "generation-01.png").unlink()
    text = page_of(pictured.parent, tmp_path / "r")
    assert re.findall(r"\[(\d)\]\(examples/.*?-generation-0(\d)\.png\)", text) == [("0", "0"), ("2", "2"), ("3", "3")]
    assert levels(tmp_path / "r" / f"examples/{pictured.name}-filmstrip.png") == [200, 0, 2, 3]


def test_only_recorded_generations_are_shown_and_how_the_chain_ended(tmp_path):
    run = write_run(tmp_path / "runs")
    write_chain(run, "ce", 0, falling(2, 2))  # of before there were examples
    with_texts(write_chain(run, "ce", 1, falling(2, 2), diverged=True), 5)
    text = page_of(run, tmp_path / "r")
    assert "#### `ce`, seed 1" in text
    assert [int(g) for g in re.findall(r"^generation (\d+)$", text, re.M)] == [0, 1, 2]
    assert "Then training diverged: the loss is NaN" in text


@pytest.mark.parametrize("content", [b"", b"no picture", None])
def test_a_corrupt_picture_leaves_a_whole_report_with_a_note(pictured, tmp_path, content):
    file = pictured / "examples" / "generation-01.png"
    file.write_bytes(file.read_bytes()[:-30] if content is None else content)  # None: cut off
    text = page_of(pictured.parent, tmp_path / "r")
    reason = "image file is truncated" if content is None else "not a picture"
    named = f"`{pictured.name}/examples/generation-01.png` cannot be shown: {reason}"
    assert f"- generation 1 of `ce`, seed 0: {named}\n" in text
    assert f"- the filmstrip of `ce`, seed 0: {named}\n" in text
    assert "filmstrip.png" not in text
    assert [int(g) for g in re.findall(r"^!\[generation (\d)\]", text, re.M)] == [0, 2, 3]
    assert "## Score" in text
    assert "## Pictures" in text
    for file in re.findall(r"\]\(([^)]+)\)", text):
        assert (tmp_path / "r" / file).is_file()


def test_a_corrupt_picture_of_real_data_leaves_the_generations(pictured, tmp_path):
    (pictured / "examples" / "real.png").write_bytes(b"no picture")
    text = page_of(pictured.parent, tmp_path / "r")
    assert "- real of `ce`, seed 0: " in text
    assert [int(g) for g in re.findall(r"^!\[generation (\d)\]", text, re.M)] == [0, 1, 2, 3]
    assert "![real]" not in text


def test_a_row_height_that_is_none_leaves_a_whole_report_with_a_note(pictured, tmp_path):
    picture(pictured / "examples" / "generation-02.png", 2, row=0)
    text = page_of(pictured.parent, tmp_path / "r")
    assert "- the filmstrip of `ce`, seed 0: " in text
    assert [int(g) for g in re.findall(r"^!\[generation (\d)\]", text, re.M)] == [0, 1, 2, 3]


def test_what_is_not_a_file_of_the_run_itself_is_never_shown(run, tmp_path):
    chain, secret = folder_of(run, "ce", 0), tmp_path / "secret.txt"
    secret.write_text("the password")
    for generation, make in enumerate((lambda path: path.mkdir(), os.mkfifo, lambda path: path.symlink_to(secret))):
        path = chain / "examples" / f"generation-{generation:02d}.txt"
        path.unlink()
        make(path)
    text = page_of(run, tmp_path / "r")
    assert "the password" not in text
    assert f"generation 3 of {chain.name}" in " ".join(text.split())
    assert not any(f"generation {generation} of {chain.name}" in text for generation in range(3))


def test_a_run_of_which_nothing_can_be_shown_says_so(pictured, tmp_path):
    for file in (pictured / "examples").iterdir():
        file.write_bytes(b"no picture")
    text = page_of(pictured.parent, tmp_path / "r")
    assert text.count("cannot be shown: not a picture") == 4
    assert "####" not in text


def test_examples_that_cannot_be_written_are_refused(pictured, tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "examples").write_text("")
    with pytest.raises(UserError, match=r"r/examples.*: cannot be written"):
        report(pictured.parent, tmp_path / "r")


@given(st.text("`ab \n", min_size=1))
def test_no_text_ends_its_fence(text):
    fence = Example(None, text=text).fence
    assert len(fence) >= 3
    assert fence not in text
