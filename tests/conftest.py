"""Tiny data and settings that every test can afford."""

import os

os.environ.update(DVC_NO_ANALYTICS="1", HF_HUB_OFFLINE="1", CONVPRIOR_ACCELERATOR="cpu",
                  CONVPRIOR_DEVICES="1")  # fmt: skip

import io
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jaxtyping
import numpy as np
import pytest
import torch
import yaml
from PIL import Image

# In tests, every call and every dataclass of the package is checked against its annotations. What
# is imported before this line would not be; int counts as float, as it does for mypy.
CHECKER = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"
jaxtyping.install_import_hook("convprior", CHECKER)

from convprior.prior.recipe import Recipe  # noqa: E402

# Started in the background by a script, pytest and all that it starts would be deaf to Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = Path(__file__).parents[1]
QUESTIONS = tuple(yaml.safe_load((REPOSITORY / "params.yaml").read_text())["study"])

TINY = Recipe(
    channels=(8, 8), skip_channels=4, upsampling="nearest", padding="zeros",
    join_norm=False, dropout=0.1, latent="uniform", latent_channels=4, jitter=0.03, blind_spot=0.0,
    outlier=2.5, total_variation=0.05, patches=True,
    learning_rate=0.01, muon_learning_rate=0.03,
    max_steps=20, average=0.9, held_out=0.05, patience=0.25, least_patience=15,
)  # fmt: skip


def discs() -> torch.Tensor:
    """Return a clean picture (3, 64, 64) that a small network learns in a few hundred steps."""
    down, right = torch.meshgrid(torch.linspace(0, 1, 64), torch.linspace(0, 1, 64), indexing="ij")
    disc = ((down - 0.5).hypot(right - 0.5) < 0.3).float()
    return torch.stack([0.2 + 0.6 * down, 0.8 - 0.5 * right, 0.3 + 0.4 * disc])


def bricks(channels: int = 3, height: int = 48, width: int = 60) -> torch.Tensor:
    """Return a wall (channels, height, width) of bricks that look alike."""
    down, right = torch.arange(height)[:, None], torch.arange(width)
    joint = (down % 8 == 0) | ((right + 5 * (down // 8)) % 12 == 0)
    return (0.3 + 0.5 * joint.float()).expand(channels, height, width).clone()


def all_known(picture: torch.Tensor) -> torch.Tensor:
    """Return the mask (h, w) of a picture (c, h, w) of which every pixel is known."""
    return torch.ones(picture.shape[1:], dtype=torch.bool)


def tiny_params() -> dict:
    """Return the repository's params.yaml, made so small that every stage takes seconds."""
    content = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    content["prepare"] |= {"size": 32, "most_per_class": 12}
    content["train"] |= {"epochs": 2, "batch_size": 16}
    for network in content["train"]["networks"].values():
        network["arguments"] |= {"batch_norm": False, "dropout": 0.0}
        if "channels" in network["arguments"]:
            network["arguments"]["channels"] = [4, 8]
        else:
            network["arguments"]["hidden"] = [8]
    content["evaluate"] = {"shifts": [0, 2]}
    content |= tiny_study(content)
    content["degrade"] |= {"size": 32}
    for name in ("default", "exact"):
        content["restore"]["recipes"][name] |= {
            "channels": [8, 8], "skip_channels": 4, "latent_channels": 4, "max_steps": 15,
        }  # fmt: skip
    return content


def tiny_study(content: dict) -> dict:
    """Return the sections `compose`, `learn` and `study`, made small: two networks, two seeds."""
    learn, study = content["learn"], content["study"]
    networks = {name: learn["networks"][name] for name in ("mlp", "cnn_pool")}
    networks["mlp"]["arguments"] |= {"hidden": [4]}
    networks["cnn_pool"]["arguments"] |= {"channels": [4, 8], "hidden": 8}
    learn |= {
        "pictures": 40, "budget": {"steps": 4, "batch_size": 16}, "learning_rates": [0.001, 0.003],
        "seeds": [0, 1], "networks": networks,
    }  # fmt: skip
    names = list(networks)
    study["sharing"] |= {
        "families": names,
        "parameters": 3000,
        "multiply_adds": 9000,
        "sizes": [16, 32],
    }
    study["position"] |= {"step": 1, "pictures": 10, "moves": [1, 4]}
    study["locality"] |= {"networks": names}
    study["sample_size"] |= {"steps": 4, "networks": names, "pictures": [10, 40]}
    study["orientation"] |= {
        "angles": [0, 90], "scales": [0.5, 1.0], "digits": {"steps": 4, "batch_size": 16},
        "digit_runs": 2,
    }  # fmt: skip
    study["overfitting"] |= {"network": "cnn_pool", "pictures": 20}
    study["sight"] |= {"pictures": 4, "size": 16, "deep": [2, 2]}
    study["dense"] |= {
        "budget": {"steps": 4, "batch_size": 16}, "channels": [4, 4], "pictures": 40, "shown": 1
    }  # fmt: skip
    study["untrained"] |= {
        "photographs": ["coffee"], "runs": 2, "size": 16, "channels": [4, 4], "steps": 6, "bands": 3
    }  # fmt: skip
    compose = content["compose"] | {"size": 16, "train": 40, "validation": 20, "test": 30}
    return {"compose": compose, "learn": learn, "study": study}


SMALL = {"num_cpus": 1, "object_store_memory": 80_000_000}  # a machine of a Ray cluster

# Longest first, so that two workers end together.
LONG_FILES = (
    "test_pipeline_study.py", "test_pipeline.py", "test_train.py", "test_restore.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {name: place for place, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database without runs: making one takes five seconds, copying one none."""
    from mlflow.tracking import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_database: Path) -> Path:
    """A folder to run stages in: tiny params.yaml, MLflow database, garments; it is the cwd.

    They compute on one thread, as the processes that DVC starts do.
    """
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "garments").symlink_to(REPOSITORY / "data" / "garments")
    shutil.copy(REPOSITORY / "data/photographs.txt", tmp_path / "data")
    shutil.copytree(REPOSITORY / "data/masks", tmp_path / "data/masks")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tiny_params()))
    return tmp_path


