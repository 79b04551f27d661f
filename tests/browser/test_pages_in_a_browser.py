"""The board and the page of a run in a real browser: used as a reader does, and looked at by axe, without a network."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from trajectory_support import falling, write_chain, write_run

import fortifai
from fortifai.leaderboard import build
from fortifai.report import report as write_report

SUITE = Path(__file__).parents[2] / "docs" / "examples" / "tiny.toml"

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = ("--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: Debian's package chromium has one")


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("board")
    lasts = {"ce": 2, "tce:gamma=0.9": 7, "focal:gamma=2": 3, "tce-reverse:keep=0.9": 1, "tce-online": 5}
    for name, modality in (("quick", "tabular"), ("other", "text")):
        run = write_run(folder / "runs", name)
        for seed in range(3):
            for objective, onset in lasts.items():
                write_chain(run, objective, seed, falling(onset + 0.5 * seed), modality=modality)
                write_chain(run, objective, seed, falling(90), strategy="control", modality=modality)
    build(folder / "runs", folder / "out")
    return folder / "out"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield opened
        opened.close()


class Watched:
    """A page, and what went wrong on it: errors of its console, and requests that are not for a file."""

    def __init__(self, browser: Any, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda asked: None if asked.url.startswith(("file:", "data:")) else self.errors.append(asked.url))

    def open(self, path: Path) -> Any:
        self.page.goto(path.as_uri())
        return self.page


@pytest.fixture
def watched(browser: Any, request: pytest.FixtureRequest) -> Iterator[Watched]:
    own = Watched(browser, **getattr(request, "param", {}))
    yield own
    own.context.close()
    assert own.errors == []


def column(page: Any, place: int) -> list[str]:
    rows = page.locator("table").first.locator("tbody tr:visible")
    return [row.locator("th, td").nth(place).inner_text() for row in rows.all()]


def test_the_table_is_sorted_by_a_click_and_by_the_keyboard(watched: Watched, board: Path) -> None:
    page = watched.open(board / "index.html")
    assert column(page, 1)[0] == "1"
    worst = [int(ranks.split("–")[-1]) for ranks in column(page, 1)]
    assert worst == sorted(worst)
    head = page.get_by_role("button", name="quick@1 drift")
    head.click()
    assert column(page, 0)[0] == "run: tce-reverse"
    assert page.locator("th[aria-sort=ascending]").count() == 1
    head.focus()
    page.keyboard.press("Enter")
    assert column(page, 0)[0] == "run: tce"
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("quick@1 drift")


def test_rows_are_filtered_by_what_they_say(watched: Watched, board: Path) -> None:
    page = watched.open(board / "index.html")
    page.get_by_role("searchbox").first.fill("ONLINE")
    assert column(page, 0) == ["run: tce-online"]
    page.get_by_role("searchbox").first.fill("")
    assert len(column(page, 0)) == 4


def test_every_link_leads_somewhere_and_back(watched: Watched, board: Path) -> None:
    page = watched.open(board / "index.html")
    for name in ("quick@1", "other@1"):
        page.get_by_role("link", name=name).click()
        assert page.locator("h1").inner_text() == name
        assert page.locator("svg.plot").count() == 7
        page.get_by_role("link", name="The board").click()
    assert page.url == (board / "index.html").as_uri()


@pytest.mark.parametrize("watched", [{"java_script_enabled": False}], indirect=True)
def test_without_a_script_everything_is_there_but_the_sorting(watched: Watched, board: Path) -> None:
    page = watched.open(board / "index.html")
    assert len(column(page, 0)) == 4
    assert page.get_by_role("button").count() == page.get_by_role("searchbox").count() == 0
    assert page.locator("svg.plot").is_visible()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run with samples, of which a script makes a slider."""
    folder = tmp_path_factory.mktemp("report")
    run = fortifai.run(SUITE, folder / "runs", seeds=1, executor="in-process", quiet=True).path
    write_report(run, folder / "out")
    return folder / "out"


def test_the_slider_shows_one_generation_or_all(watched: Watched, report: Path) -> None:
    page = watched.open(report / "index.html")
    slider = page.get_by_role("slider").first
    shown = page.locator("[data-samples]").first.locator("[data-generation]:visible")
    everything = shown.count()
    assert everything == 2 * 4  # two objectives, four generations
    slider.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "generation 0"
    assert shown.count() == 2
    slider.press("Home")
    assert shown.count() == everything


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["index.html", "quick@1/index.html", "report"])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    browser: Any, board: Path, report: Path, name: str, scheme: str, width: int
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    own = Watched(browser, color_scheme=scheme, viewport={"width": width, "height": 900}, bypass_csp=True)
    page = own.open(report / "index.html" if name == "report" else board / name)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    own.context.close()
    assert own.errors == []
