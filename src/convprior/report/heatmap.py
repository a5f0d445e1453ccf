"""Matrices as coloured maps for the pages, under their names."""

from collections.abc import Mapping, Sequence

from convprior.report.vega import Json, drawn

CELL = 26  # pixels of a place, with a number in it


def maps(
    named: Mapping[str, Sequence[Sequence[float]]],
    *,
    diverging: bool = False,
    ticks: Sequence[int] | None = None,
) -> str:
    """Return matrices as coloured maps under their names, side by side where there is room.

    Shares of one in one scale, each with its number; or ``diverging``, each centred at zero.
    ``ticks`` are the numbers of rows and columns, counted from 0 where they are left away.
    """
    return (
        f'<div class="maps">{"".join(_map(*one, diverging, ticks) for one in named.items())}</div>'
    )


def _map(
    name: str, matrix: Sequence[Sequence[float]], diverging: bool, ticks: Sequence[int] | None
) -> str:
    height, width = len(matrix), len(matrix[0])
    down, across = ticks or range(height), ticks or range(width)
    rows = [
        {"down": down[row], "across": across[column], "value": value}
        for row, values in enumerate(matrix)
        for column, value in enumerate(values)
    ]
    axis = {"ticks": False, "domain": False, "labelAngle": 0} if ticks else None
    most = max(abs(row["value"]) for row in rows) or 1.0
    scale: Json = (
        {"scheme": "blueorange", "domain": [-most, most]}
        if diverging
        else {"scheme": "magma", "domain": [0, 1]}
    )
    shape = ".3f" if diverging else ".1%"
    place: Json = {
        key: {"field": field, "type": "ordinal", "title": None, "axis": axis,
              "scale": {"padding": 0}}
        for key, field in (("x", "across"), ("y", "down"))
    }  # fmt: skip
    layers: list[Json] = [
        {
            "mark": "rect",
            "encoding": {
                "color": {"field": "value", "type": "quantitative", "scale": scale, "legend": None},
                "tooltip": [
                    {"field": "down", "title": "down"},
                    {"field": "across", "title": "right"},
                    {"field": "value", "title": "value", "format": shape},
                ],
            },
        },
    ]
    if not diverging:
        layers.append({
            "mark": {"type": "text", "fontSize": 10, "tooltip": None},
            "encoding": {
                "text": {"field": "hundredths", "type": "quantitative", "format": ".0f"},
                "color": {"condition": {"test": "datum.value < 0.6", "value": "white"},
                          "value": "black"},
            },
            "transform": [{"calculate": "100 * datum.value", "as": "hundredths"}],
        })  # fmt: skip
    return drawn(
        {
            "title": name,
            "data": {"values": rows},
            "height": CELL * height,
            "encoding": place,
            "layer": layers,
        },
        CELL * width,
    )
