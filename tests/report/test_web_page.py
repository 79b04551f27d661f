"""The page of a report as one file of HTML: what is on it, in which order, and that it needs nothing else."""

import base64
import os
import subprocess
import sys
import wave
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pytest
from html_support import Element, requires_a_page_that_stands_alone
from picture_support import ROW_HEIGHT, WIDTH, picture
from PIL import Image
from report_support import folder_of, with_pictures, with_texts
from trajectory_support import falling, write_chain, write_run

import fortifai
from fortifai.records.run_numbers import numbers_of
from fortifai.report import report
from fortifai.report.commands import commands_of
from fortifai.report.sound import LARGEST_BYTES
from fortifai.report.tables import estimate

KINDS = ["fidelity", "survival", "threshold"]


def web_page_of(run: Path, out: Path) -> Element:
    """Return the document of a run's page, which stands alone."""
    _, page, *_ = report(run, out)
    assert page == out / "index.html"
    return requires_a_page_that_stands_alone(page.read_text("utf-8"))


def section(document: Element, name: str) -> Element:
    (found,) = [element for element in document.all("section") if element.attributes["aria-labelledby"] == name]
    return found


def sections(document: Element) -> list[str]:
    return [element.attributes["aria-labelledby"] for element in document.all("section")]


@pytest.fixture
def document(run, tmp_path) -> Element:
    return web_page_of(run, tmp_path / "r")


def test_what_came_out_is_first_and_how_to_compute_it_again_last(document):
    assert sections(document) == ["outcome", "samples", *KINDS, "costs", "score", "again"]
    assert [link.attributes["href"] for link in document.all("nav")[0].all("a")] == [f"#{name}" for name in sections(document)]
    assert "tce:gamma=0.9 lasts " in section(document, "outcome").text
    assert "times as long as cross entropy" in section(document, "outcome").text


def test_headings_are_in_order_and_the_language_is_said(document):
    levels = [int(element.tag[1]) for element in document.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))
    assert document.all("html")[0].attributes["lang"] == "en"
    assert document.all("title")[0].text == document.all("h1")[0].text == "quick@1 · phi<0.75 on w1 · tabular · mixture-5"


def test_each_regime_and_strategy_has_one_plot_of_all_objectives(run, tmp_path):
    for objective in ("ce", "tce:gamma=0.9"):
        for seed in range(2):
            write_chain(run, objective, seed, falling(9 + seed / 10), strategy="control")
    document = web_page_of(run, tmp_path / "r")
    for kind in KINDS:
        part = section(document, kind)
        assert [heading.text for heading in part.all("h3")] == ["drift · replace · w1", "drift · control · w1"]
        assert len(part.all("svg")) == 2
        for svg in part.all("svg"):
            legend = [text.text for text in svg.all("text")]
            for objective in ("ce", "tce:gamma=0.9"):
                assert any(text.split(" (")[0] == objective for text in legend)
                assert objective in svg.all("desc")[0].text
    for svg in section(document, "fidelity").all("svg"):
        assert "phi<0.75" in [text.text for text in svg.all("text")]
        bands = [path for path in svg.all("path") if path.attributes.get("class", "").startswith("band ")]
        assert len(bands) == 2


def test_every_picture_says_what_it_shows_to_those_who_do_not_see_it(run, tmp_path):
    with_pictures(write_chain(run, "ce", 0, falling(2, 3), regime="seen"), 4)
    document = web_page_of(run, tmp_path / "r")
    assert all(image.attributes["alt"] for image in document.all("img"))
    for svg in document.all("svg"):
        assert svg.attributes["role"] == "img"
        title, description = svg.all("title")[0], svg.all("desc")[0]
        assert svg.attributes["aria-labelledby"] == f"{title.attributes['id']} {description.attributes['id']}"
        assert title.text
        assert description.text


