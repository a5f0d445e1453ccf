"""Bars with intervals for the pages."""

from collections.abc import Mapping

from convprior.report.vega import COLOURS, DASHES, INK, SHOWN, SOFT, Json, chosen, drawn, legend

Interval = Mapping[str, float]  # mean, low, high


def with_intervals(
    groups: Mapping[str, Mapping[str, Interval]], x_label: str, level: float = 0.0
) -> str:
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
