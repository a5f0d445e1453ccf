"""How well an enlargement and the undoing of a known blur do, beside classical methods.

    python benchmarks/undoing.py PICTURE_OR_FOLDER... --network 3

The middle of each picture, scaled to 128×128, is made smaller or blurred, noise is added, and it is
rounded to 256 steps. Ours is what the command does, its noise measured; the network alone, which is
not used for it, is run on the first pictures. Bicubic interpolation for what was made smaller; for
what was blurred Wiener's filter and Richardson and Lucy, each at the strength that the clean
picture likes best, which nobody knows in life. Writes reports/benchmarks/undoing.json: PSNR in dB,
of each picture and means; the network's is the mean of what it has less than ours on the same
pictures. Costs some two minutes a picture on one core, and three more with the network.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import mean

import torch
from skimage.restoration import richardson_lucy, wiener
from torch import Tensor
from torch.nn import functional

import cases
from convprior.ground import atomic, seeds
from convprior.pictures import decoding, files
from convprior.prior.restore import restore
from convprior.problem.metrics import psnr
from convprior.problem.observation import Observation
from convprior.problem.operators import blur, downsampling, gaussian_kernel
from convprior.restoration import recipes

SIDE = 128
BALANCES = [10.0**k for k in (-4, -3.5, -3, -2.5, -2, -1.5, -1, -0.5, 0)]  # of Wiener's filter
ITERATIONS = (3, 10, 30, 100)  # of Richardson and Lucy

motion = torch.zeros(9, 9)
for column in range(9):
    motion[2 * column // 3 + 1, column] = 1.0

# scale or kernel, deviation of the noise of 255
KINDS: dict[str, tuple[int | Tensor, float]] = {
    "by 2": (2, 0.0),
    "by 2, noise 5": (2, 5.0),
    "by 4": (4, 0.0),
    "blur 1.5, noise 2": (gaussian_kernel(1.5), 2.0),
    "blur 1, noise 5": (gaussian_kernel(1.0), 5.0),
    "motion 9, noise 3": (motion, 3.0),
}
NETWORK = ("by 2", "by 4", "blur 1.5, noise 2")


def best(reference: Tensor, methods: list[Callable[[], Tensor]]) -> float:
    """Return the best PSNR of several pictures."""
    return max(psnr(reference, method().float().clamp(0, 1)) for method in methods)


def classical(reference: Tensor, observed: Tensor, how: int | Tensor) -> dict[str, float]:
    """Return the PSNR of each classical method."""
    if isinstance(how, int):
        smooth = functional.interpolate(observed[None], scale_factor=how, mode="bicubic")[0]
        return {"bicubic": psnr(reference, smooth.clamp(0, 1))}
    kernel = (how / how.sum()).double().numpy()

    def each(method: Callable[..., object], *options: object) -> Callable[[], Tensor]:
        return lambda: torch.stack([
            torch.as_tensor(method(plane.double().numpy(), kernel, *options)) for plane in observed
        ])  # fmt: skip

    return {
        "came": psnr(reference, observed),
        "wiener": best(reference, [each(wiener, balance) for balance in BALANCES]),
        "richardson_lucy": best(reference, [each(richardson_lucy, n) for n in ITERATIONS]),
    }


def measure(name: str, reference: Tensor, kind: str, *, network: bool) -> dict[str, float]:
    """Return the PSNR of all methods for one picture and kind."""
    how, sigma = KINDS[kind]
    operator = downsampling(how) if isinstance(how, int) else blur(how)
    seen = operator.apply(reference)
    noise = torch.randn(seen.shape, generator=seeds.generator("undoing", name, kind))
    observed = ((seen + sigma / 255 * noise).clamp(0, 1) * 255).round() / 255
    given = Observation(observed, torch.ones_like(observed[0], dtype=torch.bool), operator)
    recipe = recipes.load().of("superresolve" if isinstance(how, int) else "deblur")
    found = classical(reference, observed, how)
    found["ours"] = psnr(reference, restore(given, recipe, 0).picture)
    if network:
        alone = restore(given, replace(recipe, patches=False), 0)
        found["network"] = psnr(reference, alone.picture)
    return found


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", nargs="+", metavar="PICTURE_OR_FOLDER")
    parser.add_argument("--network", type=int, default=0, metavar="N", help="on the first N")
    args = parser.parse_args()
    torch.set_num_threads(1)
    each: dict[str, dict[str, dict[str, float]]] = {kind: {} for kind in KINDS}
    for number, path in enumerate(cases.paths(args.pictures)):
        reference = files.read(path).pixels[:3]
        image = decoding.to_pillow(reference)
        reference = decoding.from_pillow(decoding.fit_square(image, SIDE))
        for kind in KINDS:
            network = number < args.network and kind in NETWORK
            found = measure(path.stem, reference, kind, network=network)
            each[kind][path.stem] = {method: round(value, 2) for method, value in found.items()}
            print(path.stem, kind, each[kind][path.stem], flush=True)
    means: dict[str, dict[str, float]] = {}
    for kind, rows in each.items():
        always = [method for method in next(iter(rows.values())) if method != "network"]
        means[kind] = {m: round(mean(row[m] for row in rows.values()), 2) for m in always}
        behind = [row["ours"] - row["network"] for row in rows.values() if "network" in row]
        if behind:
            means[kind]["network_behind_ours"] = round(mean(behind), 2)
    result = {"machine": cases.machine(), "means": means, "each": each}
    atomic.write_json(Path("reports/benchmarks/undoing.json"), result)


if __name__ == "__main__":
    main()
