"""What it costs to prepare a picture: read, decoded, brought to size and stored, in CPU time.

    python benchmarks/preparing.py

Makes up JPEGs of 500×375 from four photographs, as loading.py does, and prepares them in one
process in each form that params.yaml knows, the forms in turns; beside them Pillow only decodes.
Writes reports/benchmarks/preparing.json: pictures a second of one core's time, medians of rounds,
and bytes a picture. Files are read from memory or its cache; tables are written to the temporary
folder. Costs half a minute of one core.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, get_args

import torch

import cases
import loading
from convprior.ground import atomic
from convprior.pictures import decoding
from convprior.training.data import tables
from convprior.training.data.listing import cut
from convprior.training.data.storing import Form, Shape, Store
from convprior.training.data.tree import Tree

OUT = Path("reports/benchmarks/preparing.json")
SIZE = 224  # the side of squares, or the shorter one


def rate(pictures: int, work: Callable[[], None]) -> float:
    """Return the pictures a second of CPU time."""
    begun = time.process_time()
    work()
    return pictures / (time.process_time() - begun)


def measured(root: Path, rounds: int) -> dict[str, Any]:
    """Return what was measured on a tree of pictures; the first round is not counted."""
    part, *_ = cut(Tree(root), "train", None, tables.PART)
    files = [read.data for read in part.reader(part.entries)]
    forms = [Form(SIZE, shape, store) for shape in get_args(Shape) for store in get_args(Store)]
    jobs = [tables.Job(part, form, root / str(number)) for number, form in enumerate(forms)]

    def decoded() -> None:
        for data in files:
            decoding.decode_rgb(data, "a picture")

    alone: list[float] = []
    each: list[list[float]] = [[] for _ in jobs]
    for _ in range(rounds + 1):
        alone.append(rate(len(files), decoded))
        for job, found in zip(jobs, each, strict=True):
            found.append(rate(len(files), partial(tables.prepare_part, job)))
    return {
        "pictures": len(files),
        "bytes_a_file": round(statistics.mean(map(len, files))),
        "only_decoded": round(statistics.median(alone[1:])),
        "forms": {
            f"{job.form.shape}, {job.form.store}": {
                "pictures_a_second": round(statistics.median(found[1:])),
                "rounds": [round(pace) for pace in found[1:]],
                "bytes_a_picture": round(job.table.stat().st_size / len(files)),
            }
            for job, found in zip(jobs, each, strict=True)
        },
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        loading.make_tree(Path(scratch), args.pictures)
        found = measured(Path(scratch), args.rounds)
    result = {"command": "python benchmarks/preparing.py", "machine": cases.machine(), **found}
    atomic.write_json(OUT, result)
    print(f"wrote {OUT}")


if __name__ == "__main__":
    main()
