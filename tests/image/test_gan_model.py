"""The adversarial network's adapter: judges that stay as they are, truncation by probability, and a model that is kept."""

import math
from pathlib import Path

import pytest
import torch
from gan_support import DIGITS, adapter_of, fit, objective, pixels, weights

from fortifai import metrics
from fortifai.config import Sampling
from fortifai.contract.declaration import modalities
from fortifai.contract.metric_inputs import MetricInputs
from fortifai.contract.samples import Samples
from fortifai.errors import Diverged, UserError
from fortifai.modalities.image.gan.adapter import GANAdapter
from fortifai.modalities.image.gan.config import GANConfig
from fortifai.modalities.image.gan.network import initial
from fortifai.modalities.image.gan.training import Game
from fortifai.objectives import TruncatedCrossEntropy
from fortifai.randomness import stream

pytestmark = pytest.mark.usefixtures("brief_classifiers")


@pytest.fixture(scope="module")
def judged() -> GANAdapter:
    """One with two judges: one sees the first half of the pixels, one the second."""
    adapter = adapter_of(judges=["classifier", "imagenet"], steps=9)
    adapter.__dict__["judges"] = {"first": pixels("first", 0, 32), "second": pixels("second", 32, 64)}
    return adapter


def test_the_declaration_binds_the_adapter_and_says_that_there_is_no_likelihood() -> None:
    bound = modalities.get("image-gan").bind(GANConfig(judges=["classifier"]), DIGITS)
    assert isinstance(bound, GANAdapter)
    assert bound.config.label == "gan-32-z32+classifier"
    likelihood = bound.likelihood(fit(adapter_of()).model, bound.splits.test)
    assert bool(likelihood.nll.isnan().all())
    assert 0 < float(likelihood.confidence.min()) < float(likelihood.confidence.max()) < 1


def test_judges_stay_as_they_are_and_only_their_heads_learn(judged: GANAdapter) -> None:
    first = fit(judged)
    assert first.notes["judges"] == 2
    assert {key for key in first.notes if key.startswith("separable")} == {f"separable_by_{list(first.model.heads)[1]}"}
    again = fit(judged, init=first.model).model
    for judge in judged.judges.values():
        assert judge.weight.grad is None
        assert bool((judge.weight == 1).all())
    for name, head in first.model.heads.items():
        assert not torch.equal(weights(head), weights(again.heads[name]))
    assert list(again.heads) == list(first.model.heads)  # they are handed on, and none joins twice


def test_the_networks_that_come_with_images_take_no_gradient_and_pass_it_on() -> None:
    adapter = adapter_of()
    x = adapter.splits.test["x"][:4].clone().requires_grad_()
    for name in ("classifier", "imagenet"):
        judge = adapter.judge(name)
        features = judge.embed(x)
        assert features.shape == (4, judge.dimensions)
        torch.testing.assert_close(features.detach().double(), judge.features(x.detach()), rtol=1e-4, atol=1e-5)
        (gradient,) = torch.autograd.grad(features.sum(), x)
        assert bool(gradient.abs().sum() > 0)
        assert not any(parameter.requires_grad for parameter in judge.network.parameters())
    assert adapter.classifier is not None
    assert not torch.equal(adapter.judge("classifier").features(x.detach()), adapter.classifier.features(x.detach()))


def test_a_judge_that_cannot_be_had_is_refused() -> None:
    with pytest.raises(UserError, match="no judge 'dino' of images"):
        adapter_of().judge("dino")
    with pytest.raises(ValueError, match="most_judges: 2 are more than the 1 judges"):
        GANConfig(judges=["classifier"], most_judges=2)
    with pytest.raises(ValueError, match="judges: classifier, classifier has one of them twice"):
        GANConfig(judges=["classifier", "classifier"])


def test_judges_change_what_the_generator_learns(judged: GANAdapter) -> None:
    alone = adapter_of(steps=9)
    assert not torch.equal(weights(fit(judged).model.generator), weights(fit(alone).model.generator))
    assert fit(alone).notes == {"steps": 9.0, "judges": 0.0}


def test_truncation_goes_by_the_probability_of_the_target() -> None:
    """Of five images the two whose target has a probability above gamma count for nothing, in the value and in the gradient."""
    adapter = adapter_of()
    game = Game(initial(adapter._shape()), {}, adapter.config, torch.device("cpu"), stream("game"))
    p = torch.tensor([0.2, 0.5, 0.69, 0.71, 0.95])
    for side, sign in (("true", 1), ("generated", -1), ("generator", 1)):
        score = (sign * torch.logit(p)).requires_grad_()
        value = game.weighed(score, side, TruncatedCrossEntropy(gamma=0.7))
        torch.testing.assert_close(value, -p[:3].log().sum() / 5)
        (gradient,) = torch.autograd.grad(value, score)
        torch.testing.assert_close(gradient, -sign * torch.tensor([0.8, 0.5, 0.31, 0, 0]) / 5)
    assert game.masks.share == pytest.approx(0.4)


