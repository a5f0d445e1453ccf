"""What does sharing weights save, and what does it buy at the same cost?"""

from typing import Any

from convprior.report import bars
from convprior.report.chapters.chapter import Chapter, Figure, between, clear, code, listed, percent
from convprior.report.page import opened, table


def compared(wanted: int, what: str, families: dict[str, Any]) -> str:
    """Return what the families get at one cost."""
    best, worst = (pick(families, key=lambda name: families[name]["mean"]) for pick in (max, min))
    told = f"at about {wanted:,} {in_words(what)} {code(best)} gets most, {between(families[best])}"
    alike = [name for name, of in families.items() if name != best and not clear(of["behind"])]
    if alike:
        told += f", with no clear difference from {listed(alike)}"
    if worst not in (best, *alike):
        told += f", and {code(worst)} least, {between(families[worst])}"
    return told


def in_words(what: str) -> str:
    """Return what is counted."""
    return what.replace("_", "-")


def saved(counted: dict[str, Any], unshared: list[str] | None) -> str:
    """Return what sharing saves: two networks that differ in nothing else."""
    if not unshared:
        return ""
    local, shared = unshared
    work = [f"{counted[name]['multiply_adds']:,}" for name in (shared, local)]
    return (
        f"Sharing saves weights, not work: {code(shared)} has {counted[shared]['parameters']:,} "
        f"parameters and {code(local)}, the same without sharing, "
        f"{counted[local]['parameters']:,}; "
        + (f"both take {work[0]}" if work[0] == work[1] else f"they take {' and '.join(work)}")
        + " multiply-adds. "
    )


def tables(metrics: dict[str, Any]) -> str:
    """Return what was counted: whole networks, layer by layer, by size, and at equal cost."""
    counted, costs = metrics["counted"], list(metrics["wanted"])
    whole = table(
        ("network", "picture", "parameters", "neurons", "first layer: parameters",
         "first layer: neurons", "multiply-adds", "weights and values, MB"),
        [
            [
                code(name), "×".join(map(str, reversed(of["picture"]))), f"{of['parameters']:,}",
                f"{of['neurons']:,}", f"{of['layers'][0]['parameters']:,}",
                f"{of['layers'][0]['neurons']:,}", f"{of['multiply_adds']:,}",
                f"{of['memory'] / 1e6:,.2f}",
            ]
            for name, of in counted.items()
        ],
    )  # fmt: skip
    by_layer = "".join(
        opened(
            f"{code(name)}, layer by layer",
            ("layer", "kind", "parameters", "neurons", "multiply-adds", "MB"),
            [
                [
                    row["name"], row["kind"], f"{row['parameters']:,}", f"{row['neurons']:,}",
                    f"{row['multiply_adds']:,}", f"{row['memory'] / 1e6:,.2f}",
                ]
                for row in of["layers"]
            ],
        )
        for name, of in counted.items()
    )  # fmt: skip
    sizes = list(next(iter(metrics["by_size"].values())))
    by_size = opened(
        "parameters and multiply-adds by the side of the picture, pixels",
        ("network", *(f"{side}: {in_words(what)}" for side in sizes for what in costs)),
        [
            [code(name), *(f"{of[side][what]:,}" for side in sizes for what in costs)]
            for name, of in metrics["by_size"].items()
        ],
    )
    at_equal = opened(
        "the families at equal cost",
        ("at equal", "network", *map(in_words, costs), "learning rate", "test accuracy"),
        [
            [in_words(what), code(name), *(f"{of[cost]:,}" for cost in costs),
             f"{of['learning_rate']:g}", between(of)]
            for what, families in metrics["equal"].items()
            for name, of in families.items()
        ],
    )  # fmt: skip
    return whole + at_equal + by_size + by_layer


def chapter(metrics: dict[str, Any]) -> Chapter:
    """Draw and answer."""
    counted, equal = metrics["counted"], metrics["equal"]
    groups = {f"{metrics['wanted'][what]:,}, {in_words(what)}": of for what, of in equal.items()}
    alexnet = counted["alexnet, the paper's two halves"]
    told = "; ".join(compared(metrics["wanted"][what], what, of) for what, of in equal.items())
    findings = saved(counted, metrics["unshared"]) + (
        f"One fully connected neuron on a 256×256×3 picture needs {metrics['neuron_weights']:,} "
        f"weights and {metrics['layer_neurons']:,} of them "
        f"{metrics['layer_weights'] / 1e9:.2f} billion, not the “more than 10 billion” of one "
        f"text; AlexNet has {alexnet['parameters'] / 1e6:.1f} million parameters and "
        f"{alexnet['neurons']:,} neurons, {alexnet['layers'][0]['neurons']:,} of them in a first "
        f"layer of only {alexnet['layers'][0]['parameters']:,} parameters (the texts: about 61 "
        "million, 650 thousand and 290 thousand)."
    )
    return Chapter(
        "Sharing",
        "What does sharing weights save, and what does it buy at the same cost?",
        f"{told[0].upper()}{told[1:]}.",
        findings,
        (
            Figure(
                bars.with_intervals(groups, "test accuracy"),
                "Each family at one number of parameters, and at one number of multiply-adds, "
                "each with its best learning rate. Lines: 95 % intervals of the mean.",
                "Bars of test accuracy: "
                + "; ".join(
                    f"{name} " + ", ".join(f"{n} {percent(i['mean'])}" for n, i in of.items())
                    for name, of in groups.items()
                ),
            ),
        ),
        "dvc exp run study/dvc.yaml -S study.sharing.parameters=100000",
        tables(metrics),
    )
