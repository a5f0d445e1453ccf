"""Does a network know an object that is turned, smaller or larger? And when is it wrong to?"""

from typing import Any

from convprior import chart
from convprior.chapters.chapter import Chapter, Figure, between, code, percent, points


def chapter(metrics: dict[str, Any]) -> Chapter:
    """Draw and answer."""
    kinds = list(metrics["turned"])
    plain, taught, longer = metrics["turned"].values()
    upright = next(iter(plain["angle"]))
    worst = min(plain["angle"], key=lambda angle: plain["angle"][angle]["mean"])
    hardest = min(plain["scale"], key=lambda scale: plain["scale"][scale]["mean"])
    digits, gained = metrics["digits"], metrics["gained"]
    name = metrics["network"]
    lost = digits["lost"]

    def got(of: dict[str, Any]) -> tuple[str, str, str]:
        shown = of["angle"][upright], of["angle"][worst], of["scale"][hardest]
        first, second, third = (percent(found["mean"]) for found in shown)
        return first, second, third

    first, second, third = got(plain)
    falls = all(
        plain[change][harder]["high"] < plain["angle"][upright]["low"]
        for change, harder in (("angle", worst), ("scale", hardest))
    )
    answer = (
        f"{code(name)} gets {first} of upright objects, {second} of those turned by {worst}° and "
        f"{third} of those scaled by {hardest}"
        + (": convolution commutes with moving a picture, not with these." if falls else ".")
    )
    told = [
        f"{how} {', '.join(got(of))} of the same ({points(gained[kind]['angle'])} over all angles, "
        f"{points(gained[kind]['scale'])} over all scales)"
        for how, of, kind in (
            ("as long it gets", taught, kinds[1]),
            (f"{metrics['longer']} times as long", longer, kinds[2]),
        )
    ]
    findings = (
        f"Trained on turned and scaled pictures at the same rate, {'; '.join(told)}. Taught that "
        f"any turn of a digit is the same digit, it tells six from nine in "
        f"{between(digits['turned by any angle'])} of cases, instead of "
        f"{between(digits['as they are'])}"
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
                        f"trained on objects {kind}": [
                            (float(v), i["mean"]) for v, i in of[kind].items()
                        ]
                        for kind in kinds
                    },
                    label,
                    "test accuracy",
                    percent=True,
                    dots=True,
                    logarithmic=change == "scale",
                    bands={
                        f"trained on objects {kind}": [
                            (i["low"], i["high"]) for i in of[kind].values()
                        ]
                        for kind in kinds
                    },
                    levels={"chance": metrics["chance"]},
                ),
                f"Accuracy of {code(name)} on test objects at the centre"
                + (", cut where they are larger than the picture." if change == "scale" else "."),
                f"Curves of accuracy where objects are {label}: {spans}.",
            )
        )
    told_apart = {kind: found for kind, found in digits.items() if kind != "lost"}
    figures.append(
        Figure(
            chart.bars({"six or nine": told_apart}, "test accuracy", level=0.5),
            "Scikit-learn's sixes and nines, trained as they are and turned by any angle.",
            "Bars: "
            + ", ".join(f"{kind} {percent(found['mean'])}" for kind, found in told_apart.items()),
        )
    )
    return Chapter(
        "Orientation and scale",
        "Does a network know an object that is turned, smaller or larger?",
        answer,
        findings,
        tuple(figures),
        "dvc exp run -S study.orientation.augmentation.rotation=45",
    )
