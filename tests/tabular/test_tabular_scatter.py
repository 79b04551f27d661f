"""Tables as people see them: where a row is drawn, and what is left out."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fortifai.modalities.tabular.adapter import GaussianMixtureAdapter
from fortifai.modalities.tabular.config import MixtureConfig, TableData
from fortifai.modalities.tabular.scatter import GAP, MADE, REAL, SHOWN, SIDE, write_scatter

SQUARE = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]], dtype=torch.float64)


def drawn(x: torch.Tensor, path: Path, real: torch.Tensor = SQUARE) -> np.ndarray:
    write_scatter(x, real, path)
    with Image.open(path) as image:
        return np.asarray(image)


def middle(pixels: np.ndarray, colour: tuple[int, int, int]) -> tuple[float, float]:
    """Return where the dots of a colour are on average: from the left and from below, in [0, 1]."""
    down, right = np.nonzero((pixels == colour).all(axis=2))
    return float(right.mean() / pixels.shape[1]), float(1 - down.mean() / pixels.shape[0])


def test_a_row_stands_where_its_columns_say_beside_the_next_pair(tmp_path: Path) -> None:
    pixels = drawn(torch.tensor([[0.25, 0.75, 0.5]], dtype=torch.float64), tmp_path / "t.png")
    assert pixels.shape == (SIDE, 2 * SIDE + GAP, 3)
    # A quarter of the real range, which is the inner 1 / 1.3 of a panel.
    inner = (0.15 + np.array([0.25, 0.75, 0.5])) / 1.3
    assert middle(pixels[:, :SIDE], MADE) == pytest.approx(inner[:2], abs=0.02)
    assert middle(pixels[:, SIDE + GAP :], MADE) == pytest.approx(inner[1:], abs=0.02)
    assert middle(pixels[:, :SIDE], REAL) == pytest.approx((0.5, 0.5), abs=0.02)


def test_what_is_out_of_the_picture_is_at_its_edge_also_without_a_number(tmp_path: Path) -> None:
    pixels = drawn(
        torch.tensor([[9.0, -9.0], [torch.inf, -torch.inf], [torch.nan, torch.nan]], dtype=torch.float64),
        tmp_path / "t.png",
        SQUARE[:, :2],
    )
    down, right = np.nonzero((pixels == MADE).all(axis=2))
    assert set(zip(right.tolist(), down.tolist(), strict=True)) == {
        (x, y) for corner in (0, SIDE - 2) for x in (corner, corner + 1) for y in (SIDE - 2, SIDE - 1)
    }


def test_rows_beyond_those_shown_are_left_out(tmp_path: Path) -> None:
    many = torch.cat([torch.zeros(SHOWN, 2), torch.ones(9, 2)]).double()
    assert (drawn(many, tmp_path / "a.png", SQUARE[:, :2]) == drawn(many[:1], tmp_path / "b.png", SQUARE[:, :2])).all()


@pytest.mark.parametrize(("columns", "names"), [(("bill_length_mm",), []), (("bill_length_mm", "body_mass_g"), ["real.png"])])
def test_a_table_of_one_column_has_nothing_to_show(columns: tuple[str, ...], names: list[str], tmp_path: Path) -> None:
    adapter = GaussianMixtureAdapter(MixtureConfig(), TableData(source="penguins", columns=columns))
    adapter.show(adapter.splits.test.data, tmp_path / "real")
    assert [file.name for file in tmp_path.iterdir()] == names
