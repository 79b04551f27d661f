"""The fused loss beside the others there are, each in an environment of its own: TCE at gamma = 0.9, forward and backward, CPU.

None of the others gates by confidence, so each computes TCE in the two ways that it can: ``mask``, the loss of every token times
a mask, and ``twice``, a pass for the confidence and one in which confident targets are ignored. `products` is what nothing can do
without: the logits of all tokens, and two products for those that are kept; `products, exp` adds one exponential of each logit.
Run with ``python benchmarks/fused_side_by_side.py --environments DIR``; environments that DIR lacks are made there, by venv and
pip. Processor time of one thread; rounds are interleaved over all forms, and ratios are medians over the rounds.
"""

import argparse
import json
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import IO

GAMMA, WIDTH = 0.9, 576

PACKAGES = {
    "torch": ["torch>=2.13", "numpy"],
    "cce": ["torch", "cut-cross-entropy", "setuptools", "numpy"],
    "tune": ["torch==2.11.*", "torchtune==0.6.1", "torchao==0.9.0", "numpy"],
}
"""What each environment holds beside this one: torch's own fused loss, Cut Cross-Entropy, torchtune's chunked loss."""


def forms(environment: str) -> dict[str, Callable]:
    """Return the forms of an environment by name; each takes hidden (N, D), weight (V, D), targets (N,) and returns the loss."""
    import torch
    import torch.nn.functional as F  # noqa: N812

    def masked(nll: Callable) -> Callable:
        def loss(hidden, weight, targets):
            of_each = nll(hidden, weight, targets)
            return (of_each * (torch.exp(-of_each.detach()) <= GAMMA)).mean()

        return loss

    def twice(nll: Callable, total: Callable) -> Callable:
        def loss(hidden, weight, targets):
            with torch.no_grad():
                sure = torch.exp(-nll(hidden, weight, targets)) > GAMMA
            return total(hidden, weight, targets.masked_fill(sure, -100)) / len(targets)

        return loss

    def both(name: str, nll: Callable, total: Callable) -> dict[str, Callable]:
        return {f"{name}, mask": masked(nll), f"{name}, twice": twice(nll, total)}

    def plain(reduction: str) -> Callable:
        return lambda h, w, y: F.cross_entropy(h @ w.T, y, reduction=reduction)

    if environment == "ours":
        from fortifai.objectives import linear_cross_entropy

        return {
            "fortifai": lambda h, w, y: linear_cross_entropy(h, w, y, f"tce:gamma={GAMMA}"),
            **both("F.cross_entropy", plain("none"), plain("sum")),
        }
    if environment == "torch":
        options = _options()

        def fused(reduction: str, **settings) -> Callable:
            return lambda h, w, y: F.linear_cross_entropy(h, w, y, reduction=reduction, ignore_index=-100, **settings)

        found = both("F.linear_cross_entropy", fused("none"), fused("sum"))
        if options is not None:
            with_options = {"options": options()}
            found |= both("F.linear_cross_entropy, options", fused("none", **with_options), fused("sum", **with_options))
        return found
    if environment == "cce":
        from cut_cross_entropy import linear_cross_entropy as cut

        return both(
            "cut-cross-entropy, torch_compile",
            lambda h, w, y: cut(h, w, y, impl="torch_compile", reduction="none"),
            lambda h, w, y: cut(h, w, y, impl="torch_compile", reduction="sum"),
        )
    from torchtune.modules.loss import CEWithChunkedOutputLoss

    def tune(hidden, weight, targets):
        chunked = CEWithChunkedOutputLoss()  # of logits that come in chunks, as a torchtune model's do; a mean
        logits = [rows @ weight.T for rows in hidden[None].chunk(chunked.num_output_chunks, dim=1)]
        return chunked(logits, targets[None]) * (targets != -100).sum()

    return {"torchtune, twice": twice(plain("none"), tune)}


def _options() -> type | None:
    """Return torch's class of options, wherever this version keeps it."""
    import torch

    for module in (torch.nn, torch.nn.functional, getattr(torch.nn, "attention", None)):
        if hasattr(module, "LinearCrossEntropyOptions"):
            return module.LinearCrossEntropyOptions
    return None


