"""How the kinds of damage that people bring come back from the command, beside simple filters.

    python benchmarks/kinds.py CASES...

Each of CASES is a folder of cases, one draw of their noise: ``<kind>/in.png`` or ``in.jpg``, what
``convprior restore`` is given; ``ref.png``, the same without damage, for measuring only; and, where
``truth.png`` says in white what is broken, ``--mask auto``. Writes reports/benchmarks/kinds.json:
for each kind the means over the draws of the PSNR (dB, infinite as 100) of what came, of non-local
means and of total variation, each with the strength that the reference likes best, which nobody
knows in life, and of what the command wrote; where pixels are broken, also of what it writes when
it is told which. Costs 3 to 60 seconds a small picture on one core.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import torch
from PIL import Image
from skimage import restoration

import cases
from convprior.ground import atomic
from convprior.problem import metrics

OUT = Path("reports/benchmarks/kinds.json")
MOST = 100.0  # dB: nothing has changed
MEANS = (3, 5, 8, 12, 18, 26, 36)  # h of non-local means, of 255
VARIATIONS = (0.01, 0.03, 0.05, 0.08, 0.12, 0.2)  # weights of total variation


def read(path: Path) -> np.ndarray:
    """Return a picture in [0, 1], grey or RGB."""
    image = Image.open(path)
    return np.asarray(image.convert("L" if image.mode in ("L", "1", "LA") else "RGB")) / 255


def psnr(reference: np.ndarray, picture: np.ndarray) -> float:
    """Return the PSNR in dB, at most MOST."""
    planes = (torch.from_numpy(np.atleast_3d(each)) for each in (reference, picture.clip(0, 1)))
    return min(metrics.psnr(*planes), MOST)


def filters(reference: np.ndarray, picture: np.ndarray) -> tuple[float, float]:
    """Return the PSNR of both filters at their best."""
    axis = -1 if picture.ndim == 3 else None
    means = [
        restoration.denoise_nl_means(picture, 5, 6, h=h / 255, fast_mode=True, channel_axis=axis)
        for h in MEANS
    ]
    variation = [
        restoration.denoise_tv_chambolle(picture, weight=weight, channel_axis=axis)
        for weight in VARIATIONS
    ]
    return max(psnr(reference, m) for m in means), max(psnr(reference, v) for v in variation)


def restored(came: Path, mask: Path | str | None) -> np.ndarray:
    """Return what the command makes of a file, with a mask, if any."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.png"
        command = [
            sys.executable, "-m", "convprior.cli", "restore", str(came), "-o", str(out),
            "--device", "cpu",
        ]  # fmt: skip
        if mask is not None:
            command += ["--mask", str(mask)]
        subprocess.run(command, check=True, stderr=subprocess.PIPE)
        return read(out)


def main() -> None:
    """Measure and write."""
    found: dict[str, list[dict[str, float]]] = {}
    for folder in map(Path, sys.argv[1:]):
        for case in sorted(path for path in folder.iterdir() if path.is_dir()):
            came = next(case.glob("in.*"))
            reference, picture = read(case / "ref.png"), read(came)
            means, variation = filters(reference, picture)
            truth = case / "truth.png"
            row = {
                "came": psnr(reference, picture),
                "non_local_means": means,
                "total_variation": variation,
                "restored": psnr(reference, restored(came, "auto" if truth.exists() else None)),
            }
            if truth.exists():
                row["told_what_is_broken"] = psnr(reference, restored(came, truth))
            found.setdefault(case.name, []).append(row)
            print(folder.name, case.name, *(f"{value:.2f}" for value in row.values()), flush=True)
    kinds = {
        name: {key: round(fmean(row[key] for row in rows), 2) for key in rows[0]}
        | {
            "draws": len(rows),
            "spread": round(stdev(row["restored"] for row in rows), 2) if len(rows) > 1 else None,
        }
        for name, rows in found.items()
    }
    before = json.loads(OUT.read_text())["kinds"] if OUT.exists() else {}
    record = {
        "command": "python benchmarks/kinds.py CASES...",
        "machine": cases.machine(),
        "kinds": dict(sorted((before | kinds).items())),
    }
    atomic.write_json(OUT, record)


if __name__ == "__main__":
    main()