@pytest.fixture(scope="module")
def two() -> Iterator[Any]:
    """A cluster of two machines with room for one job each; another one can be added."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        # What the workers import the tests from.
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, (REPOSITORY / "src", REPOSITORY))))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        made = Cluster(True, head_node_args={**SMALL, "include_dashboard": False})
        made.add_node(**SMALL)
        yield made
        made.shutdown()


@pytest.fixture(scope="session")
def prepared_once(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """data/prepared of the tiny settings, made once by the stage itself, as a user would."""
    folder = tmp_path_factory.mktemp("prepared")
    shutil.copy(empty_database, folder / "mlflow.db")
    (folder / "params.yaml").write_text(yaml.safe_dump(tiny_params()))
    (folder / "data").mkdir()
    (folder / "data/garments").symlink_to(REPOSITORY / "data/garments")
    run_stage(folder, "prepare", "data/prepared", "reports/prepare")
    return folder


def run_stage(
    folder: Path, stage: str, *arguments: object, check: bool = True, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a stage's command in ``folder``, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", f"convprior.stages.{stage}", *map(str, arguments),
         "--params", "params.yaml"],
        cwd=folder, env=clean_environment() | variables, capture_output=True, text=True,
        timeout=240, check=check,
    )  # fmt: skip


def run_command(*arguments: object) -> int:
    """Run the command and return its exit code: in this process, without seconds of importing."""
    from convprior import cli

    old, sys.argv = sys.argv, ["convprior", *map(str, arguments)]
    try:
        with pytest.raises(SystemExit) as ended:
            cli.main()
    finally:
        sys.argv = old
    return int(ended.value.code or 0)


def clean_environment() -> dict[str, str]:
    """Return the environment without what would lead a stage elsewhere."""
    away = {"DVC_ROOT", "MLFLOW_TRACKING_URI"}
    one_thread = {"OMP_NUM_THREADS": "1"}  # unless the variable is set, as below
    return one_thread | {k: v for k, v in os.environ.items() if k not in away}


@pytest.fixture(autouse=True)
def _threads() -> None:
    """Use one thread where OMP_NUM_THREADS sets no other number: no test may depend on it."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave types and shapes unchecked, as they are for users: a test hands over wrong ones."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.fixture
def photograph() -> torch.Tensor:
    """A smooth colour picture (3, 24, 20) with an edge, in [0, 1]."""
    down, right = torch.meshgrid(torch.linspace(0, 1, 24), torch.linspace(0, 1, 20), indexing="ij")
    return torch.stack([down, right, (down + right > 0.9).float() * 0.7 + 0.1])


def encode(image: Image.Image, form: str, **options: object) -> bytes:
    """Return a picture's file as bytes."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def colourful(width: int, height: int) -> Image.Image:
    """A colour picture in which every pixel differs from its neighbours, but smoothly."""
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    values = [across * 3 % 256, down * 5 % 256, (across + down) * 2 % 256]
    return Image.fromarray(np.stack(values, -1).astype(np.uint8))
