"""How many pictures does each network need to see? The same number of steps over fewer pictures."""

from typing import Any

from convprior.report import chart
from convprior.report.chapters.chapter import Chapter, Figure, between, code, percent
from convprior.report.page import table


def chapter(metrics: dict[str, Any]) -> Chapter:
    """Draw and answer."""
    networks = metrics["networks"]
    sizes = list(next(iter(networks.values())))
    fewest, most = sizes[0], sizes[-1]
    best = max(networks, key=lambda name: networks[name][most]["mean"])
    worst = min(networks, key=lambda name: networks[name][most]["mean"])
    top_of_worst = max(of["high"] for of in networks[worst].values())
    enough = next((size for size in sizes if networks[best][size]["low"] >= top_of_worst), most)
    answer = (
        f"With {int(fewest):,} pictures "
        + ", ".join(f"{code(name)} gets {percent(of[fewest]['mean'])}"
                    for name, of in networks.items())
        + f"; with {int(most):,} {code(best)} gets {between(networks[best][most])}"
        + (f" and {code(worst)} {between(networks[worst][most])}." if worst != best else ".")
    )  # fmt: skip
    findings = (
        f"In {metrics['steps']:,} steps {code(best)} learns more from {int(enough):,} pictures "
        f"than {code(worst)} from any number here: what the architecture knows need not be "
        "learned from examples."
        if int(enough) < int(most)
        and (metrics["classes"][best], metrics["classes"][worst]) == ("CNN", "MLP")
        else ""
    )
    curves = {
        name: [(float(size), i["mean"]) for size, i in of.items()] for name, of in networks.items()
    }
    bands = {name: [(i["low"], i["high"]) for i in of.values()] for name, of in networks.items()}
    return Chapter(
        "Sample size",
        "How many pictures does each network need to see?",
        answer,
        findings,
        (
            Figure(
                chart.lines(
                    curves, "training pictures", "test accuracy", percent=True, dots=True,
                    logarithmic=True, bands=bands, levels={"chance": metrics["chance"]},
                ),
                f"Objects anywhere; {metrics['steps']:,} steps whatever the number of pictures. "
                "Bands: 95 % intervals of the mean.",
                "Curves of test accuracy by training pictures: "
                + "; ".join(
                    f"{name} from {percent(of[fewest]['mean'])} to {percent(of[most]['mean'])}"
                    for name, of in networks.items()
                ),
            ),
        ),
        "dvc exp run study/dvc.yaml -S 'study.sample_size.pictures=[50,500,5000]'",
        table(
            ("pictures", *map(code, networks)),
            [
                [f"{int(size):,}", *(between(of[size]) for of in networks.values())]
                for size in sizes
            ],
        ),
    )  # fmt: skip
