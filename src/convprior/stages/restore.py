"""Restore the degraded photographs of one task with Deep Image Prior, on any number of devices.

    python -m convprior.stages.restore denoise data/degraded/denoise data/restored/denoise \\
        reports/restore/denoise

Out: ``restored/<name>.png`` and ``classical/<name>.png``; per picture metrics and a curve by step.
Interrupted, the same command skips the pictures that are done and unchanged.
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path

from convprior import prior, problem
from convprior.ground import atomic, machine, resume, seeds, tracking
from convprior.ground.journal import Journal
from convprior.ground.progress import Meter
from convprior.networks import hourglass
from convprior.pictures import files
from convprior.problem.observation import Observation
from convprior.restoration import recipes
from convprior.restoration.measured import Case, Restorer
from convprior.stages import StageError, arguments, start
from convprior.training import trainer

STATE = Path(".convprior/state/restore")
# Half a fit made by other code is not gone on with.
METHOD = sorted(
    path for folder in (*prior.__path__, *problem.__path__) for path in Path(folder).rglob("*.py")
)
METHOD += [Path(hourglass.__file__), Path(seeds.__file__)]


def read_cases(degraded: Path, task: str, settings: list[object]) -> list[Case]:
    """Return a case for each observed picture, in order of their names. Raises StageError."""
    observed = sorted((degraded / "observed").glob("*.tiff"))
    if not observed:
        raise StageError(f"{degraded}/observed: no pictures; run the stage `degrade` first")
    cases = []
    for path in observed:
        repair = degraded / "repair" / f"{path.stem}.png"
        reference = degraded / "reference" / f"{path.stem}.png"
        observation = Observation(
            files.read_float(path), ~files.read_mask(repair), exact=task == "inpaint"
        )
        identity = resume.fingerprint([settings, path, repair, reference])
        clean = files.read(reference).pixels
        cases.append(Case(path.stem, observation, clean, identity))
    return cases


def main(argv: Sequence[str]) -> None:
    """Run the stage."""
    args = arguments(__doc__, argv, "degraded", "restored", "report", task="denoise or inpaint")
    settings = recipes.load(args.params)
    chosen = settings.of(args.task)
    cases = read_cases(args.degraded, args.task, [asdict(chosen), settings.seed, *METHOD])
    state = STATE / args.task

    @contextmanager
    def record(case: Case) -> Iterator[Journal]:
        used = {"task": args.task, "seed": settings.seed, **asdict(chosen)}
        tags = {"task": args.task, "picture": case.name, "input": case.identity}
        about = f"{case.name}, degraded to `{args.task}`, restored; its reference only measures."
        with tracking.run("restore", f"{args.task}/{case.name}", used, tags, about=about) as run:
            yield run

    # One small picture hardly uses a second core; a second picture does.
    processes = trainer.make(min(len(cases), machine.cores()), inference_mode=False)
    quiet = not processes.is_global_zero
    only = nullcontext() if quiet else resume.alone(state)
    with only, Meter(quiet=quiet) as meter, trainer.honest_exit():
        began = sum(case.folder(state).exists() for case in cases)

        def tell(step: int, last: float) -> None:
            done = sum(case.folder(state).exists() for case in cases) - began
            share = step / max(min(last, chosen.max_steps), step)
            left = len(cases) - began - done
            # What the other processes do is not seen from here: as far as this one, on the mean.
            meter.count(done + share * min(processes.world_size, left), done + left, "pictures")

        restorer = Restorer(chosen, settings.seed, state, record, tell)
        restorer.trainer = processes
        processes.predict(restorer, dataloaders=restorer.share(cases), return_predictions=False)
    processes.strategy.barrier()
    if not processes.is_global_zero:
        return
    measured = {}
    with atomic.folder(args.restored) as pictures, atomic.folder(args.report / "curves") as curves:
        for kind in ("restored", "classical"):
            (pictures / kind).mkdir()
        for case in cases:
            result = case.folder(state)
            measured[case.name] = json.loads((result / "metrics.json").read_text())
            shutil.copy(result / "curve.csv", curves / f"{case.name}.csv")
            for kind in ("restored", "classical"):
                shutil.copy(result / f"{kind}.png", pictures / kind / f"{case.name}.png")
    atomic.write_json(args.report / "metrics.json", measured)
    shutil.rmtree(state)


if __name__ == "__main__":
    start(main)
