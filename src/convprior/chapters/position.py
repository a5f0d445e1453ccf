"""Does a network know the same object at another place, and which part of it forgets the place?"""

from typing import Any

from convprior import chart
from convprior.chapters.chapter import Chapter, Figure, between, listed, percent
from convprior.page import table


def layer_table(equivariance_of: dict[str, Any]) -> str:
    """Return the errors of each layer as a table that opens."""
    rows = [
        [f"<code>{name}</code>", layer, *(f"{error:.3f}" for error in of.values())]
        for name, layers in equivariance_of.items()
        for layer, of in layers.items()
    ]
    moves = next(iter(next(iter(equivariance_of.values())).values()))
    return (
        "<details><summary>‖f(Tx) − Tf(x)‖ / ‖f(x)‖, layer by layer</summary>"
        + table(("network", "where", *(f"{move} pixels" for move in moves)), rows)
        + "</details>"
    )


def chapter(metrics: dict[str, Any]) -> Chapter:
    """Draw and answer."""
    networks = metrics["networks"]
    from_corner = {name: of["corner"] for name, of in networks.items()}
    best = max(from_corner, key=lambda name: from_corner[name]["anywhere"]["mean"])
    drop = {name: of["corner"]["mean"] - of["anywhere"]["mean"] for name, of in from_corner.items()}
    lost = sorted(drop, key=lambda name: -drop[name])[:2]
    steadiest = max(networks, key=lambda name: networks[name]["uniform"]["consistency"]["mean"])
    exact = {
        name: max(layers["what the head sees"].values())
        for name, layers in metrics["equivariance"].items()
    }
    flat = max(exact, key=lambda name: exact[name])
    pooled = min(exact, key=lambda name: exact[name])
    told = {name: max(of.values()) for name, of in metrics["padding"].items()}
    silent = [name for name, value in told.items() if value < 1e-5]
    talking = [name for name in told if name not in silent]
    most = max(told.values())
    answer = (
        f"Shown objects in the corner only, {listed(lost)} lose most elsewhere: from "
        f"{percent(from_corner[lost[0]]['corner']['mean'])} and "
        f"{percent(from_corner[lost[1]]['corner']['mean'])} to "
        f"{percent(from_corner[lost[0]]['anywhere']['mean'])} and "
        f"{percent(from_corner[lost[1]]['anywhere']['mean'])} (chance: "
        f"{percent(metrics['chance'])}); <code>{best}</code> keeps most, "
        f"{between(from_corner[best]['anywhere'])}."
        + (
            f" Sharing alone does not make position irrelevant: moved in a circle, what the head "
            f"of <code>{flat}</code> sees changes by up to {exact[flat]:.0%} of its length, that "
            f"of <code>{pooled}</code> by {exact[pooled]:.1%}."
            if exact[flat] > 2 * exact[pooled]
            else ""
        )
        + (
            f" On a constant picture, where a true convolution would see the same everywhere, the "
            f"features of {listed(talking)} vary over position by up to {most:.0%}, because zeros "
            "around the picture tell where its border is"
            + (f"; those of {listed(silent)}, whose border is circular, do not." if silent else ".")
            if talking
            else ""
        )
        + f" Moved by one pixel, <code>{steadiest}</code> keeps its answer most often, "
        f"{between(networks[steadiest]['uniform']['consistency'])}."
    )
    rows = [
        [
            f"<code>{name}</code>",
            *(between(of[place][key]) for place in of for key in ("corner", "anywhere")),
            between(of["uniform"]["consistency"]),
        ]
        for name, of in networks.items()
    ]
    header = ("network", "trained in the corner: there", "anywhere", "trained anywhere: corner",
              "anywhere", "same answer one pixel on")  # fmt: skip
    curves = {
        f"{name}, {layer}": [(float(move), error) for move, error in of.items()]
        for name, layers in metrics["equivariance"].items()
        for layer, of in list(layers.items())[-1:]
    }
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
            Figure(
                chart.lines(
                    curves, "move in a circle, pixels", "change, share of its length", dots=True
                ),
                "How much of what the head sees changes when the picture is moved in a circle: the "
                "flattened map, or its mean over position.",
                "Curves of the change of what the head sees; their largest values: "
                + ", ".join(f"{name} {value:.3f}" for name, value in exact.items()),
            ),
        ),
        "dvc exp run -S study.position.step=1",
        table(header, rows) + layer_table(metrics["equivariance"]),
    )
