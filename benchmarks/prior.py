"""What quality, at what CPU time: our recipes, the published one, and classical methods.

    python benchmarks/prior.py PICTURES denoise-25 inpaint
    python benchmarks/prior.py PICTURES denoise-25/house --seeds 4      # of the network
    python benchmarks/prior.py PICTURES denoise-15 denoise-50 --noises 3
    python benchmarks/prior.py PICTURES --quick                    # one picture, minutes

Restores the cases whose names contain one of the words (see cases.py), on one thread, with each
recipe in turns; ours stop by themselves and never see the reference. `ulyanov2018` is given the
benefit of the doubt: it counts by the best of all its averages, as only the reference can tell, on
the curves that yardstick.py keeps. The ratio of CPU times is that of seconds per step, measured in
turns in this run, times the steps, with what comes after ours. For missing pixels its published
figures stand in.

What is done is not done again: delete .convprior/state/benchmarks/prior to start afresh. Writes
reports/benchmarks/NAME.json and NAME.html, where NAME is that of --out.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np
import torch
from skimage import restoration
from torch import Tensor

import cases
import page
import yardstick
from convprior.ground import atomic, params, resume
from convprior.prior.follower import Follower
from convprior.prior.iterates import JUDGE_EVERY, Iterate, Iterates
from convprior.prior.recipe import Recipe
from convprior.prior.restore import restore
from convprior.prior.where import Where
from convprior.problem import classical, metrics
from convprior.restoration import recipes
from convprior.stages.restore import METHOD

OUT = Path("reports/benchmarks")
STATE = Path(".convprior/state/benchmarks/prior")
YARDSTICK = "ulyanov2018"
# After 11,000 steps; Ulyanov et al., CVPR 2018, table 1: the same pixels and masks.
PUBLISHED = {
    "inpaint/house": 39.16,
    "inpaint/cameraman": 29.80,
    "inpaint/montage": 34.54,
    "inpaint/peppers": 33.05,
}
# Dabov et al. 2007, by the package `bm3d`, which is told the noise; measured once on these cases.
CBM3D = {
    f"denoise-{sigma}/{name}": psnr
    for sigma, of_sigma in {
        15: (33.38, 34.67, 35.86, 33.16),
        25: (30.87, 32.93, 33.05, 30.56),
        50: (26.96, 29.92, 28.80, 26.41),
    }.items()
    for name, psnr in zip(("f16", "house", "kodim03", "peppers"), of_sigma, strict=True)
}
Story = dict[str, Any]

TURNS, TURN = 4, 5  # turns of so many steps when seconds per step are measured; the first warms up


class Curve(Follower):
    """Measures a run at every iterate; the time that this takes is not the run's."""

    def __init__(self, case: cases.Case) -> None:
        self.case = case
        self.points: list[dict[str, float]] = []
        self.start, self.measuring, self.patches = time.process_time(), 0.0, 0.0

    def see_patches(self, _: float, __: object) -> None:
        self.patches = time.process_time() - self.start

    def see(self, iterate: Iterate, _: object) -> None:
        begin = time.process_time()
        picture = self.case.observation.keep_known(iterate.average)
        point = {
            "step": iterate.step,
            "cpu_seconds": round(begin - self.start - self.measuring, 2),
            "psnr": round(metrics.psnr(self.case.reference, picture), 3),
        }
        self.points.append(point)
        self.measuring += time.process_time() - begin


def run_recipe(
    case: cases.Case, recipe: Recipe, seed: int, precision: torch.dtype
) -> tuple[Story, Tensor]:
    """Return the story of one run and its restored picture (c, h, w)."""
    curve = Curve(case)
    restored = restore(case.observation, recipe, seed, Where(torch.device("cpu"), precision), curve)
    seconds = time.process_time() - curve.start - curve.measuring
    peak = yardstick.peak(curve.points)
    assert restored.average is not None  # its recipe has steps, and pixels are damaged
    alone = metrics.psnr(case.reference, case.observation.keep_known(restored.average))
    alone = round(alone, 3)  # as the peak is
    patches = restored.patches
    story = {
        "psnr": metrics.psnr(case.reference, restored.picture),
        "psnr_patches": None if patches is None else metrics.psnr(case.reference, patches),
        "patches_cpu_seconds": curve.patches,
        "ssim": metrics.ssim(case.reference, restored.picture),
        "stop_step": restored.best_step,
        "steps": restored.steps,
        "ended": restored.ended,
        "peak": peak,
        "psnr_network": alone,
        "stop_gap": peak["psnr"] - alone,
        "cpu_seconds": seconds,
        "curve": curve.points,
    }
    return story, restored.picture


def finite(psnr: float) -> float | None:
    """Return the figure, None where the pictures are equal: JSON has no infinity."""
    return None if math.isinf(psnr) else psnr


