"""`default` against the published recipe: what quality, at what CPU time.

    python benchmarks/prior.py coffee chelsea

Both recipes restore the same noisy pictures (σ 25, as the stage `degrade` makes them) on one
thread. `ulyanov2018` counts twice: by what it returns after its 1,800 steps, and, given the benefit
of the doubt, by the best of all its averages, as only the reference can tell, and the CPU time to
get there. `default` stops by itself; its time is all that it took.

The published recipe takes 20 minutes of CPU time a picture, so its curves are made once and kept,
with the machine, in reports/benchmarks/ulyanov2018.json (delete it to make them anew). Seconds per
step of both are measured in every run, in turns, and only their ratio is used. Writes
reports/benchmarks/prior.json; five minutes for two pictures once the curves are there.
"""

import argparse
import json
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import torch

from convprior import atomic, metrics, params, prior, recipes
from convprior.observation import Observation
from convprior.stages import degrade
from convprior.stopping import HeldOutStopper

FOLDER = Path("reports/benchmarks")
YARDSTICK = "ulyanov2018"
TURNS, TURN = 6, 10  # steps per turn when both are timed

Point = dict[str, float]


def timed(
    iterates: Iterator[prior.Iterate], reference: torch.Tensor
) -> Iterator[tuple[Any, Point]]:
    """Yield iterates with their PSNR and the CPU seconds that the fit, not the measuring, took."""
    seconds = 0.0
    while True:
        begin = time.process_time()
        iterate = next(iterates, None)
        seconds += time.process_time() - begin
        if iterate is None:
            return
        psnr = metrics.psnr(reference, iterate.average)
        yield iterate, {"step": iterate.step, "cpu_seconds": seconds, "psnr": psnr}


def seconds_per_step(observation: Observation, reference: torch.Tensor) -> dict[str, float]:
    """Return the median CPU seconds of a step of each recipe, measured in turns."""
    known = recipes.load().recipes
    walks = {
        name: timed(prior.iterates(observation, known[name], seed=0), reference)
        for name in ("default", YARDSTICK)
    }
    taken: dict[str, list[float]] = {name: [] for name in walks}
    last = dict.fromkeys(walks, 0.0)
    for _ in range(TURNS):
        for name, walk in walks.items():
            for _ in range(TURN // prior.JUDGE_EVERY):
                _, point = next(walk)
            taken[name].append((point["cpu_seconds"] - last[name]) / TURN)
            last[name] = point["cpu_seconds"]
    return {name: median(values[1:]) for name, values in taken.items()}  # the first one warms up


def run_yardstick(
    name: str, observation: Observation, reference: torch.Tensor
) -> tuple[Point, Point]:
    """Return peak and last step of the published recipe; make its curve if it is not kept."""
    path = FOLDER / f"{YARDSTICK}.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    if name not in kept:
        recipe = recipes.load().recipes[YARDSTICK]
        points: list[Point] = []
        for _, point in timed(prior.iterates(observation, recipe, seed=0), reference):
            points.append(point)
            print(name, YARDSTICK, point, flush=True)
        kept[name] = {
            "machine": machine(),
            "peak": max(points, key=lambda point: point["psnr"]),
            "returned": points[-1],
            "curve": points[4::5],
        }
        atomic.write_json(path, kept)
    return kept[name]["peak"], kept[name]["returned"]


def run_default(
    observation: Observation, reference: torch.Tensor, seed: int
) -> tuple[Point, Point, Point]:
    """Return what `default` returned, the peak of its averages, and its last step."""
    recipe = recipes.load().recipes["default"]
    stopper = HeldOutStopper(recipe.patience, recipe.least_patience)
    points: list[Point] = []
    returned: Point = {}
    for iterate, point in timed(prior.iterates(observation, recipe, seed=seed), reference):
        points.append(point)
        if stopper.update(iterate.step, iterate.held_out):
            returned = point
        if iterate.step >= stopper.stops_at:
            break
    return returned, max(points, key=lambda point: point["psnr"]), points[-1]


def machine() -> str:
    """Return the processor and torch, where the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = f"{names[0]}, {len(names)} cores" if names else platform.machine()
    return f"{processor}, one thread, torch {torch.__version__}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="+", help="names of default photographs")
    parser.add_argument("--seeds", type=int, default=1, help="runs of `default` on each picture")
    args = parser.parse_args()
    torch.set_num_threads(1)
    settings = params.load(params.PACKAGED, "degrade", degrade.Settings)
    references = degrade.read_references(settings.source, settings.size)
    runs = []
    for name in args.pictures:
        reference = references[name]
        observation = degrade.degrade("denoise", reference, name, settings)
        their_peak, their_last = run_yardstick(name, observation, reference)
        pace = seconds_per_step(observation, reference)
        for seed in range(args.seeds):
            returned, peak, last = run_default(observation, reference, seed)
            ours = last["step"] * pace["default"]
            theirs = their_peak["step"] * pace[YARDSTICK]
            runs.append(
                {
                    "picture": name,
                    "seed": seed,
                    "default_returned": returned,
                    "default_peak": peak,
                    "default_steps": last["step"],
                    "ulyanov2018_peak": their_peak,
                    "seconds_per_step": pace,
                    "ulyanov2018_returned": their_last,
                    "gain_over_returned_db": returned["psnr"] - their_last["psnr"],
                    "gain_over_peak_db": returned["psnr"] - their_peak["psnr"],
                    "cpu_ratio_to_peak": ours / theirs,
                }
            )
            print(json.dumps(runs[-1]), flush=True)
    summary = {
        "command": f"python benchmarks/prior.py {' '.join(args.pictures)} --seeds {args.seeds}",
        "machine": machine(),
        "runs": len(runs),
        **{
            key: {
                "median": median(run[key] for run in runs),
                "least": min(run[key] for run in runs),
                "most": max(run[key] for run in runs),
            }
            for key in ("gain_over_returned_db", "gain_over_peak_db", "cpu_ratio_to_peak")
        },
        "each": runs,
    }
    atomic.write_json(FOLDER / "prior.json", summary)
    print(f"wrote {FOLDER / 'prior.json'}")


if __name__ == "__main__":
    main()
