"""Which pixels belong to the object? One fully connected layer against an encoder-decoder."""

from typing import Any

from convprior.report import bars
from convprior.report.chapters.chapter import Chapter, Figure, between, percent
from convprior.report.page import pictures


def chapter(metrics: dict[str, Any]) -> Chapter:
    """Draw and answer."""
    flat, dense = metrics["networks"].values()
    offsets = metrics["offsets"]
    seen, new = places = list(offsets)
    reach = {place: f"{first} to {last}" for place, (first, last) in offsets.items()}
    answer = (
        f"One fully connected layer of {flat['parameters']:,} weights finds objects with an "
        f"overlap of {percent(flat[seen]['mean'])} where it has seen some and "
        f"{percent(flat[new]['mean'])} where it has not; an encoder-decoder of "
        f"{dense['parameters']:,} weights with {between(dense[seen])} and {between(dense[new])}."
    )
    examples: dict[str, dict[str, str]] = {}  # the picture and what each network found in it
    for name, picture in metrics["examples"]:
        examples.setdefault(name.split(", ")[-1], {})[name] = picture
    return Chapter(
        "Dense prediction",
        "Which pixels belong to the object?",
        answer,
        "",
        (
            Figure(
                bars.with_intervals(
                    {
                        kind: {place: of[place] for place in places}
                        for kind, of in metrics["networks"].items()
                    },
                    "intersection over union",
                ),
                f"Trained on objects at offsets of {reach[seen]} pixels down and right; new places "
                f"are at {reach[new]}.",
                "Bars of overlap; the numbers are in the answer.",
            ),
            Figure(
                "".join(pictures(each, columns=len(each)) for each in examples.values()),
                "Test pictures, and what each network takes for the object.",
                "Pictures and the masks that were found.",
            ),
        ),
        "dvc exp run study/dvc.yaml -S 'study.dense.channels=[8,16]'",
    )
