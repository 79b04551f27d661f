"""A badge says how a method stands, to those who see it and to those who do not, and obeys no name."""

from xml.etree import ElementTree

import pytest

from fortifai.fidelity.scores import Ratio
from fortifai.leaderboard.badge import NOT_MEASURED, badges
from fortifai.leaderboard.standings import Standing, Standings

SVG = "{http://www.w3.org/2000/svg}"


def standing(method: str, objective: str = "tce", ranks: tuple[int, int] = (1, 2), bound: bool = False) -> Standing:
    mean = Ratio(value=2.331, low=2, high=3, lower_bound=bound)
    return Standing(method=method, objective=objective, cells=[], geometric_mean=mean, places=1, first=ranks[0], last=ranks[1])


def drawn(rows: list[Standing], method: str) -> ElementTree.Element:
    return ElementTree.fromstring(badges(Standings(places=[], rows=rows), [method])[method])


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (standing("mine"), "tce: rank 1–2 of 2 · ER 2.33"),
        (standing("mine", ranks=(2, 2), bound=True), "tce: rank 2 of 2 · ER ≥ 2.33"),
    ],
)
def test_it_says_the_range_of_ranks_and_the_mean(row, text):
    root = drawn([row, standing("theirs")], "mine")
    assert root.get("role") == "img"
    assert root.get("aria-label") == root.findtext(f"{SVG}title") == f"fortifai: {text}"
    assert [element.text for element in root.iter(f"{SVG}text")] == ["fortifai", text]


def test_of_several_objectives_it_is_the_one_that_stands_first():
    assert "focal: rank" in drawn([standing("theirs"), standing("mine", "focal"), standing("mine")], "mine").get("aria-label", "")


def test_a_method_without_a_ratio_has_one_that_says_so():
    assert drawn([], "mine").get("aria-label") == f"fortifai: {NOT_MEASURED}"


def test_a_name_is_text():
    root = drawn([standing("mine", '"/><script>x</script>\x1b')], "mine")
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {"svg", "title", "clipPath", "g", "rect", "text"}
    assert root.get("aria-label", "").startswith('fortifai: "/><script>x</script>\\x1b: ')
