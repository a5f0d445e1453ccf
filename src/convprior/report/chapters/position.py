"""Does a network know the same object at another place, and which part of it forgets the place?"""

from typing import Any

from convprior.report import heatmap
from convprior.report.chapters import equivariance
from convprior.report.chapters.chapter import (
    Chapter,
    Figure,
    between,
    clear,
    code,
    listed,
    percent,
    points,
)
from convprior.report.page import table


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
    findings = (
        taught(networks, metrics["moved"])
        + equivariance.on_its_grid(metrics["equivariance"])
        + equivariance.sharing_is_not_enough(metrics["equivariance"], metrics["heads"])
        + equivariance.borders(metrics)
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
    return Chapter(
        "Position",
        "Does a network know the same object at another place?",
        forgotten(still, metrics["chance"]),
        findings,
        (
            Figure(
                heatmap.maps(
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
                heatmap.maps(
                    {name: of["uniform"]["map"] for name, of in networks.items()},
                    ticks=metrics["offsets"],
                ),
                "Trained with objects anywhere.",
                "Heat maps of accuracy over places; the means are in the table.",
            ),
            *equivariance.figures(metrics),
        ),
        "dvc exp run study/dvc.yaml -S study.position.step=1",
        table(header, rows) + equivariance.layer_table(metrics["equivariance"]),
    )
