"""Does a network know the same object at another place, and which part of it forgets the place?"""

import math
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

SILENT = 1e-5  # difference over position: less is rounding


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


def root_mean_square(rows: list[list[float]]) -> float:
    """Return that of all values."""
    squares = [value**2 for row in rows for value in row]
    return math.sqrt(sum(squares) / len(squares))


def borders(metrics: dict[str, Any]) -> str:
    """Return what a constant picture shows of the border."""
    told = {name: root_mean_square(of) for name, of in metrics["padding"].items()}
    talking = [name for name, value in told.items() if value >= SILENT]
    silent = [name for name in told if name not in talking]
    if not talking:
        return ""
    zeros = all(metrics["borders"][name] == "zeros" for name in talking)
    circular = [name for name in silent if metrics["borders"][name] == "circular"]
    return (
        f" On a constant picture the features of {listed(talking)} differ over position, from "
        f"those in the middle by up to {max(told.values()):.0%} of their length"
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


def forgotten(networks: dict[str, Any], chance: float) -> str:
    """Return who loses most where no object was in training, and who knows most there."""
    if not networks:
        return "Every network was shown objects at other places than the corner."
    from_corner = {name: of["corner"] for name, of in networks.items()}
    best = max(from_corner, key=lambda name: from_corner[name]["anywhere"]["mean"])
    drop = {name: of["corner"]["mean"] - of["anywhere"]["mean"] for name, of in from_corner.items()}
    lost = sorted((name for name in drop if drop[name] > 0), key=lambda name: -drop[name])[:2]
    return (
        "Shown objects in the corner only, "
        + " and ".join(
            f"{code(name)} falls from {percent(from_corner[name]['corner']['mean'])} there to "
            f"{percent(from_corner[name]['anywhere']['mean'])} anywhere"
            for name in lost
        )
        + f" (chance: {percent(chance)}); {code(best)} gets most there, "
        f"{between(from_corner[best]['anywhere'])}."
    )


def taught(networks: dict[str, Any], moved: dict[str, Any]) -> str:
    """Return what moving the objects in training brings a network that does not know places."""
    told = ""
    for name, beside in moved.items():
        if beside:
            gained = beside["gained"]
            told += (
                f" {code(name)} is {code(beside['without'])} whose objects were moved as it "
                f"learned: anywhere it gets {percent(networks[name]['corner']['anywhere']['mean'])}"
                f", {points(gained)}"
                + (": what the architecture does not know, augmentation can teach"
                   if gained["low"] > 0 else "")
                + "."
            )  # fmt: skip
    return told


def chapter(metrics: dict[str, Any]) -> Chapter:
    """Draw and answer."""
    networks = metrics["networks"]
    still = {name: of for name, of in networks.items() if name not in metrics["moved"]}
    steadiest = max(networks, key=lambda name: networks[name]["uniform"]["consistency"]["mean"])
    exact = {
        name: max(layers["what the head sees"].values())
        for name, layers in metrics["equivariance"].items()
    }
    findings = (
        taught(networks, metrics["moved"])
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
        name: [(float(move), error) for move, error in layers["what the head sees"].items()]
        for name, layers in metrics["equivariance"].items()
    }
    moved = []
    if curves:
        moved = [
            Figure(
                chart.lines(
                    curves,
                    "move in a circle, pixels",
                    "change, of its length",
                    percent=True,
                    dots=True,
                ),
                "How much of what the head sees changes when the picture is moved in a circle: the "
                "flattened map, or its mean over position.",
                "Curves of the change of what the head sees; their largest values: "
                + ", ".join(f"{name} {value:.3f}" for name, value in exact.items()),
            ),
        ]
    told = []
    if metrics["padding"]:
        told = [
            Figure(
                chart.maps(metrics["padding"]),
                "A constant picture, seen before the head: how far each place's features are from "
                "those in the middle, in percent of the features' length.",
                "Maps of differences over position; the largest: "
                + ", ".join(
                    f"{name} {percent(max(map(max, of)))}"
                    for name, of in metrics["padding"].items()
                ),
            ),
        ]
    return Chapter(
        "Position",
        "Does a network know the same object at another place?",
        forgotten(still, metrics["chance"]),
        findings,
        (
            Figure(
                chart.maps(
                    {name: of["corner"]["map"] for name, of in networks.items()},
                    ticks=metrics["offsets"],
                ),
                "Trained with objects in the corner: accuracy in percent at each offset of the "
                "same test objects, in pixels down and right.",
                "Heat maps of accuracy over places; the means are in the table.",
            ),
            Figure(
                chart.maps(
                    {name: of["uniform"]["map"] for name, of in networks.items()},
                    ticks=metrics["offsets"],
                ),
                "Trained with objects anywhere.",
                "Heat maps of accuracy over places; the means are in the table.",
            ),
            *moved,
            *told,
        ),
        "dvc exp run -S study.position.step=1",
        table(header, rows) + layer_table(metrics["equivariance"]),
    )
