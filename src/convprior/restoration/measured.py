"""Restore pictures whose reference is known, and measure and record what comes of each.

The method is `prior.restore`, the same as the tool's. What comes of a case depends on it and its
series alone: a `Trainer` shares the cases out over ranks, a cluster over machines.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from PIL import Image
from torch import Tensor

from convprior.ground import atomic, resume
from convprior.pictures import decoding, files
from convprior.pictures.picture import Picture
from convprior.prior.follower import Follower, Restored
from convprior.prior.iterates import DivergedError, Iterate, State
from convprior.prior.recipe import Recipe
from convprior.prior.restore import restore
from convprior.prior.stopping import Stopper
from convprior.prior.where import Where
from convprior.problem import classical, metrics
from convprior.problem.observation import Observation

SAVE_EVERY = 30.0  # seconds between two saves of a fit in the middle
STRIPS_AT = (5, 10, 20, 40, 70, 100, 150, 200, 300, 400, 600, 800, 1200, 1600, 2400, 3200)


@runtime_checkable
class Recorder(Protocol):
    """What is needed of a tracked run."""

    def metrics(self, values: dict[str, float], step: int | None = None) -> None:
        """Record metrics at a step, or results."""

    def picture(self, key: str, picture: Image.Image, step: int) -> None:
        """Record a preview at a step."""


@dataclass(frozen=True)
class Case:
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


class Measured(Follower):
    """Measures each iterate of a case against its reference, records it, and keeps the fit.

    ``saved_in`` is the file in which the middle of the fit is kept, and from which it goes on.
    ``tell`` is called with each step and the one that is due to be the last.
    """

    def __init__(
        self, case: Case, recorder: Recorder, saved_in: Path, device: torch.device,
        tell: Callable[[int, float], None],
    ) -> None:  # fmt: skip
        self.case, self.recorder, self.saved_in, self.tell = case, recorder, saved_in, tell
        self.curve: list[dict[str, float]] = []
        self.last = case.reference
        self.begun = self.kept_at = time.monotonic()
        state = resume.load(saved_in, device)
        if state is not None:
            self.saved, self.curve = state["fit"], state["curve"]
            self.begun -= state["seconds"]
        self._show(torch.full_like(case.reference, 0.5), 0)  # MLflow's slider begins at step 0
        for row in self.curve:
            self._note(row)

    @property
    def seconds(self) -> float:
        """How long the fit has taken, interruptions left out."""
        return time.monotonic() - self.begun

    def see(self, iterate: Iterate, stopper: Stopper) -> None:
        """Measure and record an iterate."""
        observation, reference = self.case.observation, self.case.reference
        self.last = observation.keep_known(iterate.picture.cpu())
        average = observation.keep_known(iterate.average.cpu())
        self.curve.append(
            {
                "step": iterate.step,
                "misfit": iterate.misfit,
                "held_out": iterate.held_out,
                "psnr": metrics.psnr(reference, self.last),
                "psnr_average": metrics.psnr(reference, average),
            }
        )
        self._note(self.curve[-1])
        if iterate.step in STRIPS_AT:
            self._show(average, iterate.step)
        self.tell(iterate.step, stopper.stops_at)

    def keep(self, state: Callable[[], State]) -> None:
        """Save the fit, if the last save is long enough ago."""
        if time.monotonic() > self.kept_at + SAVE_EVERY:
            self.kept_at = time.monotonic()
            with atomic.file(self.saved_in) as file:
                torch.save({"fit": state(), "curve": self.curve, "seconds": self.seconds}, file)

    def summary(self, restored: Restored, baseline: Tensor) -> dict[str, Any]:
        """Return how good every picture of the case is, and how the fit went."""
        reference, observation = self.case.reference, self.case.observation
        pictures = {
            "observed": observation.observed.clamp(0, 1),
            "classical": baseline,
            "restored": restored.picture,
        }
        if restored.patches is not None:
            pictures["patches"] = restored.patches
        if restored.average is not None:
            pictures["last"] = self.last
            pictures["network"] = observation.keep_known(restored.average)
        measured: dict[str, Any] = {
            "steps": restored.steps,
            "stop_step": restored.best_step,
            "ended": restored.ended,
            "seconds": round(self.seconds, 1),
            **{f"psnr_{kind}": metrics.psnr(reference, p) for kind, p in pictures.items()},
            **{f"ssim_{kind}": metrics.ssim(reference, p) for kind, p in pictures.items()},
        }
        if restored.average is not None:
            peak = max(self.curve, key=lambda row: row["psnr_average"])
            measured["psnr_peak"], measured["peak_step"] = peak["psnr_average"], peak["step"]
            measured["stop_gap"] = measured["psnr_peak"] - measured["psnr_network"]
        return measured

    def _note(self, row: dict[str, float]) -> None:
        self.recorder.metrics({k: v for k, v in row.items() if k != "step"}, int(row["step"]))

    def _show(self, average: Tensor, step: int) -> None:
        strip = torch.cat([self.case.observation.observed, average, self.case.reference], dim=2)
        self.recorder.picture("observed - restored - reference", decoding.to_pillow(strip), step)


def restore_case(
    case: Case, recipe: Recipe, seed: int, where: Where, measured: Measured, out: Path
) -> None:
    """Restore a case and write ``{restored,classical}.png``, ``metrics.json`` and ``curve.csv``.

    Raises KeyboardInterrupt, or DivergedError: half a result is none.
    """
    baseline = classical.baseline(case.observation)
    restored = restore(case.observation, recipe, seed, where, measured)
    if restored.ended == "interrupted":
        raise KeyboardInterrupt
    if restored.ended == "diverged":
        raise DivergedError(f"{case.name}: the fit diverged at step {restored.steps}")
    found = measured.summary(restored, baseline)
    measured.recorder.metrics({k: v for k, v in found.items() if not isinstance(v, str)})
    files.write(out / "restored.png", Picture(restored.picture))
    files.write(out / "classical.png", Picture(baseline))
    atomic.write_csv(out / "curve.csv", measured.curve)
    finite = {
        k: v if not isinstance(v, float) or math.isfinite(v) else None for k, v in found.items()
    }
    atomic.write_json(out / "metrics.json", finite)


@dataclass(frozen=True)
class Series:
    """How the cases of one task are restored, and the folder ``state`` that keeps the results."""

    task: str
    recipe: Recipe
    seed: int
    precision: torch.dtype
    state: Path

    def missing(self, cases: Sequence[Case]) -> list[Case]:
        """Return the cases that have no result yet."""
        return [case for case in cases if not case.folder(self.state).exists()]

    def restore(
        self, case: Case, recorder: Recorder, device: torch.device,
        tell: Callable[[int, float], None] = lambda *_: None,
    ) -> None:  # fmt: skip
        """Restore a case and keep its result, whole or not at all. Raises as `restore_case`."""
        saved = case.saved(self.state)
        with atomic.folder(case.folder(self.state)) as out:
            measured = Measured(case, recorder, saved, device, tell)
            where = Where(device, self.precision)
            restore_case(case, self.recipe, self.seed, where, measured, out)
        saved.unlink(missing_ok=True)
