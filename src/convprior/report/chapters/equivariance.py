"""What layers, heads and borders do when a picture moves: a part of the chapter Position."""

from typing import Any

from convprior.report import chart, heatmap
from convprior.report.chapters.chapter import Figure, code, listed, percent
from convprior.report.page import opened

SILENT = 1e-5  # difference over position: less is rounding
HEAD = "what the head sees"  # behind the last layer


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


def sharing_is_not_enough(equivariance_of: dict[str, Any], heads: dict[str, str]) -> str:
    """Return how differently two heads see moved pictures, if the flattened one does more."""
    exact = {name: max(layers[HEAD].values()) for name, layers in equivariance_of.items()}
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


def changes(what: str, after: str, errors_of: dict[str, dict[str, float]]) -> Figure:
    """Return how much of what a layer or a head has changes, by how far the picture moves."""
    curves = {
        name: [(float(move), error) for move, error in errors.items()]
        for name, errors in errors_of.items()
    }
    largest = (f"{name} {percent(max(errors.values()))}" for name, errors in errors_of.items())
    return Figure(
        chart.lines(
            curves, "move in a circle, pixels", "change, of its length", percent=True, dots=True
        ),
        f"How much of what {what} changes when the picture is moved in a circle{after}",
        f"Curves of the change of what {what}; the largest values: {', '.join(largest)}",
    )


def figures(metrics: dict[str, Any]) -> list[Figure]:
    """Return how first layers and heads change with the picture, and what borders tell."""
    found = []
    if layers_of := metrics["equivariance"]:
        firsts = {name: next(iter(layers.values())) for name, layers in layers_of.items()}
        heads = {name: layers[HEAD] for name, layers in layers_of.items()}
        found += [
            changes("the first layer puts out", ", beside what moves with it.", firsts),
            changes("the head sees, the flattened map or its mean over position,", ".", heads),
        ]
    if metrics["padding"]:
        largest = (
            f"{name} {percent(max(map(max, of)))}" for name, of in metrics["padding"].items()
        )
        found.append(
            Figure(
                heatmap.maps(metrics["padding"]),
                "A constant picture, seen before the head: how far each place's features are from "
                "those in the middle, in percent of the features' length.",
                f"Maps of differences over position; the largest: {', '.join(largest)}",
            )
        )
    return found
