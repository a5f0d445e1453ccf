"""Segment the object: one fully connected layer against an encoder-decoder, at seen and new places.

The measure is the intersection of found and true object over their union (Everingham et al., "The
PASCAL visual object classes challenge", 2010), picture by picture.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from convprior.ground import params, seeds, sharing, tracking
from convprior.networks.segmenter import EncoderDecoder, FullyConnected
from convprior.pictures import decoding
from convprior.study.trials import loop
from convprior.study.trials.intervals import interval
from convprior.study.trials.loop import Budget
from convprior.study.trials.material import Material
from convprior.study.trials.runs import best
from convprior.training import judging
from convprior.training.data.scenes import Scenes, masks

NETWORKS = ("fully connected", "encoder-decoder")
PLACES = ("seen places", "new places")


class Dense(params.Section):
    """The part `study.dense`."""

    budget: Budget
    channels: Annotated[list[params.Count], Field(min_length=2)]
    pictures: params.Count
    shown: Annotated[int, Field(ge=1, le=64)]


def loss(scores: Float[Tensor, "n h w"], wanted: Bool[Tensor, "n h w"]) -> Tensor:
    """Return the mean cross-entropy of the pixels."""
    return F.binary_cross_entropy_with_logits(scores, wanted.float())


def overlap(found: Bool[Tensor, "n h w"], wanted: Bool[Tensor, "n h w"]) -> list[float]:
    """Return intersection over union of each picture; 1 where both are empty."""
    both, either = ((found & wanted).sum((1, 2)), (found | wanted).sum((1, 2)))
    return torch.where(either > 0, both / either.clamp(min=1), 1.0).tolist()


def placed(scenes: Scenes, place: str, name: str) -> Tensor:
    """Return the objects alone at offsets below the middle one (seen), or beyond it (new)."""
    generator = seeds.generator("dense", place, name)
    offsets = torch.randint((scenes.free + 1) // 2, (2, len(scenes)), generator=generator)
    if place == PLACES[1]:
        offsets = scenes.free - offsets
    return scenes.canvases(*offsets.unbind())


@dataclass(frozen=True)
class Training:
    """One network to train, and the split of the scenes to judge it on."""

    material: Material
    settings: Dense
    kind: str
    seed: int
    learning_rate: float
    judged_on: str


def _train(job: Training) -> dict[str, Any]:
    material, settings = job.material, job.settings
    data = material.data
    shape = (3, data.size, data.size)
    torch.manual_seed(seeds.seed("dense", job.kind, job.seed))
    network: nn.Module = (
        FullyConnected(shape)
        if job.kind == NETWORKS[0]
        else EncoderDecoder(shape, channels=settings.channels)
    )
    known = material.split("train")[: settings.pictures]
    canvases = placed(known, PLACES[0], f"train {job.seed}")
    tags = {"question": "dense", "data": data.content}
    recorded = {"network": job.kind, "seed": job.seed, "learning_rate": job.learning_rate}
    recorded |= tracking.flat(settings.model_dump())
    about = f"{job.kind}, trained to say of every pixel whether it is an object's."
    with tracking.run("study", f"{job.kind} {job.seed}", recorded, tags, about=about) as run:
        trained = loop.learn(
            network,
            data,
            known.on_background(canvases),
            masks(canvases),
            settings.budget,
            learning_rate=job.learning_rate,
            weight_decay=material.plan.weight_decay,
            seed=seeds.seed("dense", job.seed),
            device=sharing.device(),
            loss=loss,
        )
        judged = material.split(job.judged_on)
        result: dict[str, Any] = {}
        for place in PLACES:
            canvases = placed(judged, place, job.judged_on)
            shown = judged.on_background(canvases)
            found = judging.scores(trained, shown, sharing.device()) > 0
            result[place] = overlap(found, masks(canvases))
            result[f"{place}, pictures"] = [
                {
                    "picture": decoding.data_uri(picture.float() / 255),
                    "found": decoding.data_uri(mask[None].float()),
                }
                for picture, mask in zip(
                    shown[: settings.shown], found[: settings.shown], strict=True
                )
            ]
            run.metrics({place.replace(" ", "_"): sum(result[place]) / len(result[place])})
    result["parameters"] = sum(p.numel() for p in network.parameters())
    return result


def choose_rates(material: Material, settings: Dense) -> dict[str, float]:
    """Return each network's best learning rate of the plan, by validation scenes at seen places."""
    rates, first = material.plan.learning_rates, material.plan.seeds[0]
    tries = [
        Training(material, settings, kind, first, rate, "validation")
        for kind in NETWORKS
        for rate in rates
    ]
    found = iter(sharing.in_order(_train, tries))
    return {kind: best({rate: sum(next(found)[PLACES[0]]) for rate in rates}) for kind in NETWORKS}


def measure(material: Material, settings: Dense) -> dict[str, Any]:
    """Return the overlap of each network at seen and at new places, and some pictures."""
    rates = choose_rates(material, settings)
    runs_of_all = [
        Training(material, settings, kind, seed, rates[kind], "test")
        for kind in NETWORKS
        for seed in material.plan.seeds
    ]
    found = iter(sharing.in_order(_train, runs_of_all))
    networks: dict[str, Any] = {}
    examples: dict[str, Any] = {}
    for kind in NETWORKS:
        runs = [next(found) for _ in material.plan.seeds]
        networks[kind] = {
            "parameters": runs[0]["parameters"],
            "learning_rate": rates[kind],
            **{place: interval([run[place] for run in runs]) for place in PLACES},
        }
        for place in PLACES:
            for number, shown in enumerate(runs[0][f"{place}, pictures"]):
                examples.setdefault(f"{place} {number + 1}", shown["picture"])
                examples[f"{kind}, {place} {number + 1}"] = shown["found"]
    free = material.split("test").free
    nearest = (free + 1) // 2 - 1  # the last seen offset
    return {
        "networks": networks,
        "examples": list(examples.items()),  # in a list, `dvc metrics show` leaves them out
        "offsets": {PLACES[0]: [0, nearest], PLACES[1]: [free - nearest, free]},
    }


def curve(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Return each network's overlap at seen and at new places."""
    return [
        {"network": name} | {place.replace(" ", "_"): of[place]["mean"] for place in PLACES}
        for name, of in metrics["networks"].items()
    ]