def test_what_is_left_out_is_recorded_and_moves_nothing_once_all_is() -> None:
    adapter = adapter_of(penalty=0)
    nothing = fit(adapter, "tce:gamma=0.000001")
    assert nothing.masked_share == 1
    start = fit(adapter)
    still = fit(adapter, "tce:gamma=0.000001", init=start.model)
    assert torch.equal(weights(still.model.discriminator), weights(start.model.discriminator))
    assert start.masked_share == 0


def test_equal_weights_are_as_none_and_unequal_ones_are_not() -> None:
    adapter = adapter_of()
    train = adapter.splits.train.take(slice(64))
    plain, equal, tilted = (
        weights(adapter.fit(train if w is None else train.weighted(w), objective("ce"), None, stream("fit")).model.discriminator)
        for w in (None, torch.full((64,), 3.0), torch.linspace(0, 2, 64))
    )
    assert torch.equal(plain, equal)
    assert not torch.equal(plain, tilted)


def test_truncated_latents_narrow_what_is_drawn() -> None:
    adapter = adapter_of(steps=40, channels=8)
    model, source = fit(adapter).model, adapter.splits.train.take(slice(400))
    variances = [
        float(adapter.sample(model, source, Sampling(temperature=t), stream("sample"))["x"].var(0).sum()) for t in (1.0, 0.5, 0.1)
    ]
    assert variances[0] > 1.1 * variances[1] > 1.21 * variances[2]


def test_a_model_is_read_back_with_its_judges_and_goes_on_to_the_same(judged: GANAdapter, tmp_path: Path) -> None:
    model = fit(judged).model
    judged.save(model, tmp_path)
    loaded = judged.load_model(tmp_path)
    assert loaded.shape == model.shape
    assert list(loaded.heads) == list(model.heads)
    assert torch.equal(weights(loaded.modules()), weights(model.modules()))
    on, again = (fit(judged, init=each).model for each in (model, loaded))
    assert torch.equal(weights(on.modules()), weights(again.modules()))
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) == pytest.approx(judged.model_bytes(), abs=4096)


def test_extrapolated_models_have_no_negative_variances() -> None:
    adapter = adapter_of()
    one, other = fit(adapter).model, fit(adapter, n=32).model
    far = adapter.combined([one, other], [20.0, -19.0])
    drawn = adapter.sample(far, adapter.splits.test, Sampling(), stream("sample"))["x"]
    assert bool(drawn.isfinite().all())


def test_training_that_diverges_says_so() -> None:
    with pytest.raises(Diverged, match="the loss is"):
        fit(adapter_of(learning_rate=1e30, steps=20))


def test_hinge_is_another_game() -> None:
    plain, hinge = (fit(adapter_of(loss=loss)).model for loss in ("non-saturating", "hinge"))
    for one, other in zip((plain.generator, plain.discriminator), (hinge.generator, hinge.discriminator), strict=True):
        assert bool(weights(other).isfinite().all())
        assert not torch.equal(weights(one), weights(other))


def test_a_judge_tells_noise_from_digits_and_digits_from_none() -> None:
    adapter, declaration = adapter_of(), modalities.get("image-gan")
    digits = Samples.synthetic({"x": adapter.splits.train["x"][:200]}, 0)
    noise = Samples.synthetic({"x": torch.rand(digits["x"].shape, generator=stream("noise"))}, 0)
    metric = metrics.find(declaration, "separability:classifier")
    alike, apart = (metrics.measure(metric, MetricInputs(adapter, samples)) for samples in (digits, noise))
    assert alike == pytest.approx(0.5, abs=0.12)
    assert apart > 0.9
    with pytest.raises(UserError, match="no judge 'mine' of images"):
        metrics.find(declaration, "separability:mine").require(adapter)


def test_what_needs_a_likelihood_is_null() -> None:
    adapter = adapter_of()
    model = fit(adapter).model
    inputs = MetricInputs(adapter, adapter.splits.test, model)
    declaration = modalities.get("image-gan")
    assert math.isnan(metrics.measure(metrics.find(declaration, "nll"), inputs))
    assert metrics.measure(metrics.find(declaration, "confidence_gap"), inputs) == 0
