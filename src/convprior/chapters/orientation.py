"""Does a network know an object that is turned, smaller or larger? And when is it wrong to?"""

from typing import Any

from convprior import chart
from convprior.chapters.chapter import Chapter, Figure, between, code, percent, points


def chapter(metrics: dict[str, Any]) -> Chapter:
    """Draw and answer."""
    kinds = list(metrics["turned"])
    plain, taught = metrics["turned"].values()
    upright = next(iter(plain["angle"]))
    worst = min(plain["angle"], key=lambda angle: plain["angle"][angle]["mean"])
    hardest = min(plain["scale"], key=lambda scale: plain["scale"][scale]["mean"])
    digits, gained = metrics["digits"], metrics["gained"]
    name = metrics["network"]
    lost = digits["lost"]
    answer = (
        f"{code(name)} gets {percent(plain['angle'][upright]['mean'])} of upright objects, "
        f"{percent(plain['angle'][worst]['mean'])} of those turned by {worst}° and "
        f"{percent(plain['scale'][hardest]['mean'])} of those scaled by {hardest}; trained as long "
        f"and at the same rate on turned and scaled ones "
        f"{percent(taught['angle'][upright]['mean'])}, "
        f"{percent(taught['angle'][worst]['mean'])} and "
        f"{percent(taught['scale'][hardest]['mean'])}: {points(gained['angle'])} over all angles, "
        f"{points(gained['scale'])} over all scales. Taught that any turn of a digit is "
        f"the same digit, it tells six from nine in {between(digits['turned by any angle'])} of "
        f"cases, instead of {between(digits['as they are'])}"
        + (
            ": augmentation is wrong where the change makes another class."
            if lost["low"] > 0
            else "."
        )
    )
    figures = []
    for change, label in (("angle", "turned by, degrees"), ("scale", "scaled by")):
        of = {kind: metrics["turned"][kind][change] for kind in kinds}
        means = {kind: [i["mean"] for i in of[kind].values()] for kind in kinds}
        spans = "; ".join(
            f"trained on objects {kind} {percent(min(found))} to {percent(max(found))}"
            for kind, found in means.items()
        )
        figures.append(
            Figure(
                chart.lines(
                    {
                        f"trained on objects\n{kind}": [
                            (float(v), i["mean"]) for v, i in of[kind].items()
                        ]
                        for kind in kinds
                    },
                    label,
                    "test accuracy",
                    dots=True,
                    logarithmic=change == "scale",
                    bands={
                        f"trained on objects\n{kind}": [
                            (i["low"], i["high"]) for i in of[kind].values()
                        ]
                        for kind in kinds
                    },
                    levels={"chance": metrics["chance"]},
                ),
                f"Accuracy of {code(name)} on test objects at the centre.",
                f"Curves of accuracy where objects are {label}: {spans}.",
            )
        )
    figures.append(
        Figure(
            chart.bars({"six or nine": digits}, "test accuracy", level=0.5),
            "Scikit-learn's sixes and nines, trained as they are and turned by any angle.",
            "Bars: "
            + ", ".join(f"{kind} {percent(found['mean'])}" for kind, found in digits.items()),
        )
    )
    return Chapter(
        "Orientation and scale",
        "Does a network know an object that is turned, smaller or larger?",
        answer,
        tuple(figures),
        "dvc exp run -S study.orientation.augmentation.rotation=45",
    )
