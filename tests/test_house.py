"""The rules of the house: imports run one way, the table of results needs no torch, and checks raise instead of asserting."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {"fortifai": ROOT / "fortifai", "fortifai.modalities": ROOT / "modalities"}
"""Where each package lies; see package-dir in pyproject.toml."""

CORE = {"flat", "objectives", "contract"}
BELOW = {
    "flat": set[str](),
    "records": {"flat"},
    "objectives": {"flat"},
    "contract": {"flat", "objectives"},
    "coupling": {"flat"},
    "metrics": {"flat", "contract"},
    "fidelity": {"flat", "records"},
    "recursion": {*CORE, "metrics", "records"},
    "opponents": {*CORE, "recursion"},
    "planning": {*CORE, "metrics", "records", "fidelity", "recursion"},
    "runner": {*CORE, "records", "recursion", "planning"},
    "report": {"flat", "records", "fidelity"},
    "leaderboard": {"flat", "records", "fidelity", "report"},
    "export": {"flat", "records"},
    "entries": {*CORE, "metrics", "records", "fidelity", "recursion", "planning", "runner", "report", "leaderboard"},
    "laws": {*CORE, "records", "recursion"},
    "conformance": {*CORE, "metrics", "recursion", "planning"},
    "testing": {*CORE, "conformance"},
    "scaffold": {"flat", "contract", "planning"},
    "integrations": {"flat", "objectives"},
    "modalities": {*CORE, "coupling", "records", "fidelity", "integrations"},
    "cli": {
        *CORE,
        "metrics",
        "records",
        "fidelity",
        "recursion",
        "planning",
        "runner",
        "report",
        "leaderboard",
        "export",
        "entries",
        "laws",
        "conformance",
        "scaffold",
    },
}
"""Which rooms each room may import; flat are the modules that lie in no folder, but for testing, which has its own."""

TORCH_FREE = ("records", "fidelity", "report", "leaderboard", "export")


@cache
def modules() -> dict[str, Path]:
    """Return the file of every module, by the name that it is imported by."""
    files: dict[str, Path] = {}
    for package, folder in FOLDERS.items():
        for file in folder.rglob("*.py"):
            parts = [package, *file.relative_to(folder).with_suffix("").parts]
            files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return files


@cache
def parsed(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text("utf-8"))


def room(module: str) -> str:
    """Return the room that a module of ours is in; of the package itself, which imports when asked, as if it were flat."""
    name = module.split(".")[1] if "." in module else ""
    return name if name in BELOW else "flat"


def statements(node: ast.AST, *, at_import: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the import statements below a node; ``at_import``: only those that run when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif not (at_import and _is_left_out(child)):
            yield from statements(child, at_import=at_import)


def _is_left_out(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


@cache
def imports(module: str, *, at_import: bool) -> frozenset[str]:
    """Return the modules that a module imports: ours in full, anybody else's by its name before the first dot."""
    package = module if modules()[module].name == "__init__.py" else module.rpartition(".")[0]
    names: set[str] = set()
    for statement in statements(parsed(module), at_import=at_import):
        if isinstance(statement, ast.Import):
            names |= {alias.name for alias in statement.names}
            continue
        above = package.split(".")[: len(package.split(".")) - statement.level + 1] if statement.level else []
        base = ".".join([*above, *([statement.module] if statement.module else [])])
        for alias in statement.names:
            names.add(f"{base}.{alias.name}" if f"{base}.{alias.name}" in modules() else base)
    return frozenset(name if name.split(".")[0] == "fortifai" else name.split(".")[0] for name in names)


def loaded_with(module: str) -> set[str]:
    """Return everything that is imported when a module of ours is, at any remove."""
    loaded: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in loaded:
            loaded.add(name)
            if name in modules():
                waiting += [*imports(name, at_import=True), *filter(None, [name.rpartition(".")[0]])]
    return loaded


@pytest.mark.parametrize("name", BELOW)
def test_a_room_imports_only_what_lies_below_it(name):
    upwards = {
        f"{module} imports {imported}"
        for module in modules()
        if room(module) == name and module != "fortifai"
        for imported in imports(module, at_import=False)
        if imported.split(".")[0] == "fortifai" and room(imported) not in {name, *BELOW[name]}
    }
    assert not upwards


def test_every_room_has_its_place():
    folders = {file.parent.name for file in (ROOT / "fortifai").glob("*/__init__.py")}
    assert folders | {"flat", "modalities", "testing"} == set(BELOW)


@pytest.mark.parametrize("name", TORCH_FREE)
def test_what_the_table_of_results_is_made_by_imports_no_torch(name):
    loaded = {module: loaded_with(module) for module in modules() if room(module) == name}
    assert loaded
    assert not {module for module, names in loaded.items() if names & {"torch", "safetensors", "transformers", "sklearn"}}


def test_nothing_in_the_core_imports_a_modality():
    core = [module for module in modules() if not module.startswith("fortifai.modalities")]
    assert len(core) > 100
    assert not {module for module in core for name in imports(module, at_import=False) if name.startswith("fortifai.modalities")}


def test_no_modules_import_each_other_in_a_circle():
    finished: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module not in finished:
            for imported in imports(module, at_import=True) & modules().keys():
                visit(imported, (*path, module))
            finished.add(module)

    for module in modules():
        visit(module, ())
    assert finished == modules().keys()


def test_checks_raise_because_python_can_drop_assertions():
    bare = [
        f"{modules()[module].relative_to(ROOT)}:{node.lineno}"
        for module in modules()
        for node in ast.walk(parsed(module))
        if isinstance(node, ast.Assert)
    ]
    assert not bare


def test_docstrings_say_what_is_returned():
    """PEP 257: "Return ..." and not "Give ...", which was said for returning, yielding, writing and passing on alike."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    giving = [
        f"{modules()[module].relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"
        for module in modules()
        for node in ast.walk(parsed(module))
        if isinstance(node, kinds) and (ast.get_docstring(node) or "").startswith("Give ")
    ]
    assert not giving
