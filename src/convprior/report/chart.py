"""Charts for the pages: curves, and bars with intervals."""

from collections.abc import Mapping, Sequence

from convprior.report.vega import COLOURS, INK, SHOWN, SOFT, Json, chosen, drawn, legend

DASHES = ([6, 4], [2, 3], [8, 3, 2, 3], [12, 4])
FEW = 10  # points of a logarithmic axis that have room for their numbers
HEIGHT = 260  # pixels

Point = tuple[float, float]
Curve = Sequence[Point]
Interval = Mapping[str, float]  # mean, low, high


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
    names = list(curves)
    broken = [name for name in names if dashed is not None and name.startswith(dashed)]
    solid = [name for name in names if name not in broken]
    alike = [broken if name in broken else solid for name in names]
    colours = [
        COLOURS[group.index(name) % len(COLOURS)] for name, group in zip(names, alike, strict=True)
    ]
    number = ".0%" if percent else ".3~g"
    places = sorted({x for curve in curves.values() for x, _ in curve})
    x: Json = {
        "field": "x", "type": "quantitative", "title": x_label,
        "scale": {"nice": False} | ({"type": "log"} if logarithmic else {"zero": False}),
        "axis": {"grid": False, "format": ",~r", "labelFlush": True}
        | ({"values": places} if logarithmic and len(places) <= FEW else {"tickCount": 8}),
    }  # fmt: skip
    y: Json = {
        "field": "y", "type": "quantitative", "title": y_label,
        "scale": {"zero": False}, "axis": {"format": number, "tickCount": 6},
    }  # fmt: skip
    named = legend(names) | ({} if dots else {"symbolType": "stroke"})
    colour: Json = {
        "field": "name", "type": "nominal", "legend": named,
        "scale": {"domain": names, "range": colours},
    }  # fmt: skip
    dash: Json = {
        "field": "name", "type": "nominal", "legend": named,
        "scale": {
            "domain": names, "range": [DASHES[0] if name in broken else [1, 0] for name in names]
        },
    }  # fmt: skip
    tooltip = [
        {"field": "name", "title": "curve"},
        {"field": "x", "title": x_label, "format": ",~r"},
        {"field": "y", "title": y_label, "format": ".1%" if percent else ".3~f"},
    ]
    rows: list[Json] = [
        {"name": name, "x": x, "y": y} for name, curve in curves.items() for x, y in curve
    ]
    if bands:
        spans = (span for name in names for span in bands.get(name, [(None, None)] * len(places)))
        for row, (low, high) in zip(rows, spans, strict=True):
            row |= {"low": low, "high": high}
        tooltip += [
            {"field": end, "title": f"95 %, {end}", "format": ".1%" if percent else ".3~f"}
            for end in ("low", "high")
        ]
    layers: list[Json] = [
        {
            "mark": {"type": "line", "strokeWidth": 2},
            "params": [chosen("name")],
            "encoding": {"x": x, "y": y, "color": colour, "strokeDash": dash, "opacity": SHOWN},
        },
        {
            # Points that nobody sees until the pointer, or a finger, finds them. (With `nearest`,
            # Vega-Lite 6.4 loses the names.)
            "mark": {"type": "point", "filled": True, "size": 150},
            "params": [{
                "name": "near",
                "select": {"type": "point", "on": "pointerover", "clear": "pointerout"},
            }],
            "encoding": {
                "x": x, "y": y, "color": colour, "tooltip": tooltip,
                "opacity": {
                    "condition": {"param": "near", "value": 0.5, "empty": False},
                    "value": 0,
                },
            },
        },
    ]  # fmt: skip
    both: Json = {"x": x, "color": colour, "opacity": SHOWN}
    if dots:
        shape = {"field": "name", "type": "nominal", "legend": named, "scale": {"domain": names}}
        seen: Json = both | {"y": y, "shape": shape}
        layers.insert(1, {"mark": {"type": "point", "filled": True, "size": 45}, "encoding": seen})
    if bands:
        ends: Json = {"y": y | {"field": "low"}, "y2": {"field": "high"}}
        layers.insert(0, {"mark": {"type": "area", "fillOpacity": 0.15}, "encoding": both | ends})
    if stops is not None:
        peaks = {name: max(curve, key=lambda point: point[1]) for name, curve in curves.items()}
        for mark, marked in (("triangle-up", peaks), ("circle", stops)):
            values = [{"name": name, "x": x, "y": y} for name, (x, y) in marked.items()]
            layers.append({
                "data": {"values": values},
                "mark": {"type": "point", "shape": mark, "size": 90, "filled": mark != "circle"},
                "encoding": {"x": x, "y": y, "color": colour},
            })  # fmt: skip
    layers += _levels(levels or {}, y)
    return drawn({"data": {"values": rows}, "height": HEIGHT, "layer": layers})


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


def bars(groups: Mapping[str, Mapping[str, Interval]], x_label: str, level: float = 0.0) -> str:
    """Return shares of one as bars with their intervals: a group of bars for each name.

    All groups have bars of the same names. ``level`` is a line across.
    """
    names = list(next(iter(groups.values())))
    rows = [
        {"group": group, "name": name, **{end: of[end] for end in ("mean", "low", "high")}}
        for group, found in groups.items()
        for name, of in found.items()
    ]
    share: Json = {
        "field": "mean", "type": "quantitative", "title": x_label, "scale": {"domain": [0, 1]},
        "axis": {"format": ".0%", "tickCount": 6},
    }  # fmt: skip
    where: Json = {
        "y": {
            "field": "group", "type": "nominal", "sort": None, "title": None,
            "axis": {"labelLimit": 0, "labelExpr": "split(datum.label, ', ')",
                     "domain": False, "ticks": False},
            "scale": {"paddingInner": 0.25},
        },
        "yOffset": {"field": "name", "sort": names},
    }  # fmt: skip
    colour: Json = {
        "field": "name", "type": "nominal", "sort": names,
        "legend": legend(names) if len(names) > 1 else None,
        "scale": {"domain": names, "range": list(COLOURS[: len(names)])},
    }  # fmt: skip
    tooltip = [{"field": "group", "title": "of"}, {"field": "name", "title": "bar"}] + [
        {"field": end, "format": ".1%", "title": title}
        for end, title in (("mean", x_label), ("low", "95 %, low"), ("high", "95 %, high"))
    ]
    layers: list[Json] = [
        {
            "mark": {"type": "bar"},
            "params": [chosen("name")],
            "encoding": where | {"x": share, "color": colour, "tooltip": tooltip, "opacity": SHOWN},
        },
        {
            "mark": {"type": "rule", "color": INK},
            "encoding": where
            | {"x": share | {"field": "low"}, "x2": {"field": "high"}, "opacity": SHOWN},
        },
    ]
    if level:
        layers.append({
            "data": {"values": [{}]},
            "mark": {"type": "rule", "color": SOFT, "strokeDash": DASHES[0]},
            "encoding": {"x": {"datum": level}},
        })  # fmt: skip
    return drawn({"data": {"values": rows}, "height": {"step": 16}, "layer": layers})
