"""The board as a site: complete without a script, alone without a network, the same bytes for the same entries."""

import os
import re
import shutil
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from trajectory_support import falling, write_chain, write_run

from fortifai.leaderboard import build
from fortifai.leaderboard.submission import make_entry
from fortifai.records.entry import Submission
from fortifai.records.entry_file import write_entry
from fortifai.records.run_numbers import numbers_of

TCE = "tce:gamma=0.9"


class Page(HTMLParser):
    """What stands on a page: its tables as rows of text, its headings, its links, and what it would load."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.headings: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.plots = 0
        self._text: list[str] | None = None
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th", "h1", "h2", "h3"):
            self._text = []
        elif tag == "a":
            self.links.append(given["href"] or "")
        elif tag == "svg":
            self.plots += given.get("class") == "plot"
        self.loads += [value for name, value in attrs if name in ("src", "srcset", "poster", "action") and value]

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._text is not None:
            self.tables[-1][-1].append("".join(self._text).strip())
        elif tag in ("h1", "h2", "h3") and self._text is not None:
            self.headings.append("".join(self._text).strip())
        else:
            return
        self._text = None

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    for name, modality in (("quick", "tabular"), ("other", "text")):
        run = write_run(folder, name)
        for seed in range(3):
            write_chain(run, "ce", seed, falling(2 + seed), modality=modality)
            write_chain(run, TCE, seed, falling(5 + 2 * seed), modality=modality)
            write_chain(run, "ce", seed, falling(90), strategy="control", modality=modality)
    return folder


def entry(run: Path, method: str, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    submission = Submission(method=method, contact="me@example.org", provenance="author-submitted")
    made = make_entry(numbers_of(run), submission, [], own_suite=False, partial=True)
    write_entry(folder / made.file_name, made)
    return folder / made.file_name


def test_the_index_has_every_suite_with_its_ratio_and_a_rank(runs: Path, tmp_path: Path) -> None:
    build(runs, tmp_path / "out")
    index = Page(tmp_path / "out" / "index.html")
    (heads, row), (_, *entries) = index.tables
    assert heads == ["entry: objective", "rank", "mean", "quick@1 drift", "other@1 drift"]
    assert row[0] == "run: tce"
    assert [cell.split(" [")[0] for cell in row[2:5]] == ["2.33"] * 3
    assert row[1] == "1"
    assert index.plots == 1
    assert [cells[:2] for cells in entries] == [["other@1", "9"], ["quick@1", "9"]]
    assert {link for link in index.links if not link.startswith("#")} == {"other@1/index.html", "quick@1/index.html"}


def test_a_page_says_what_was_run_what_came_out_and_how_to_run_it(runs: Path, tmp_path: Path) -> None:
    build(runs, tmp_path / "out")
    file = tmp_path / "out" / "quick@1" / "index.html"
    page = Page(file)
    assert [heading for heading in page.headings if heading.startswith("tabular")] == [
        "tabular · mixture-5 · drift · replace",
        "tabular · mixture-5 · drift · control",  # last
    ]
    first, second, costs, pareto = page.tables
    assert [row[:2] for row in first] == [["rank", "objective"], ["1", TCE], ["2", "ce"]]
    assert first[1][3].startswith("2.33 [")
    assert [row[1] for row in second[1:]] == ["ce"]
    assert costs[0][:3] == ["regime", "strategy", "objective"]
    assert pareto[0] == ["no.", "objective", "seconds a chain", "FI", "on the front"]
    assert [row[1] for row in pareto[1:]] == [TCE, "ce"]
    assert page.plots == 3 * 2 + 1  # fidelity, survival, threshold; two strategies; what replace costs
    text = file.read_text("utf-8")
    assert "fortifai score runs/quick@1" in text
    assert f"Under <code>drift</code>, {TCE} lasts 2.33 times as long as cross entropy [" in text
    assert "control: none of 3 chains crossed" in text
    assert page.links == ["../index.html", "score.csv", "score.tex", "leaderboard.json", "badge.svg"]
    table = pd.read_csv(file.with_name("score.csv"))
    assert list(table["objective"][table["strategy"] == "replace"]) == [TCE, "ce"]
    assert TCE in file.with_name("score.tex").read_text("utf-8")


def test_a_page_loads_nothing_and_runs_one_script_that_its_policy_names(runs: Path, tmp_path: Path) -> None:
    for path in build(runs, tmp_path / "out"):
        if path.suffix != ".html":
            continue
        text = unescape(path.read_text("utf-8"))
        assert not Page(path).loads
        assert text.count("<script") == 1
        assert re.search(r"default-src 'none'; .*script-src 'sha256-[A-Za-z0-9+/=]+'", text)
        assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", text)


def test_the_same_runs_give_the_same_bytes_whatever_the_locale_and_the_clock(runs: Path, tmp_path: Path) -> None:
    for name, settings in {
        "a": {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "1", "SOURCE_DATE_EPOCH": "1"},
        "b": {"TZ": "America/Lima", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "2", "PYTHONUTF8": "1"},
    }.items():
        command = "import sys; from pathlib import Path; from fortifai.leaderboard import build; build(*map(Path, sys.argv[1:]))"
        subprocess.run([sys.executable, "-c", command, runs, tmp_path / name], env={**os.environ, **settings}, check=True)
    files = [path for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert len(files) == 1 + 2 * 6
    for path in files:
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_a_board_is_written_without_matplotlib(runs: Path, tmp_path: Path) -> None:
    command = "import sys; from fortifai.leaderboard import build; build(*sys.argv[1:]); print('matplotlib' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", command, runs, tmp_path], check=True, capture_output=True, text=True)
    assert ended.stdout.strip() == "False"


def test_a_long_index_has_its_tables_in_boxes_that_are_scrolled(runs: Path, tmp_path: Path, monkeypatch) -> None:
    for long, boxes in ((30, 0), (1, 1)):  # two entries, one objective
        monkeypatch.setattr("fortifai.leaderboard.site.LONG", long)
        build(runs, tmp_path / "out")
        assert (tmp_path / "out" / "index.html").read_text("utf-8").count('class="wide tall"') == boxes


def test_two_methods_of_a_suite_have_a_folder_each_and_stand_in_one_table(runs: Path, tmp_path: Path) -> None:
    entries = tmp_path / "out" / "entries"
    entry(runs / "quick@1", "mine", entries)
    longer = shutil.copytree(runs / "quick@1", tmp_path / "longer" / "quick@1")
    for chain in longer.glob("*"):
        if chain.is_dir() and chain.name != "nulls":
            shutil.rmtree(chain)
    for seed in range(3):
        write_chain(longer, "ce", seed, falling(2 + seed))
        write_chain(longer, "focal:gamma=2", seed, falling(8 + seed))
    entry(longer, "theirs", entries)
    build(entries, tmp_path / "out")
    index = Page(tmp_path / "out" / "index.html")
    assert [row[0] for row in index.tables[0][1:]] == ["theirs: focal", "mine: tce"]
    for method in ("mine", "theirs"):
        page = Page(tmp_path / "out" / "quick@1" / method / "index.html")
        assert page.links[:2] == ["../../index.html", f"../../entries/quick@1--{method}.json.gz"]
        for link in page.links:
            assert (tmp_path / "out" / "quick@1" / method / link).resolve().is_file()


def test_marks_of_an_entry_are_said_on_the_index_and_on_its_page(runs: Path, tmp_path: Path) -> None:
    entry(runs / "quick@1", "mine", tmp_path / "entries")
    build(tmp_path / "entries", tmp_path / "out")
    for path in ("index.html", "quick@1/index.html"):
        assert "partial" in (tmp_path / "out" / path).read_text("utf-8")
