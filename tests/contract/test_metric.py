"""What a metric says of itself: its name, its argument, what it needs, and which data it can be measured on."""

import math
from types import SimpleNamespace
from typing import Any

import pytest

from fortifai.contract.metric import Metric
from fortifai.errors import UserError


def power(base: float, argument: str) -> float:
    return base ** int(argument)


def refuse_odd(adapter: Any, argument: str = "") -> None:
    if len(adapter.splits) % 2:
        raise UserError(f"odd {argument}".strip())


def declare(function: str, **changes: Any) -> Metric:
    fields: dict[str, Any] = {"summary": "how far", "better": "lower", "unit": "m", "valid": (0, math.inf), "reads": ("real",)}
    return Metric(**(fields | {"compute": f"{__name__}:{function}"} | changes))


def test_a_metric_has_the_name_of_its_function_unless_it_says_another():
    assert declare("power").name == "power"
    assert declare("power", name="strength").name == "strength"


def test_a_metric_takes_keywords_only():
    with pytest.raises(TypeError, match="positional"):
        Metric("a:b", "how far", "lower", "m", (0, 1), ("real",))


def test_what_is_measured_unasked_needs_no_extra_no_argument_and_no_naming():
    assert declare("power").by_default
    for changes in ({"requires": ("json",)}, {"takes": "exponent"}, {"named_only": True}):
        assert not declare("power", **changes).by_default


def test_an_argument_is_part_of_the_name_and_reaches_the_function():
    cube = declare("power", takes="exponent").with_argument("3")
    assert (cube.name, cube.function()(2.0)) == ("power:3", 8.0)


def test_an_argument_that_is_missing_or_unwanted_is_refused():
    takes = declare("power", takes="exponent")
    for ask in (takes.function, lambda: takes.with_argument("")):
        with pytest.raises(UserError, match="'power' takes what follows a colon, as in power:<exponent>"):
            ask()
    with pytest.raises(UserError, match="'power' takes nothing behind a colon"):
        declare("power").with_argument("3")


def test_a_metric_whose_extra_is_missing_is_not_measured():
    absent = declare("power", requires=("no_such_module",), extra="more")
    assert absent.missing() == "needs no_such_module; pip install 'fortifai[more]'"
    for ask in (absent.function, lambda: absent.require(SimpleNamespace())):
        with pytest.raises(UserError, match=r"'power' is unavailable: needs no_such_module; pip install 'fortifai\[more\]'"):
            ask()


def test_data_that_rules_a_metric_out_is_refused_before_anything_is_trained():
    checked = declare("power", check=f"{__name__}:refuse_odd")
    checked.require(SimpleNamespace(splits=(1, 2)))
    with pytest.raises(UserError, match=r"^odd$"):
        checked.require(SimpleNamespace(splits=(1, 2, 3)))
    with pytest.raises(UserError, match=r"^odd 5$"):
        declare("power", takes="exponent", check=f"{__name__}:refuse_odd").with_argument("5").require(
            SimpleNamespace(splits=(1,))
        )
    declare("power").require(SimpleNamespace())
