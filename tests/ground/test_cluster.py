"""Two machines of a Ray cluster, both here: each job once, whoever dies."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from convprior.ground import cluster, sharing
from convprior.ground.cluster import ClusterError
from convprior.ground.errors import InputError
from convprior.restoration import folder
from convprior.restoration.settings import Settings
from tests.conftest import REPOSITORY, clean_environment, colourful

pytest.importorskip("ray")

TINY_WORK = Settings(max_steps=2)
SMALL = {"num_cpus": 1, "object_store_memory": 80_000_000}


@pytest.fixture(scope="module")
def two() -> Iterator[SimpleNamespace]:
    """A cluster of two machines with a slot each, and a way to add another one."""
    from ray.cluster_utils import Cluster

    before = os.environ.copy()
    # What the workers import this module from.
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, (REPOSITORY / "src", REPOSITORY)))
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    made = Cluster(True, head_node_args={**SMALL, "include_dashboard": False})
    made.add_node(**SMALL)
    yield made
    made.shutdown()
    os.environ.clear()
    os.environ.update(before)


def describe(job: int) -> tuple[int, str, str, int, str]:
    if job < 0:
        raise InputError(f"no job {job}")
    time.sleep(0.2)  # so that no worker can do them all
    node = os.environ["RAY_NODE_ID"] if "RAY_NODE_ID" in os.environ else str(os.getppid())
    return job, str(sharing.device()), str(Path.cwd()), torch.get_num_threads(), node
