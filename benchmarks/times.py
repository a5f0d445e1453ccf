"""How long `convprior restore` takes, from file to file, by the size of the picture.

    python benchmarks/times.py --sizes 128 256

A photograph with noise (σ 25), the command as people type it, one run a size: minutes on two cores
that do nothing else. Writes reports/benchmarks/times.json.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from convprior.ground import atomic, machine, seeds
from convprior.pictures import decoding, files
from convprior.pictures.photographs import PHOTOGRAPHS
from convprior.problem import damage

OUT = Path("reports/benchmarks/times.json")
SIGMA = 25.0  # of the noise, in units of 255


def measure(size: int, folder: Path) -> dict[str, Any]:
    """Return wall-clock seconds and steps of one picture of ``size`` by ``size`` pixels."""
    clean = decoding.from_pillow(decoding.fit_square(PHOTOGRAPHS["coffee"].load(), size))
    noisy = damage.add_gaussian_noise(clean, SIGMA, True, seeds.generator("times", size))
    source = folder / f"{size}.png"
    files.write(source, files.Picture(noisy.observed))
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "convprior.cli", "restore", source, "--json", "--device", "cpu"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    seconds = round(time.monotonic() - begin, 1)
    (page,) = json.loads(done.stdout)["pages"]
    return {"seconds": seconds, "steps": page["steps"], "ended": page["ended"]}


def processor() -> str:
    """Return the processor's name, as Linux tells it; elsewhere what Python knows."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", type=int, default=[128, 256], help="sides, pixels")
    sizes = parser.parse_args().sizes
    found: dict[str, Any] = {"processor": processor(), "cores": machine.cores()}
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            found[str(size)] = measure(size, Path(folder))
            print(size, found[str(size)], flush=True)
    atomic.write_json(OUT, found)


if __name__ == "__main__":
    main()
