"""What does sharing weights save, and what does it buy at the same cost?"""

from itertools import permutations
from typing import Any

from convprior import chart
from convprior.chapters.chapter import Chapter, Figure, between, code, percent
from convprior.page import table


def compared(wanted: int, what: str, families: dict[str, Any]) -> str:
    """Return what the families get at one cost."""
    best, worst = (pick(families, key=lambda name: families[name]["mean"]) for pick in (max, min))
    if best == worst:
        told = f"gets {between(families[best])}"
    else:
        told = (
            f"is best with {between(families[best])} and {code(worst)} worst with "
            f"{between(families[worst])}"
        )
    return f"at about {wanted:,} {what.replace('_', '-')} {code(best)} {told}"


def saved(counted: dict[str, Any]) -> str:
    """Return what sharing saves: two networks of as many multiply-adds and fewer weights."""
    pairs = [
        (few, many)
        for few, many in permutations(counted, 2)
        if counted[few]["multiply_adds"] == counted[many]["multiply_adds"]
        and counted[few]["parameters"] < counted[many]["parameters"]
    ]
    if not pairs:
        return ""
    few, many = pairs[0]
    return (
        f"Sharing saves weights, not work: {code(few)} has {counted[few]['parameters']:,} "
        f"parameters and {code(many)} {counted[many]['parameters']:,}, and both "
        f"{counted[few]['multiply_adds']:,} multiply-adds. "
    )


def chapter(metrics: dict[str, Any]) -> Chapter:
    """Draw and answer."""
    counted, equal = metrics["counted"], metrics["equal"]
    rows = [
        [
            code(name),
            "×".join(map(str, reversed(of["picture"]))),
            f"{of['parameters']:,}",
            f"{of['neurons']:,}",
            f"{of['layers'][0]['parameters']:,}",
            f"{of['layers'][0]['neurons']:,}",
            f"{of['multiply_adds']:,}",
            f"{of['memory'] / 1e6:,.2f}",
        ]
        for name, of in counted.items()
    ]
    header = ("network", "picture", "parameters", "neurons", "first layer: parameters", "neurons",
              "multiply-adds", "weights and values, MB")  # fmt: skip
    details = "".join(
        f"<details><summary>{code(name)}, layer by layer</summary>"
        + table(
            ("layer", "kind", "parameters", "neurons", "multiply-adds", "MB"),
            [
                [
                    row["name"], row["kind"], f"{row['parameters']:,}", f"{row['neurons']:,}",
                    f"{row['multiply_adds']:,}", f"{row['memory'] / 1e6:,.2f}",
                ]
                for row in of["layers"]
            ],
        )
        + "</details>"
        for name, of in counted.items()
    )  # fmt: skip
    groups = {
        f"{metrics['wanted'][what]:,}, {what.replace('_', '-')}": of for what, of in equal.items()
    }
    alexnet = counted["alexnet, the paper's two halves"]
    told = "; ".join(compared(metrics["wanted"][what], what, of) for what, of in equal.items())
    findings = saved(counted) + (
        f"One fully connected neuron on a 256×256×3 picture needs {metrics['neuron_weights']:,} "
        f"weights and {metrics['layer_neurons']:,} of them "
        f"{metrics['layer_weights'] / 1e9:.2f} billion, not the “more than 10 billion” of one "
        f"text; AlexNet has {alexnet['parameters'] / 1e6:.1f} million parameters and "
        f"{alexnet['neurons']:,} neurons, {alexnet['layers'][0]['neurons']:,} of them in a first "
        f"layer of only {alexnet['layers'][0]['parameters']:,} parameters."
    )
    return Chapter(
        "Sharing",
        "What does sharing weights save, and what does it buy at the same cost?",
        f"{told[0].upper()}{told[1:]}.",
        findings,
        (
            Figure(
                chart.bars(groups, "test accuracy"),
                "Each family at one number of parameters, and at one number of multiply-adds, "
                "each with its best learning rate. Lines: 95 % intervals of the mean.",
                "Bars of test accuracy: "
                + "; ".join(
                    f"{name} " + ", ".join(f"{n} {percent(i['mean'])}" for n, i in of.items())
                    for name, of in groups.items()
                ),
            ),
        ),
        "dvc exp run -S study.sharing.parameters=100000",
        table(header, rows) + details,
    )
