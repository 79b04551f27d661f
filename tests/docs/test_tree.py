"""The tree in CONTRIBUTING and the page of where changes go hold against the code."""

import ast
from pathlib import Path

import pytest
from docs_support import ROOT, blocks, rows, text

CONTRIBUTING = ROOT / "CONTRIBUTING.md"
WHERE = ROOT / "docs" / "where-a-change-goes.md"
TOPS = ("fortifai", "modalities")


def tree() -> dict[str, str]:
    """Return what the tree of CONTRIBUTING says of every folder, by its path."""
    lines: dict[str, str] = {}
    above: list[str] = []
    (block,) = (block for block in blocks(CONTRIBUTING, "text") if "fortifai/" in block)
    for line in block.splitlines():
        folder, _, purpose = line.strip().partition("/ ")
        depth = (len(line) - len(line.lstrip())) // 2
        above = [*above[:depth], folder]
        lines["/".join(above)] = purpose.strip()
    return lines


def packages() -> set[str]:
    """Return every package of the code, by its path."""
    found = [file.parent for top in TOPS for file in (ROOT / top).rglob("__init__.py")]
    return {str(folder.relative_to(ROOT)) for folder in found}


def changes() -> list[tuple[str, Path, str]]:
    """Return every row of the page: a change, the file or folder it goes into, and the name to start at."""
    return [(change, ROOT / where.strip("`"), start.strip("`")) for change, where, start in rows(text(WHERE))]


def defined(file: Path) -> set[str]:
    """Return the names that a module defines at its top level."""
    names: set[str] = set()
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def test_the_tree_has_a_line_for_every_package_and_for_nothing_else() -> None:
    assert set(tree()) == packages()
    assert all(tree().values())


def test_the_first_line_names_the_modules_that_lie_in_no_folder() -> None:
    modules = {file.stem for file in (ROOT / "fortifai").glob("*.py")} - {"__init__"}
    listed = tree()["fortifai"].partition(": ")[2]
    assert listed.split(", ") == sorted(modules)


def test_the_tests_have_the_rooms_of_the_code() -> None:
    rooms = {Path(folder).name for folder in packages() if folder.count("/") == 1}
    tested = {folder.name for folder in (ROOT / "tests").iterdir() if folder.is_dir() and any(folder.glob("test_*.py"))}
    assert tested - rooms == {"browser", "docs", "faults", "hostile"}


def test_the_page_of_changes_has_ten_examples_or_more() -> None:
    assert len({change for change, *_ in changes()}) == len(changes()) >= 10


@pytest.mark.parametrize(("change", "where", "start"), changes(), ids=[change for change, *_ in changes()])
def test_a_change_goes_into_one_place_that_exists_and_defines_where_to_start(change: str, where: Path, start: str) -> None:
    assert where.exists()
    if start:
        files = where.rglob("*.py") if where.is_dir() else [where]
        assert any(start in defined(file) for file in files)
