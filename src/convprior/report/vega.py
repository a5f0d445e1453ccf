"""Vega-Lite on our pages: a picture that needs no script, and with one a chart to be asked.

Satyanarayan et al., "Vega-Lite: a grammar of interactive graphics", InfoVis 2016. Each chart is an
SVG and, beside it, its specification: `page.js` draws it anew from that, as wide as there is
room, with values under the pointer and a legend that singles out what is clicked.
"""

import json
from collections.abc import Sequence
from typing import Any

import vl_convert

Json = dict[str, Any]

VERSION = "6.4"  # of Vega-Lite
COLOURS = ("#c2410c", "#0f766e", "#1d4ed8", "#7e22ce", "#a16207", "#be123c", "#0369a1", "#4d7c0f")
DASHES = ([6, 4], [2, 3], [8, 3, 2, 3], [12, 4])
INK, SOFT, LINE = "#1c1917", "#78716c", "#e7e5e4"
WIDTH = 680  # pixels, where there is no script
LETTERS = 44  # of a row of the legend: what a phone has room for
CONFIG: Json = {
    "font": "system-ui, sans-serif",
    "axis": {
        "labelColor": SOFT, "titleColor": SOFT, "titleFontWeight": "normal", "gridColor": LINE,
        "domainColor": LINE, "tickColor": LINE, "labelFontSize": 11, "titleFontSize": 12,
    },
    "legend": {"labelFontSize": 12, "labelLimit": 0, "symbolStrokeWidth": 3},
    "title": {"fontSize": 12, "fontWeight": "normal", "color": INK, "offset": 6},
    "view": {"stroke": None},
}  # fmt: skip
SHOWN: Json = {"condition": {"param": "chosen", "value": 1}, "value": 0.08}  # an opacity


def script() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script that needs no network."""
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", VERSION)
    return bundle.replace("</script", r"<\/script")


def drawn(specification: Json, width: int | None = None) -> str:
    """Return a chart as HTML: ``width`` in pixels, or as wide as there is room."""
    whole = {
        "$schema": f"https://vega.github.io/schema/vega-lite/v{VERSION.split('.')[0]}.json",
        "config": CONFIG,
        "background": None,
        "autosize": {"type": "pad" if width else "fit-x", "contains": "padding"},
        "width": width or "container",
    } | specification
    svg: str = vl_convert.vegalite_to_svg(whole | {"width": width or WIDTH}, vl_version=VERSION)
    text = json.dumps(whole, ensure_ascii=False, separators=(",", ":")).replace("<", r"\u003c")
    return f'<div class="chart">{svg}<script type="application/json">{text}</script></div>'


def png(chart: str) -> bytes:
    """Return the picture of what `drawn` returned, on white, two pixels for one."""
    svg = chart[chart.index("<svg") : chart.index("</svg>") + len("</svg>")]
    opening, _, rest = svg.partition(">")
    white = '<rect width="100%" height="100%" fill="white"/>'
    picture: bytes = vl_convert.svg_to_png(f"{opening}>{white}{rest}", scale=2)
    return picture


def legend(names: Sequence[str]) -> Json:
    """Return a legend above the chart, in as many columns as a phone has room for."""
    columns = max(1, LETTERS // (4 + max(map(len, names))))
    return {"title": None, "orient": "top", "direction": "horizontal", "columns": columns}


def chosen(field: str) -> Json:
    """Return what a click on the legend chooses, with the shift key several: see ``SHOWN``."""
    return {"name": "chosen", "select": {"type": "point", "fields": [field]}, "bind": "legend"}
