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
from convprior.ground import atomic, cluster, machine, resume, seeds, sharing, tracking
from convprior.ground.journal import Journal
from convprior.ground.progress import Meter
from convprior.networks import hourglass
from convprior.pictures import files
from convprior.problem.observation import Observation
from convprior.restoration import recipes
from convprior.restoration.measured import Case, Series
from convprior.restoration.restorer import Restorer
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
    return [
        read_case(path, task, resume.fingerprint([settings, path, *beside(path)]))
        for path in observed
    ]


def read_case(path: Path, task: str, identity: str) -> Case:
    """Return the case of an observed picture."""
    repair, reference = beside(path)
    observation = Observation(
        files.read_float(path), ~files.read_mask(repair), exact=task == "inpaint"
    )
    return Case(path.stem, observation, files.read(reference).pixels, identity)


def beside(path: Path) -> tuple[Path, Path]:
    """Return what belongs to an observed picture: what is to repair of it, and its reference."""
    degraded, name = path.parents[1], f"{path.stem}.png"
    return degraded / "repair" / name, degraded / "reference" / name


@contextmanager
def record(series: Series, case: Case) -> Iterator[Journal]:
    """Record the restoration of a case as a run of its own."""
    used = {"task": series.task, "seed": series.seed, **asdict(series.recipe)}
    tags = {"task": series.task, "picture": case.name, "input": case.identity}
    about = f"{case.name}, degraded to `{series.task}`, restored; its reference only measures."
    with tracking.run("restore", f"{series.task}/{case.name}", used, tags, about=about) as run:
        yield run


def on_this_machine(series: Series, cases: Sequence[Case]) -> bool:
    """Restore what is missing with Lightning; return whether this process is the first of all."""
    # One small picture hardly uses a second core; a second picture does.
    processes = trainer.make(min(len(cases), machine.cores()), inference_mode=False)
    first = processes.is_global_zero
    only = resume.alone(series.state) if first else nullcontext()
    with only, Meter(quiet=not first) as meter, trainer.honest_exit():
        total = len(series.missing(cases))

        def tell(step: int, last: float) -> None:
            left = len(series.missing(cases))
            share = step / max(min(last, series.recipe.max_steps), step)
            # What the other processes do is not seen from here: as far as this one, on the mean.
            done = total - left + share * min(processes.world_size, left)
            meter.count(done, total, "pictures")

        restorer = Restorer(series, record, tell)
        restorer.trainer = processes
        processes.predict(restorer, dataloaders=restorer.share(cases), return_predictions=False)
    processes.strategy.barrier()
    return first


def on_cluster(series: Series, cases: Sequence[Case], degraded: Path, address: str) -> None:
    """Restore what is missing on the machines of a Ray cluster. Raises ClusterError."""
    with resume.alone(series.state), Meter() as meter, tracking.mirroring():
        observed = degraded / "observed"
        jobs = [
            (series, observed / f"{case.name}.tiff", case.identity)
            for case in series.missing(cases)
        ]
        # Another machine may have another folder of this name: it would not see the mark.
        with atomic.scratch(series.state) as mark:
            ended = cluster.each(restore_there, jobs, address, seen=[mark, observed])
            for done, _ in enumerate(ended, 1):
                meter.count(done, len(jobs), "pictures")


def restore_there(job: tuple[Series, Path, str]) -> None:
    """Restore one picture on the device of a cluster's worker, which reads it itself."""
    series, path, identity = job
    case = read_case(path, series.task, identity)
    with record(series, case) as run:
        series.restore(case, run, sharing.device())


def gather(series: Series, cases: Sequence[Case], restored: Path, report: Path) -> None:
    """Put the results of all cases where the next stages look for them."""
    measured = {}
    with atomic.folder(restored) as pictures, atomic.folder(report / "curves") as curves:
        for kind in ("restored", "classical"):
            (pictures / kind).mkdir()
        for case in cases:
            result = case.folder(series.state)
            measured[case.name] = json.loads((result / "metrics.json").read_text())
            shutil.copy(result / "curve.csv", curves / f"{case.name}.csv")
            for kind in ("restored", "classical"):
                shutil.copy(result / f"{kind}.png", pictures / kind / f"{case.name}.png")
    atomic.write_json(report / "metrics.json", measured)
    shutil.rmtree(series.state)


def main(argv: Sequence[str]) -> None:
    """Run the stage."""
    args = arguments(__doc__, argv, "degraded", "restored", "report", task="denoise or inpaint")
    settings = recipes.load(args.params)
    chosen = settings.of(args.task)
    cases = read_cases(args.degraded, args.task, [asdict(chosen), settings.seed, *METHOD])
    series = Series(args.task, chosen, settings.seed, machine.dtype(), STATE / args.task)
    if address := machine.cluster():
        on_cluster(series, cases, args.degraded, address)
    elif not on_this_machine(series, cases):
        return
    gather(series, cases, args.restored, args.report)


if __name__ == "__main__":
    start(main)
