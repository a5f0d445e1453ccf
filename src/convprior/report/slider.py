"""One page that lays a restored picture over the observed one, with a slider between them."""

from html import escape
from importlib import resources
from pathlib import Path
from string import Template

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from convprior.ground.errors import InputError
from convprior.pictures import decoding, files, seen
from convprior.pictures.picture import Picture

PAGE = Template((resources.files("convprior.report") / "slider.html").read_text(encoding="utf-8"))


MARK = (0.9, 0.1, 0.1)  # red
STRENGTH = 0.6  # share of that colour where the observed picture is marked


def page(observed: Path, restored: Path, mask: Path | None = None) -> str:
    """Return the page for two files, as HTML that needs nothing else. Raises InputError.

    The restored picture may be larger by a whole number: the other one is shown enlarged. Where
    ``mask`` is white, the observed picture is shown red: this was repaired.
    """
    befores, afters = (
        [seen.without_absent(page) for page in files.read_pages(path)]
        for path in (observed, restored)
    )
    masks = [None] * len(befores) if mask is None else files.read_pages(mask)
    shapes = [picture.pixels.shape[1:] for picture in befores]
    if mask is not None and [each.pixels.shape[1:] for each in masks if each] != shapes:
        raise InputError(f"{mask}: has other pages or another size than {observed}, so is no mask")
    if len(befores) != len(afters):
        raise InputError(
            f"{observed} has {len(befores)} pages, {restored} {len(afters)}: compare a picture "
            "with what was made of it"
        )
    figures = []
    for before, after, marks in zip(befores, afters, masks, strict=True):
        size, larger = before.pixels.shape, after.pixels.shape
        scale = larger[1] / size[1]
        if len(after.pixels) != len(before.pixels) or scale % 1 or larger[2] != size[2] * scale:
            raise InputError(
                f"{observed} is {size[2]}×{size[1]} with {size[0]} channels, {restored} "
                f"{larger[2]}×{larger[1]} with {larger[0]}: compare a picture with what was made "
                "of it"
            )
        figures.append(_figure(before, after, marks))
    return PAGE.substitute(
        title=escape(f"{observed.name} → {restored.name}".encode(errors="replace").decode()),
        figures="\n".join(figures),
        fit=max(640, max(after.pixels.shape[2] for after in afters)),
    )


def _figure(before: Picture, after: Picture, marks: Picture | None) -> str:
    """Return one picture over the other, and in words by how much they differ."""
    height, width = after.pixels.shape[1:]
    enlarged = height > before.pixels.shape[1]
    low, high = seen.range_of(before, after)
    observed = _shown(before.pixels, low, high, marks)
    restored = _shown(after.pixels, low, high, None)
    coarse = " coarse" if enlarged else ""
    said = f"{width}×{height} pixels"
    if not enlarged:
        changed = after.pixels - before.pixels
        changed = changed[torch.isfinite(changed)]  # what had no value has been given one
        change = float(changed.square().mean().sqrt()) / (high - low)
        said += f"; the two differ by {255 * change:.1f}/255 (root of the mean square)"
    if marks is not None:
        said += f"; red: {int(_marked(marks).sum()):,} marked"
    return f"""<figure>
  <div class="pair" style="--pixels: {width}px">
    <img class="restored" src="{restored}" alt="the restored picture">
    <img class="observed{coarse}" src="{observed}" alt="the observed picture">
    <input type="range" min="0" max="100" value="50"
      step="0.5" aria-label="percent of the width that shows the observed picture">
  </div>
  <figcaption><p>{said}</p></figcaption>
</figure>
"""


def _shown(pixels: Float[Tensor, "c h w"], low: float, high: float, marks: Picture | None) -> str:
    shown = seen.shown(pixels, low, high)
    if marks is not None:
        red = (1 - STRENGTH) * shown + STRENGTH * torch.tensor(MARK)[:, None, None]
        shown = torch.where(_marked(marks), red, shown)
    return decoding.data_uri(shown)


def _marked(marks: Picture) -> Bool[Tensor, "h w"]:
    return marks.pixels.mean(0) >= 0.5
