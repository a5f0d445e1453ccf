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

from convprior.ground import atomic, machine, resume, seeds, tracking
from convprior.ground.journal import Journal
from convprior.networks import hourglass
from convprior.pictures import files
from convprior.prior import (
    fit,
    muon,
    patches,
    recipe,
    refinement,
    restore,
    robust,
    stopping,
    tiles,
)
from convprior.problem import noise, observation, operators
from convprior.problem.observation import Observation
from convprior.restoration import recipes
from convprior.restoration.measured import Job, Restorer
from convprior.stages import StageError, arguments, start
from convprior.training import trainer

STATE = Path(".convprior/state/restore")
# Half a fit made by other code is not gone on with.
METHOD = [
    Path(module.__file__)
    for module in (
        fit, hourglass, muon, noise, observation, operators, patches, recipe, refinement,
        restore, robust, seeds, stopping, tiles,
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
            files.read_float(path), ~files.read_mask(repair), exact=task == "inpaint"
        )
        identity = resume.fingerprint([settings, path, repair, reference])
        jobs.append(Job(path.stem, observation, files.read(reference).pixels, identity))
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
    processes = trainer.make(min(len(jobs), machine.cores()), inference_mode=False)
    restorer = Restorer(chosen, settings.seed, state, record)
    restorer.trainer = processes
    with trainer.honest_exit():
        processes.predict(restorer, dataloaders=restorer.share(jobs), return_predictions=False)
    processes.strategy.barrier()
    if not processes.is_global_zero:
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
