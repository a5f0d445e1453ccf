"""One network being fitted to one observation: everything that a step changes."""

import copy
from typing import Any

import torch
from torch import Tensor

from convprior import seeds
from convprior.muon import Muon
from convprior.networks.hourglass import Hourglass
from convprior.observation import Observation
from convprior.recipe import Recipe

LATENT_RANGE = 0.1  # the latent is uniform in [0, 0.1]: published code, utils/common_utils.py

ROOT_FLOOR = 1e-10  # a misfit of zero would have a root of infinite slope


class Fit:
    """The network, its latent, its optimisers, and the running average of its pictures."""

    def __init__(
        self,
        observation: Observation,
        recipe: Recipe,
        seed: int,
        device: torch.device,
        precision: torch.dtype = torch.float32,
    ) -> None:
        colours, self.height, self.width = observation.observed.shape
        fitted, held_out = observation.split(recipe.held_out, seeds.generator("held out", seed))
        self.observation = observation.to(device)
        self.fitted, self.held_out = fitted.to(device), held_out.to(device)
        self.stream = seeds.generator("steps", seed, device=device)  # of jitter and dropout
        with torch.random.fork_rng(devices=[]):  # layers draw from torch's global stream
            torch.manual_seed(seeds.seed("network", seed))
            self.network = Hourglass(
                recipe.latent_channels,
                colours,
                channels=recipe.channels,
                skip_channels=recipe.skip_channels,
                upsampling=recipe.upsampling,
                padding=recipe.padding,
                join_norm=recipe.join_norm,
                dropout=recipe.dropout,
                stream=self.stream,
            )
        # Channels last in memory: convolutions are faster, in bfloat16 by far.
        self.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        size = self.network.latent_size(self.height, self.width)
        latent = torch.rand(
            1, recipe.latent_channels, *size, generator=seeds.generator("latent", seed)
        )
        self.latent = (LATENT_RANGE * latent).to(device, memory_format=torch.channels_last)
        self.precision = torch.autocast(device.type, precision, enabled=precision != torch.float32)
        self.jitter, self.average_weight = recipe.jitter, recipe.average
        self.total_variation = recipe.total_variation
        kernels = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim == 1]
        self.optimisers: list[torch.optim.Optimizer] = (
            [
                Muon(kernels, recipe.muon_learning_rate),
                torch.optim.Adam(others, recipe.learning_rate),
            ]
            if recipe.muon_learning_rate
            else [torch.optim.Adam(kernels + others, recipe.learning_rate)]
        )
        self.average: Tensor | None = None

    def step(self) -> tuple[Tensor, Tensor, Tensor]:
        """Take one step; return the picture before it, the average with it, and its misfit."""
        # Drawn as it lies in memory, channels last: other orders take a slow path on a CPU.
        noise = torch.empty_like(self.latent.permute(0, 2, 3, 1)).normal_(generator=self.stream)
        latent = torch.add(self.latent, noise.permute(0, 3, 1, 2), alpha=self.jitter)
        with self.precision:
            features = self.network.body(latent)
        # Eight bits are enough for features, not for a picture.
        output = self.network.to_picture(features.float())
        picture = output[0, :, : self.height, : self.width]
        misfit = self.observation.misfit(picture, self.fitted)
        self._loss(picture, misfit).backward()
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad()
        picture = picture.detach()
        self.average = (
            picture if self.average is None else picture.lerp(self.average, self.average_weight)
        )
        return picture, self.average, misfit.detach()

    def _loss(self, picture: Tensor, misfit: Tensor) -> Tensor:
        """Return the misfit; its root, plus the total variation, where that has a weight.

        The root makes one weight right for every noise level: where the two balance, the variation
        counts in proportion to the noise (square-root lasso, Belloni et al. 2011).
        """
        if not self.total_variation:
            return misfit
        down, across = picture.diff(dim=1).abs().mean(), picture.diff(dim=2).abs().mean()
        return (misfit + ROOT_FLOOR).sqrt() + self.total_variation * (down + across)

    def shrink_steps(self, factor: float) -> None:
        """Multiply all learning rates."""
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] *= factor

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of all that later steps change."""
        return copy.deepcopy(
            {
                "network": self.network.state_dict(),
                "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
                "average": self.average,
                "stream": self.stream.get_state(),
            }
        )

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a `state_dict` as if nothing had happened since; it is not changed."""
        state = copy.deepcopy(state)
        self.network.load_state_dict(state["network"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.average = state["average"]
        self.stream.set_state(state["stream"])
