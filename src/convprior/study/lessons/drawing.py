"""Draw how a window slides, or a receptive field grows, as an animated GIF or PNG."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from convprior.ground import atomic
from convprior.study.lessons.operations import Matrix, Reach, Result, Window
from convprior.study.lessons.telling import number

MILLISECONDS = 700  # a step
LARGEST = 16  # rows and columns: more cannot be read
COUNTED = 64  # pixels a side that are drawn one by one
ACCENT = "#c2410c"
TO_COME = "#fdeee3"  # no grey: that would be a value
SUFFIXES = (".gif", ".png", ".apng")


def write(path: Path, seen: Matrix, result: Result, each: Iterator[Window], title: str) -> None:
    """Write the steps of a window over ``seen`` (padding included), each filling in ``result``.

    Raises ValueError for another suffix, or for more than can be read.
    """
    _check_suffix(path)
    if max(seen.shape) > LARGEST:
        raise ValueError(
            f"{path}: {seen.shape[0]}×{seen.shape[1]} is too large to be read step by step: at "
            f"most {LARGEST}×{LARGEST}"
        )
    frames = []
    done = np.full(result.shape, np.nan)
    for count, window in enumerate(each):
        done.flat[count] = window.value
        frames.append(_frame(seen.numpy(), done, window, count, title))
    _save(path, frames)


def write_fields(path: Path, reaches: Sequence[Reach]) -> None:
    """Write how the receptive field of a unit grows, a layer each step. Raises ValueError."""
    _check_suffix(path)
    _save(path, [_grown(reaches[: count + 1], reaches[-1].field) for count in range(len(reaches))])


def _check_suffix(path: Path) -> None:
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path}: an animation ends in {', '.join(SUFFIXES)}")


def _save(path: Path, frames: Sequence[Image.Image]) -> None:
    with atomic.file(path) as temporary:
        frames[0].save(
            temporary,
            format="GIF" if path.suffix.lower() == ".gif" else "PNG",
            save_all=True,
            append_images=frames[1:],
            duration=MILLISECONDS,
            loop=0,
        )


def _grown(reaches: Sequence[Reach], side: int) -> Image.Image:
    """Return the fields of all layers so far, the last one filled, about the middle of a picture.

    A field of an even side has its middle between two pixels.
    """
    figure = Figure(figsize=(6, 6), dpi=100, layout="constrained")
    axes = figure.subplots()
    for reach in reaches:
        corner = (side - reach.field) / 2
        last = reach is reaches[-1]
        axes.add_patch(
            Rectangle(
                (corner, corner), reach.field, reach.field, linewidth=3 if last else 1,
                edgecolor=ACCENT, facecolor=TO_COME if last else "none", zorder=1 if last else 2,
            )
        )  # fmt: skip
    if side <= COUNTED:
        axes.set_xticks(range(side + 1), [])
        axes.set_yticks(range(side + 1), [])
        axes.grid(color="#e7e5e4", zorder=0)
    axes.set(xlim=(-1, side + 1), ylim=(-1, side + 1), aspect="equal")
    axes.set_title(f"{reaches[-1].name}: {reaches[-1].field}×{reaches[-1].field} pixels")
    return _drawn(figure)


def _frame(
    seen: np.ndarray, done: np.ndarray, window: Window, count: int, title: str
) -> Image.Image:
    figure = Figure(figsize=(8, 4.4), dpi=100, layout="constrained")
    left, right = figure.subplots(
        1, 2, gridspec_kw={"width_ratios": [seen.shape[1], max(done.shape[1], 2)]}
    )
    row, column = divmod(count, done.shape[1])
    for axes, values, name in ((left, seen, "picture"), (right, done, title)):
        least = values[np.isfinite(values)].min()
        known = np.nan_to_num(values, neginf=least - 1)  # max pooling's padding is the darkest
        seen_so_far = np.ma.masked_where(np.isnan(values), known)
        axes.imshow(seen_so_far, cmap="Greys_r", vmin=min(known.min(), 0) - 1, vmax=known.max() + 1)
        axes.set_facecolor(TO_COME)
        middle = (known.min() + known.max()) / 2
        for (r, c), value in np.ndenumerate(values):
            if not np.isnan(value):
                colour = "white" if value < middle else "black"
                axes.text(c, r, number(value), ha="center", va="center", color=colour, fontsize=9)
        axes.set(xticks=[], yticks=[], title=name)
    height, width = window.seen.shape
    for axes, corner, size in (
        (left, (window.left, window.top), (width, height)),
        (right, (column, row), (1, 1)),
    ):
        place = (corner[0] - 0.5, corner[1] - 0.5)
        axes.add_patch(Rectangle(place, *size, fill=False, edgecolor=ACCENT, linewidth=3))
    return _drawn(figure)


def _drawn(figure: Figure) -> Image.Image:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
