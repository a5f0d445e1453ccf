"""What the Ray engine costs: a job, a thousand small pictures, and the driver's memory.

    python benchmarks/cluster.py

Starts a cluster of two machines with room for one job each, both here. Writes
reports/benchmarks/cluster.json: milliseconds from one result to the next of jobs that do nothing,
the peak of the driver's resident memory in MiB by how many of them there are, and how many seconds
the command takes for a thousand pictures of 16×16, one step each, on the cluster and in two
processes of this machine; ``same`` says whether both wrote the same bytes. Costs half an hour of
two cores.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from statistics import median, quantiles

import torch
from ray.cluster_utils import Cluster

import cases
from convprior.ground import atomic, cluster, seeds
from convprior.pictures import decoding

COUNTS = (1_000, 10_000, 100_000)
WARM = 100  # jobs, until both workers have started
PICTURES, SIDE, SIGMA = 1_000, 16, 25 / 255
MACHINE = {"num_cpus": 1, "object_store_memory": 100_000_000}
KIB = 1024 if sys.platform != "darwin" else 1024**2  # macOS counts in bytes


def idle(count: int, address: str) -> dict[str, float]:
    """Return what so many jobs that do nothing cost this process, the driver."""
    ended = [time.perf_counter() for _ in cluster.each(abs, range(count), address)]
    between = [1000 * (after - before) for before, after in pairwise(ended[WARM:])]
    return {
        "median_ms": round(median(between), 2),
        "mean_ms": round(1000 * (ended[-1] - ended[WARM]) / len(between), 2),
        "of_twenty_the_slowest_ms": round(quantiles(between, n=20)[-1], 2),
        "driver_peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB),
    }


def seconds(folder: Path, out: str, *options: str) -> float:
    """Return how long the command takes for a folder's pictures."""
    command = [sys.executable, "-m", "convprior.cli", "restore", "in", "-o", out,
               "--task", "denoise", "--max-steps", "1", "--quiet", *options]  # fmt: skip
    begun = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True)
    return round(time.perf_counter() - begun, 1)


def pictures(address: str) -> dict[str, object]:
    """Return how long small pictures take on the cluster and without it, and if they are equal."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        generator = seeds.generator("benchmark", "cluster")
        across = torch.linspace(0, 1, SIDE).expand(3, SIDE, SIDE)
        for number in range(PICTURES):
            noisy = across + SIGMA * torch.randn(3, SIDE, SIDE, generator=generator)
            decoding.to_pillow(noisy.clamp(0, 1)).save(folder / f"in/{number:04}.png")
        found: dict[str, object] = {
            "cluster_s": seconds(folder, "there", "--cluster", address),
            "two_processes_s": seconds(folder, "here", "--device", "cpu,cpu"),
        }
        there, here = (
            {path.name: path.read_bytes() for path in (folder / out).glob("*.png")}
            for out in ("there", "here")
        )
        return found | {"pictures": len(here), "same": there == here}


def main() -> None:
    """Measure and write."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
    machines = Cluster(True, head_node_args={**MACHINE, "include_dashboard": False})
    machines.add_node(**MACHINE)
    load = os.getloadavg()[0]
    jobs = {}
    for count in COUNTS:
        # A process each: the peak of one would hide that of the next.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            jobs[str(count)] = pool.submit(idle, count, machines.address).result()
        print(count, jobs[str(count)], flush=True)
    result = {
        "machine": cases.machine(),
        "load": load,
        "jobs_that_do_nothing": jobs,
        "small_pictures": pictures(machines.address),
    }
    print(result["small_pictures"], flush=True)
    machines.shutdown()
    atomic.write_json(Path("reports/benchmarks/cluster.json"), result)


if __name__ == "__main__":
    main()
