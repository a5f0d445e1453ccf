"""Prepare a source's pictures as Arrow tables: parts in several processes, each whole or absent.

A part is a table and a JSON beside it that says what was found; the JSON is written last. A picture
that cannot be read is in no table, and its part says why.
"""

import hashlib
import json
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast

import datasets
import numpy as np
import pyarrow as pa

from convprior.ground import atomic, machine, sharing
from convprior.ground.progress import Meter
from convprior.pictures import decoding
from convprior.pictures.picture import ImageError
from convprior.training.data import storing
from convprior.training.data.listing import SPLITS, Entry, Part, Read
from convprior.training.data.storing import Form

PART = 10_000  # pictures of a part at most,
PART_BYTES = 500_000_000  # and of its pixels about
ROWS = 100  # that are written at once: memory does not grow with a part's pictures
DIGESTED = 1000  # rows, whose pixels and then labels the content's digest takes
KINDS = ("formats", "modes", "found_sizes")
VALUES = np.arange(256)


def part_size(form: Form) -> int:
    """Return how many pictures a part has."""
    return max(min(PART, PART_BYTES // (3 * form.size**2)), 1)


def columns(form: Form) -> datasets.Features:
    """Return the types of a table's columns."""
    kinds = {"pixels": "binary", "label": "int32"}
    if form.store == "pixels" and form.shape == "whole":
        kinds |= {"height": "int32", "width": "int32"}
    return datasets.Features({name: datasets.Value(kind) for name, kind in kinds.items()})


@dataclass(frozen=True)
class Job:
    """A part to prepare, and the path, without an ending, of what is made of it."""

    part: Part
    form: Form
    target: Path

    @property
    def table(self) -> Path:
        """The part's pictures."""
        return self.target.with_suffix(".arrow")

    @property
    def report(self) -> Path:
        """What was found."""
        return self.target.with_suffix(".json")

    def found(self) -> dict[str, Any]:
        """Return what was found, of a part that is done."""
        return cast("dict[str, Any]", json.loads(self.report.read_text(encoding="utf-8")))


def prepare(parts: Sequence[Part], form: Form, state: Path) -> list[Job]:
    """Prepare the parts that ``state`` does not hold already; return all of them.

    Raises SourceError where the source is broken.
    """
    state = state.resolve()  # a process may work elsewhere
    jobs = [Job(part, form, state / f"{part.split}-{part.start:08}") for part in parts]
    left = [job for job in jobs if not job.report.exists()]
    total = sum(len(job.part.entries) for job in left)
    # A process takes seconds to start.
    processes = min(machine.processes(max(total // PART, 1)), max(len(left), 1))
    done = 0
    with Meter("prepare") as meter:
        for number, _ in sharing.each(prepare_part, left, ["cpu"] * processes, threads=1):
            done += len(left[number].part.entries)
            pace = done / max(meter.seconds(), 1e-9)
            meter.count(done, total, f"pictures, {pace:.0f} a second")
    return jobs


def prepare_part(job: Job) -> None:
    """Read, decode and store the pictures of a part."""
    kinds: dict[str, Counter[str]] = {name: Counter() for name in KINDS}
    labels: Counter[int] = Counter()
    refused: dict[str, str] = {}
    sums, pixels = np.zeros(6, np.int64), 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal sums, pixels
        for read in job.part.reader(job.part.entries):
            try:
                row, said, image_sums, count = read_row(read, job.form)
            except ImageError as error:
                refused[read.name] = str(error)
                continue
            for name, value in zip(KINDS, said, strict=True):
                kinds[name][value] += 1
            labels[read.label] += 1
            sums, pixels = sums + image_sums, pixels + count
            yield row

    with warnings.catch_warnings(), atomic.file(job.table) as temporary:
        warnings.simplefilter("ignore", UserWarning)  # Pillow's, of EXIF that nobody reads here
        write(temporary, rows(), columns(job.form).arrow_schema)
    atomic.write_json(
        job.report,
        {
            "labels": sorted(labels.items()),
            **kinds,
            "refused": refused,
            "sums": sums.tolist(),
            "pixels": pixels,
        },
    )


def read_row(
    read: Read, form: Form
) -> tuple[dict[str, Any], tuple[str, str, str], np.ndarray, int]:
    """Return a picture's row, its (format, mode, size) as found, and its sums over so many pixels.

    The sums are of each channel's values, and of their squares. Raises ImageError.
    """
    if read.refused:
        raise ImageError(read.refused)
    image = decoding.decode_rgb(read.data, read.name)
    kind, mode, width, height = decoding.describe(read.data)
    bring = storing.fit if form.shape == "square" else storing.scale
    image = bring(image, form.size)
    # By histogram: exact in any order, and an eighth of the time.
    counts = np.array(image.histogram()).reshape(3, 256)
    sums = np.concatenate([counts @ VALUES, counts @ VALUES**2])
    row = storing.row(image, form) | {"label": read.label}
    return row, (kind, mode, f"{width}×{height}"), sums, image.width * image.height


def write(path: Path, rows: Iterator[dict[str, Any]], schema: pa.Schema) -> None:
    """Write rows as an Arrow stream."""
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema) as out:
        while some := list(islice(rows, ROWS)):
            out.write_batch(pa.RecordBatch.from_pylist(some, schema))


def put_together(jobs: Sequence[Job], form: Form, target: Path) -> tuple[np.ndarray, int, str]:
    """Make ``target``/{train,val}, as `datasets.load_from_disk` reads them, of the parts.

    Files are linked where the disk can: nothing is copied. Returns the sums of the training
    pictures, their pixels, and the SHA-256 of all that the tables hold.
    """
    digest, sums, pixels = hashlib.sha256(), np.zeros(6, np.int64), 0
    for split in SPLITS:
        folder = target / split
        folder.mkdir()
        full = [job for job in jobs if job.part.split == split and job.found()["labels"]]
        names = [f"data-{n:05}-of-{len(full):05}.arrow" for n in range(len(full))]
        for job, name in zip(full, names, strict=True):
            _link(job.table, folder / name)
            add(digest, job.table)
            if split == "train":
                found = job.found()
                sums, pixels = sums + np.array(found["sums"]), pixels + found["pixels"]
        _describe(folder, form, names, digest.hexdigest()[:16])
    return sums, pixels, digest.hexdigest()


def _describe(folder: Path, form: Form, names: Sequence[str], fingerprint: str) -> None:
    """Write what `datasets.load_from_disk` reads beside the tables."""
    atomic.write_json(folder / "dataset_info.json", {"features": columns(form).to_dict()})
    absent = dict.fromkeys(("_format_columns", "_format_type", "_split"))
    atomic.write_json(
        folder / "state.json",
        {
            "_data_files": [{"filename": name} for name in names],
            "_fingerprint": fingerprint,
            "_format_kwargs": {},
            "_output_all_columns": False,
            **absent,
        },
    )


def add(digest: "hashlib._Hash", table: Path) -> None:
    """Add a table's pictures and labels to a digest, some at a time."""
    labels: list[int] = []
    with pa.OSFile(str(table)) as file, pa.ipc.open_stream(file) as batches:
        for batch in batches:
            digest.update(batch["pixels"].buffers()[2])
            labels += batch["label"].to_pylist()
            if len(labels) == DIGESTED:
                digest.update(np.array(labels, "<i4").tobytes())
                labels = []
    digest.update(np.array(labels, "<i4").tobytes())


def _link(made: Path, target: Path) -> None:
    try:
        target.hardlink_to(made)
    except OSError:  # another disk, or one that knows no links
        with atomic.file(target) as temporary:
            temporary.write_bytes(made.read_bytes())


def summarise(jobs: Sequence[Job], split: str, classes: Sequence[str]) -> dict[str, Any]:
    """Return the manifest's section of one split."""
    labels: Counter[int] = Counter()
    kinds: dict[str, Counter[str]] = {name: Counter() for name in KINDS}
    refused: dict[str, str] = {}
    for job in jobs:
        if job.part.split == split:
            found = job.found()
            labels.update(dict(found["labels"]))
            refused |= found["refused"]
            for name in KINDS:
                kinds[name].update(found[name])
    return {
        "pictures": labels.total(),
        "per_class": {name: labels[label] for label, name in enumerate(classes)},
        **{name: _most_common(kinds[name]) for name in KINDS},
        "refused": refused,
    }


def _most_common(found: "Counter[str]") -> dict[str, int]:
    """Return the ten most common of many, and how many others there are."""
    common = dict(found.most_common(10))
    others = found.total() - sum(common.values())
    return common | ({"others": others} if others else {})


def kept(jobs: Sequence[Job], split: str) -> list[Entry]:
    """Return the pictures of a split that could be read, in the order of its table."""
    found = []
    for job in jobs:
        if job.part.split == split:
            refused = job.found()["refused"]
            found += [entry for entry in job.part.entries if entry.name not in refused]
    return found
