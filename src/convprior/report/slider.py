"""One page that lays a restored picture over the observed one, with a slider between them.

The report has the same slider, slider.css and slider.js: of a ``div.pair`` of two images.
"""

from html import escape
from importlib import resources
from pathlib import Path
from string import Template

import numpy as np
import torch
from jaxtyping import Bool
from PIL import Image
from torch import Tensor

from convprior.ground.errors import InputError
from convprior.pictures import decoding, files, seen
from convprior.pictures.picture import Picture

FILES = resources.files("convprior.report")
STYLE = (FILES / "slider.css").read_text(encoding="utf-8")
# The slider, then what the pictures of a page have together: zoom, difference, mask.
SCRIPT = "".join((FILES / name).read_text(encoding="utf-8") for name in ("slider.js", "compare.js"))
PAGE = Template((FILES / "slider.html").read_text(encoding="utf-8"))

MARK = (230, 25, 25, 153)  # red, through which the observed picture is seen
MASK = '<button type="button" data-key="m" id="mask" aria-pressed="true">Mask</button>'


def page(observed: Path, restored: Path, mask: Path | None = None) -> str:
    """Return the page for two files, as HTML that needs nothing else. Raises InputError.

    The restored picture may be larger by a whole number: the other one is shown enlarged. Where
    ``mask`` is white, red lies over the observed picture: this was repaired.
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
        style=STYLE,
        script=SCRIPT,
        shown="" if mask is None else "mask",
        mask="" if mask is None else MASK,
        keys="+ − 0 1 zoom, D difference" + ("" if mask is None else ", M mask"),
    )


def _figure(before: Picture, after: Picture, marks: Picture | None) -> str:
    """Return one picture over the other, and in words by how much they differ."""
    height, width = after.pixels.shape[1:]
    enlarged = height > before.pixels.shape[1]
    low, high = seen.range_of(before, after)
    observed, restored = (
        decoding.data_uri(seen.shown(each.pixels, low, high)) for each in (before, after)
    )
    coarse = " coarse" if enlarged else ""
    said = f"{width}×{height} pixels"
    if not enlarged:
        changed = after.pixels - before.pixels
        changed = changed[torch.isfinite(changed)]  # what had no value has been given one
        change = float(changed.square().mean().sqrt()) / (high - low)
        said += f"; the two differ by {255 * change:.1f}/255 (root of the mean square)"
    if marks is not None:
        said += f"; red: {int(_marked(marks).sum()):,} marked"
    red = "" if marks is None else f'<img class="marked coarse" src="{_red(marks)}" alt="">'
    return f"""<figure>
  <div class="frame" data-width="{width}" data-height="{height}"><div class="pair">
    <div class="both">
      <img class="restored" src="{restored}" alt="the restored picture">
      <img class="observed{coarse}" src="{observed}" alt="the observed picture">
    </div>
    {red}
    <input type="range" min="0" max="100" value="50"
      step="0.5" aria-label="percent of the width that shows the observed picture">
  </div></div>
  <figcaption><p>{said}</p></figcaption>
</figure>
"""


def _red(marks: Picture) -> str:
    """Return what is marked as a red PNG, and nothing elsewhere, in a data URI."""
    marked = _marked(marks).numpy()[..., None]
    return decoding.png_uri(Image.fromarray(marked * np.array(MARK, np.uint8)))


def _marked(marks: Picture) -> Bool[Tensor, "h w"]:
    return marks.pixels.mean(0) >= 0.5
