"""Charts for the pages: SVG with text that stays text."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

COLOURS = ("#c2410c", "#0f766e", "#1d4ed8", "#7e22ce", "#a16207", "#be123c", "#0369a1", "#4d7c0f")
DASHES = ("--", ":", "-.", (0, (6, 4, 1, 4)))
SOFT = "#78716c"
FEW = 10  # points of a logarithmic axis that have room for their numbers
STYLE: Any = {
    "axes.edgecolor": "#e7e5e4",
    "axes.grid": True,
    "axes.labelcolor": SOFT,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": "medium",
    "font.family": "sans-serif",
    "grid.color": "#e7e5e4",
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "convprior",  # the same chart is the same file
    "xtick.color": SOFT,
    "ytick.color": SOFT,
}

Point = tuple[float, float]
Curve = Sequence[Point]
Interval = Mapping[str, float]  # mean, low, high


@contextmanager
def drawn(width: float, height: float) -> Iterator[tuple[Figure, list[str]]]:
    """Yield an empty figure (inches) and a list; when the block ends, its SVG is in the list."""
    svg: list[str] = []
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, svg
        file = io.StringIO()
        figure.savefig(
            file, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"))
        )
    text = file.getvalue()
    svg.append(text[text.index("<svg") :])


def _in_percent(axes: Axes) -> None:
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter("{x:.0%}")


def lines(
    curves: Mapping[str, Curve],
    x_label: str,
    y_label: str,
    *,
    percent: bool = False,
    dots: bool = False,
    logarithmic: bool = False,
    stops: Mapping[str, Point] | None = None,
    levels: Mapping[str, float] | None = None,
    bands: Mapping[str, Sequence[Point]] | None = None,
    dashed: str | None = None,
) -> str:
    """Return a line chart of named curves as SVG.

    ``percent`` shows shares of one, from none to all; ``dots`` marks every point; ``logarithmic``
    is the x axis. With ``stops``, it is too, a circle marks each curve's stop and a triangle its
    peak. ``levels`` are horizontal lines; ``bands`` are low and high at each point of a curve;
    curves whose names begin with ``dashed`` are dashed, and take the colours from the first again.
    """
    with drawn(8.2, 3.8) as (figure, svg):
        axes = figure.subplots()
        solid = [name for name in curves if dashed is None or not name.startswith(dashed)]
        for number, (name, curve) in enumerate(curves.items()):
            broken = name not in solid
            alike = [other for other in curves if other not in solid] if broken else solid
            colour = COLOURS[alike.index(name) % len(COLOURS)]
            axes.plot(
                *zip(*curve, strict=True), color=colour, label=name, ms=4, gid=f"curve-{number}",
                marker="o" if dots else "", linestyle="--" if broken else "-",
            )  # fmt: skip
            if bands and name in bands:
                low, high = zip(*bands[name], strict=True)
                axes.fill_between(
                    [x for x, _ in curve], low, high, color=colour, alpha=0.15, lw=0,
                    gid=f"band-{number}",
                )  # fmt: skip
            if stops is not None:
                axes.plot(*max(curve, key=lambda point: point[1]), marker="^", color=colour)
            if stops and name in stops:
                axes.plot(*stops[name], marker="o", fillstyle="none", ms=9, color=colour)
        for dashes, (name, level) in zip(DASHES, (levels or {}).items(), strict=False):
            axes.axhline(level, color=SOFT, linestyle=dashes, linewidth=1, label=name)
        if stops is not None or logarithmic:
            axes.set_xscale("log")
            places = sorted({x for curve in curves.values() for x, _ in curve})
            if len(places) <= FEW:
                axes.set_xticks(places, [f"{x:,g}" for x in places])
                axes.xaxis.set_minor_locator(NullLocator())
        if percent:
            _in_percent(axes)
        axes.set(xlabel=x_label, ylabel=y_label)
        legend = figure.legend(loc="outside right upper")
        for number, text in enumerate(legend.get_texts()):
            text.set_gid(f"name-{number}")  # the page's script hides a curve when it is clicked
    return svg[0]


def bars(groups: Mapping[str, Mapping[str, Interval]], y_label: str, level: float = 0.0) -> str:
    """Return shares of one as bars with their intervals: a group of bars for each name.

    All groups have bars of the same names. ``level`` is a horizontal line.
    """
    with drawn(8.2, 3.6) as (figure, svg):
        axes = figure.subplots()
        names = list(next(iter(groups.values())))
        width = 0.8 / len(names)
        for number, (name, colour) in enumerate(zip(names, COLOURS, strict=False)):
            found = [group[name] for group in groups.values()]
            means = [interval["mean"] for interval in found]
            errors = [
                [max(0.0, i["mean"] - i["low"]) for i in found],
                [max(0.0, i["high"] - i["mean"]) for i in found],
            ]
            places = np.arange(len(groups)) + (number - (len(names) - 1) / 2) * width
            axes.bar(places, means, width * 0.9, color=colour, label=name)
            axes.errorbar(places, means, errors, fmt="none", ecolor="#1c1917", elinewidth=1)
        if level:
            axes.axhline(level, color=SOFT, linestyle=DASHES[0], linewidth=1)
        axes.set_xticks(range(len(groups)), [name.replace(", ", "\n") for name in groups])
        axes.grid(visible=False, axis="x")
        _in_percent(axes)
        axes.set_ylabel(y_label)
        if len(names) > 1:
            figure.legend(loc="outside upper center", ncols=4)
    return svg[0]


def maps(
    named: Mapping[str, Sequence[Sequence[float]]],
    *,
    columns: int = 4,
    percent: bool = False,
    diverging: bool = False,
    ticks: Sequence[int] | None = None,
) -> str:
    """Return matrices as grey or coloured maps under their names.

    ``percent``: shares of one in one scale; ``diverging``: each centred at zero. ``ticks`` are the
    numbers of rows and columns, counted from 0 where they are left away.
    """
    rows = -(-len(named) // columns)
    columns = min(columns, len(named))
    with drawn(8.2, 0.3 + 8.2 / columns * rows) as (figure, svg):
        axes = list(figure.subplots(rows, columns, squeeze=False).flat)
        for place, (name, values) in zip(axes, named.items(), strict=False):
            array = np.asarray(values, dtype=float)
            limits: dict[str, Any] = {"vmin": 0, "vmax": 1} if percent else {}
            if diverging:
                most = float(np.abs(array).max()) or 1.0
                limits = {"vmin": -most, "vmax": most}
            place.imshow(
                array, cmap="RdBu_r" if diverging else "magma" if percent else "gray", **limits
            )
            place.set_title(name)
            place.grid(visible=False)
            if ticks is None:
                place.set(xticks=[], yticks=[])
            else:
                some = range(0, len(ticks), max(1, len(ticks) // 4))
                labels = [ticks[number] for number in some]
                place.set_xticks(some, labels)
                place.set_yticks(some, labels)
            if percent:
                for (row, column), value in np.ndenumerate(array):
                    if len(array) <= 8:
                        place.text(
                            column, row, f"{100 * value:.0f}", ha="center", va="center",
                            fontsize=7, color="white" if value < 0.6 else "black",
                        )  # fmt: skip
        for place in axes[len(named) :]:
            place.set_axis_off()
    return svg[0]
