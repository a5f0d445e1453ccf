"""What patches make of grain, a camera's noise and noisy JPEGs, beside non-local means.

    python benchmarks/grain.py PICTURE_OR_FOLDER... --sides 128 256

The middle of each picture, twice a side where it has so much, is scaled to the side. Grain is
blurred by a Gaussian, in pixels, of a deviation of 255: of a grey picture, of each channel, of the
brightness alone. A camera's noise is that of photons, so many where it is white, and of reading, on
a Bayer sensor, interpolated, in display values, as JPEG of quality 92; its reference is what the
same camera makes without noise and JPEG. Of noisy JPEGs the noise is white, of a deviation of 255,
and the colours are stored at half the size; the reference is the picture before both. Ours measures
the noise; non-local means have the strength that the reference likes best, which nobody knows in
life. Writes reports/benchmarks/grain.json: PSNR in dB of each, one draw. Costs some 15 and 60 CPU
seconds a picture of 128 and 256 pixels.
"""

import argparse
from pathlib import Path
from statistics import mean

import numpy as np
import torch
from kornia.filters import gaussian_blur2d
from skimage.restoration import denoise_nl_means
from torch import Generator, Tensor

import cases
from convprior.ground import atomic, seeds
from convprior.pictures import decoding, files
from convprior.prior.patches.denoising import Denoising
from convprior.problem.metrics import psnr
from convprior.problem.observation import Observation
from damages import compressed, in_bytes, interpolated

OUT = Path("reports/benchmarks/grain.json")
STRENGTHS = (3, 5, 8, 10, 12, 15, 18, 26, 36)  # h of non-local means, of 255
GAMMA = 2.2
READING = 0.012  # deviation of what a sensor reads, of white; at 120 photons
# width and deviation; of each channel its own, or of all one
GRAINS = {
    "grey grain": (1.0, 18, True),
    "colour grain": (1.2, 16, True),
    "brightness grain": (1.3, 14, False),
    "fine grain": (0.7, 12, True),
}
PHOTONS = (500, 120, 40)
JPEGS = {"8, JPEG 95": (8, 95), "14, JPEG 90": (14, 90), "25, JPEG 85": (25, 85)}  # noise, quality
METHODS = ("came", "non_local_means", "ours")
KINDS = [*GRAINS, *(f"{count} photons" for count in PHOTONS), *JPEGS]


def damaged(picture: Tensor, kind: str, generator: Generator) -> tuple[Tensor, Tensor]:
    """Return a picture with the damage of a kind, and the one without."""
    if kind in GRAINS:
        return grained(picture, kind, generator)
    if kind in JPEGS:
        deviation, quality = JPEGS[kind]
        noise = torch.randn(picture.shape, generator=generator)
        return compressed(in_bytes(picture + deviation / 255 * noise), quality), picture
    return photographed(picture, int(kind.split()[0]), generator)


def grained(picture: Tensor, kind: str, generator: Generator) -> tuple[Tensor, Tensor]:
    """Return a picture with grain, and the one without."""
    width, deviation, own = GRAINS[kind]
    if kind == "grey grain":
        picture = in_bytes(picture.mean(0, keepdim=True))
    shape = (len(picture) if own else 1, *picture.shape[1:])
    noise = gaussian_blur2d(torch.randn(1, *shape, generator=generator), (11, 11), (width, width))
    return in_bytes(picture + deviation / 255 * noise[0] / noise.std()), picture


def developed(light: Tensor) -> Tensor:
    """Return what a camera with a Bayer sensor shows of light."""
    return in_bytes(interpolated(light).clamp(0, 1) ** (1 / GAMMA))


def photographed(picture: Tensor, photons: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Return a camera's picture with noise, and without."""
    light = picture**GAMMA
    read = READING * (120 / photons) ** 0.5 * torch.randn(light.shape, generator=generator)
    seen = torch.poisson(photons * light, generator=generator) / photons + read
    return compressed(developed(seen), 92), developed(light)


def means(picture: Tensor, reference: Tensor) -> float:
    """Return the PSNR of non-local means at the strength that the reference likes best."""
    planes = picture.permute(1, 2, 0).numpy()
    found = [
        denoise_nl_means(planes, 5, 6, h=h / 255, fast_mode=True, channel_axis=-1)
        for h in STRENGTHS
    ]
    return max(
        psnr(reference, torch.from_numpy(np.atleast_3d(each)).permute(2, 0, 1).float())
        for each in found
    )


def ours(picture: Tensor) -> Tensor:
    """Return what patches make of a picture."""
    known = torch.ones(picture.shape[1:], dtype=torch.bool)
    return Denoising(picture, Observation(picture, known).noise).done().clamp(0, 1)


def middle(path: Path, side: int) -> Tensor:
    """Return the middle of a picture, of twice the side if it can be, scaled to the side."""
    picture = files.read(path).pixels[:3]
    most = min(2 * side, *picture.shape[1:])
    top, left = ((length - most) // 2 for length in picture.shape[1:])
    image = decoding.to_pillow(picture[:, top : top + most, left : left + most])
    scaled = decoding.from_pillow(decoding.fit_square(image, side))
    return scaled.expand(3, -1, -1)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", nargs="+", metavar="PICTURE_OR_FOLDER")
    parser.add_argument("--sides", type=int, nargs="+", default=[128, 256])
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows: dict[str, dict[str, dict[str, float]]] = {}
    for path in cases.paths(args.pictures):
        for side in args.sides:
            clean = middle(path, side)
            for kind in KINDS:
                generator = seeds.generator("grain", path.stem, side, kind)
                noisy, reference = damaged(clean, kind, generator)
                row = {
                    "came": psnr(reference, noisy),
                    "non_local_means": means(noisy, reference),
                    "ours": psnr(reference, ours(noisy)),
                }
                row = {name: round(value, 2) for name, value in row.items()}
                rows.setdefault(f"{kind}, {side}×{side}", {})[path.stem] = row
                print(path.stem, side, kind, row, flush=True)
    result = {
        "command": f"python benchmarks/grain.py PICTURES --sides {' '.join(map(str, args.sides))}",
        "machine": cases.machine(),
        "kinds": {
            kind: {name: round(mean(row[name] for row in found.values()), 2) for name in METHODS}
            | {
                "worst": round(min(r["ours"] - r["non_local_means"] for r in found.values()), 2),
                "best": round(max(r["ours"] - r["non_local_means"] for r in found.values()), 2),
                "pictures": found,
            }
            for kind, found in rows.items()
        },
    }
    atomic.write_json(OUT, result)
    print(f"wrote {OUT}")


if __name__ == "__main__":
    main()
