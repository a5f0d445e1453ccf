"""Train one baseline on the prepared pictures, on any number of devices.

    python -m convprior.stages.train cnn_pool data/prepared models/cnn_pool reports/train/cnn_pool

Interrupted, the same command goes on from the last whole epoch, or from where it was some minutes
before in a longer one, and ends with the same weights as an undisturbed run.
"""

import math
import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from convprior import networks, training
from convprior.ground import atomic, machine, params, resume, seeds, tracking
from convprior.stages import StageError, arguments, start
from convprior.training import cost, keeping, trainer
from convprior.training.augmentation import Augmentation, Crop
from convprior.training.blueprint import Blueprint, Named, find, save
from convprior.training.classifier import Classifier
from convprior.training.data.card import Card
from convprior.training.method import Method
from convprior.training.prepared import Photographs


class Trained(Named):
    """A network, and its own learning rate in place of `train.learning_rate` if it needs one."""

    learning_rate: params.Rate | None = None


class Train(params.Section):
    """The section `train`."""

    epochs: params.Count
    batch_size: params.Count
    learning_rate: params.Rate
    weight_decay: Annotated[float, Field(ge=0)]
    method: Method
    crop: Crop
    augmentation: Augmentation
    seed: params.Seed
    networks: Annotated[dict[str, Trained], Field(min_length=1)]


STATE = Path(".convprior/state/train")
# Half a training by other code is not gone on with.
METHOD = sorted(path for folder in training.__path__ for path in Path(folder).rglob("*.py"))


def main(argv: Sequence[str]) -> None:
    """Run the stage."""
    args = arguments(
        __doc__, argv, "prepared", "model", "report", network="a name in train.networks"
    )
    settings = params.load(args.params, "train", Train)
    chosen = find(settings.networks, args.network, "train.networks")
    data = Card.read(args.prepared)
    blueprint = chosen.blueprint(replace(data, size=settings.crop.seen(data)))
    costs = cost.total(blueprint)
    recorded = settings.model_dump(exclude={"networks"}) | {"network": chosen.model_dump()}
    code = Path(networks.__file__).with_name(f"{chosen.module}.py")
    identity = resume.fingerprint([recorded, data.content, code, *METHOD])
    state = STATE / args.network
    folder = resume.folder(state, identity)

    lightning = trainer.make(
        max_epochs=settings.epochs,
        callbacks=[*keeping.checkpoints(folder), trainer.Told()],
        num_sanity_val_steps=0,
        gradient_clip_val=settings.method.clip or None,
    )
    checkpoint, done = keeping.latest(folder)
    photographs = Photographs(
        args.prepared, settings.batch_size, machine.loader_workers(), settings.seed, done
    )
    seed = seeds.seed("train", args.network, settings.seed)
    rate = chosen.learning_rate or settings.learning_rate
    classifier = untrained(blueprint, data, settings, rate, seed)
    # Facts about the machine that change the weights: batch norm and random numbers are each
    # process's own, and precision is precision.
    tags = {
        "data": data.content,
        "processes": lightning.world_size,
        "precision": lightning.precision,
        "compiled": machine.compiles(),
    }
    about = f"The network `{args.network}`, trained on the pictures in {args.prepared}."
    recording = (
        tracking.run("train", args.network, tracking.flat(recorded), tags, about=about)
        if lightning.is_global_zero
        else nullcontext()
    )
    only = resume.alone(state) if lightning.is_global_zero else nullcontext()
    with trainer.honest_exit(), only, recording as run:
        if run:
            resume.forget_others(state, identity)
            classifier.watch = lambda row: run.metrics(row, int(row["epoch"]))
        try:
            lightning.fit(classifier, photographs, ckpt_path=checkpoint, weights_only=True)
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            raise StageError(
                f"{args.network}: a batch of one picture cannot be normalised: give "
                "train.batch_size two or more for each process, or batch_norm: false"
            ) from None
        if not run:
            return
        last = classifier.curve[-1]
        if not all(math.isfinite(value) for value in last.values()):
            raise StageError(
                f"{args.network}: the loss is not finite: try a smaller train.learning_rate"
            )
        save(args.model, blueprint, classifier.fitted)
        atomic.write_csv(args.report / "curve.csv", classifier.curve)
        atomic.write_json(args.report / "metrics.json", costs | last)
        run.metrics(costs | last)
    shutil.rmtree(folder)


def untrained(
    blueprint: Blueprint, data: Card, settings: Train, learning_rate: float, seed: int
) -> Classifier:
    """Return the network with the random weights that ``seed`` names, ready to be fitted."""
    torch.manual_seed(seed)
    network = blueprint.build()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # faster on a CPU
    classifier = Classifier(
        network,
        data,
        method=settings.method,
        side=blueprint.picture_shape[1],
        learning_rate=learning_rate,
        weight_decay=settings.weight_decay,
        augment=nn.Sequential(settings.crop.build(), settings.augmentation.build()),
        seed=seed,
    )
    if machine.compiles():
        network.compile()
    return classifier


if __name__ == "__main__":
    start(main)
