"""The curves of the published recipe, made once and kept: they are slow.

    python benchmarks/yardstick.py PICTURES denoise-25/house denoise-25/f16 --steps 2000
    python benchmarks/yardstick.py PICTURES inpaint/kate --recipe ulyanov2018_text --steps 3000

It restores each case on one thread; the curves that are there say how long a step took.
A run that was interrupted goes on where it was: delete .convprior/state/benchmarks when the recipe
has changed. Writes reports/benchmarks/ulyanov2018/<case>.<precision>.json: PSNR of the running
average at every 25th step, with the machine and the seconds per step; benchmarks/prior.py compares
with them. The picture at the peak lies in .convprior/state/benchmarks. PICTURES: see cases.py.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import torch

import cases
from convprior.ground import atomic, params
from convprior.pictures import decoding
from convprior.prior.iterates import Iterates
from convprior.prior.recipe import Recipe
from convprior.prior.where import Where
from convprior.problem import metrics
from convprior.restoration import recipes

KEPT = Path("reports/benchmarks/ulyanov2018")
STATE = Path(".convprior/state/benchmarks")


def run(
    case: cases.Case, recipe_name: str, recipe: Recipe, steps: int, precision: torch.dtype
) -> None:
    """Make the curve of one case, or go on with it."""
    recipe = replace(recipe, max_steps=steps)
    iterates = Iterates(case.observation, recipe, 0, Where(torch.device("cpu"), precision))
    name = f"{case.name}.{str(precision).removeprefix('torch.')}"
    kept = STATE / f"{name.replace('/', '-')}.{recipe_name}.pt"
    curve: list[dict[str, float]] = []
    seconds, best = 0.0, None
    if kept.exists():
        state = torch.load(kept, weights_only=True)
        iterates.load_state_dict(state["iterates"])
        curve, seconds, best = state["curve"], state["seconds"], state["best"]
    begin = time.process_time()
    for iterate in iterates:
        if iterate.step % 25:
            continue
        seconds += time.process_time() - begin
        average = case.observation.keep_known(iterate.average)
        curve.append(
            {"step": iterate.step, "psnr": round(metrics.psnr(case.reference, average), 3)}
        )
        if curve[-1] == peak(curve):
            best = average
        print(case.name, curve[-1], f"{seconds / iterate.step:.2f} s a step", flush=True)
        if iterate.step % 100 == 0:
            with atomic.file(kept) as file:
                kept_state = {"curve": curve, "seconds": seconds, "best": best}
                torch.save({"iterates": iterates.state_dict(), **kept_state}, file)
            assert best is not None
            with atomic.file(kept.with_suffix(".png")) as file:
                decoding.to_pillow(best).save(file)
            atomic.write_json(
                KEPT / f"{name}.json",
                {
                    "recipe": recipe_name,
                    "machine": cases.machine(),
                    "seconds_per_step": round(seconds / iterate.step, 3),
                    "peak": peak(curve),
                    "curve": curve,
                },
            )
        begin = time.process_time()


def peak(curve: list[dict[str, float]]) -> dict[str, float]:
    """Return the best point of a curve, the first of equals."""
    return max(curve, key=lambda point: point["psnr"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", type=Path, metavar="PICTURES")
    parser.add_argument("cases", nargs="+", help="cases, or parts of their names")
    parser.add_argument("--recipe", default="ulyanov2018", help="a name in params.yaml")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--params", type=Path, default=params.PACKAGED, help="another params.yaml")
    args = parser.parse_args()
    torch.set_num_threads(1)
    recipe = recipes.load(args.params).recipes[args.recipe]
    for case in cases.read(args.pictures, args.cases):
        run(case, args.recipe, recipe, args.steps, getattr(torch, args.precision))


if __name__ == "__main__":
    main()
