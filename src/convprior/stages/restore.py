"""Restore the degraded photographs of one task with Deep Image Prior, on any number of devices.

    python -m convprior.stages.restore denoise data/degraded/denoise data/restored/denoise \\
        reports/restore/denoise

Out: ``restored/<name>.png`` and ``classical/<name>.png``; per picture metrics and a curve by step.
Interrupted, the same command skips the pictures that are done and unchanged.
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from convprior import (
    atomic,
    collaborative,
    devices,
    fit,
    images,
    muon,
    noise,
    observation,
    operators,
    prior,
    recipe,
    recipes,
    refinement,
    residual,
    resume,
    seeds,
    stopping,
    tiles,
    tracking,
    trainer,
)
from convprior.journal import Journal
from convprior.networks import hourglass
from convprior.observation import Observation
from convprior.restorer import Job, Restorer
from convprior.stages import StageError, arguments, start

STATE = Path(".convprior/state/restore")
# Half a fit made by other code is not gone on with.
METHOD = [
    Path(module.__file__)
    for module in (
        collaborative, fit, hourglass, muon, noise, observation, operators, prior, recipe,
        refinement, residual, seeds, stopping, tiles,
    )
    if module.__file__
]  # fmt: skip


def read_jobs(degraded: Path, task: str, settings: list[object]) -> list[Job]:
    """Return a job for each observed picture, in order of their names. Raises StageError."""
    observed = sorted((degraded / "observed").glob("*.tiff"))
    if not observed:
        raise StageError(f"{degraded}/observed: no pictures; run the stage `degrade` first")
    jobs = []
    for path in observed:
        repair = degraded / "repair" / f"{path.stem}.png"
        reference = degraded / "reference" / f"{path.stem}.png"
        observation = Observation(
            images.read_float(path), ~images.read_mask(repair), exact=task == "inpaint"
        )
        identity = resume.fingerprint([settings, path, repair, reference])
        jobs.append(Job(path.stem, observation, images.read(reference).pixels, identity))
    return jobs


def main(argv: Sequence[str]) -> None:
    """Run the stage."""
    args = arguments(__doc__, argv, "degraded", "restored", "report", task="denoise or inpaint")
    settings = recipes.load(args.params)
    chosen = settings.of(args.task)
    jobs = read_jobs(args.degraded, args.task, [asdict(chosen), settings.seed, *METHOD])
    state = STATE / args.task

    @contextmanager
    def record(job: Job) -> Iterator[Journal]:
        used = {"task": args.task, "seed": settings.seed, **asdict(chosen)}
        tags = {"task": args.task, "picture": job.name, "input": job.identity}
        with tracking.run("restore", f"{args.task}/{job.name}", used, tags) as run:
            yield run

    # One small picture hardly uses a second core; a second picture does.
    machine = trainer.make(min(len(jobs), devices.cores()), inference_mode=False)
    restorer = Restorer(chosen, settings.seed, state, record)
    restorer.trainer = machine
    with trainer.honest_exit():
        machine.predict(restorer, dataloaders=restorer.share(jobs), return_predictions=False)
    machine.strategy.barrier()
    if not machine.is_global_zero:
        return
    measured = {}
    with atomic.folder(args.restored) as pictures, atomic.folder(args.report / "curves") as curves:
        for kind in ("restored", "classical"):
            (pictures / kind).mkdir()
        for job in jobs:
            result = job.folder(state)
            measured[job.name] = json.loads((result / "metrics.json").read_text())
            shutil.copy(result / "curve.csv", curves / f"{job.name}.csv")
            for kind in ("restored", "classical"):
                shutil.copy(result / f"{kind}.png", pictures / kind / f"{job.name}.png")
    atomic.write_json(args.report / "metrics.json", measured)
    shutil.rmtree(state)


if __name__ == "__main__":
    start(main)
