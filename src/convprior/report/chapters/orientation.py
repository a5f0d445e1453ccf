"""Does a network know an object that is turned, smaller or larger? And when is it wrong to?"""

from typing import Any

from convprior.report import chart
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


def chapter(metrics: dict[str, Any]) -> Chapter:
    """Draw and answer."""
    kinds = list(metrics["turned"])
    plain, taught, longer = metrics["turned"].values()
    worst = min(plain["angle"], key=lambda angle: plain["angle"][angle]["mean"])
    hardest = min(plain["scale"], key=lambda scale: plain["scale"][scale]["mean"])
    gained, scales = metrics["gained"], metrics["taught"]["scale"]
    name = metrics["network"]

    def got(of: dict[str, Any]) -> tuple[str, str, str]:
        shown = of["angle"]["0"], of["angle"][worst], of["scale"][hardest]
        first, second, third = (percent(found["mean"]) for found in shown)
        return first, second, third

    first, second, third = got(plain)
    answer = (
        f"{code(name)} gets {first} of upright objects, {third} of those scaled by {hardest} and "
        f"{second} of those turned by {worst}°"
        + (
            ": convolution commutes with moving a picture, not with turning it."
            if plain["angle"][worst]["high"] < plain["angle"]["0"]["low"]
            else "."
        )
    )
    told = [
        f"{how} {' and '.join(got(of)[:2])} of the upright and those turned by {worst}° "
        f"({points(gained[kind]['angle'])} over the angles that it was shown, "
        f"{points(gained[kind]['scale'])} over the scales, {scales[0]} to {scales[-1]})"
        for how, of, kind in (
            ("as long it gets", taught, kinds[1]),
            (f"{metrics['longer']} times as long", longer, kinds[2]),
        )
    ]
    findings = (
        f"Trained on turned and scaled pictures at the same rate, {'; '.join(told)}. "
        + made_another(metrics["digits"])
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
    ways = ("as they are", "turned by any angle")
    figures.append(
        Figure(
            chart.bars(
                {pair: {way: of[way] for way in ways} for pair, of in metrics["digits"].items()},
                "test accuracy",
                level=0.5,
            ),
            "Scikit-learn's digits, trained as they are and turned by any angle, shown upright.",
            "Bars: "
            + "; ".join(
                f"{pair} " + ", ".join(f"{way} {percent(of[way]['mean'])}" for way in ways)
                for pair, of in metrics["digits"].items()
            ),
        )
    )
    return Chapter(
        "Orientation and scale",
        "Does a network know an object that is turned, smaller or larger?",
        answer,
        findings,
        tuple(figures),
        "dvc exp run -S study.orientation.augmentation.rotation=45",
        tables(metrics["turned"]),
    )
