"""Does it matter which pixels are neighbours? All pixels of all pictures in one other order."""

from typing import Any

from convprior import chart
from convprior.chapters.chapter import Chapter, Figure, between, clear, code, percent


def without_sharing(networks: dict[str, Any]) -> str:
    """Return where neighbourhoods without sharing lie: theory says between the other two."""
    first = {of["class"]: name for name, of in reversed(networks.items())}
    if not {"MLP", "Local", "CNN"} <= set(first):
        return ""
    flat, local, shared = (networks[first[kind]]["as they are"] for kind in ("MLP", "Local", "CNN"))
    told = (
        f" {code(first['Local'])}, which has the neighbourhoods of {code(first['CNN'])} but shares "
        f"no weights, gets {between(local)}"
    )
    if flat["mean"] < local["mean"] < shared["mean"]:
        return (
            f"{told}, between {code(first['MLP'])} and {code(first['CNN'])}: "
            f"{100 * (local['mean'] - flat['mean']):.1f} points come with neighbourhood, "
            f"{100 * (shared['mean'] - local['mean']):.1f} with sharing."
        )
    return (
        f"{told}, not between {code(first['MLP'])} ({percent(flat['mean'])}) and "
        f"{code(first['CNN'])} ({percent(shared['mean'])}): each of its places has only the "
        "pictures to learn from whose object lies there."
    )


def chapter(metrics: dict[str, Any]) -> Chapter:
    """Draw and answer."""
    networks = metrics["networks"]
    most = max(networks, key=lambda name: networks[name]["lost"]["mean"])
    least = min(networks, key=lambda name: abs(networks[name]["lost"]["mean"]))
    lost = networks[most]["lost"]
    verb = "loses" if lost["mean"] >= 0 else "gains"
    answer = (
        f"With all pixels in another order, {code(most)} {verb} {abs(100 * lost['mean']):.1f} "
        f"points ({100 * lost['low']:.1f} to {100 * lost['high']:.1f} lost), from "
        f"{percent(networks[most]['as they are']['mean'])} to "
        f"{percent(networks[most]['in another order']['mean'])}"
    )
    if least != most:
        unmoved = not clear(networks[least]["lost"])
        flat = networks[least]["class"] == "MLP"
        answer += (
            f"; {code(least)} goes from {between(networks[least]['as they are'])} to "
            f"{between(networks[least]['in another order'])}"
            + (", a change within the noise" if unmoved else "")
            + (": to a fully connected network, neighbourhood does not exist"
               if unmoved and flat else "")
        )  # fmt: skip
    answer += "." + without_sharing(networks)
    bars = {
        name: {key: of[key] for key in ("as they are", "in another order")}
        for name, of in networks.items()
    }
    return Chapter(
        "Locality",
        "Does it matter which pixels are neighbours?",
        answer,
        (
            Figure(
                chart.bars(bars, "test accuracy"),
                "Objects anywhere, pixels as they are and in one fixed random order, at one rate.",
                "Bars of accuracy: "
                + "; ".join(
                    f"{name} {percent(of['as they are']['mean'])} and "
                    f"{percent(of['in another order']['mean'])}"
                    for name, of in networks.items()
                ),
            ),
        ),
        "dvc exp run -S 'study.locality.networks=[mlp,local,cnn_pool]'",
    )
