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
from convprior.page import opened, table

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
    return opened(
        "‖f(Tx) − Tf(x)‖ / ‖f(x)‖, layer by layer",
        ("network", "where", *(f"{move} pixels" for move in moves)),
        rows,
    )


def sharing_is_not_enough(exact: dict[str, float], heads: dict[str, str]) -> str:
    """Return how differently two heads see moved pictures, if the flattened one does more."""
    if not heads or exact[heads["flatten"]] <= exact[heads["pool"]]:
        return ""
    least = min(exact, key=lambda name: exact[name])
    return (
        f" Sharing alone does not make position irrelevant: moved in a circle, what the head of "
        f"{code(heads['flatten'])} sees changes by up to {exact[heads['flatten']]:.0%} of its "
        f"length, that of {code(heads['pool'])}, which differs in its head alone, by "
        f"{exact[heads['pool']]:.0%}"
        + (f", and that of {code(least)} by {exact[least]:.1%}." if least not in heads.values()
           else ".")
    )  # fmt: skip


def on_its_grid(equivariance_of: dict[str, Any]) -> str:
    """Return which first layers follow the picture, on the grid of their stride and off it."""
    follow, off = [], []
    for name, layers in equivariance_of.items():
        first, errors = next(iter(layers.items()))
        stride = int(first.rsplit(" ", 1)[1])
        on = [error for move, error in errors.items() if int(move) % stride == 0]
        if on and max(on) < SILENT:
            follow.append(name)
            off += [error for move, error in errors.items() if int(move) % stride]
    if not follow or not off:
        return ""
    return (
        f" The first layers of {listed(follow)} follow a picture exactly when it moves by "
        f"multiples of their stride; by other moves they miss up to {max(off):.0%} of their length."
    )


def borders(metrics: dict[str, Any]) -> str:
    """Return what a constant picture shows of the border."""
    told = {name: max(map(max, of)) for name, of in metrics["padding"].items()}
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
    """Return what a circular border and blurred halving bring elsewhere, alone and together."""
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
        f" Beside {code(of['plain'])}, trained in the corner and shown elsewhere, a circular "
        f"border alone brings {told('padding')}, blurred halving alone {told('pooling')}, both "
        f"{told('padding and pooling')}: {summed}, each at its own learning rate."
    )


def forgotten(networks: dict[str, Any], chance: float) -> str:
    """Return who loses most where no object was in training, and who knows most there."""
    if not networks:
        return "Every network was shown objects at other places than the corner."
    from_corner = {name: of["corner"] for name, of in networks.items()}
    best = max(from_corner, key=lambda name: from_corner[name]["elsewhere"]["mean"])
    drop = {
        name: of["corner"]["mean"] - of["elsewhere"]["mean"] for name, of in from_corner.items()
    }
    lost = sorted((name for name in drop if drop[name] > 0), key=lambda name: -drop[name])[:2]
    return (
        "Shown objects in the corner only, "
        + "".join(
            f"{code(name)} falls from {percent(from_corner[name]['corner']['mean'])} there to "
            f"{percent(from_corner[name]['elsewhere']['mean'])} elsewhere; "
            for name in lost
        )
        + f"{code(best)} gets most elsewhere, {between(from_corner[best]['elsewhere'])} (chance: "
        f"{percent(chance)})."
    )


def taught(networks: dict[str, Any], moved: dict[str, Any]) -> str:
    """Return what moving the objects in training brings a network that does not know places."""
    told = ""
    for name, beside in moved.items():
        if beside:
            gained = beside["gained"]
            told += (
                f" {code(name)} is {code(beside['without'])} whose objects were moved as it "
                f"learned: elsewhere it gets "
                f"{percent(networks[name]['corner']['elsewhere']['mean'])}"
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
        + on_its_grid(metrics["equivariance"])
        + sharing_is_not_enough(exact, metrics["heads"])
        + borders(metrics)
        + altered(metrics["altered"])
        + f" Moved by one pixel, {code(steadiest)} keeps its answer most often, "
        f"{between(networks[steadiest]['uniform']['consistency'])}."
    )
    rows = [
        [
            code(name),
            *(between(of[place][key]) for place in of for key in ("corner", "elsewhere")),
            between(of["uniform"]["consistency"]),
        ]
        for name, of in networks.items()
    ]
    header = ("network", "trained in the corner: shown there",
              "trained in the corner: shown elsewhere",
              "trained anywhere: shown in the corner", "trained anywhere: shown elsewhere",
              "same answer one pixel on")  # fmt: skip
    curves = {
        name: [(float(move), error) for move, error in layers["what the head sees"].items()]
        for name, layers in metrics["equivariance"].items()
    }
    first_layers = {
        name: [(float(move), error) for move, error in next(iter(layers.values())).items()]
        for name, layers in metrics["equivariance"].items()
    }
    moved = [
        Figure(
            chart.lines(
                found, "move in a circle, pixels", "change, of its length", percent=True, dots=True
            ),
            f"How much of what {where} changes when the picture is moved in a circle"
            + (", beside what moves with it." if found is first_layers else "."),
            f"Curves of the change of what {where}; the largest values: "
            + ", ".join(
                f"{name} {percent(max(error for _, error in curve))}"
                for name, curve in found.items()
            ),
        )
        for where, found in (
            ("the first layer puts out", first_layers),
            ("the head sees, the flattened map or its mean over position,", curves),
        )
        if found
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
                "same test objects, in pixels down and right."
                + (
                    f" Those of {listed(list(metrics['moved']))} were moved from there."
                    if metrics["moved"]
                    else ""
                ),
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