def test_what_is_wider_than_the_screen_can_be_scrolled_by_keyboard(document):
    scrolled = [
        element
        for element in document.everything()
        if {"wide", "texts", "commands"} & {*element.attributes.get("class", "").split()}
    ]
    assert len(scrolled) == 5  # texts of two objectives, two tables, the commands
    assert all(element.attributes["tabindex"] == "0" and element.attributes["aria-label"] for element in scrolled)


def test_texts_of_all_generations_are_shown_without_a_script(run, document):
    part = section(document, "samples")
    assert not [element for element in document.everything() if "hidden" in element.attributes]
    assert part.text.count("In the beginning") == 1
    for objective, chain in zip(("ce", "tce:gamma=0.9"), part.all("ol"), strict=True):
        name = folder_of(run, objective, 0).name
        shown = [
            (item.attributes["data-generation"], item.all("figcaption")[0].text, item.all("pre")[0].text)
            for item in chain.all("li")
        ]
        expected = [(str(g), f"generation {g}", f"generation {g} of {name}, which repeats | itself") for g in range(11)]
        assert shown == expected


def test_pictures_of_all_generations_are_rows_of_a_strip_within_the_page(tmp_path):
    run = write_run(tmp_path / "runs")
    with_pictures(write_chain(run, "ce", 0, falling(2, 3)), 4)
    document = web_page_of(run, tmp_path / "r")
    rows = [image_of(item.all("img")[0]) for item in section(document, "samples").all("li")]
    assert [row.size for row in rows] == [(WIDTH, ROW_HEIGHT)] * 5
    assert [row.convert("L").getpixel((5, 5)) for row in rows] == [200, 0, 1, 2, 3]


def image_of(element: Element) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(element.attributes["src"].partition(",")[2])))


def test_a_picture_whose_row_height_is_none_is_shown_whole_and_one_that_is_broken_is_named(tmp_path):
    run = write_run(tmp_path / "runs")
    chain = with_pictures(write_chain(run, "ce", 0, falling(2, 3)), 4)
    picture(chain / "examples" / "generation-01.png", 1, row=0)
    (chain / "examples" / "generation-02.png").write_bytes(b"no picture")
    part = section(web_page_of(run, tmp_path / "r"), "samples")
    assert [image_of(image).height for image in part.all("img")] == [ROW_HEIGHT, ROW_HEIGHT, 2 * ROW_HEIGHT, ROW_HEIGHT]
    assert f"generation 2 of ce, seed 0: {chain.name}/examples/generation-02.png cannot be shown: not a picture" in part.text


def test_sounds_beside_pictures_and_alone_are_played_within_the_page(tmp_path):
    run = write_run(tmp_path / "runs")
    pictured = with_pictures(write_chain(run, "ce", 0, falling(2, 3)), 4)
    alone = write_chain(run, "focal:gamma=2", 0, falling(2, 3))
    (alone / "examples").mkdir()
    for chain, level in ((pictured, 1), (alone, 2)):
        for generation in range(4):
            write_sound(chain / "examples" / f"generation-0{generation}.wav", bytes([level, generation] * 80))
    part = section(web_page_of(run, tmp_path / "r"), "samples")
    sounds = [base64.b64decode(sound.attributes["src"].partition(",")[2])[-2:] for sound in part.all("audio")]
    assert sounds == [bytes([level, generation]) for level in (1, 2) for generation in range(4)]
    assert len(part.all("img")) == 6, "real data stands above both"
    assert not part.all("a")
    text = (tmp_path / "r" / "README.md").read_text("utf-8")
    assert f"([sound](examples/{pictured.name}-generation-03.wav))" in text
    assert f"[examples/{alone.name}-generation-03.wav](examples/{alone.name}-generation-03.wav)" in text


