"""Restore many pictures on many devices: each process takes its share and writes what is done.

``Trainer.predict`` starts the processes and says who is who; each picture has an untrained network
of its own, so nothing is synchronised. The method is `prior.restore`, the same as the tool's; what
is around it, measuring and recording, is here.
"""

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytorch_lightning as pl
import torch
from PIL import Image
from pytorch_lightning.utilities.exceptions import SIGTERMException
from torch import Tensor
from torch.utils.data import DataLoader

from convprior.ground import atomic, resume
from convprior.pictures import decoding, files
from convprior.pictures.picture import Picture
from convprior.prior.recipe import Recipe
from convprior.prior.restore import Iterate, State, restore
from convprior.prior.stopping import Stopper
from convprior.problem import classical, metrics
from convprior.problem.observation import Observation

SAVE_EVERY = 30.0  # seconds between two saves of a fit in the middle
STRIPS_AT = (5, 10, 20, 40, 70, 100, 150, 200, 300, 400, 600, 800, 1200, 1600, 2400, 3200)


class Recorder(Protocol):
    """What the restorer needs of a tracked run."""

    def metrics(self, values: dict[str, float], step: int = 0) -> None:
        """Record metrics at a step."""

    def picture(self, key: str, picture: Image.Image, step: int) -> None:
        """Record a preview at a step."""


@dataclass(frozen=True)
class Job:
    """One picture to restore. ``reference`` is for measuring only."""

    name: str
    observation: Observation
    reference: Tensor
    identity: str

    def folder(self, state: Path) -> Path:
        """Return where its result is kept until the stage is done."""
        return resume.folder(state / self.name, self.identity)

    def saved(self, state: Path) -> Path:
        """Return where the middle of its fit is kept."""
        return self.folder(state).with_suffix(".pt")


class Restorer(pl.LightningModule):
    """Restore each job of the loader and write its result to ``state``.

    A result is a folder with ``restored.png``, ``classical.png``, ``metrics.json`` and
    ``curve.csv``; jobs whose result is there are skipped. ``record`` opens a tracked run for a job.
    """

    def __init__(
        self,
        recipe: Recipe,
        seed: int,
        state: Path,
        record: Callable[[Job], AbstractContextManager[Recorder]],
    ) -> None:
        super().__init__()
        self.recipe, self.seed, self.state, self.record = recipe, seed, state, record

    def share(self, jobs: list[Job]) -> DataLoader[Job]:
        """Return a loader of this process's share of the jobs that are not done."""
        mine = jobs[self.trainer.global_rank :: self.trainer.world_size]
        missing = [job for job in mine if not job.folder(self.state).exists()]
        return DataLoader(missing, batch_size=None)  # type: ignore[arg-type]

    def predict_step(self, job: Job, _: int) -> None:
        """Restore one picture, measure it, and write the result."""
        with (
            self.record(job) as run,
            atomic.folder(job.folder(self.state)) as out,
            # Lightning predicts in inference mode, in which nothing can be fitted.
            torch.inference_mode(False),
            torch.enable_grad(),
            # The method itself says what is computed in which precision.
            torch.autocast(self.device.type, enabled=False),
        ):
            self._restore(job, run, out)
        job.saved(self.state).unlink(missing_ok=True)

    def transfer_batch_to_device(self, batch: Job, *_: object) -> Job:
        """Leave the job where it is: `restore` moves what it needs."""
        return batch

    def _restore(self, job: Job, run: Recorder, out: Path) -> None:
        reference, observation = job.reference, job.observation
        baseline = classical.restore(observation)
        saved = job.saved(self.state)
        state = torch.load(saved, self.device, weights_only=True) if saved.exists() else None
        curve: list[dict[str, float]] = state["curve"] if state else []
        last = reference
        begin = time.monotonic() - (state["seconds"] if state else 0.0)
        saved_at = time.monotonic()

        def note(row: dict[str, float]) -> None:
            run.metrics({k: v for k, v in row.items() if k != "step"}, int(row["step"]))

        def watch(iterate: Iterate, _: Stopper) -> None:
            nonlocal last
            if self.trainer.received_sigterm:
                raise SIGTERMException
            last = observation.keep_known(iterate.picture.cpu())
            average = observation.keep_known(iterate.average.cpu())
            curve.append(
                {
                    "step": iterate.step,
                    "misfit": iterate.misfit,
                    "held_out": iterate.held_out,
                    "psnr": metrics.psnr(reference, last),
                    "psnr_average": metrics.psnr(reference, average),
                }
            )
            note(curve[-1])
            if iterate.step in STRIPS_AT:
                show(average, iterate.step)

        def show(average: Tensor, step: int) -> None:
            strip = torch.cat([observation.observed, average, reference], dim=2)
            run.picture("observed - restored - reference", decoding.to_pillow(strip), step)

        def save(fit: State) -> None:
            nonlocal saved_at
            if time.monotonic() > saved_at + SAVE_EVERY:
                saved_at = time.monotonic()
                with atomic.file(saved) as file:
                    torch.save({"fit": fit, "curve": curve, "seconds": saved_at - begin}, file)

        show(torch.full_like(reference, 0.5), 0)  # the slider in MLflow begins at step 0
        for row in curve:
            note(row)
        restored = restore(
            observation,
            self.recipe,
            seed=self.seed,
            device=self.device,
            precision=torch.bfloat16 if "bf16" in str(self.trainer.precision) else torch.float32,
            watch=watch,
            saved=state["fit"] if state else None,
            save=save,
        )
        if restored.ended == "interrupted":
            raise KeyboardInterrupt
        seconds = time.monotonic() - begin
        peak = max(curve, key=lambda row: row["psnr_average"])
        pictures = {
            "observed": observation.observed.clamp(0, 1),
            "classical": baseline,
            "last": last,
            "network": observation.keep_known(restored.average),
            "restored": restored.picture,
        }
        measured: dict[str, Any] = {
            "steps": restored.steps,
            "stop_step": restored.best_step,
            "ended": restored.ended,
            "seconds": round(seconds, 1),
            **{f"psnr_{kind}": metrics.psnr(reference, p) for kind, p in pictures.items()},
            **{f"ssim_{kind}": metrics.ssim(reference, p) for kind, p in pictures.items()},
            "psnr_peak": peak["psnr_average"],
            "peak_step": peak["step"],
        }
        measured["stop_gap"] = measured["psnr_peak"] - measured["psnr_network"]
        run.metrics({k: v for k, v in measured.items() if not isinstance(v, str)}, restored.steps)
        files.write(out / "restored.png", Picture(restored.picture))
        files.write(out / "classical.png", Picture(baseline))
        atomic.write_csv(out / "curve.csv", curve)
        atomic.write_json(
            out / "metrics.json",
            {
                k: v if not isinstance(v, float) or math.isfinite(v) else None
                for k, v in measured.items()
            },
        )
