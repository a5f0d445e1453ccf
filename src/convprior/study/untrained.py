"""What does an untrained network prefer, and which part of it does?

Figure 2 of Ulyanov et al., CVPR 2018: fitted to a photograph, to the same plus noise, to its pixels
shuffled and to pure noise, a convolutional network learns the photograph first and resists noise.
Here beside a fully connected network of as many weights, with the architecture's parts taken away
one by one, and by frequency: Rahaman et al., "On the spectral bias of neural networks", ICML 2019.
"""

import math
from collections.abc import Callable
from itertools import cycle
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from convprior.ground import params, seeds, sharing, tracking
from convprior.networks.ablation import FLAT, HOURGLASS, UNNORMALISED, variants
from convprior.networks.hourglass import LATENT_RANGE
from convprior.pictures import decoding
from convprior.problem import damage
from convprior.problem.metrics import psnr
from convprior.problem.observation import Observation
from convprior.study.trials.intervals import difference
from convprior.study.trials.material import Material, photograph

TARGETS = ("photograph", "photograph and noise", "pixels shuffled", "noise")
FILMED = 3  # one picture every so many recorded steps


class Untrained(params.Section):
    """The part `study.untrained`; the numbers of the network are named as in `restore.recipes`."""

    photographs: params.Distinct[str]
    runs: Annotated[int, Field(ge=2)]
    size: Annotated[int, Field(ge=16, le=4096)]
    channels: Annotated[list[params.Count], Field(min_length=1)]
    skip_channels: Annotated[int, Field(ge=0)]
    latent_channels: params.Count
    steps: params.Count
    learning_rate: params.Rate
    unnormalised_learning_rate: params.Rate
    sigma: Annotated[float, Field(ge=0)]
    missing: params.Share
    bands: Annotated[int, Field(ge=2)]

    @model_validator(mode="after")
    def _halves(self) -> "Untrained":
        unit = 2 ** len(self.channels)
        if self.size % unit or self.size < 2 * unit:
            raise ValueError(
                f"a network of {len(self.channels)} scales needs a `size` of 2, 3, … times {unit}"
            )
        return self

    def rate(self, variant: str) -> float:
        """Return the learning rate of a network."""
        return self.unnormalised_learning_rate if variant == UNNORMALISED else self.learning_rate

    def networks(self) -> dict[str, Callable[[tuple[int, ...]], nn.Module]]:
        """Return how to build each network for pictures of a shape (c, h, w)."""
        return variants(self.latent_channels, self.channels, self.skip_channels)


def targets(photograph: Tensor, settings: Untrained, seed: int) -> dict[str, Observation]:
    """Return what networks are fitted to."""
    shape = photograph.shape
    generator = seeds.generator("untrained", seed)
    order = torch.randperm(shape[1] * shape[2], generator=generator)
    noisy = damage.add_gaussian_noise(photograph, settings.sigma, clip=True, generator=generator)
    known = noisy.known
    return {
        "photograph": Observation(photograph, known),
        "photograph and noise": noisy,
        "pixels shuffled": Observation(photograph.flatten(1)[:, order].view(shape), known),
        "noise": Observation(torch.rand(shape, generator=generator), known),
        "holes": damage.lose_pixels(photograph, settings.missing, generator=generator),
    }


def band_powers(picture: Tensor, bands: int) -> Tensor:
    """Return the power of a picture (c, h, w) in rings of frequency up to Nyquist's."""
    power = torch.fft.fft2(picture).abs().square().sum(0)
    rows, columns = (torch.fft.fftfreq(side) for side in picture.shape[1:])
    power[0, 0] = 0  # the mean brightness: no frequency, and half of it is there at the start
    radius = (rows[:, None].square() + columns.square()).sqrt()
    ring = (radius / 0.5 * bands).floor().long().clamp(max=bands - 1)
    return torch.zeros(bands).index_add(0, ring.flatten(), power.flatten())


def recorded_steps(steps: int) -> list[int]:
    """Return steps evenly apart on a logarithmic scale, about twelve a factor of ten."""
    return sorted({round(10 ** (n / 12)) for n in range(int(12 * math.log10(steps)) + 1)} | {steps})