def test_a_sound_that_is_long_is_a_link(tmp_path):
    run = write_run(tmp_path / "runs")
    chain = write_chain(run, "ce", 0, falling(2, 3))
    (chain / "examples").mkdir()
    write_sound(chain / "examples" / "generation-00.wav", bytes(LARGEST_BYTES))
    part = section(web_page_of(run, tmp_path / "r"), "samples")
    assert not part.all("audio")
    assert len(part.all("a")) == 1


def write_sound(path: Path, samples: bytes) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(samples)


def test_other_examples_are_files_beside_the_page(tmp_path):
    run = write_run(tmp_path / "runs")
    with_texts(write_chain(run, "ce", 0, falling(2, 3)), 4, ".wav")
    links = [link.attributes["href"] for link in section(web_page_of(run, tmp_path / "r"), "samples").all("a")]
    assert len(links) == 5
    assert all((tmp_path / "r" / link).is_file() for link in links)


def test_the_table_has_the_rows_of_the_score(run, document):
    (table,) = section(document, "score").all("table")
    headings = [cell.text for cell in table.all("th")]
    rows = [[cell.text for cell in row.all("td")] for row in table.all("tr")[1:]]
    expected = [(row.objective, estimate(row.fidelity_interval)) for row in fortifai.score(run).rows]
    assert [(row[headings.index("objective")], row[headings.index("fidelity interval")]) for row in rows] == expected


def test_the_commands_are_those_that_compute_the_run_again(run, document):
    shown = section(document, "again").all("pre")[0].source.splitlines()
    assert shown == commands_of(numbers_of(run), [])


def test_a_run_without_samples_has_a_page_without_them(tmp_path):
    run = write_run(tmp_path / "runs")
    for seed in range(2):
        write_chain(run, "ce", seed, falling(2))
    write_chain(run, "ce", 2, falling(2, 4), horizon=10)
    document = web_page_of(run, tmp_path / "r")
    assert sections(document) == ["outcome", *KINDS, "costs", "score", "again"]
    assert "1 chain is not finished, and not scored." in section(document, "outcome").text


def test_a_single_chain_has_a_page_without_bands(tmp_path):
    run = write_run(tmp_path / "runs")
    write_chain(run, "ce", 0, falling(2))
    document = web_page_of(run, tmp_path / "r")
    assert "ce: FI 2.00" in section(document, "outcome").text
    (svg,) = section(document, "fidelity").all("svg")
    assert not [path for path in svg.all("path") if path.attributes.get("class", "").startswith("band ")]


def test_a_chain_that_diverged_has_a_page_that_says_so(tmp_path):
    run = write_run(tmp_path / "runs")
    with_texts(write_chain(run, "ce", 0, falling(9, 2), diverged=True), 3)
    part = section(web_page_of(run, tmp_path / "r"), "samples")
    assert "Then training diverged: the loss is NaN" in part.text
    assert [item.attributes["data-generation"] for item in part.all("li")] == ["0", "1", "2"]


def test_what_cannot_be_scored_has_a_page_that_says_why(tmp_path):
    run = write_run(tmp_path / "runs")
    write_chain(run, "ce", 0, [1.5, 1.6])
    document = web_page_of(run, tmp_path / "r")
    assert sections(document) == ["outcome", "costs", "score", "again"]
    assert "Nothing could be scored." in section(document, "outcome").text
    assert "unscored: the baseline's generation 0 (1.5) is no better than the null (1)" in section(document, "score").text


def test_the_same_run_has_the_same_bytes_whatever_the_locale_and_the_clock(run, tmp_path):
    pages = []
    for name, settings in {
        "one": {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "1", "SOURCE_DATE_EPOCH": "1"},
        "two": {"TZ": "America/Lima", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "2", "PYTHONUTF8": "1"},
    }.items():
        command = "import sys; from fortifai.report import report; report(*sys.argv[1:])"
        environment = {**os.environ, **settings}
        subprocess.run([sys.executable, "-c", command, run, tmp_path / name], env=environment, check=True)
        pages.append((tmp_path / name / "index.html").read_bytes())
    assert pages[0] == pages[1]
