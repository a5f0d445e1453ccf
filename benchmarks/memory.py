"""How much memory a restoration takes: two steps of each recipe, and all that comes after them.

    python benchmarks/memory.py --recipes default ulyanov2018 --sizes 512 1024

A colour picture each, in a process of its own. Writes reports/benchmarks/memory.json: the peak of
the resident memory in MiB, less that of a process that has loaded everything and fitted nothing.
"""

import argparse
import resource
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import torch

import cases
from convprior.ground import atomic, params
from convprior.prior.recipe import Recipe
from convprior.prior.restore import restore
from convprior.prior.where import Where
from convprior.problem.observation import Observation
from convprior.restoration import recipes

OUT = Path("reports/benchmarks/memory.json")
KIB = 1024 if sys.platform != "darwin" else 1024**2  # macOS counts in bytes


def peak(recipe: Recipe, size: int, precision: torch.dtype) -> float:
    """Return by how many MiB a restoration of two steps raises this process's peak of memory."""
    torch.set_num_threads(1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    observation = Observation(torch.rand(3, size, size), torch.ones(size, size, dtype=torch.bool))
    restore(observation, replace(recipe, max_steps=2), 0, Where(torch.device("cpu"), precision))
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / KIB


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipes", nargs="+", default=["default", "ulyanov2018"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[512], help="sides, pixels")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--params", type=Path, default=params.PACKAGED, help="another params.yaml")
    args = parser.parse_args()
    known = recipes.load(args.params).recipes
    found: dict[str, dict[str, float]] = {}
    for size in args.sizes:
        for name in args.recipes:
            # A process each: the peak of one would hide that of the next.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                job = pool.submit(peak, known[name], size, getattr(torch, args.precision))
                found.setdefault(str(size), {})[name] = round(job.result())
            print(f"{size}×{size} {name}: {found[str(size)][name]} MiB", flush=True)
    atomic.write_json(
        OUT, {"machine": cases.machine(), "precision": args.precision, "peak_mib": found}
    )


if __name__ == "__main__":
    main()
