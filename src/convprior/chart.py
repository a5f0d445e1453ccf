"""Line charts for the pages: SVG with text that stays text."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

COLOURS = ("#c2410c", "#0f766e", "#1d4ed8", "#7e22ce", "#a16207", "#be123c")
DASHES = ("--", ":", "-.", (0, (6, 4, 1, 4)))
STYLE: Any = {
    "axes.edgecolor": "#e7e5e4",
    "axes.grid": True,
    "axes.labelcolor": "#78716c",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "sans-serif",
    "grid.color": "#e7e5e4",
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "convprior",  # the same chart is the same file
    "xtick.color": "#78716c",
    "ytick.color": "#78716c",
}

Point = tuple[float, float]
Curve = Sequence[Point]


def lines(
    curves: Mapping[str, Curve],
    x_label: str,
    y_label: str,
    *,
    percent: bool = False,
    dots: bool = False,
    stops: Mapping[str, Point] | None = None,
    levels: Mapping[str, float] | None = None,
) -> str:
    """Return a line chart of named curves as SVG.

    ``percent`` shows shares of one, from none to all; ``dots`` marks every point. With ``stops``,
    the x axis is logarithmic, a circle marks each curve's stop and a triangle its peak. ``levels``
    are horizontal lines.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.2, 3.8), layout="constrained")
        axes = figure.subplots()
        for colour, (name, curve) in zip(COLOURS, curves.items(), strict=False):
            dot = "o" if dots else ""
            axes.plot(*zip(*curve, strict=True), color=colour, label=name, marker=dot, ms=4)
            if stops is not None:
                axes.plot(*max(curve, key=lambda point: point[1]), marker="^", color=colour)
            if stops and name in stops:
                axes.plot(*stops[name], marker="o", fillstyle="none", ms=9, color=colour)
        for dashes, (name, level) in zip(DASHES, (levels or {}).items(), strict=False):
            axes.axhline(level, color="#78716c", linestyle=dashes, linewidth=1, label=name)
        if stops is not None:
            axes.set_xscale("log")
        if percent:
            axes.set_ylim(0, 1)
            axes.yaxis.set_major_formatter("{x:.0%}")
        axes.set(xlabel=x_label, ylabel=y_label)
        figure.legend(loc="outside right upper")
        file = io.StringIO()
        figure.savefig(
            file, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"))
        )
    svg = file.getvalue()
    return svg[svg.index("<svg") :]
