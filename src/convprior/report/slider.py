"""One page that lays a restored picture over the observed one, with a slider between them."""

from html import escape
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from convprior.ground.errors import InputError
from convprior.pictures import decoding, files
from convprior.pictures.picture import Picture

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
  body {{ margin: 0; font: 16px/1.5 system-ui, sans-serif; background: #1c1c1e; color: #eee; }}
  header {{ padding: 1rem; }}
  h1 {{ font-size: 1.1rem; margin: 0; overflow-wrap: anywhere; }}
  p {{ margin: .2rem 0; color: #bbb; }}
  button {{ font: inherit; }}
  figure {{ margin: 0 0 2rem; overflow: auto; }}
  figcaption {{ padding: 0 1rem; }}
  .pair {{ position: relative; --at: 50%; width: min(100%, {fit}px); }}
  .whole .pair {{ width: var(--pixels); }}
  .pair img {{ display: block; width: 100%; }}
  .pair img.coarse {{ image-rendering: pixelated; }}
  .pair .observed {{ position: absolute; inset: 0; height: 100%;
    clip-path: inset(0 calc(100% - var(--at)) 0 0); }}
  .pair::after {{ content: ""; position: absolute; top: 0; bottom: 0; left: var(--at);
    width: 2px; margin-left: -1px; background: #fff; box-shadow: 0 0 3px #000; }}
  .pair input {{ position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0;
    cursor: ew-resize; pointer-events: none; }}
  .pair {{ cursor: ew-resize; touch-action: pan-y; user-select: none; }}
  .pair:focus-within {{ outline: 3px solid #6af; }}
  @media print {{ body {{ background: #fff; color: #000; }} button {{ display: none; }} }}
</style>
<header>
  <h1>{title}</h1>
  <p>Left of the line: observed. Right: restored. Drag it, or use the arrow keys.</p>
  <button type="button" onclick="document.body.classList.toggle('whole')">
    Fit the window / every pixel</button>
</header>
{figures}
<script>
  for (const pair of document.querySelectorAll(".pair")) {{
    const input = pair.querySelector("input");
    const show = () => pair.style.setProperty("--at", input.value + "%");
    const follow = (event) => {{
      const box = pair.getBoundingClientRect();
      input.value = 100 * (event.clientX - box.left) / box.width;
      show();
    }};
    input.addEventListener("input", show);
    pair.addEventListener("pointerdown", (event) => {{
      event.preventDefault();
      input.focus();
      pair.setPointerCapture(event.pointerId);
      follow(event);
    }});
    pair.addEventListener("pointermove", (event) => {{
      if (pair.hasPointerCapture(event.pointerId)) follow(event);
    }});
  }}
</script>
</html>
"""

FIGURE = """<figure>
  <div class="pair" style="--pixels: {width}px">
    <img class="restored" src="{restored}" alt="the restored picture">
    <img class="observed{coarse}" src="{observed}" alt="the observed picture">
    <input type="range" min="0" max="100" value="50"
      step="0.5" aria-label="percent of the width that shows the observed picture">
  </div>
  <figcaption><p>{said}</p></figcaption>
</figure>
"""


def page(observed: Path, restored: Path) -> str:
    """Return the page for two files, as HTML that needs nothing else. Raises InputError.

    The restored picture may be larger by a whole number: the other one is shown enlarged.
    """
    befores, afters = files.read_pages(observed), files.read_pages(restored)
    if len(befores) != len(afters):
        raise InputError(
            f"{observed} has {len(befores)} pages, {restored} {len(afters)}: compare a picture "
            "with what was made of it"
        )
    figures = []
    for before, after in zip(befores, afters, strict=True):
        size, larger = before.pixels.shape, after.pixels.shape
        scale = larger[1] / size[1]
        if len(after.pixels) != len(before.pixels) or scale % 1 or larger[2] != size[2] * scale:
            raise InputError(
                f"{observed} is {size[2]}×{size[1]} with {size[0]} channels, {restored} "
                f"{larger[2]}×{larger[1]} with {larger[0]}: compare a picture with what was made "
                "of it"
            )
        said = f"{larger[2]}×{larger[1]} pixels"
        low, high = _range(before, after)
        if scale == 1:
            change = float((after.pixels - before.pixels).square().mean().sqrt()) / (high - low)
            said += f"; the two differ by {255 * change:.1f}/255 (root of the mean square)"
        figures.append(
            FIGURE.format(
                width=larger[2],
                observed=_shown(before.pixels, low, high),
                restored=_shown(after.pixels, low, high),
                coarse=" coarse" if scale > 1 else "",
                said=said,
            )
        )
    return PAGE.format(
        title=escape(f"{observed.name} → {restored.name}"),
        figures="\n".join(figures),
        fit=max(640, max(after.pixels.shape[2] for after in afters)),
    )


def _range(before: Picture, after: Picture) -> tuple[float, float]:
    """Return the values shown black and white: of both pictures, where eight bits do not say."""
    if before.depth == after.depth == 8:
        return 0.0, 1.0
    values = torch.cat([p.pixels[torch.isfinite(p.pixels)] for p in (before, after)])
    low, high = float(values.min()), float(values.max())
    return low, high if high > low else low + 1


def _shown(pixels: Float[Tensor, "c h w"], low: float, high: float) -> str:
    shown = torch.nan_to_num((pixels - low) / (high - low))
    return decoding.data_uri(shown if len(shown) in (1, 3) else shown.mean(0, keepdim=True))
