"""What does a network see: kernels, feature maps, receptive fields, and the texts' example."""

from typing import Any

from convprior.report import heatmap
from convprior.report.chapters.chapter import Chapter, Figure, code
from convprior.report.page import pictures, table


def _matrix(rows: Any) -> str:
    cells = "".join(
        "<tr>" + "".join(f"<td>{value}</td>" for value in row) + "</tr>" for row in rows
    )
    return f'<table class="matrix">{cells}</table>'


def answer(metrics: dict[str, Any]) -> str:
    """Return what a unit behind the last layer could see, and what it sees."""
    last = metrics["fields"][metrics["network"]][-1]
    deeper = metrics["fields"]["untrained, deeper"]
    return (
        f"Behind its last layer a unit of {code(metrics['network'])} could see "
        f"{last['theoretical']} pixels a side, and {metrics['held']:.0%} of what moves it lies "
        f"within {last['effective']}; of an untrained network of {len(deeper)} layers "
        f"{deeper[-1]['effective']} of {deeper[-1]['theoretical']}."
    )


def computed(example: dict[str, Any]) -> str:
    """Return how the texts' example comes out, and where the texts err."""
    numbers = ", ".join(f"{value:,}" for value in example["flattened"])
    return (
        f"The texts' example, computed: with the kernel that is announced the first row is "
        f"{', '.join(map(str, example['announced'][0]))}; the text's own numbers, "
        f"{', '.join(map(str, example['used'][0]))}, come of another kernel, whose right column is "
        f"twice as heavy. On they go to {numbers}, weighed to {example['sum']:,}, and to "
        f"{example['sigmoid']:g} through a sigmoid. A convolution as another text defines it flips "
        f"the kernel and gives {', '.join(map(str, example['announced_flipped'][0]))}: what the "
        "libraries compute is correlation."
    )


def matrices(example: dict[str, Any]) -> Figure:
    """Return the texts' example as matrices."""
    shown = {
        "picture": example["picture"],
        "announced kernel": example["kernel_announced"],
        "its correlation": example["announced"],
        "its true convolution": example["announced_flipped"],
        "kernel that the text used": example["kernel_used"],
        "its correlation, as in the text": example["used"],
        "second kernel": example["kernel_second"],
        "what comes out": example["second"],
    }
    cells = "".join(f"<div>{_matrix(rows)}<p>{name}</p></div>" for name, rows in shown.items())
    return Figure(
        f'<div class="matrices">{cells}</div>',
        "The texts' example by <code>convprior explain conv</code>.",
        "Eight matrices of the worked example; the first rows are in the text.",
    )


def kernels(learned: list[list[list[float]]], network: str) -> Figure:
    """Return the kernels of the first layer."""
    side = len(learned[0])
    return Figure(
        heatmap.maps({f"kernel {n}": k for n, k in enumerate(learned)}, diverging=True),
        f"First-layer kernels that {code(network)} has learned, mean of the colours. Orange is "
        "positive, blue negative.",
        f"{len(learned)} learned kernels of {side}×{side} as coloured squares.",
    )


def gradients(fields: dict[str, Any]) -> Figure:
    """Return what moves the unit in the middle, behind every convolution."""
    behind = {
        f"{name}, {row['layer']}": row["gradient"]
        for name, found in fields.items()
        for row in found
        if "Conv" in row["layer"]
    }
    return Figure(
        pictures(behind),
        "How much each pixel moves the unit in the middle, behind every convolution; its square "
        "root, so that little is seen too.",
        "Bright spots about the middle that grow from layer to layer; their sizes are in the "
        "table.",
    )


def sizes(fields: dict[str, Any]) -> str:
    """Return the receptive fields as a table."""
    header = ("network", "layer", "theoretical field, pixels", "effective",
              "pixels between two units")  # fmt: skip
    rows = [
        [code(name), row["layer"], str(row["theoretical"]), str(row["effective"]),
         str(row["jump"])]
        for name, found in fields.items()
        for row in found
    ]  # fmt: skip
    return table(header, rows)


def chapter(metrics: dict[str, Any]) -> Chapter:
    """Draw and answer."""
    return Chapter(
        "What it sees",
        "What do kernels, maps and receptive fields look like?",
        answer(metrics),
        computed(metrics["example"]),
        (
            kernels(metrics["kernels"], metrics["network"]),
            Figure(
                pictures(dict(metrics["maps"])),
                "One test picture and its strongest feature maps by depth: smaller, and less of "
                "the picture.",
                "Grey maps of features, from the picture's size down.",
            ),
            Figure(
                pictures(dict(metrics["by_hand"])),
                f"The kernels of the texts on a photograph ({metrics['photograph']}), by kornia.",
                "A photograph, and its edges by Laplace's and Sobel's kernels.",
            ),
            gradients(metrics["fields"]),
            matrices(metrics["example"]),
        ),
        "dvc exp run study/dvc.yaml -S study.sight.network=cnn_flatten",
        sizes(metrics["fields"]),
    )