def run_classical(case: cases.Case) -> Story:
    """Return PSNR and CPU seconds of the classical methods for the case; CBM3D's are data."""
    observed = case.observation.observed.permute(1, 2, 0).double().numpy()

    def tensor(restored: np.ndarray) -> Tensor:
        return torch.from_numpy(restored).float().permute(2, 0, 1).clamp(0, 1)

    def wavelet() -> Tensor:
        found = restoration.denoise_wavelet(observed, channel_axis=-1, rescale_sigma=True)
        return tensor(found)

    def total_variation() -> Tensor:
        sigma = restoration.estimate_sigma(observed, channel_axis=-1, average_sigmas=True)
        found = restoration.denoise_tv_chambolle(observed, weight=1.1 * sigma, channel_axis=-1)
        return tensor(found)

    all_known = bool(case.observation.known.all())
    methods: dict[str, Callable[[], Tensor]] = (
        {
            "non-local means": lambda: classical.baseline(case.observation),
            "wavelet": wavelet,
            "total variation": total_variation,
        }
        if all_known
        else {"biharmonic": lambda: classical.baseline(case.observation)}
    )
    found = {}
    for name, method in methods.items():
        begin = time.process_time()
        picture = method()
        seconds = time.process_time() - begin
        found[name] = {"psnr": metrics.psnr(case.reference, picture), "cpu_seconds": seconds}
    if case.name in CBM3D:
        found["CBM3D"] = {"psnr": CBM3D[case.name], "cpu_seconds": None}
    return found


def kept_run(
    case: cases.Case, name: str, recipe: Recipe, seed: int, precision: torch.dtype
) -> tuple[Story, Tensor]:
    """Return a run of `run_recipe`; make it if it is not kept for this very recipe and code."""
    identity = resume.fingerprint([case.name, asdict(recipe), seed, str(precision), *METHOD])
    folder = resume.folder(STATE / case.name, identity)
    if not folder.exists():
        story, picture = run_recipe(case, recipe, seed, precision)
        with atomic.folder(folder) as out:
            atomic.write_json(out / "story.json", story)
            torch.save(picture, out / "picture.pt")
        print(
            f"{case.name} {name} seed {seed}: {story['psnr']:.2f} dB at step {story['stop_step']} "
            f"of {story['steps']}, gap {story['stop_gap']:.2f}, {story['cpu_seconds']:.0f} s",
            flush=True,
        )
    picture = torch.load(folder / "picture.pt", weights_only=True)
    return json.loads((folder / "story.json").read_text()), picture


