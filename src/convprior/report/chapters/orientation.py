"""Does a network know an object that is turned, smaller or larger? And when is it wrong to?"""

from typing import Any

from convprior.report import bars, chart
from convprior.report.chapters.chapter import Chapter, Figure, between, code, percent, points
from convprior.report.page import opened


def made_another(digits: dict[str, Any]) -> str:
    """Return what it costs to be taught that any turn of a digit is the same digit."""
    (pair, first), (control, other) = digits.items()
    worse = first["lost"]["low"] > other["lost"]["high"]
    return (
        f"Taught that any turn of a digit is the same digit, it tells {pair}, which half a turn "
        f"makes of each other, in {between(first['turned by any angle'])} of cases instead of "
        f"{between(first['as they are'])}, {lost(first)}; of {control}, which it does not, "
        f"{lost(other)}"
        + (
            ": augmentation is wrong where the change makes another class."
            if worse
            else ", no clear difference."
        )
    )


def tables(turned: dict[str, Any]) -> str:
    """Return the numbers of the curves as tables that open."""
    kinds = list(turned)
    return "".join(
        opened(
            f"accuracy by {change}",
            (change, *(f"trained on objects {kind}" for kind in kinds)),
            [
                [value, *(between(turned[kind][change][value]) for kind in kinds)]
                for value in turned[kinds[0]][change]
            ],
        )
        for change in ("angle", "scale")
    )


def lost(of: dict[str, Any]) -> str:
    """Return how many points were lost."""
    mean, low, high = (f"{100 * of['lost'][key]:.1f}" for key in ("mean", "low", "high"))
    return f"{mean} points lost ({low} to {high})".replace("-", "−")


def answer(name: str, plain: dict[str, Any], worst: str) -> str:
    """Return what a network gets that was not taught, at the hardest scale and ``worst`` angle."""
    hardest = min(plain["scale"], key=lambda scale: plain["scale"][scale]["mean"])
    upright, turned = plain["angle"]["0"], plain["angle"][worst]
    return (
        f"{code(name)} gets {percent(upright['mean'])} of upright objects, "
        f"{percent(plain['scale'][hardest]['mean'])} of those scaled by {hardest} and "
        f"{percent(turned['mean'])} of those turned by {worst}°"
        + (
            ": convolution commutes with moving a picture, not with turning it."
            if turned["high"] < upright["low"]
            else "."
        )
    )


def taught(metrics: dict[str, Any], worst: str) -> str:
    """Return what networks get that were shown turned and scaled objects, trained longer or not."""
    _, *kinds = metrics["turned"]
    gained, scales = metrics["gained"], metrics["taught"]["scale"]
    told = []
    for how, kind in zip(
        ("as long it gets", f"{metrics['longer']} times as long"), kinds, strict=True
    ):
        angles = metrics["turned"][kind]["angle"]
        told.append(
            f"{how} {percent(angles['0']['mean'])} and {percent(angles[worst]['mean'])} of the "
            f"upright and those turned by {worst}° "
            f"({points(gained[kind]['angle'])} over the angles that it was shown, "
            f"{points(gained[kind]['scale'])} over the scales, {scales[0]} to {scales[-1]})"
        )
    return f"Trained on turned and scaled pictures at the same rate, {'; '.join(told)}."


def by_change(metrics: dict[str, Any], change: str, label: str) -> Figure:
    """Return the accuracy by angle or by scale, of each way to train."""
    of = {f"trained on objects {kind}": found[change] for kind, found in metrics["turned"].items()}
    means = {kind: [i["mean"] for i in found.values()] for kind, found in of.items()}
    spans = "; ".join(
        f"{kind} {percent(min(found))} to {percent(max(found))}" for kind, found in means.items()
    )
    return Figure(
        chart.lines(
            {kind: [(float(v), i["mean"]) for v, i in found.items()] for kind, found in of.items()},
            label,
            "test accuracy",
            percent=True,
            dots=True,
            logarithmic=change == "scale",
            bands={
                kind: [(i["low"], i["high"]) for i in found.values()] for kind, found in of.items()
            },
            levels={"chance": metrics["chance"]},
        ),
        f"Accuracy of {code(metrics['network'])} on test objects at the centre"
        + (", cut where they are larger than the picture." if change == "scale" else "."),
        f"Curves of accuracy where objects are {label}: {spans}.",
    )


def of_digits(digits: dict[str, Any]) -> Figure:
    """Return how well digits are told apart, taught that any turn is the same digit or not."""
    ways = ("as they are", "turned by any angle")
    return Figure(
        bars.with_intervals(
            {pair: {way: of[way] for way in ways} for pair, of in digits.items()},
            "test accuracy",
            level=0.5,
        ),
        "Scikit-learn's digits, trained as they are and turned by any angle, shown upright.",
        "Bars: "
        + "; ".join(
            f"{pair} " + ", ".join(f"{way} {percent(of[way]['mean'])}" for way in ways)
            for pair, of in digits.items()
        ),
    )


def chapter(metrics: dict[str, Any]) -> Chapter:
    """Draw and answer."""
    plain = next(iter(metrics["turned"].values()))
    worst = min(plain["angle"], key=lambda angle: plain["angle"][angle]["mean"])
    return Chapter(
        "Orientation and scale",
        "Does a network know an object that is turned, smaller or larger?",
        answer(metrics["network"], plain, worst),
        f"{taught(metrics, worst)} {made_another(metrics['digits'])}",
        (
            by_change(metrics, "angle", "turned by, degrees"),
            by_change(metrics, "scale", "scaled by"),
            of_digits(metrics["digits"]),
        ),
        "dvc exp run study/dvc.yaml -S study.orientation.augmentation.rotation=45",
        tables(metrics["turned"]),
    )
