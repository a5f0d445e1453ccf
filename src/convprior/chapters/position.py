"""Does a network know the same object at another place, and which part of it forgets the place?"""

from typing import Any

from convprior import chart
from convprior.chapters.chapter import (
    Chapter,
    Figure,
    between,
    clear,
    code,
    listed,
    percent,
    points,
)
from convprior.page import table

SILENT = 1e-5  # variation over position: less is rounding


def layer_table(equivariance_of: dict[str, Any]) -> str:
    """Return the errors of each layer as a table that opens."""
    rows = [
        [code(name), layer, *(f"{error:.3f}" for error in of.values())]
        for name, layers in equivariance_of.items()
        for layer, of in layers.items()
    ]
    if not rows:
        return ""
    moves = next(iter(next(iter(equivariance_of.values())).values()))
    return (
        "<details><summary>‖f(Tx) − Tf(x)‖ / ‖f(x)‖, layer by layer</summary>"
        + table(("network", "where", *(f"{move} pixels" for move in moves)), rows)
        + "</details>"
    )


def sharing_is_not_enough(exact: dict[str, float]) -> str:
    """Return how differently two heads see moved pictures, if they do."""
    if not exact:
        return ""
    flat = max(exact, key=lambda name: exact[name])
    pooled = min(exact, key=lambda name: exact[name])
    if exact[flat] <= 2 * exact[pooled]:
        return ""
    return (
        f" Sharing alone does not make position irrelevant: moved in a circle, what the head of "
        f"{code(flat)} sees changes by up to {exact[flat]:.0%} of its length, that of "
        f"{code(pooled)} by {exact[pooled]:.1%}."
    )


def borders(metrics: dict[str, Any]) -> str:
    """Return what a constant picture shows of the border."""
    told = {name: max(of.values()) for name, of in metrics["padding"].items()}
    talking = [name for name, value in told.items() if value >= SILENT]
    silent = [name for name in told if name not in talking]
    if not talking:
        return ""
    zeros = all(metrics["borders"][name] == "zeros" for name in talking)
    circular = [name for name in silent if metrics["borders"][name] == "circular"]
    return (
        f" On a constant picture the features of {listed(talking)} vary over position by up to "
        f"{max(told.values()):.0%}"
        + (": zeros around a picture tell where its border is" if zeros else "")
        + (f"; those of {listed(circular)}, whose border is circular, do not." if circular else ".")
    )


def altered(of: dict[str, Any]) -> str:
    """Return what a circular border and blurred halving bring anywhere, alone and together."""
    if not of:
        return ""

    def told(parts: str) -> str:
        gained = of["gained"][parts]
        noise = "" if clear(gained) else ", within the noise"
        return f"{points(gained)}{noise} ({code(of['networks'][parts])})"

    beyond = of["beyond the sum"]
    more = "more" if beyond["mean"] > 0 else "less"
    summed = f"{more} than their sum" if clear(beyond) else "no clear difference from their sum"
    return (
        f" Beside {code(of['plain'])}, trained in the corner and shown anywhere, a circular border "
        f"alone brings {told('padding')}, blurred halving alone {told('pooling')}, both "
        f"{told('padding and pooling')}: {summed}."
    )


def chapter(metrics: dict[str, Any]) -> Chapter:
    """Draw and answer."""
    networks = metrics["networks"]
    from_corner = {name: of["corner"] for name, of in networks.items()}
    best = max(from_corner, key=lambda name: from_corner[name]["anywhere"]["mean"])
    drop = {name: of["corner"]["mean"] - of["anywhere"]["mean"] for name, of in from_corner.items()}
    lost = sorted((name for name in drop if drop[name] > 0), key=lambda name: -drop[name])[:2]
    steadiest = max(networks, key=lambda name: networks[name]["uniform"]["consistency"]["mean"])
    exact = {
        name: max(layers["what the head sees"].values())
        for name, layers in metrics["equivariance"].items()
    }
    answer = (
        "Shown objects in the corner only, "
        + " and ".join(
            f"{code(name)} falls from {percent(from_corner[name]['corner']['mean'])} there to "
            f"{percent(from_corner[name]['anywhere']['mean'])} anywhere"
            for name in lost
        )
        + f" (chance: {percent(metrics['chance'])}); {code(best)} gets most there, "
        f"{between(from_corner[best]['anywhere'])}."
        + sharing_is_not_enough(exact)
        + borders(metrics)
        + altered(metrics["altered"])
        + f" Moved by one pixel, {code(steadiest)} keeps its answer most often, "
        f"{between(networks[steadiest]['uniform']['consistency'])}."
    )
    rows = [
        [
            code(name),
            *(between(of[place][key]) for place in of for key in ("corner", "anywhere")),
            between(of["uniform"]["consistency"]),
        ]
        for name, of in networks.items()
    ]
    header = ("network", "trained in the corner: shown there",
              "trained in the corner: shown anywhere",
              "trained anywhere: shown in the corner", "trained anywhere: shown anywhere",
              "same answer one pixel on")  # fmt: skip
    curves = {
        f"{name}, {layer}": [(float(move), error) for move, error in of.items()]
        for name, layers in metrics["equivariance"].items()
        for layer, of in list(layers.items())[-1:]
    }
    moved = []
    if curves:
        moved = [
            Figure(
                chart.lines(
                    curves, "move in a circle, pixels", "change, share of its length", dots=True
                ),
                "How much of what the head sees changes when the picture is moved in a circle: the "
                "flattened map, or its mean over position.",
                "Curves of the change of what the head sees; their largest values: "
                + ", ".join(f"{name} {value:.3f}" for name, value in exact.items()),
            ),
        ]
    return Chapter(
        "Position",
        "Does a network know the same object at another place?",
        answer,
        (
            Figure(
                chart.maps(
                    {name: of["corner"]["map"] for name, of in networks.items()},
                    percent=True,
                    ticks=metrics["offsets"],
                ),
                "Trained with objects in the corner: accuracy in percent at each offset of the "
                "same test objects, in pixels down and right.",
                "Heat maps of accuracy over places; the means are in the table.",
            ),
            Figure(
                chart.maps(
                    {name: of["uniform"]["map"] for name, of in networks.items()},
                    percent=True,
                    ticks=metrics["offsets"],
                ),
                "Trained with objects anywhere.",
                "Heat maps of accuracy over places; the means are in the table.",
            ),
            *moved,
        ),
        "dvc exp run -S study.position.step=1",
        table(header, rows) + layer_table(metrics["equivariance"]),
    )
