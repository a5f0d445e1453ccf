"""What a folder's restoration was like: a table of all its pictures, and one run of them together.

A hundred thousand pictures are not a hundred thousand runs. All is read from the small JSON beside
each result (folder.py): while the work goes on, after it, and whoever did it.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from convprior.ground import atomic
from convprior.ground.errors import InputError
from convprior.ground.journal import Journal
from convprior.pictures import decoding, files, seen
from convprior.pictures.picture import Picture
from convprior.restoration import finding, folder

POINTS = 100  # of each curve, however many pictures there are
SHOWN = 8  # previews of a kind
SIDE = 384  # pixels of the longer side of each of the two pictures of a preview
ERRORS = ("changed", "held_out")  # root mean squares, of 255; see report.Page

Row = dict[str, Any]


def rows(originals: Path, restored: Path, *, recursive: bool) -> list[Row]:
    """Return a row for each page in order of its finishing, then one for each picture without any.

    Raises InputError if no picture has a result.
    """
    found = finding.find(originals, restored, recursive=recursive).pictures
    all_rows = [row for path, to in found for row in _of_picture(originals, path, restored, to)]
    if not any("finished" in row for row in all_rows):
        raise InputError(
            f"{restored}: has no result of a picture in {originals}: "
            f"convprior restore {originals} -o {restored}"
        )
    return sorted(all_rows, key=lambda row: row.get("finished", math.inf))


def _of_picture(originals: Path, path: Path, restored: Path, to: Path) -> Iterator[Row]:
    names = {"picture": _text(path.relative_to(originals)), "restored": _text(to)}
    pages = folder.noted(restored / to).get("result")
    if not pages:
        yield names
        return
    finished = folder.note_of(restored / to).stat().st_mtime
    for number, page in enumerate(pages, 1):
        yield {**names, "page": number, "finished": finished, **page}


def _text(path: Path) -> str:
    """Return a name as text: a file's may be any bytes."""
    return path.as_posix().encode("utf-8", "replace").decode()


def write(all_rows: list[Row], target: Path) -> None:
    """Write the rows as parquet; ``finished`` is a moment in UTC."""
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema(
        [
            *((name, pa.string()) for name in ("picture", "restored")),
            ("page", pa.int32()),
            ("finished", pa.timestamp("ms", "UTC")),
            *((name, pa.string()) for name in ("task", "reason", "ended")),
            *((name, pa.int32()) for name in ("runs", "steps", "best_step")),
            *((name, pa.float32()) for name in ("changed", "held_out")),
        ]
    )
    moments = [
        row | {"finished": round(1000 * row["finished"])} if "finished" in row else row
        for row in all_rows
    ]
    with atomic.file(target) as temporary:
        parquet.write_table(pa.Table.from_pylist(moments, schema), temporary)


def record(all_rows: list[Row], originals: Path, restored: Path, run: Journal) -> None:
    """Record the course of the whole, what came of it, and previews: of a sample, of the worst."""
    done = [row for row in all_rows if "finished" in row]
    begun = done[0]["finished"]
    every = math.ceil(len(done) / POINTS)
    for first in range(0, len(done), every):
        part = done[first : first + every]
        until = first + len(part)
        run.metrics({"minutes": (part[-1]["finished"] - begun) / 60} | _means(part), until)
    results = {"pages": len(done), "not_restored": len(all_rows) - len(done)} | _means(done)
    for row in done:
        ended = f"ended_{row['ended']}".replace(" ", "_")
        results[ended] = results.get(ended, 0) + 1
    run.metrics(results)
    shown = {"sample": done[:: math.ceil(len(done) / SHOWN)]}
    for key in ERRORS:
        shown[f"worst {key}"] = sorted(
            (row for row in done if row.get(key) is not None), key=lambda row: -row[key]
        )
    for name, chosen in shown.items():
        for number, row in enumerate(chosen[:SHOWN]):
            run.picture(name, _preview(originals, restored, row), number)


def _means(part: list[Row]) -> dict[str, float]:
    """Return the mean of each error over the rows that have it."""
    values = {key: [row[key] for row in part if row.get(key) is not None] for key in ERRORS}
    return {key: sum(of) / len(of) for key, of in values.items() if of}


def _preview(originals: Path, restored: Path, row: Row) -> Image.Image:
    """Return what came and what was made of it, side by side; grey where a file is gone."""
    sheet = Image.new("RGB", (2 * SIDE, SIDE), "grey")
    for place, path in enumerate((originals / row["picture"], restored / row["restored"])):
        try:
            page = files.read_pages(path)[row["page"] - 1]
        except (InputError, IndexError):
            continue
        sheet.paste(ImageOps.contain(_shown(page), (SIDE, SIDE)), (place * SIDE, 0))
    return sheet


def _shown(page: Picture) -> Image.Image:
    picture = seen.without_absent(page)
    return decoding.to_pillow(seen.shown(picture.pixels, *seen.range_of(picture)))
