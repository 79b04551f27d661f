"""Names: imported on first use, never shadowed, and a broken plug-in shown with its cause."""

import subprocess
import sys
from pathlib import Path

import pytest

from fortifai.errors import UnknownName, UserError
from fortifai.registry import Registry, load_object


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest):
    """Write modules of names that no other test uses, importable for the length of the test."""
    prefix = f"plug_{abs(hash(request.node.name))}_"
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, source: str) -> str:
        (tmp_path / f"{prefix}{name}.py").write_text(source)
        return prefix + name

    yield write
    for name in [name for name in sys.modules if name.startswith(prefix)]:
        del sys.modules[name]


def install(folder: Path, distribution: str, group: str, **points: str) -> None:
    """Write what an installed distribution with these entry points leaves behind."""
    info = folder / f"{distribution}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    lines = [f"{name} = {value}" for name, value in points.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]))


def test_an_entry_is_imported_on_first_use_and_only_then(package):
    module = package("lazy", "thing = object()")
    registry: Registry[object] = Registry("thing")
    registry.register("lazy", f"{module}:thing")
    assert "lazy" in registry
    assert list(registry) == ["lazy"]
    assert len(registry) == 1
    assert module not in sys.modules
    first = registry.get("lazy")
    assert first is sys.modules[module].thing
    del sys.modules[module]
    assert registry.get("lazy") is first, "a second use must not import again"


def test_names_are_listed_in_order():
    registry: Registry[int] = Registry("number")
    for name in ("two", "one", "three"):
        registry.register(name, len(name))
    assert list(registry) == ["one", "three", "two"]
    assert registry.get("three") == 5


def test_a_name_taken_by_something_else_is_refused_and_keeps_its_meaning():
    registry: Registry[int] = Registry("number")
    registry.register("one", 1)
    registry.register("one", 1)
    with pytest.raises(UserError, match=r"number 'one' is registered twice: 1 and 2"):
        registry.register("one", 2)
    assert registry.get("one") == 1


def test_an_unknown_name_is_answered_with_the_nearest():
    registry: Registry[int] = Registry("strategy")
    for name in ("replace", "accumulate", "accumulate-subsample"):
        registry.register(name, 0)
    with pytest.raises(
        UnknownName, match=r"unknown strategy 'acumulate'; did you mean 'accumulate' or 'accumulate-subsample'\?"
    ) as caught:
        registry.get("acumulate")
    assert "`fortifai list strategies`" in str(caught.value)
    assert "known: accumulate, accumulate-subsample, replace." in str(UnknownName("strategy", "xyz", registry))
    assert "known: none." in str(UnknownName("suite", "xyz", []))


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import no_such_module_anywhere", "No module named 'no_such_module_anywhere'"),
        ("other = 1", "has no attribute 'thing'"),
        ("raise RuntimeError('needs a GPU')", "RuntimeError: needs a GPU"),
        ("raise OSError('libcudart.so.12: cannot open')", r"libcudart\.so\.12"),
        ("def broken(:", "SyntaxError"),
    ],
)
def test_a_broken_plug_in_is_listed_with_its_cause(package, source, cause):
    registry: Registry[object] = Registry("modality")
    registry.register("broken", f"{package('module', source)}:thing")
    registry.register("sound", object())
    assert list(registry) == ["broken", "sound"]
    with pytest.raises(UserError, match=f"modality 'broken' is unavailable: .*{cause}") as caught:
        registry.get("broken")
    assert registry.broken("broken") == str(caught.value)
    assert registry.broken("sound") is None


def test_a_plug_in_that_brings_the_wrong_thing_is_broken(package):
    registry = Registry("number", instance_of=int)
    registry.register("right", f"{package('right', 'thing = 3')}:thing")
    registry.register("wrong", f"{package('wrong', 'thing = [3]')}:thing")
    assert registry.get("right") == 3
    assert registry.broken("wrong").endswith("wrong:thing is not an instance of int: got [3]")


def test_a_plug_in_that_brings_another_class_or_none_is_broken(package):
    registry = Registry("number", subclass_of=int)
    for name, thing in {"right": "bool", "other": "str", "none": "True"}.items():
        registry.register(name, f"{package(name, f'thing = {thing}')}:thing")
    assert registry.get("right") is bool
    assert registry.broken("other").endswith("other:thing is not a subclass of int: got <class 'str'>")
    assert registry.broken("none").endswith("none:thing is not a subclass of int: got True")


def test_the_entry_points_of_any_installed_distribution_are_entries(package, tmp_path):
    install(
        tmp_path, "third-party", "fortifai.tests", guest=f"{package('guest', 'thing = 7')}:thing", absent="no_such_module:thing"
    )
    registry: Registry[int] = Registry("thing", group="fortifai.tests")
    assert list(registry) == ["absent", "guest"]
    assert registry.get("guest") == 7
    assert "no_such_module" in (registry.broken("absent") or "")
    assert list(Registry("thing", group="fortifai.others")) == []


def test_two_distributions_that_claim_one_name_are_both_named_and_neither_is_taken(package, tmp_path):
    module = package("module", "thing = 7")
    install(tmp_path, "first", "fortifai.tests", same="first:thing", other=f"{module}:thing")
    install(tmp_path, "second", "fortifai.tests", same="second:thing", ours="second:thing")
    registry: Registry[object] = Registry("thing", group="fortifai.tests")
    registry.register("ours", object())
    assert list(registry) == ["other", "ours", "same"]
    message = r"thing 'same' is unavailable: .*first 1\.0 \(first:thing\).* both bring one of this name: uninstall one of them"
    for _ in range(2):
        with pytest.raises(UserError, match=message) as caught:
            registry.get("same")
        assert "second 1.0 (second:thing)" in str(caught.value)
    assert "fortifai itself and second 1.0" in (registry.broken("ours") or "")
    assert registry.get("other") == 7, "the others can be used"


def test_our_own_modalities_plug_in_as_a_third_partys_do_and_are_named_without_torch():
    code = (
        "import sys; from fortifai.contract.declaration import modalities;"
        "assert 'tabular' in list(modalities); assert 'torch' not in sys.modules; assert 'fortifai.modalities' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_reference_is_a_module_and_an_attribute():
    assert load_object("math").__name__ == "math"
    assert load_object("math:pi") == 3.141592653589793
    with pytest.raises(AttributeError, match="no attribute 'tau2'"):
        load_object("math:tau2")
