"""What alike patches alone make of a picture, and in what time: no network has a part in it.

    python benchmarks/patches.py PICTURES
    python benchmarks/patches.py PICTURES --seeds 5 --threads 2

Denoises the four pictures at 256×256 (σ 15, 25 and 50, clipped), and kodim03 as it is (σ 25, not
clipped), with several noises each; σ is measured, not told. Fills the missing pixels of the
pictures to inpaint. Then a whole `convprior restore`, its time and memory: of large pictures with
noise, also in a limited time, with six scratches, with many specks; all are kodim03 enlarged, so
only their times count.
CBM3D's figures are data: see prior.py. Writes reports/benchmarks/patches.json.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import psutil
import torch
from torch import Tensor
from torch.nn import functional

import cases
from convprior.ground import atomic, seeds
from convprior.pictures import files
from convprior.pictures.picture import Picture
from convprior.prior.patches.denoising import Denoising
from convprior.prior.patches.filling import Filling
from convprior.problem import damage, metrics
from convprior.problem.observation import Observation
from prior import CBM3D, OUT

WHOLE_CBM3D = 34.61  # of kodim03, 768×512, σ 25, not clipped: in 51 CPU seconds
LIMITS = (10, 20, 40)  # seconds
REPEATS = 3
Row = dict[str, Any]


def denoised(observed: Tensor, reference: Tensor) -> tuple[float, float, float]:
    """Return PSNR, CPU and wall seconds of the denoising of a picture, its noise measured."""
    known = torch.ones(observed.shape[1:], dtype=torch.bool)
    cpu, wall = time.process_time(), time.monotonic()
    noise = Observation(observed, known).noise
    picture = Denoising(observed, noise).done().clamp(0, 1)
    seconds = time.process_time() - cpu, time.monotonic() - wall
    return metrics.psnr(reference, picture), *seconds


def row(found: list[tuple[float, float, float]], cbm3d: float | None) -> Row:
    """Return the mean of several noises, their spread, and CBM3D's figure."""
    psnr, cpu, wall = ([each[i] for each in found] for i in range(3))
    return {
        "psnr": round(mean(psnr), 3),
        "spread": round(stdev(psnr), 3) if len(psnr) > 1 else None,
        "noises": len(found),
        "cbm3d": cbm3d,
        "cpu_seconds": round(mean(cpu), 2),
        "wall_seconds": round(mean(wall), 2),
    }


def noisy(pictures: Path, count: int) -> Row:
    """Return the rows of all noisy pictures."""
    rows: Row = {}
    for case in cases.read(pictures, [f"denoise-{sigma}/" for sigma in (15, 25, 50)]):
        sigma = float(case.name.partition("/")[0].partition("-")[2])
        first = [case.observation.observed]  # the one that CBM3D was given
        others = [
            damage.add_gaussian_noise(
                case.reference, sigma, True, seeds.generator("benchmark", case.name, number)
            ).observed
            for number in range(1, count)
        ]
        found = [denoised(observed, case.reference) for observed in first + others]
        rows[case.name] = row(found, CBM3D[case.name]) | {"psnr_first": round(found[0][0], 3)}
        print(case.name, rows[case.name], flush=True)
    whole = files.read(pictures / "denoise" / "kodim03_768x512.png").pixels
    found = [
        denoised(
            damage.add_gaussian_noise(
                whole, 25, False, seeds.generator("benchmark", "whole", number)
            ).observed,
            whole,
        )
        for number in range(count)
    ]
    rows["whole/kodim03"] = row(found, WHOLE_CBM3D)
    print("whole/kodim03", rows["whole/kodim03"], flush=True)
    return rows


def gappy(pictures: Path) -> Row:
    """Return the rows of all pictures with missing pixels."""
    rows = {}
    for case in cases.read(pictures, ["inpaint/"]):
        cpu = time.process_time()
        picture = Filling(case.observation).done().clamp(0, 1)
        seconds = round(time.process_time() - cpu, 1)
        psnr = round(metrics.psnr(case.reference, picture), 3)
        rows[case.name] = {"psnr": psnr, "cpu_seconds": seconds}
        print(case.name, rows[case.name], flush=True)
    return rows


