"""How many stripes of each kind are found, what is gained, and what clean pictures lose.

    python benchmarks/stripes.py PICTURE_OR_FOLDER...

Writes reports/benchmarks/stripes.json. From each picture comes one piece of each side that it has,
one draw of each kind: how many are found; of these, PSNR (dB) before and after, and the least gain.
"clean" are the same pieces, as they are, halved, as JPEG and with noise: how many are taken for
striped. Costs some ten CPU seconds a picture.
"""

import sys
from pathlib import Path

import torch
from kornia.filters import gaussian_blur2d
from torch import Generator, Tensor

import cases
from convprior.ground import atomic, seeds
from convprior.pictures import files
from convprior.problem import metrics
from convprior.restoration import stripes
from damages import compressed, in_bytes

SIDES = (128, 256, 512, 1024)
NOISE = 10 / 255
# deviation of 255, blur in pixels, each channel its own, rows, noise, quality of JPEG if any
KINDS = {
    "2": (2, 0.0, False, False, False, None),
    "5": (5, 0.0, False, False, False, None),
    "10": (10, 0.0, False, False, False, None),
    "5, each channel its own": (5, 0.0, True, False, False, None),
    "5, rows": (5, 0.0, False, True, False, None),
    "5, and noise of 10": (5, 0.0, False, False, True, None),
    "5, JPEG 92": (5, 0.0, False, False, False, 92),
    "5, blurred by 1.5 pixels": (5, 1.5, False, False, False, None),
    "10, blurred by 1.5 pixels": (10, 1.5, False, False, False, None),
}


def striped(picture: Tensor, kind: tuple, generator: Generator) -> tuple[Tensor, Tensor]:
    """Return a picture with stripes, and what it would be without them."""
    deviation, blur, own, rows, noise, quality = kind
    channels, _, width = picture.shape
    drawn = torch.randn(channels if own else 1, 1, width, generator=generator)
    if blur:
        drawn = gaussian_blur2d(drawn[None], (1, 9), (1.0, blur))[0]
        drawn = drawn / drawn.std()
    if noise:
        picture = picture + NOISE * torch.randn(picture.shape, generator=generator)
    damaged = in_bytes(picture + deviation / 255 * (drawn.mT if rows else drawn))
    return (compressed(damaged, quality) if quality else damaged), picture


def main() -> None:
    """Measure and write."""
    paths = cases.paths(sys.argv[1:])
    pairs: dict[str, list[tuple[float, float] | None]] = {}
    clean: list[str] = []
    looked_at = 0
    for path in paths:
        picture = files.read(path).pixels
        for side in SIDES:
            generator = seeds.generator("stripes", path.stem, side)
            if min(picture.shape[1:]) < side:
                continue
            top, left = (
                int(torch.randint(length - side + 1, (), generator=generator))
                for length in picture.shape[1:]
            )
            piece = picture[:, top : top + side, left : left + side]
            known = torch.ones(side, side, dtype=torch.bool)
            for name, kind in KINDS.items():
                damaged, truth = striped(piece, kind, generator)
                found = stripes.find(damaged, known)
                after = in_bytes(
                    stripes.taken_out(damaged, known, [each.offsets for each in found])
                )
                gained = (metrics.psnr(truth, damaged), metrics.psnr(truth, after))
                pairs.setdefault(f"{name}; {side}", []).append(gained if found else None)
            halved = torch.nn.functional.avg_pool2d(picture, 2)[:, :side, :side]
            grainy = in_bytes(piece + NOISE * torch.randn(piece.shape, generator=generator))
            for name, other in (
                ("as it is", piece), ("halved", halved), ("JPEG 75", compressed(piece, 75)),
                ("noise", grainy),
            ):  # fmt: skip
                looked_at += 1
                if stripes.find(other, torch.ones(other.shape[1:], dtype=torch.bool)):
                    clean.append(f"{path.stem}, {side}, {name}")
        print(path.stem, flush=True)
    kinds = {}
    for name, all_of_it in pairs.items():
        told = [pair for pair in all_of_it if pair is not None]
        before, after = torch.tensor(told).reshape(-1, 2).T
        kinds[name] = {"n": len(all_of_it), "found": len(told)}
        if told:
            gain = after - before
            kinds[name] |= {
                "before": round(float(before.mean()), 2),
                "after": round(float(after.mean()), 2),
                "least_gain": round(float(gain.min()), 2),
            }
        print(name, kinds[name])
    print(f"{len(clean)} of {looked_at} clean ones", clean)
    result = {"pictures": len(paths), "kinds": kinds, "clean": looked_at, "false": clean}
    atomic.write_json(Path("reports/benchmarks/stripes.json"), result)


if __name__ == "__main__":
    main()
