"""`convprior sync`: replay what MLflow has not got."""

import sys

EXAMPLE = "Example:  MLFLOW_TRACKING_URI=https://mlflow.example convprior sync"


def sync() -> None:
    """Replay to MLflow the runs that it has not got: after a server was away."""
    from convprior.ground import tracking

    through, left = tracking.sync()
    print(f"{through} runs replayed to {tracking.uri()}, {left} left")
    if left:
        sys.exit(1)
