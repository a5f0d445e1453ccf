"""Damage photographs in a known way: what is observed, what of it is known, and the reference.

    python -m convprior.stages.degrade denoise data/degraded/denoise reports/degrade/denoise

Out: ``observed/<name>.tiff`` (float32, may leave [0, 1]), ``repair/<name>.png`` (white = unknown)
and, kept apart for measuring only, ``reference/<name>.png``.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from convprior.ground import atomic, params, seeds, tracking
from convprior.pictures import decoding, files
from convprior.pictures.photographs import PHOTOGRAPHS
from convprior.pictures.picture import Picture
from convprior.problem import damage, metrics
from convprior.problem.observation import Observation
from convprior.stages import StageError, arguments, start


class Denoise(params.Section):
    """White Gaussian noise; sigma in units of 255."""

    sigma: Annotated[float, Field(ge=0)]
    clip: bool


class Inpaint(params.Section):
    """Missing pixels: a random share, or those that are white in the picture's mask."""

    missing: params.Share
    masks: str


class Degrade(params.Section):
    """The section `degrade`."""

    source: str
    size: Annotated[int, Field(ge=16)] | None
    seed: params.Seed
    denoise: Denoise
    inpaint: Inpaint


def read_references(source: str, size: int | None) -> dict[str, Tensor]:
    """Return the clean photographs by name: those of a list or those in a folder."""
    if Path(source).is_file():
        names = Path(source).read_text(encoding="utf-8").split()
        unknown = set(names) - set(PHOTOGRAPHS)
        if unknown or not names:
            raise StageError(
                f"{source}: no photograph '{', '.join(sorted(unknown))}': a line each of "
                f"{', '.join(PHOTOGRAPHS)}"
            )
        loaded = {name: PHOTOGRAPHS[name].load() for name in names}
    else:
        found = sorted(
            path
            for path in Path(source).glob("[!.]*")  # macOS writes ._photo.png beside photo.png
            if path.suffix.lower() in files.SUFFIXES and path.is_file()
        )
        if not found:
            raise StageError(
                f"degrade.source is '{source}': expected a list of photographs, as "
                f"data/photographs.txt, or a folder with pictures ({', '.join(files.SUFFIXES)})"
            )
        loaded = {p.stem: decoding.decode_rgb(p.read_bytes(), str(p)) for p in found}
        if len({name.casefold() for name in loaded}) < len(found):
            raise StageError(
                f"{source}: two pictures have the same name but for the ending or case"
            )
    return {
        name: decoding.from_pillow(decoding.fit_square(image, size) if size else image)
        for name, image in loaded.items()
    }


def read_masks(folder: str, references: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the masks in a folder by the names of the pictures whose pixels they lose."""
    if not Path(folder).is_dir():
        raise StageError(
            f"degrade.inpaint.masks is '{folder}': expected a folder, which may be empty; a mask "
            "NAME.png in it loses the pixels of picture NAME that are white in it"
        )
    masks = {path.stem: files.read_mask(path) for path in sorted(Path(folder).glob("[!.]*.png"))}
    for name, mask in masks.items():
        if name not in references:
            raise StageError(
                f"{folder}/{name}.png: no picture has this name: {', '.join(references)}"
            )
        size, of_mask = tuple(references[name].shape[1:]), tuple(mask.shape)
        if of_mask != size:
            raise StageError(
                f"{folder}/{name}.png is {of_mask}, the picture {size}: they must have the same "
                "height and width"
            )
    return masks


def degrade(
    task: str, reference: Tensor, name: str, settings: Degrade, mask: Tensor | None
) -> Observation:
    """Return what is observed of ``reference``; the damage is named by task, picture and seed."""
    generator = seeds.generator("degrade", task, name, settings.seed)
    if task == "denoise":
        noise = settings.denoise
        return damage.add_gaussian_noise(reference, noise.sigma, noise.clip, generator)
    if mask is None:
        return damage.lose_pixels(reference, settings.inpaint.missing, generator)
    return damage.lose_masked(reference, mask)


def main(argv: Sequence[str]) -> None:
    """Run the stage."""
    args = arguments(__doc__, argv, "degraded", "report", task="denoise or inpaint")
    settings = params.load(args.params, "degrade", Degrade)
    references = read_references(settings.source, settings.size)
    masks = read_masks(settings.inpaint.masks, references) if args.task == "inpaint" else {}
    used = settings.model_dump(include={"source", "size", "seed", args.task})
    about = f"Photographs damaged in a known way: what `{args.task}` is measured on."
    with (
        tracking.run("degrade", args.task, tracking.flat(used), about=about) as run,
        atomic.folder(args.degraded) as out,
    ):
        measured = {}
        for name, reference in references.items():
            try:
                observation = degrade(args.task, reference, name, settings, masks.get(name))
            except ValueError as error:
                raise StageError(f"{name}: {error}") from None
            psnr = metrics.psnr(reference, observation.observed.clamp(0, 1))
            if math.isinf(psnr):
                raise StageError(
                    f"{name}: nothing is degraded, the observed picture is the reference: "
                    f"degrade.{args.task} in params.yaml must add noise or lose pixels"
                )
            files.write_float(out / "observed" / f"{name}.tiff", observation.observed)
            repair = (~observation.known)[None].float()
            for folder, pixels in (("repair", repair), ("reference", reference)):
                (out / folder).mkdir(exist_ok=True)
                files.write(out / folder / f"{name}.png", Picture(pixels))
            measured[name] = {
                "height": reference.shape[1],
                "width": reference.shape[2],
                "psnr_observed": psnr,
                "missing": float((~observation.known).double().mean()),
            }
            shown = torch.cat([observation.observed, reference], dim=2)
            run.picture("observed - reference", decoding.to_pillow(shown), len(measured))
        atomic.write_json(args.report / "metrics.json", measured)


if __name__ == "__main__":
    start(main)
