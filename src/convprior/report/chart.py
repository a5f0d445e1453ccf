"""Curves for the pages."""

from collections.abc import Mapping, Sequence

from convprior.report.vega import COLOURS, DASHES, SHOWN, SOFT, Json, chosen, drawn, legend

FEW = 10  # points of a logarithmic axis that have room for their numbers
HEIGHT = 260  # pixels

Point = tuple[float, float]
Curve = Sequence[Point]


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
    """Return a line chart of named curves.

    ``percent`` shows shares of one; ``dots`` marks every point, of each curve in another shape;
    ``logarithmic`` is the x axis. With ``stops``, it is too, a circle marks each curve's stop and a
    triangle its peak. ``levels`` are horizontal lines; ``bands`` are low and high at each point of
    a curve; curves whose names begin with ``dashed`` are dashed, and take the colours from the
    first again.
    """
    logarithmic = logarithmic or stops is not None
    x, y = _across(x_label, curves, logarithmic), _up(y_label, percent)
    named = legend(list(curves)) | ({} if dots else {"symbolType": "stroke"})
    colour, dash = _colours_and_dashes(list(curves), dashed, named)
    along: Json = {"x": x, "color": colour, "opacity": SHOWN}
    layers: list[Json] = [
        {
            "mark": {"type": "line", "strokeWidth": 2},
            "params": [chosen("name")],
            "encoding": {"x": x, "y": y, "color": colour, "strokeDash": dash, "opacity": SHOWN},
        },
        _touched({"x": x, "y": y, "color": colour, "tooltip": _tooltip(x_label, y_label, percent,
                                                                    with_ends=bool(bands))}),
    ]  # fmt: skip
    if dots:
        shape = {"field": "name", "type": "nominal", "legend": named,
                 "scale": {"domain": list(curves)}}  # fmt: skip
        seen: Json = along | {"y": y, "shape": shape}
        layers.insert(1, {"mark": {"type": "point", "filled": True, "size": 45}, "encoding": seen})
    if bands:
        ends: Json = {"y": y | {"field": "low"}, "y2": {"field": "high"}}
        layers.insert(0, {"mark": {"type": "area", "fillOpacity": 0.15}, "encoding": along | ends})
    if stops is not None:
        layers += _stops_and_peaks(curves, stops, {"x": x, "y": y, "color": colour})
    layers += _levels(levels or {}, y)
    rows = _rows(curves, bands or {})
    return drawn({"data": {"values": rows}, "height": HEIGHT, "layer": layers})


def _across(label: str, curves: Mapping[str, Curve], logarithmic: bool) -> Json:
    """Return the x axis; a logarithmic one of few points has a number at each."""
    places = sorted({x for curve in curves.values() for x, _ in curve})
    return {
        "field": "x", "type": "quantitative", "title": label,
        "scale": {"nice": False} | ({"type": "log"} if logarithmic else {"zero": False}),
        "axis": {"grid": False, "format": ",~r", "labelFlush": True}
        | ({"values": places} if logarithmic and len(places) <= FEW else {"tickCount": 8}),
    }  # fmt: skip


def _up(label: str, percent: bool) -> Json:
    """Return the y axis."""
    return {
        "field": "y", "type": "quantitative", "title": label,
        "scale": {"zero": False},
        "axis": {"format": ".0%" if percent else ",~r", "tickCount": 6},
    }  # fmt: skip


def _colours_and_dashes(names: Sequence[str], dashed: str | None, named: Json) -> tuple[Json, Json]:
    """Return how the curves are told apart; those that are dashed count their colours anew."""
    broken = [name for name in names if dashed is not None and name.startswith(dashed)]
    solid = [name for name in names if name not in broken]
    alike = [broken if name in broken else solid for name in names]
    colours = [
        COLOURS[group.index(name) % len(COLOURS)] for name, group in zip(names, alike, strict=True)
    ]
    dashes = [DASHES[0] if name in broken else [1, 0] for name in names]
    colour, dash = (
        {"field": "name", "type": "nominal", "legend": named,
         "scale": {"domain": names, "range": values}}
        for values in (colours, dashes)
    )  # fmt: skip
    return colour, dash


def _tooltip(x_label: str, y_label: str, percent: bool, *, with_ends: bool) -> list[Json]:
    """Return what stands under the pointer, with the ends of a band if there is one."""
    number = ".1%" if percent else ".3~f"
    ends = [{"field": end, "title": f"95 %, {end}", "format": number} for end in ("low", "high")]
    return [
        {"field": "name", "title": "curve"},
        {"field": "x", "title": x_label, "format": ",~r"},
        {"field": "y", "title": y_label, "format": number},
        *(ends if with_ends else []),
    ]


def _touched(encoding: Json) -> Json:
    """Return points that nobody sees until the pointer, or a finger, finds them.

    (With `nearest`, Vega-Lite 6.4 loses the names.)
    """
    near = {"type": "point", "on": "pointerover", "clear": "pointerout"}
    opacity = {"condition": {"param": "near", "value": 0.5, "empty": False}, "value": 0}
    return {
        "mark": {"type": "point", "filled": True, "size": 150},
        "params": [{"name": "near", "select": near}],
        "encoding": encoding | {"opacity": opacity},
    }


def _rows(curves: Mapping[str, Curve], bands: Mapping[str, Sequence[Point]]) -> list[Json]:
    """Return the points of all curves, with the ends of their bands where one has any."""
    rows: list[Json] = []
    for name, curve in curves.items():
        points: list[Json] = [{"name": name, "x": x, "y": y} for x, y in curve]
        if bands:
            spans = bands.get(name, [(None, None)] * len(points))
            for point, (low, high) in zip(points, spans, strict=True):
                point |= {"low": low, "high": high}
        rows += points
    return rows


def _stops_and_peaks(
    curves: Mapping[str, Curve], stops: Mapping[str, Point], encoding: Json
) -> list[Json]:
    """Return a triangle at the peak of each curve and a circle at its stop."""
    peaks = {name: max(curve, key=lambda point: point[1]) for name, curve in curves.items()}
    return [
        {
            "data": {"values": [{"name": name, "x": x, "y": y} for name, (x, y) in marked.items()]},
            "mark": {"type": "point", "shape": mark, "size": 90, "filled": mark != "circle"},
            "encoding": encoding,
        }
        for mark, marked in (("triangle-up", peaks), ("circle", stops))
    ]


def _levels(levels: Mapping[str, float], y: Json) -> list[Json]:
    """Return a line across for each level, with its name at the left."""
    layers: list[Json] = []
    scale = {key: value for key, value in y.items() if key != "field"}
    for dashes, (name, level) in zip(DASHES, levels.items(), strict=False):
        at: Json = {"y": scale | {"datum": level}}
        layers.append({
            "data": {"values": [{"name": name}]},
            "layer": [
                {"mark": {"type": "rule", "color": SOFT, "strokeDash": dashes}, "encoding": at},
                {
                    "mark": {"type": "text", "align": "left", "baseline": "bottom", "dy": -3,
                             "color": SOFT},
                    "encoding": at | {"x": {"value": 4}, "text": {"field": "name"}},
                },
            ],
        })  # fmt: skip
    return layers
