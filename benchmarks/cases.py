"""The damaged pictures of the benchmarks, from a folder in the layout of the published comparisons.

``<folder>/denoise/*.png`` are clean; each gives one case per damage of damages.py: the central
square is scaled to 256×256 (Lanczos) and damaged, and the result is clipped to [0, 1] as the Deep
Image Prior paper does. ``<folder>/inpaint/<name>.png`` are clean too, and ``<name>_known.png`` says
what is known of them (white); they keep their size, but of those with a side beyond 256 the
160×160 pixels at the centre are taken: the published recipe for text and holes is slow.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from convprior.ground import seeds
from convprior.pictures import decoding, files
from convprior.problem import damage
from convprior.problem.observation import Observation
from damages import DAMAGES

SIZE = 256  # side of the pictures to denoise
CENTRE = 160  # side of what is taken of larger ones to inpaint


@dataclass(frozen=True)
class Case:
    """One damaged picture; ``reference`` is for measuring only."""

    name: str
    observation: Observation
    reference: Tensor


def paths(given: list[str]) -> list[Path]:
    """Return the pictures that are named, and those in the folders that are."""
    return [
        path
        for each in map(Path, given)
        for path in (sorted(each.iterdir()) if each.is_dir() else [each])
        if path.suffix.lower() in files.SUFFIXES
    ]


def read(folder: Path, wanted: list[str], noises: int = 1) -> Iterator[Case]:
    """Yield the cases whose name contains one of ``wanted``: ``denoise-25/house``, ``inpaint/…``.

    What is damaged at random comes with so many noises: ``denoise-25/house`` and, of the second,
    ``denoise-25/house.1``.
    Raises SystemExit if there is none.
    """
    found = 0
    for name, path in names(folder).items():
        if any(part in name for part in wanted):
            found += 1
            if name.startswith("inpaint/"):
                yield _inpaint(name, path)
            else:
                yield from (_damaged(name, path, number) for number in range(noises))
    if not found:
        raise SystemExit(
            f"no case matches {' '.join(wanted)}; in {folder}: {' '.join(names(folder)) or 'none'}"
        )


def names(folder: Path) -> dict[str, Path]:
    """Return the file of each case of the folder."""
    clean = sorted((folder / "denoise").glob("*.png"))
    masked = [p for p in sorted((folder / "inpaint").glob("*.png")) if _mask_of(p).exists()]
    return {
        **{f"{damage}/{p.stem.split('_')[0]}": p for damage in DAMAGES for p in clean},
        **{f"inpaint/{p.stem}": p for p in masked},
    }


def _mask_of(path: Path) -> Path:
    return path.with_name(f"{path.stem}_known.png")


def _damaged(name: str, path: Path, number: int) -> Case:
    image = decoding.decode_rgb(path.read_bytes(), str(path))
    reference = decoding.from_pillow(decoding.fit_square(image, SIZE))
    damage = DAMAGES[name.partition("/")[0]]
    drawn = (number,) if number else ()
    observation = damage(reference, seeds.generator("benchmark", name, *drawn))
    return Case(".".join([name, *map(str, drawn)]), observation, reference)


def _inpaint(name: str, path: Path) -> Case:
    reference = files.read(path).pixels
    known = files.read_mask(_mask_of(path))
    if max(known.shape) > SIZE:
        top, left = (max(0, (side - CENTRE) // 2) for side in known.shape)
        rows, columns = slice(top, top + CENTRE), slice(left, left + CENTRE)
        reference, known = reference[:, rows, columns], known[rows, columns]
    return Case(name, damage.lose_masked(reference, ~known), reference)


def machine() -> str:
    """Return the processor and torch, where the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    found = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = f"{found[0]}, {len(found)} cores" if found else "unknown processor"
    return f"{processor}, one thread, torch {torch.__version__}"
