"""Does it matter which pixels are neighbours? All pixels of all pictures in one other order."""

from typing import Any

from convprior.report import bars
from convprior.report.chapters.chapter import Chapter, Figure, between, clear, code, percent, points


def without_sharing(networks: dict[str, Any], gained: dict[str, Any]) -> str:
    """Return what comes with neighbourhood and what with sharing; theory says that both bring."""
    if not gained:
        return ""
    told = []
    for what, step in gained.items():
        noise = "" if clear(step["gained"]) else ", within the noise"
        told.append(f"{what} brings {points(step['gained'])} beside {code(step['from'])}{noise}")
    local, shared = gained["sharing"]["from"], gained["sharing"]["to"]
    return (
        f"{code(local)}, which is {code(shared)} without sharing, gets "
        f"{between(networks[local]['as they are'])}: {'; '.join(told)}."
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
    shares = {
        name: {key: of[key] for key in ("as they are", "in another order")}
        for name, of in networks.items()
    }
    return Chapter(
        "Locality",
        "Does it matter which pixels are neighbours?",
        f"{answer}.",
        without_sharing(networks, metrics["gained"]),
        (
            Figure(
                bars.with_intervals(shares, "test accuracy"),
                "Objects anywhere, pixels as they are and in one fixed random order, at one rate.",
                "Bars of accuracy: "
                + "; ".join(
                    f"{name} {percent(of['as they are']['mean'])} and "
                    f"{percent(of['in another order']['mean'])}"
                    for name, of in networks.items()
                ),
            ),
        ),
        "dvc exp run study/dvc.yaml -S 'study.locality.networks=[mlp,local,cnn_pool]'",
    )
