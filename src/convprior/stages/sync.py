"""Replay to MLflow the runs that it has not got: after a server was away.

    MLFLOW_TRACKING_URI=https://mlflow.example python -m convprior.stages.sync

It is no stage of the pipeline, which needs no MLflow.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from convprior.ground import mlflow_store, tracking
from convprior.stages import start


def main(argv: Sequence[str]) -> None:
    """Replay the journals of runs that are over; end with code 1 if some are left."""
    ArgumentParser(description=__doc__.split("\n")[0]).parse_args(argv)
    through, left = tracking.sync()
    address = mlflow_store.shown(mlflow_store.uri())
    print(f"{through} runs replayed to {address}, {left} left")
    if left:
        sys.exit(1)


if __name__ == "__main__":
    start(main)
