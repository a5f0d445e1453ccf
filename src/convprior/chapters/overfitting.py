"""How far does a network learn its examples by heart, and what helps?"""

from typing import Any

from convprior import chart
from convprior.chapters.chapter import Chapter, Figure, between, percent
from convprior.page import table


def chapter(metrics: dict[str, Any]) -> Chapter:
    """Draw and answer."""
    remedies = metrics["remedies"]
    gap = {name: of["train"]["mean"] - of["test"]["mean"] for name, of in remedies.items()}
    single = [name for name in remedies if name not in ("none", "all")]
    best = max(single, key=lambda name: remedies[name]["test"]["mean"])
    smallest = min(single, key=lambda name: gap[name])
    none = remedies["none"]
    answer = (
        f"From {metrics['pictures']:,} pictures <code>{metrics['network']}</code> learns "
        f"{percent(none['train']['mean'])} of its training and {percent(none['test']['mean'])} of "
        f"the test pictures: a gap of {100 * gap['none']:.1f} points. Of single remedies "
        f"{best} gives the best test accuracy, {between(remedies[best]['test'])}, and {smallest} "
        f"the smallest gap, {100 * gap[smallest]:.1f} points"
        + (", by learning less of both" if remedies[smallest]["test"]["mean"]
           < none["test"]["mean"] else "")
        + f"; all together {between(remedies['all']['test'])}."
    )  # fmt: skip
    bars = {name: {"training": of["train"], "test": of["test"]} for name, of in remedies.items()}
    rows = [
        [name, between(of["train"]), between(of["test"]), f"{100 * gap[name]:.1f} points"]
        for name, of in remedies.items()
    ]
    return Chapter(
        "Over-fitting",
        "How far does a network learn its examples by heart, and what helps?",
        answer,
        (
            Figure(
                chart.bars(bars, "accuracy"),
                f"{metrics['steps']:,} steps over {metrics['pictures']:,} pictures. Lines: "
                "95 % over seeds and pictures.",
                "Bars of training and test accuracy; the numbers are in the table.",
            ),
        ),
        "dvc exp run -S study.overfitting.pictures=200",
        table(("remedy", "training", "test", "gap"), rows),
    )
