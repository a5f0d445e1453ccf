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


def chapter(metrics: dict[str, Any]) -> Chapter:
    """Draw and answer."""
    last = metrics["fields"][metrics["network"]][-1]
    deepest = metrics["fields"]["untrained, deeper"][-1]
    example = metrics["example"]
    numbers = ", ".join(f"{value:,}" for value in example["flattened"])
    answer = (
        f"Behind its last layer a unit of {code(metrics['network'])} could see "
        f"{last['theoretical']} pixels a side, and {metrics['held']:.0%} of what moves it lies "
        f"within {last['effective']}; of an untrained network of "
        f"{len(metrics['fields']['untrained, deeper'])} layers "
        f"{deepest['effective']} of {deepest['theoretical']}."
    )
    findings = (
        f"The texts' example, computed: with the kernel that is announced the first row is "
        f"{', '.join(map(str, example['announced'][0]))}; the text's own numbers, "
        f"{', '.join(map(str, example['used'][0]))}, come of another kernel, whose right column is "
        f"twice as heavy. On they go to {numbers}, weighed to {example['sum']:,}, and to "
        f"{example['sigmoid']:g} through a sigmoid. A convolution as another text defines it flips "
        f"the kernel and gives {', '.join(map(str, example['announced_flipped'][0]))}: what the "
        "libraries compute is correlation."
    )
    rows = [
        [code(name), row["layer"], str(row["theoretical"]), str(row["effective"]),
         str(row["jump"])]
        for name, found in metrics["fields"].items()
        for row in found
    ]  # fmt: skip
    matrices = {
        "picture": example["picture"],
        "announced kernel": example["kernel_announced"],
        "its correlation": example["announced"],
        "its true convolution": example["announced_flipped"],
        "kernel that the text used": example["kernel_used"],
        "its correlation, as in the text": example["used"],
        "second kernel": example["kernel_second"],
        "what comes out": example["second"],
    }
    worked = "".join(
        f"<div>{_matrix(rows_of)}<p>{name}</p></div>" for name, rows_of in matrices.items()
    )
    return Chapter(
        "What it sees",
        "What do kernels, maps and receptive fields look like?",
        answer,
        findings,
        (
            Figure(
                heatmap.maps(
                    {f"kernel {n}": k for n, k in enumerate(metrics["kernels"])}, diverging=True
                ),
                f"First-layer kernels that {code(metrics['network'])} has learned, mean of "
                "the colours. Orange is positive, blue negative.",
                f"{len(metrics['kernels'])} learned kernels of {len(metrics['kernels'][0])}×"
                f"{len(metrics['kernels'][0])} as coloured squares.",
            ),
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
            Figure(
                pictures(
                    {
                        f"{name}, {row['layer']}": row["gradient"]
                        for name, found in metrics["fields"].items()
                        for row in found
                        if "Conv" in row["layer"]
                    }
                ),
                "How much each pixel moves the unit in the middle, behind every convolution; its "
                "square root, so that little is seen too.",
                "Bright spots about the middle that grow from layer to layer; their sizes are in "
                "the table.",
            ),
            Figure(
                f'<div class="matrices">{worked}</div>',
                "The texts' example by <code>convprior explain conv</code>.",
                "Eight matrices of the worked example; the first rows are in the text.",
            ),
        ),
        "dvc exp run -S study.sight.network=cnn_flatten",
        table(("network", "layer", "theoretical field, pixels", "effective", "pixels between two "
               "units"), rows),
    )  # fmt: skip