def fit(job: tuple[Untrained, str, str, str, int]) -> dict[str, Any]:
    """Fit one network to one target: loss, PSNR to the photograph and band errors by step.

    Every ``FILMED`` recorded step has its picture too.
    """
    settings, variant, name, target, seed = job
    device = sharing.device()
    reference = photograph(name, settings.size)
    observation = targets(reference, settings, seed)[target]
    torch.manual_seed(seeds.seed("untrained", variant, name, seed))
    network = settings.networks()[variant](tuple(reference.shape)).to(device)
    # Not in channels_last: torch 2.13 ends in a segmentation fault there with strided 1×1 kernels.
    latent = LATENT_RANGE * torch.rand(1, settings.latent_channels, settings.size, settings.size)
    latent = latent.to(device)
    observed, known = observation.observed.to(device), observation.known.to(device)
    optimiser = torch.optim.Adam(network.parameters(), settings.rate(variant), fused=True)
    wanted = set(recorded_steps(settings.steps))
    whole = band_powers(reference, settings.bands)
    rows: list[dict[str, Any]] = []
    recorded = {"network": variant, "target": target, "photograph": name, "seed": seed}
    tags = {"question": "untrained"}
    about = f"`{variant}`, untrained, fitted to a target made of {name}: {target}."
    with tracking.run("study", f"{variant}, {target}", recorded, tags, about=about) as run:
        for step in range(1, settings.steps + 1):
            optimiser.zero_grad()
            picture = network(latent)[0]
            loss = (picture - observed)[:, known].square().mean()
            if step in wanted:
                now = picture.detach().cpu()
                missed = band_powers(now - reference, settings.bands) / whole
                row = {"step": step, "loss": loss.item(), "psnr": psnr(reference, now.clamp(0, 1))}
                run.metrics({key: row[key] for key in ("loss", "psnr")}, step)
                if len(rows) % FILMED == 0 or step == settings.steps:
                    row["picture"] = decoding.data_uri(now.clamp(0, 1), optimize=True)
                rows.append(row | {"missed": missed.tolist()})
            loss.backward()
            optimiser.step()
    seen = observation.observed[:, observation.known]
    return {
        "rows": rows,
        "weights": sum(p.numel() for p in network.parameters()),
        "variance": float(seen.var(1, correction=0).mean()),
    }


def measure(_: Material, settings: Untrained) -> dict[str, Any]:
    """Return the curves of every fit, means over photographs and seeds, and when bands arrive."""
    names = list(settings.networks())
    wanted = [(name, target) for name in (HOURGLASS, FLAT) for target in TARGETS]
    wanted += [(name, "photograph and noise") for name in names[2:]]
    wanted += [(name, "holes") for name in names]
    # Each run has another photograph, as far as there are.
    each = list(zip(cycle(settings.photographs), range(settings.runs), strict=False))
    jobs = [
        (settings, name, photo, target, seed) for name, target in wanted for photo, seed in each
    ]
    found = iter(sharing.in_order(fit, jobs))
    runs = {fitted: [next(found) for _ in each] for fitted in wanted}
    fits: dict[str, Any] = {}
    for (name, target), of in runs.items():
        fits.setdefault(name, {})[target] = over_runs(of)
        if (HOURGLASS, target) in runs:  # beside the whole network on the same photographs
            beside = peaks(runs[HOURGLASS, target])
            fits[name][target]["gained"] = difference(peaks(of), beside)
    references = [photograph(photo, settings.size) for photo, _ in each]
    noisy = [
        targets(reference, settings, seed)["photograph and noise"].observed
        for reference, (_, seed) in zip(references, each, strict=True)
    ]
    observed = list(map(psnr, references, noisy))
    return {
        "weights": {name: of[0]["weights"] for (name, _), of in runs.items()},
        "learning_rates": {name: settings.rate(name) for name in names},
        "fits": fits,
        "film": {
            "still": [
                ("clean", decoding.data_uri(references[0])),
                ("observed", decoding.data_uri(noisy[0])),
            ],
            "networks": {
                name: film(runs[name, "photograph and noise"][0]) for name in (HOURGLASS, FLAT)
            },
        },
        "runs": len(each),
        "sigma": settings.sigma,
        "missing": settings.missing,
        "observed": sum(observed) / len(observed),
        "bands": settings.bands,
    }


def over_runs(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the curves of some runs' fits, their means, and where they are at their best."""
    steps = [row["step"] for row in runs[0]["rows"]]
    loss, psnrs, missed = (
        torch.tensor([[row[key] for row in run["rows"]] for run in runs])
        for key in ("loss", "psnr", "missed")
    )
    return {
        "steps": steps,
        "loss": loss.mean(0).tolist(),
        "psnr": psnrs.mean(0).tolist(),
        "missed": missed.mean(0).tolist(),
        "peak": float(psnrs.max(1).values.mean()),
        "peak_step": steps[int(psnrs.argmax(1).median())],
        "variance": sum(run["variance"] for run in runs) / len(runs),
        "last": float(psnrs[:, -1].mean()),
    }


def peaks(runs: list[dict[str, Any]]) -> np.ndarray:
    """Return the best PSNR of each run, in dB (runs, 1)."""
    return np.array([[max(row["psnr"] for row in run["rows"])] for run in runs], dtype=np.float32)


def film(run: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the pictures that a run recorded, each with its step and PSNR."""
    return [
        {key: row[key] for key in ("step", "psnr", "picture")}
        for row in run["rows"]
        if "picture" in row
    ]


def curve(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the PSNR by step of both networks fitted to a noisy photograph, in dB."""
    both = {name: metrics["fits"][name]["photograph and noise"] for name in (HOURGLASS, FLAT)}
    return [
        {"step": step} | {name: of["psnr"][number] for name, of in both.items()}
        for number, step in enumerate(both[HOURGLASS]["steps"])
    ]
