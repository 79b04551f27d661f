"""What an autoencoder's chain is surer of than its generation 0 was of real images: what an anchor, or a threshold, would mask.

`python benchmarks/vae_confidence.py [--regime R] [--seed N] [--generations G] [--set KEY=VALUE]...` runs a chain of `image-vae`
under `replace` and cross entropy, and prints for each generation the share of its own images, as it draws them for the next one,
that it is surer of than generation 0 was of a share q of the validation images: by the image's bound, and by its rate alone (the
divergence of its posterior from the prior, of which an image that is typical of the model has little). Beside them, the share of
pixels whose confidence exceeds 0.95, on the absolute and on the relative scale. Seed 100 is none of those that are published. A
generation takes some 16 s of one core.
"""

import argparse
from typing import cast

import torch
from torch import Tensor

from fortifai.contract.samples import Samples
from fortifai.modalities.image.vae.adapter import VAEAdapter
from fortifai.modalities.image.vae.config import VAESampling
from fortifai.modalities.image.vae.elements import pixel_nll, weighed
from fortifai.modalities.image.vae.network import VAE
from fortifai.objectives import resolve
from fortifai.planning.loading import Adapters
from fortifai.planning.suite_file import load_suite
from fortifai.randomness import stream

QUANTILES = (0.5, 0.75, 0.9, 0.99)
THRESHOLD = 0.95


@torch.no_grad()
def confidences(model: VAE, x: Tensor) -> dict[str, Tensor]:
    """Return the confidence in images, (n, 1, S, S), by each of the four measures: (n,) by image, (n, 1, S, S) by pixel."""
    logits, divergence = model(x, torch.randn(len(x), model.shape["latent"], generator=stream("vae_confidence")))
    nll = pixel_nll(logits, x)
    by = {"bound": "tce:unit=sample", "pixel": "tce:unit=pixel", "relative": "tce:unit=pixel,scale=relative"}
    measured = {name: weighed(resolve(objective), nll, divergence, x).confidence for name, objective in by.items()}
    return measured | {"rate": torch.exp(-divergence / model.shape["latent"])}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--regime", default="biased")
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--generations", type=int, default=4)
    parser.add_argument("--set", action="append", default=[], dest="settings", help="as of fortifai run")
    options = parser.parse_args()
    torch.set_num_threads(1)
    regime = load_suite("image-vae", [*options.settings, "model.device=cpu"]).regime(options.regime)
    adapter = cast(VAEAdapter, Adapters().bind(regime))
    sampling = cast(VAESampling, regime.sampling)
    pool, n = adapter.splits.train, regime.size()
    training = pool.take(torch.randperm(len(pool), generator=stream(options.seed, "real"))[:n])
    anchors: dict[str, Tensor] = {}
    columns = [f"{name} q={q}" for name in ("bound", "rate") for q in QUANTILES]
    print(f"| generation | {' | '.join(columns)} | pixels > {THRESHOLD} | relative |\n|{'---:|' * (len(columns) + 3)}")
    for generation in range(options.generations + 1):
        model = adapter.fit(training, resolve("ce"), None, stream(options.seed, "fit", generation)).model
        draws = [
            adapter.sample(model, pool.take(slice(n)), sampling, stream(options.seed, "sample", generation, draw))
            for draw in range(adapter.draws)
        ]
        training = Samples.concat([Samples.synthetic(drawn, generation) for drawn in draws])
        if not anchors:
            real = confidences(model, adapter.splits.validation["x"])
            anchors = {name: torch.quantile(real[name], torch.tensor(QUANTILES)) for name in ("bound", "rate")}
        own = confidences(model, draws[0]["x"])
        shares = [float((own[name] > anchor).float().mean()) for name in ("bound", "rate") for anchor in anchors[name]]
        shares += [float((own[name] > THRESHOLD).float().mean()) for name in ("pixel", "relative")]
        print(f"| {generation} | {' | '.join(f'{share:.1%}' for share in shares)} |", flush=True)


if __name__ == "__main__":
    main()
