"""What a modality says of itself: its classes, what must be installed, and the adapter that is bound to its data."""

import sys

import pytest

from fortifai.config import Frozen, Identity, ModelConfig, Sampling
from fortifai.contract.declaration import ModalityDeclaration, modalities
from fortifai.errors import BrokenAdapter, UserError
from fortifai.needs import Need
from fortifai.objectives import Elements


class ToyConfig(ModelConfig):
    size: Identity[int] = 1


class ToyData(Frozen):
    source: Identity[str] = "here"


class Toy:
    """As much of an adapter as a declaration asks for."""

    density = False
    implicit = False

    def __init__(self, config: ToyConfig, data: ToyData) -> None:
        self.config = config
        self.data = data

    @classmethod
    def needs(cls, config: ToyConfig, data: ToyData) -> tuple[Need, ...]:
        return (Need(f"{data.source} for {config.size}"),)


def declare(**changes: object) -> ModalityDeclaration:
    fields = {"name": "toy", "version": "1", "summary": "a toy", "adapter": f"{__name__}:Toy"}
    fields |= {"config": f"{__name__}:ToyConfig", "data": f"{__name__}:ToyData"}
    return ModalityDeclaration(**(fields | changes))


def test_what_is_missing_is_named_with_how_to_install_it():
    assert declare().missing() is None
    assert declare(requires=("math", "os.path")).missing() is None
    assert declare(requires=("math", "no_such_module"), extra="image").missing() == (
        "needs no_such_module; pip install 'fortifai[image]'"
    )
    assert declare(requires=("no_such_module", "no_such_package.part")).missing() == "needs no_such_module, no_such_package.part"


def test_looking_for_a_requirement_does_not_import_it():
    assert "this" not in sys.modules
    assert declare(requires=("this",)).missing() is None
    assert "this" not in sys.modules


def test_an_unavailable_modality_is_not_made():
    absent = declare(requires=("no_such_module",))
    for ask in (absent.bind, absent.needs):
        with pytest.raises(UserError, match="modality 'toy' is unavailable: needs no_such_module"):
            ask(ToyConfig(), ToyData())


def test_an_adapter_is_made_with_its_configuration_and_data():
    config, data = ToyConfig(size=3), ToyData(source="there")
    adapter = declare().bind(config, data)
    assert isinstance(adapter, Toy)
    assert (adapter.config, adapter.data) == (config, data)


def test_what_an_adapter_needs_is_known_without_making_it(monkeypatch):
    monkeypatch.setattr(Toy, "__init__", lambda *_: pytest.fail("made"))
    assert declare().needs(ToyConfig(size=3), ToyData()) == (Need("here for 3"),)


def test_a_regimes_three_tables_are_of_the_declared_classes():
    assert declare().tables() == {"model": ToyConfig, "data": ToyData, "sampling": Sampling}


BROKEN = {
    "raise RuntimeError('no such device')": "cannot be imported: RuntimeError: no such device",
    "import sys; sys.exit(3)": "cannot be imported: ImportError: broken_meanwhile raised SystemExit when it was imported: 3",
    "import a_library_that_is_absent": "cannot be imported: ModuleNotFoundError: No module named 'a_library_that_is_absent'",
    "class Another: pass": "cannot be imported: AttributeError: module 'broken_meanwhile' has no attribute 'Toy'",
    "Toy = 1": "is not a class: got 1",
}
"""What stands in the module of a class that a declaration names, and what is said of it."""


@pytest.mark.parametrize(("content", "message"), BROKEN.items(), ids=BROKEN)
@pytest.mark.parametrize(
    ("key", "ask", "what"),
    [
        ("adapter", lambda toy: toy.bind(ToyConfig(), ToyData()), "adapter"),
        ("adapter", lambda toy: toy.needs(ToyConfig(), ToyData()), "adapter"),
        ("data", ModalityDeclaration.tables, "class of its table 'data'"),
    ],
    ids=["bind", "needs", "tables"],
)
def test_a_module_that_cannot_be_imported_is_named_with_its_entry_point(monkeypatch, tmp_path, content, message, key, ask, what):
    (tmp_path / "broken_meanwhile.py").write_text(f"{content}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "broken_meanwhile", raising=False)
    with pytest.raises(UserError) as refused:
        ask(declare(**{key: "broken_meanwhile:Toy"}))
    where = f"modality 'toy' (entry point of fortifai.modalities) is unavailable: its {what}, Toy of module 'broken_meanwhile', "
    assert str(refused.value) == where + message
    assert (refused.value.__cause__ is None) == (content == "Toy = 1"), "what was raised is there for --debug"


def test_a_declaration_takes_keywords_only():
    with pytest.raises(TypeError, match="positional"):
        ModalityDeclaration("toy", "1", "a toy", "a:B", "a:B", "a:B")


def test_installed_modalities_are_declarations_under_their_own_name():
    assert "tabular" in modalities
    for name in modalities:
        if modalities.broken(name) is None:
            assert isinstance(modalities.get(name), ModalityDeclaration)
            assert modalities.get(name).name == name


def test_an_adapter_and_its_declaration_agree_on_what_confidence_is():
    with pytest.raises(BrokenAdapter, match=r"Toy.density is False, .* says Elements\(density=True\)"):
        declare(elements=Elements(density=True)).bind(ToyConfig(), ToyData())
