"""What an adapter need not say: it needs nothing, knows no size, shows the samples as they are, and draws no picture."""

from pathlib import Path

from gaussian_support import SPLITS, Gaussian, Model, normal

from fortifai.config import Frozen, ModelConfig, Sampling


def test_an_adapter_is_bound_to_its_data():
    adapter = Gaussian()
    assert adapter.splits is SPLITS
    assert adapter.config == ModelConfig()


def test_the_defaults_need_nothing_and_draw_nothing(tmp_path: Path):
    adapter, made = Gaussian(), normal(5)
    assert Gaussian.needs(ModelConfig(), Frozen()) == ()
    assert adapter.model_bytes() is None
    assert adapter.examples(Model(0.0, 1.0), made, Sampling()) is made.data
    adapter.show(made.data, tmp_path / "generation-00")
    assert not list(tmp_path.iterdir())