def commands(pictures: Path) -> Row:
    """Return wall seconds and the most memory of whole commands on large pictures."""
    small = files.read(pictures / "denoise" / "kodim03_768x512.png").pixels
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, height, width in (("1024²", 1024, 1024), ("12 megapixels", 3000, 4000)):
            clean = functional.interpolate(small[None], (height, width), mode="bicubic")[0].clamp(
                0, 1
            )
            noise = torch.randn(clean.shape, generator=seeds.generator("benchmark", name))
            path = Path(folder, "noisy.png")
            files.write(path, Picture((clean + 15 / 255 * noise).clamp(0, 1)))
            rows[f"{name}, σ 15"] = _timed("restore", str(path), "--overwrite")
            print(rows, flush=True)
        for limit in LIMITS:  # of the larger one
            command = ("restore", str(path), "--overwrite", "--time-limit", f"{limit}s")
            found = [_timed(*command)["wall_seconds"] for _ in range(REPEATS)]
            rows[f"{name}, a limit of {limit} s"] = {"wall_seconds": found}
            print(rows, flush=True)
        clean = functional.interpolate(small[None], (2668, 4000), mode="bicubic")[0].clamp(0, 1)
        for name, missing in (("six scratches", scratches()), ("5,000 specks", specks())):
            mask, path = Path(folder, "mask.png"), Path(folder, "broken.png")
            files.write(mask, Picture(missing[None].float()))
            files.write(path, Picture(torch.where(missing, 1.0, clean)))
            row = _timed("restore", str(path), "--mask", str(mask), "--overwrite")
            out = files.read(path.with_suffix(".restored.png")).pixels
            row["psnr_of_gaps"] = metrics.psnr(clean, out, missing)
            rows[f"10.7 megapixels, {name}"] = row
            print(rows, flush=True)
    return rows


def scratches() -> Tensor:
    """Return six lines of four pixels, (2668, 4000), some of which meet."""
    lines = torch.zeros(2668, 4000, dtype=torch.bool)
    for number in range(6):
        for x in range(4000):
            y = int((0.1 + 0.15 * number) * 2600 + 0.05 * x * (number % 3 - 1)) % 2660
            lines[y : y + 4, x] = True
    return lines


def specks() -> Tensor:
    """Return 5,000 discs of 3 to 9 pixels, (2668, 4000)."""
    generator = seeds.generator("benchmark", "specks")
    spots = torch.zeros(2668, 4000, dtype=torch.bool)
    down = torch.arange(-5, 6)
    away = down[:, None].square() + down.square()
    for _ in range(5000):
        y = int(torch.randint(5, 2668 - 6, (), generator=generator))
        x = int(torch.randint(5, 4000 - 6, (), generator=generator))
        radius = 1.5 + 2.5 * float(torch.rand((), generator=generator))
        spots[y - 5 : y + 6, x - 5 : x + 6] |= away <= radius**2
    return spots


def _timed(*command: str) -> Row:
    begun, most = time.monotonic(), 0
    process = subprocess.Popen([sys.executable, "-m", "convprior.cli", *command, "--quiet"])
    while process.poll() is None:
        try:
            most = max(most, psutil.Process(process.pid).memory_info().rss)
        except psutil.Error:
            break
        time.sleep(0.05)
    if process.wait():
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}")
    return {"wall_seconds": round(time.monotonic() - begun, 1), "gigabytes": round(most / 1e9, 2)}


def summarise(rows: Row) -> Row:
    """Return the means over the four pictures of each level of noise."""
    summary = {}
    for sigma in (15, 25, 50):
        four = [each for name, each in rows.items() if name.startswith(f"denoise-{sigma}/")]
        kinds = ("psnr", "psnr_first", "cbm3d", "cpu_seconds", "spread")
        summary[f"σ {sigma}"] = {
            kind: round(mean(each[kind] for each in four), 3) for kind in kinds
        }
    return summary


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", type=Path, metavar="PICTURES")
    parser.add_argument("--seeds", type=int, default=3, help="noises for each picture, from 2")
    parser.add_argument("--threads", type=int, default=1, help="of the first two parts")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    rows = noisy(args.pictures, args.seeds)
    result = {
        "command": " ".join(["python benchmarks/patches.py PICTURES", *sys.argv[2:]]),
        "machine": f"{cases.machine()}; whole commands on {os.cpu_count()} cores",
        "summary": summarise(rows),
        "noisy": rows,
        "missing": gappy(args.pictures),
        "commands": commands(args.pictures),
    }
    atomic.write_json(OUT / "patches.json", result)
    print(f"wrote {OUT / 'patches.json'}")


if __name__ == "__main__":
    main()
