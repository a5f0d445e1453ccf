"""How far does a network learn its examples by heart, and what helps?"""

from typing import Any

from convprior.report import bars
from convprior.report.chapters.chapter import Chapter, Figure, between, clear, code, percent, points
from convprior.report.page import table


def chapter(metrics: dict[str, Any]) -> Chapter:
    """Draw and answer."""
    remedies = metrics["remedies"]
    gap = {name: of["train"]["mean"] - of["test"]["mean"] for name, of in remedies.items()}
    single = [name for name in remedies if name not in ("none", "all")]
    best = max(single, key=lambda name: remedies[name]["test"]["mean"])
    smallest = min(single, key=lambda name: gap[name])
    none = remedies["none"]
    gained = remedies[best]["gained"]
    less = all(
        remedies[smallest][split]["mean"] < none[split]["mean"] for split in ("train", "test")
    )
    answer = (
        f"From {metrics['pictures']:,} pictures {code(metrics['network'])} learns "
        f"{percent(none['train']['mean'])} of its training and {percent(none['test']['mean'])} of "
        f"the test pictures: a gap of {100 * gap['none']:.1f} points."
    )
    findings = (
        f"Of single remedies {best} gives the best test accuracy, "
        f"{percent(remedies[best]['test']['mean'])}, {points(gained)} beside none"
        + ("" if clear(gained) else ", which is within the noise")
        + f"; {smallest} leaves the smallest gap, {100 * gap[smallest]:.1f} points"
        + (", by learning less of both" if less else "")
        + f". All together: {points(remedies['all']['gained'])}, and a gap of "
        f"{100 * gap['all']:.1f} points."
    )
    shares = {name: {"training": of["train"], "test": of["test"]} for name, of in remedies.items()}
    rows = [
        [
            name,
            between(of["train"]),
            between(of["test"]),
            f"{100 * gap[name]:.1f} points",
            points(of["gained"]),
        ]
        for name, of in remedies.items()
    ]
    return Chapter(
        "Over-fitting",
        "How far does a network learn its examples by heart, and what helps?",
        answer,
        findings,
        (
            Figure(
                bars.with_intervals(shares, "accuracy"),
                f"{metrics['steps']:,} steps over {metrics['pictures']:,} pictures, all at one "
                "learning rate. Lines: 95 % intervals of the mean.",
                "Bars of training and test accuracy; the numbers are in the table.",
            ),
        ),
        "dvc exp run study/dvc.yaml -S study.overfitting.pictures=200",
        table(("remedy", "training", "test", "gap", "test, beside none"), rows),
    )
