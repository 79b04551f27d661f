"""The site: it is built strictly and offline, and a link between pages holds there as it does in the repository."""

import re
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from docs_support import ROOT, blocks

from fortifai.planning.chains import Selection
from fortifai.planning.plan import make_plan
from fortifai.planning.suite_file import load_suite

EXTERNAL = re.compile(r"""<(?:script|link|img|iframe|source)[^>]*(?:src|href)=["']?(?:https?:)?//""")


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = spec_from_file_location("site_pages", ROOT / "docs" / "site_pages.py")
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(module := module_from_spec(spec))
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built with every warning an error: a link to nothing, a name that is not there."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    out = tmp_path_factory.mktemp("site")
    build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(out), strict=True))
    return out


def test_every_page_is_built_and_none_fetches_anything(site: Path) -> None:
    pages = {path.stem for path in ROOT.glob("docs/*.md")} - {"index"} | {"readme", "contributing", "changelog"}
    assert pages <= {path.name for path in site.iterdir()}
    boards = {path.parent.name for path in ROOT.glob("leaderboards/*/README.md")}
    assert boards <= {folder.name for folder in (site / "leaderboards").iterdir()}
    for page in site.rglob("*.html"):
        assert not EXTERNAL.search(page.read_text("utf-8")), page


def test_the_reference_has_signatures_and_arguments(site: Path) -> None:
    page = (site / "api" / "index.html").read_text("utf-8")
    for name in re.findall(r"^::: (.+)$", (ROOT / "docs" / "api.md").read_text("utf-8"), re.MULTILINE):
        assert f'id="{name}"' in page
    assert "the numbers do not depend on them" in " ".join(page.split())


@pytest.mark.parametrize(
    ("page", "text", "expected"),
    [
        ("using.md", "[a](formats.md#x) [b](../CONTRIBUTING.md)", "[a](formats.md#x) [b](contributing.md)"),
        ("readme.md", "[a](docs/text.md#y) ![p](docs/pictures/p.png)", "[a](text.md#y) ![p](pictures/p.png)"),
        ("contributing.md", "[code](fortifai/config.py), [gone](docs/gone.md)", "code, gone"),
        ("leaderboards/entries.md", "[p](../../docs/publishing.md)", "[p](../publishing.md)"),
        ("tabular.md", "[b](../leaderboards/tabular-gmm@2/README.md)", "[b](leaderboards/tabular-gmm@2.md)"),
        ("using.md", "[out](https://example.org/a.md) [here](#below)", "[out](https://example.org/a.md) [here](#below)"),
    ],
)
def test_a_link_of_the_repository_is_one_of_the_site_or_none(hooks: ModuleType, page: str, text: str, expected: str) -> None:
    assert hooks.with_links_of_the_site(text, page) == expected


def test_the_first_suite_is_one(tmp_path: Path) -> None:
    (content,) = blocks(ROOT / "docs" / "first-suite.md", "toml")
    (file := tmp_path / "mine.toml").write_text(content)
    suite = load_suite(file)
    assert suite.tag == f"{tomllib.loads(content)['name']}@1"
    assert len(make_plan(suite, Selection()).chains) == 2 * 2 * 2 * 7