def floors(hidden, weight, kept: int) -> dict[str, Callable[[], object]]:
    """Return what nothing can do without, in chunks of 32 MiB of logits."""
    import torch

    chunk = max(1, 2**23 // len(weight))
    h, w = hidden.detach(), weight.detach()
    out = h.new_empty(min(chunk, len(h)), len(w))

    def products(exponentials: bool) -> None:
        gradient = torch.zeros_like(w)
        for rows in h.split(chunk):
            logits = torch.mm(rows, w.t(), out=out[: len(rows)])
            if exponentials:
                logits.exp_()
        for rows in h[:kept].split(chunk) if kept else ():
            torch.mm(out[: len(rows)], w)
            torch.addmm(gradient, out[: len(rows)].t(), rows, out=gradient)

    return {"products": lambda: products(False), "products, exp": lambda: products(True)}


def child(environment: str) -> None:
    """Answer every setting that comes as a line with the seconds of each form."""
    import torch

    torch.set_num_threads(1)
    try:
        known = forms(environment)
    except Exception as reason:  # whatever it is, it is this environment's row
        known = {f"{environment}: {type(reason).__name__}: {str(reason).splitlines()[0][:80]}": None}
    for line in sys.stdin:
        print(json.dumps(answer(environment, known, *json.loads(line))), flush=True)


def answer(environment: str, known: dict, n: int, vocabulary: int, share: float) -> dict[str, float | str]:
    """Return the seconds of each form at n tokens, of which this share has p_t above gamma, or why it has none."""
    import torch

    rng = torch.Generator().manual_seed(0)
    weight = torch.randn(vocabulary, WIDTH, generator=rng) / WIDTH**0.5
    targets = torch.randint(vocabulary, (n,), generator=rng)
    hidden = torch.randn(n, WIDTH, generator=rng)
    sure = torch.randperm(n, generator=rng)[: round(share * n)]
    hidden[sure] += 25 * weight[targets[sure]]
    hidden.requires_grad_()
    weight.requires_grad_()
    calls = {name: (lambda form=form: form(hidden, weight, targets).backward()) for name, form in known.items()}
    if environment == "ours":
        calls |= floors(hidden, weight, n - len(sure))
    said: dict[str, float | str] = {}
    for name, call in calls.items():
        hidden.grad = weight.grad = None
        start = time.process_time()
        try:
            call()
            said[name] = time.process_time() - start
        except Exception as reason:
            said[name] = f"{type(reason).__name__}: {str(reason).splitlines()[0][:80] if str(reason) else ''}"
    return said


def interpreters(folder: Path) -> Iterator[tuple[str, str | None]]:
    """Yield the interpreter of each environment, made where it is missing; None: it could not be."""
    yield "ours", sys.executable
    for name, packages in PACKAGES.items():
        python = folder / name / "bin" / "python"
        if not python.exists():
            venv.create(folder / name, with_pip=True)
            made = subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=False)
            if made.returncode:
                yield name, None
                continue
        yield name, str(python)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--environments", type=Path, default=Path("environments"))
    parser.add_argument("--tokens", type=int, nargs="+", default=[256, 1024, 2048])
    parser.add_argument("--vocabulary", type=int, default=49_152)
    parser.add_argument("--masked", type=float, nargs="+", default=[0.0, 0.6, 0.95])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child)
        return
    children: dict[str, tuple[IO[str], IO[str]]] = {}
    for name, python in interpreters(arguments.environments):
        if python is None:
            print(f"{name}: {', '.join(PACKAGES[name])} could not be installed")
            continue
        started = subprocess.Popen([python, __file__, "--child", name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if started.stdin is not None and started.stdout is not None:
            children[name] = started.stdin, started.stdout
    for n in arguments.tokens:
        for share in arguments.masked:
            rounds: list[dict[str, float | str]] = []
            for _ in range(arguments.rounds + 1):  # the first warms up, and compiles
                answers: dict[str, float | str] = {}
                for name, (send, receive) in children.items():
                    send.write(json.dumps([n, arguments.vocabulary, share]) + "\n")
                    send.flush()
                    reply = receive.readline()
                    answers |= json.loads(reply) if reply else {name: "its process ended"}
                rounds.append(answers)
            print(f"\nN = {n}, V = {arguments.vocabulary}, D = {WIDTH}, {share:.0%} above gamma")
            for form, first in rounds[0].items():
                times = [r[form] for r in rounds[1:] if isinstance(r.get(form), float)]
                ratios = [r[form] / r["products"] for r in rounds[1:] if isinstance(r.get(form), float)]
                said = f"{min(times):7.3f} s  {median(ratios):5.2f} x products" if times else first
                print(f"  {form:42s} {said}", flush=True)


if __name__ == "__main__":
    main()
