"""Configuration: frozen, complete, and explicit about which field decides the numbers."""

from typing import Annotated, ClassVar

import pytest
from pydantic import Field, ValidationError, model_validator

from fortifai.config import Frozen, Identity, ModelConfig, Parametrised, Role, Runtime, Sampling, explain, resolve
from fortifai.errors import UserError
from fortifai.registry import Registry


class Inner(Frozen):
    rate: Identity[float] = 0.5
    device: Runtime[str] = "cpu"


class Sharper(Inner):
    power: Identity[int] = 2


class Outer(Frozen):
    inner: Identity[Inner] = Inner()
    many: Identity[tuple[Inner, ...]] = ()
    named: Identity[dict[str, Inner]] = Field(default_factory=dict)
    sizes: Identity[list[int]] = Field(default_factory=list)
    aside: Runtime[Inner] = Inner()
    horizon: Runtime[int] = 10


class Between(Frozen):
    low: Identity[int]
    high: Identity[int]

    @model_validator(mode="after")
    def _ordered(self) -> "Between":
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        return self


class Nested(Frozen):
    part: Identity[Between]


# A field must declare itself


def test_a_class_with_a_field_that_declares_nothing_cannot_be_defined():
    with pytest.raises(TypeError, match=r"Silent: declare first, third as Identity\[...\] or Runtime\[...\]"):

        class Silent(Frozen):
            first: int = 0
            second: Identity[int] = 0
            third: float = 1.0


def test_a_subclass_cannot_add_or_redeclare_a_field_silently():
    with pytest.raises(TypeError, match="declare batch as"):

        class More(ModelConfig):
            batch: int = 1

    with pytest.raises(TypeError, match="declare temperature as"):

        class Again(Sampling):
            temperature: float = 0.5


def test_a_field_cannot_be_both():
    with pytest.raises(TypeError, match="declare torn as"):

        class Torn(Frozen):
            torn: Annotated[int, Role.IDENTITY, Role.RUNTIME] = 0


def test_a_declaration_survives_constraints_and_defaults():
    assert Sampling(temperature=0.9).identity() == {"temperature": 0.9}


# Identity


def test_identity_ignores_what_does_not_decide_the_numbers():
    one = Outer(horizon=10, aside=Inner(rate=1), inner=Inner(device="cpu"))
    other = Outer(horizon=99, aside=Inner(rate=2), inner=Inner(device="cuda"))
    assert one.identity() == other.identity() == {"inner": {"rate": 0.5}, "many": [], "named": {}, "sizes": []}


def test_identity_moves_with_every_field_that_decides_the_numbers():
    configs = [
        Outer(),
        Outer(inner=Inner(rate=0.25)),
        Outer(inner=Sharper()),
        Outer(many=(Inner(),)),
        Outer(many=(Inner(), Inner())),
        Outer(many=(Inner(rate=0.25), Inner())),
        Outer(named={"a": Inner()}),
        Outer(named={"b": Inner()}),
        Outer(sizes=[1]),
    ]
    identities = [config.identity() for config in configs]
    assert all(identities.count(identity) == 1 for identity in identities)


def test_a_field_that_is_not_written_at_its_default_leaves_identities_as_they_were_before_it():
    class Before(Frozen):
        rate: Identity[float] = 0.5

    class Since(Before):
        blocks: Identity[int] = Field(1, exclude_if=lambda blocks: blocks == 1)

    assert Since().identity() == Before().identity() == {"rate": 0.5}
    assert Since(blocks=2).identity() == {"rate": 0.5, "blocks": 2}


def test_configurations_in_sequences_and_mappings_are_reduced_too():
    config = Outer(many=(Inner(device="cuda"), Sharper()), named={"a": Inner(device="mps")})
    assert config.identity()["many"] == [{"rate": 0.5}, {"rate": 0.5, "power": 2}]
    assert config.identity()["named"] == {"a": {"rate": 0.5}}


@pytest.mark.parametrize("temperature", [0, -1, float("nan"), float("inf")])
def test_a_temperature_is_positive_and_finite(temperature):
    with pytest.raises(ValidationError, match="temperature"):
        Sampling(temperature=temperature)


def test_a_configuration_cannot_be_changed():
    config = Inner()
    with pytest.raises(ValidationError, match="frozen"):
        config.rate = 0.1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite_are_refused(value):
    with pytest.raises(ValidationError, match="finite"):
        Inner(rate=value)


# What went wrong, in plain lines


def lines(cls: type[Frozen], values: dict[str, object], **options: object) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        cls.model_validate(values)
    return explain(caught.value, **options)


def test_all_errors_are_explained_at_once_each_with_its_key():
    assert lines(Between, {"low": "x", "hihg": 3}, known=Between.model_fields) == [
        "low: input should be a valid integer, unable to parse string as an integer, not 'x'",
        "high: is required",
        "hihg: unknown key (known: low, high)",
    ]


def test_an_error_of_a_whole_configuration_is_its_own_text():
    assert lines(Between, {"low": 3, "high": 2}) == ["low 3 is above high 2"]
    assert lines(Nested, {"part": {"low": 3, "high": 2}}) == ["part: low 3 is above high 2"]


def test_a_prefix_says_where_in_a_file():
    assert lines(Between, {"low": 1}, prefix="regime.drift.") == ["regime.drift.high: is required"]


def test_the_known_keys_of_the_top_are_not_offered_further_down():
    assert lines(Nested, {"part": {"low": 1, "high": 2, "hihg": 3}}, known=Nested.model_fields) == ["part.hihg: unknown key"]


# Names with parameters


class Anchored(Parametrised):
    """A share of real data.

    More about it.
    """

    name: ClassVar[str] = "anchored"
    real: Identity[float] = Field(0.25, gt=0, lt=1)
    anchor: Identity[str] = Field("fresh", pattern="^(fresh|fixed)$")


class Plain(Parametrised):
    name: ClassVar[str] = "plain"


@pytest.fixture
def registry() -> Registry[type[Parametrised]]:
    registry: Registry[type[Parametrised]] = Registry("strategy")
    registry.register("anchored", Anchored)
    registry.register("plain", Plain)
    return registry


def test_the_canonical_form_sorts_keys_and_fills_in_defaults(registry):
    assert resolve(registry, "anchored").canonical == "anchored:anchor=fresh,real=0.25"
    assert resolve(registry, "anchored:real=0.5,anchor=fixed").canonical == "anchored:anchor=fixed,real=0.5"
    assert str(resolve(registry, "plain")) == "plain"
    assert resolve(registry, resolve(registry, "anchored:real=0.1").canonical) == Anchored(real=0.1)


def test_all_wrong_parameters_are_explained_in_one_line(registry):
    with pytest.raises(UserError, match=r"real: .*less than 1.*; anchor: .*; size: unknown key") as caught:
        resolve(registry, "anchored:real=2,anchor=floating,size=3")
    assert "\n" not in str(caught.value)


def test_the_summary_is_the_first_line_of_the_docstring():
    assert Anchored.summary() == "A share of real data."
    assert Plain.summary() == ""
