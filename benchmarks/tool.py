"""What `convprior restore` makes of seven damaged files: the README's pictures of the tool.

    python benchmarks/tool.py

Writes reports/tool.png (above what came, below what the command wrote) and
reports/benchmarks/tool.json (PSNR in dB). Costs about ten minutes of two cores, attains what that
file says, on one run each. The photographs are the default ones; the command is told of the
damage only what its options say.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from skimage.restoration import richardson_lucy
from torch import Tensor
from torch.nn import functional

import damages
from convprior.ground import atomic, seeds
from convprior.pictures import decoding, files
from convprior.pictures.photographs import PHOTOGRAPHS
from convprior.pictures.picture import Picture
from convprior.problem.metrics import psnr
from convprior.problem.operators import blur, downsampling, gaussian_kernel

SIDE = 192  # pixels
SCALE = 2
SIGMA = 1.5  # pixels of the blur, with
NOISE = 2 / 255  # on it
GRAIN, PAPER = 5 / 255, 235 / 255  # of the old print; what is scratched off shows the paper
STRIPES = 9 / 255  # deviation
HOLE = 48  # pixels across
ITERATIONS = 30  # of Richardson and Lucy, to compare: the default of scikit-image


def photograph(name: str) -> Tensor:
    """Return the middle of a photograph."""
    return decoding.from_pillow(decoding.fit_square(PHOTOGRAPHS[name].load(), SIDE))


def aged(picture: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return a faded grey print, and its scan: with grain, four scratches and 25 specks of dust."""
    faded = 0.14 + 0.75 * picture.mean(0, keepdim=True)
    grain = torch.randn(faded.shape, generator=generator)
    damaged = faded + GRAIN * blur(gaussian_kernel(0.7)).apply(grain) / 0.4  # as strong again
    rows = torch.arange(SIDE)
    for start, slope in torch.rand(4, 2, generator=generator).tolist():
        columns = ((start + (slope - 0.5) * rows / SIDE) * SIDE).long()
        inside = (columns >= 0) & (columns < SIDE)
        damaged[:, rows[inside], columns[inside]] = PAPER
    for down, right in torch.rand(25, 2, generator=generator).tolist():
        y, x = int(down * SIDE), int(right * SIDE)
        damaged[:, y : y + 2, x : x + 2] = PAPER
    return faded, blur(gaussian_kernel(0.4)).apply(damaged).clamp(0, 1)


def striped(picture: Tensor, generator: torch.Generator) -> Tensor:
    """Return it with each column lighter or darker by a number of its own."""
    return (picture + STRIPES * torch.randn(1, 1, SIDE, generator=generator)).clamp(0, 1)


def photographed(picture: Tensor, generator: torch.Generator) -> Tensor:
    """Return it with the noise of a sensor each pixel of which has seen one colour."""
    return (picture + damages.demosaiced(torch.zeros_like(picture), generator)).clamp(0, 1)


def enlarged(small: Tensor) -> Tensor:
    """Return a small picture at its full size, by bicubic interpolation."""
    return functional.interpolate(small[None], scale_factor=SCALE, mode="bicubic")[0].clamp(0, 1)


def sharpened(blurred: Tensor) -> Tensor:
    """Return Richardson and Lucy's deconvolution of a blurred picture."""
    kernel = gaussian_kernel(SIGMA).numpy()
    return torch.stack([
        torch.from_numpy(richardson_lucy(colour.numpy(), kernel, num_iter=ITERATIONS)).float()
        for colour in blurred
    ])  # fmt: skip


def restored(folder: Path, name: str, damaged: Tensor, options: Sequence[str]) -> Tensor:
    """Write the damaged picture, run the command on it, and return what it wrote."""
    source = folder / f"{name}{'.jpg' if 'dejpeg' in options else '.png'}"
    target = folder / f"{name}.restored.png"
    files.write(source, Picture(damaged), 20 if source.suffix == ".jpg" else None)
    command = [sys.executable, "-m", "convprior.cli", "restore", source, "-o", target, *options]
    subprocess.run(command, check=True, cwd=folder)
    return files.read(target).pixels


def main() -> None:
    """Make the seven, restore them, write both files."""
    generator = seeds.generator("benchmark", "tool")
    names = ("coffee", "chelsea", "astronaut", "rocket", "hubble", "retina", "brick")
    cup, cat, woman, ship, sky, eye, wall = map(photograph, names)
    soft = blur(gaussian_kernel(SIGMA)).apply(ship)
    soft = soft + NOISE * torch.randn(soft.shape, generator=generator)
    small = downsampling(SCALE).apply(cup).clamp(0, 1)
    faded, old = aged(woman, generator)
    hole = torch.zeros(1, SIDE, SIDE)
    hole[:, (SIDE - HOLE) // 2 : (SIDE + HOLE) // 2, (SIDE - HOLE) // 2 : (SIDE + HOLE) // 2] = 1
    # name: reference, damaged, options
    given: dict[str, tuple[Tensor, Tensor, list[str]]] = {
        "old": (faded, old, ["--mask", "auto"]),
        "camera": (sky, photographed(sky, generator), []),
        "stripes": (eye, striped(eye, generator), []),
        "jpeg": (cat, cat, ["--task", "dejpeg"]),
        "small": (cup, small, ["--task", "superresolve", "--scale", str(SCALE)]),
        "blur": (ship, soft.clamp(0, 1), ["--task", "deblur", "--kernel", f"gaussian:{SIGMA}"]),
        "hole": (wall, torch.where(hole > 0, 1.0, wall), ["--mask", "hole.mask.png"]),
    }
    columns, measured = [], {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files.write(folder / "hole.mask.png", Picture(hole))
        for case, (reference, damaged, options) in given.items():
            after = restored(folder, case, damaged, options)
            before = files.read(next(folder.glob(f"{case}.[jp][pn]g"))).pixels
            measured[case] = {"options": " ".join(options), "restored": psnr(reference, after)}
            if case == "small":
                measured[case]["bicubic"] = psnr(reference, enlarged(before))
                before = functional.interpolate(before[None], scale_factor=SCALE)[0]
            else:
                measured[case]["observed"] = psnr(reference, before)
            if case == "blur":
                measured[case]["richardson_lucy"] = psnr(reference, sharpened(before).clamp(0, 1))
            pair = [
                functional.pad(p.expand(3, -1, -1), (2, 2, 2, 2), value=1.0)
                for p in (before, after)
            ]
            columns.append(torch.cat(pair, dim=1))
    atomic.write_json(Path("reports/benchmarks/tool.json"), measured)
    with atomic.file(Path("reports/tool.png")) as page:
        decoding.to_pillow(torch.cat(columns, dim=2)).save(page)


if __name__ == "__main__":
    main()