def seconds_per_step(
    case: cases.Case, configurations: dict[str, tuple[Recipe, torch.dtype]]
) -> dict[str, float]:
    """Return the median CPU seconds of a step of each configuration, measured in turns."""
    walks = {
        name: Iterates(
            case.observation,
            replace(recipe, max_steps=TURNS * TURN),
            0,
            Where(torch.device("cpu"), precision),
        )
        for name, (recipe, precision) in configurations.items()
    }
    taken: dict[str, list[float]] = {name: [] for name in walks}
    for _ in range(TURNS):
        for name, walk in walks.items():
            begin = time.process_time()
            for _ in range(TURN // JUDGE_EVERY):
                next(walk)
            taken[name].append((time.process_time() - begin) / TURN)
    return {name: median(values[1:]) for name, values in taken.items()}


def kept_yardstick(case: cases.Case) -> Story | None:
    """Return the longest kept curve of the published recipe on this case, if there is one."""
    found = [json.loads(p.read_text()) for p in yardstick.KEPT.glob(f"{case.name}.*.json")]
    return max(found, key=lambda story: len(story["curve"]), default=None)


def measure(
    case: cases.Case,
    wanted: list[str] | None,
    runs_each: int,
    precision: torch.dtype,
    params_file: Path,
) -> Story:
    """Return everything about one case, by the wanted recipes or that of its task."""
    settings = recipes.load(params_file)
    known = settings.recipes
    names = wanted or [settings.inpaint if case.observation.exact else settings.denoise]
    runs = {
        name: [kept_run(case, name, known[name], seed, precision) for seed in range(runs_each)]
        for name in names
    }
    measured: Story = {
        "psnr_observed": finite(metrics.psnr(case.reference, case.observation.observed)),
        "classical": run_classical(case),
        "recipes": {
            name: {
                "runs": [story for story, _ in of_recipe],
                # Of the first k runs averaged, as --runs k does.
                "psnr_of_mean": [
                    metrics.psnr(case.reference, torch.stack([p for _, p in of_recipe[:k]]).mean(0))
                    for k in range(1, runs_each + 1)
                ],
            }
            for name, of_recipe in runs.items()
        },
    }
    theirs = kept_yardstick(case)
    if theirs:
        pace = seconds_per_step(
            case,
            {
                YARDSTICK: (known[theirs["recipe"]], torch.float32),
                **{name: (known[name], precision) for name in names},
            },
        )
        seconds = theirs["peak"]["step"] * pace[YARDSTICK]
        measured |= {"yardstick": theirs, "seconds_per_step": pace}
        for name in names:
            ours = measured["recipes"][name]
            ours |= gains(ours, theirs["peak"]["psnr"])
            run = ours["runs"][0]
            after = run["cpu_seconds"] - run["curve"][-1]["cpu_seconds"]  # the last step
            ours["cpu_ratio"] = (run["steps"] * pace[name] + after) / seconds
    elif case.name in PUBLISHED:
        measured["published"] = PUBLISHED[case.name]
        for ours in measured["recipes"].values():
            ours |= gains(ours, PUBLISHED[case.name])
    return measured


def gains(ours: Story, theirs: float) -> Story:
    """Return by how many dB one run is better than theirs, and the mean of the first k runs."""
    of_mean = [psnr - theirs for psnr in ours["psnr_of_mean"]]
    return {"gain_db": ours["runs"][0]["psnr"] - theirs, "gain_of_mean_db": of_mean}


def _mean_of(values: Iterable[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return mean(there) if there else None


def _first_runs(each: dict[str, Story], damage: str, recipe: str) -> dict[str, list[float]]:
    """Return for each picture of a damage the PSNR of the first run on each of its noises."""
    found: dict[str, list[float]] = {}
    for name, measured in each.items():
        picture = name.partition(".")[0]
        if picture.startswith(f"{damage}/") and recipe in measured["recipes"]:
            first = measured["recipes"][recipe]["runs"][0]["psnr"]
            found.setdefault(picture, []).append(first)
    return found


def summarise(each: dict[str, Story]) -> Story:
    """Return per kind of damage and recipe the means over pictures and noises, and the spreads."""
    summary: Story = {}
    for damage in dict.fromkeys(name.partition("/")[0] for name in each):
        of_damage = [m for name, m in each.items() if name.startswith(f"{damage}/")]
        for name in dict.fromkeys(name for m in of_damage for name in m["recipes"]):
            ours = [m["recipes"][name] for m in of_damage if name in m["recipes"]]
            drawn = _first_runs(each, damage, name)
            gaps = [run["stop_gap"] for o in ours for run in o["runs"]]
            spreads = [stdev(run["psnr"] for run in o["runs"]) for o in ours if len(o["runs"]) > 1]
            noises = [stdev(psnrs) for psnrs in drawn.values() if len(psnrs) > 1]
            gains = [o["gain_db"] for o in ours if "gain_db" in o]
            ratios = [o["cpu_ratio"] for o in ours if "cpu_ratio" in o]
            summary[f"{damage} {name}"] = {
                "pictures": len(drawn),
                "noises": len(ours) // len(drawn),
                "psnr": mean(o["runs"][0]["psnr"] for o in ours),
                "psnr_patches": _mean_of(o["runs"][0]["psnr_patches"] for o in ours),
                "psnr_network": mean(o["runs"][0]["psnr_network"] for o in ours),
                "gain_db": mean(gains) if gains else None,
                "cpu_ratio": median(ratios) if ratios else None,
                "stop_gap_mean": mean(gaps),
                "stop_gap_worst": max(gaps),
                "spread_over_seeds": mean(spreads) if spreads else None,
                "spread_over_noises": mean(noises) if noises else None,
            }
    return summary


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", type=Path, metavar="PICTURES")
    parser.add_argument("cases", nargs="*", default=[""], help="cases, or parts of their names")
    parser.add_argument("--recipes", nargs="+", help="names in params.yaml; default: the task's")
    parser.add_argument("--params", type=Path, default=params.PACKAGED, help="another params.yaml")
    parser.add_argument("--seeds", type=int, default=1, help="of the network, for each noise")
    parser.add_argument("--noises", type=int, default=1, help="for each damaged picture")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--out", default="prior", metavar="NAME", help="of what is written")
    parser.add_argument("--quick", action="store_true", help="house alone, σ 25")
    args = parser.parse_args()
    torch.set_num_threads(1)
    precision = getattr(torch, args.precision)
    wanted = ["denoise-25/house"] if args.quick else args.cases
    each = {}
    for case in cases.read(args.pictures, wanted, args.noises):
        each[case.name] = measure(case, args.recipes, args.seeds, precision, args.params)
    result = {
        "command": " ".join(["python benchmarks/prior.py PICTURES", *sys.argv[2:]]),
        "machine": cases.machine(),
        "precision": args.precision,
        "summary": summarise(each),
        "each": each,
    }
    written = OUT / f"{args.out}.json"
    atomic.write_json(written, result)
    page.write(written.with_suffix(".html"), result)
    print(f"wrote {written} and {written.with_suffix('.html')}")


if __name__ == "__main__":
    main()
