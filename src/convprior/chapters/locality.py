"""Does it matter which pixels are neighbours? All pixels of all pictures in one other order."""

from typing import Any

from convprior import chart
from convprior.chapters.chapter import Chapter, Figure, between, percent


def chapter(metrics: dict[str, Any]) -> Chapter:
    """Draw and answer."""
    networks = metrics["networks"]
    unmoved = [n for n, of in networks.items() if of["lost"]["low"] <= 0 <= of["lost"]["high"]]
    most = max(networks, key=lambda name: networks[name]["lost"]["mean"])
    least = min(networks, key=lambda name: abs(networks[name]["lost"]["mean"]))
    lost = networks[most]["lost"]
    answer = (
        f"With all pixels in another order, <code>{most}</code> loses "
        f"{100 * lost['mean']:.1f} points ({100 * lost['low']:.1f} to {100 * lost['high']:.1f}), "
        f"from {percent(networks[most]['as they are']['mean'])} to "
        f"{percent(networks[most]['in another order']['mean'])}; <code>{least}</code> goes from "
        f"{between(networks[least]['as they are'])} to "
        f"{between(networks[least]['in another order'])}"
        + (
            ", which is no change: to it, neighbourhood does not exist."
            if least in unmoved
            else "."
        )
    )
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
                "Objects anywhere, pixels as they are and in one fixed random order.",
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
