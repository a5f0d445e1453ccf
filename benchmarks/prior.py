"""`default` against the published recipe: what quality, at what CPU time.

    python benchmarks/prior.py coffee chelsea

Fits both recipes to the same noisy picture (σ 25, as the stage `degrade` makes it), in turns of 20
steps within one run and on one thread, so that both meet the same machine. `ulyanov2018` is given
the benefit of the doubt: its best average of all its steps, as only the reference can tell, and the
CPU time to get there. `default` stops by itself; its time is all it took. Half an hour of CPU time
for two pictures of 128×128. Writes reports/benchmarks/prior.json.
"""

import argparse
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median

import torch

from convprior import atomic, metrics, params, prior, recipes
from convprior.observation import Observation
from convprior.prior import Recipe
from convprior.stages import degrade
from convprior.stopping import HeldOutStopper, LastStep

TURN = 20  # steps
OUT = Path("reports/benchmarks/prior.json")


@dataclass
class Walk:
    """One recipe on its way, with the CPU seconds that its own steps took."""

    recipe: Recipe
    iterates: Iterator[prior.Iterate]
    reference: torch.Tensor
    seconds: float = 0.0
    over: bool = False
    curve: list[dict[str, float]] = field(default_factory=list)
    returned: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        r = self.recipe
        self.stopper = (
            HeldOutStopper(r.patience, r.least_patience) if r.held_out else LastStep(r.max_steps)
        )

    def take_turn(self) -> None:
        """Go on for a turn; measuring against the reference is not timed."""
        for _ in range(TURN // prior.JUDGE_EVERY):
            begin = time.process_time()
            iterate = next(self.iterates, None)
            self.seconds += time.process_time() - begin
            if iterate is None:
                self.over = True
                return
            point = {
                "step": iterate.step,
                "cpu_seconds": round(self.seconds, 2),
                "psnr": round(metrics.psnr(self.reference, iterate.average), 3),
            }
            self.curve.append(point)
            if self.stopper.update(iterate.step, iterate.held_out):
                self.returned = point
            if iterate.step >= self.stopper.stops_at:
                self.over = True
                return

    def result(self) -> dict[str, object]:
        peak = max(self.curve, key=lambda point: point["psnr"])
        return {
            "returned": self.returned,
            "peak": peak,
            "all": {"steps": self.curve[-1]["step"], "cpu_seconds": self.curve[-1]["cpu_seconds"]},
            "curve": self.curve[4::5],
        }


def processor() -> str:
    """Return the processor's name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.machine()


def compare(name: str, reference: torch.Tensor, seed: int) -> dict[str, object]:
    """Fit both recipes to one picture, in turns."""
    settings = params.load(params.PACKAGED, "degrade", degrade.Settings)
    observation: Observation = degrade.degrade("denoise", reference, name, settings)
    known = recipes.load().recipes
    walks = {
        recipe: Walk(
            known[recipe], prior.iterates(observation, known[recipe], seed=seed), reference
        )
        for recipe in ("default", "ulyanov2018")
    }
    while not all(walk.over for walk in walks.values()):
        for walk in walks.values():
            if not walk.over:
                walk.take_turn()
        print(name, {n: w.curve[-1] for n, w in walks.items() if not w.over}, flush=True)
    found = {recipe: walk.result() for recipe, walk in walks.items()}
    ours, theirs = walks["default"], walks["ulyanov2018"]
    their_peak = max(theirs.curve, key=lambda point: point["psnr"])
    return {
        "picture": name,
        "psnr_observed": round(metrics.psnr(reference, observation.observed), 3),
        "gain_db": round(ours.returned["psnr"] - their_peak["psnr"], 3),
        "cpu_ratio": round(ours.seconds / their_peak["cpu_seconds"], 4),
        **found,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="+", help="names of default photographs")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    settings = params.load(params.PACKAGED, "degrade", degrade.Settings)
    references = degrade.read_references(settings.source, settings.size)
    runs = [compare(name, references[name], args.seed) for name in args.pictures]
    atomic.write_json(
        OUT,
        {
            "command": f"python benchmarks/prior.py {' '.join(args.pictures)} --seed {args.seed}",
            "machine": f"{processor()}, one thread, torch {torch.__version__}",
            "pictures": len(runs),
            "mean_gain_db": round(mean(float(str(run["gain_db"])) for run in runs), 3),
            "median_cpu_ratio": round(median(float(str(run["cpu_ratio"])) for run in runs), 4),
            "runs": runs,
        },
    )
    print(f"wrote {OUT}")


if __name__ == "__main__":
    main()
