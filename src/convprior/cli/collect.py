"""`convprior collect`: one table, and one run in MLflow, of a folder that was restored."""

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example:  convprior collect scans restored --mlflow"


def command(
    originals: Annotated[Path, typer.Argument(metavar="INPUT", help="The folder that came.")],
    restored: Annotated[
        Path, typer.Argument(metavar="RESTORED", help="The folder of what was made of it.")
    ],
    recursive: Annotated[
        bool, typer.Option("--recursive", help="Take the pictures in the folder's folders too.")
    ] = False,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The table.")
    ] = Path("collection.parquet"),
    mlflow: Annotated[
        bool,
        typer.Option(
            "--mlflow",
            help="Record a run too: at MLFLOW_TRACKING_URI, or in the mlflow.db of this folder.",
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a table that exists.")
    ] = False,
) -> None:
    """Write a table (parquet) of what became of each picture of a folder, done or not yet.

    A run in MLflow has the table, the means in the course of the work, and previews: of a sample,
    of what was changed most, and of the worst by held-out error.
    """
    from convprior.ground import extras
    from convprior.ground.errors import InputError

    extras.need("experiment", "pyarrow", *(["mlflow"] if mlflow else []))
    for path in (originals, restored):
        if not path.is_dir():
            raise InputError(f"{path}: is no folder")
    if output.exists() and not overwrite:
        raise InputError(f"{output}: exists already: choose another -o, or --overwrite")

    from convprior.ground import mlflow_store, tracking
    from convprior.restoration import collection

    rows = collection.rows(originals, restored, recursive=recursive)
    collection.write(rows, output)
    left = sum("finished" not in row for row in rows)
    print(f"{output}: pages restored: {len(rows) - left:,}, pictures without a result: {left:,}")
    if not mlflow:
        return
    about = f"What became of the pictures in {originals}: all are in the table {output.name}."
    folders = {"originals": str(originals), "restored": str(restored)}
    with tracking.run("collection", restored.resolve().name, folders, about=about) as run:
        collection.record(rows, originals, restored, run)
        run.file(output)
    print(f"one run of the experiment `collection` at {mlflow_store.shown(mlflow_store.uri())}")
