"""One network being fitted to one piece of a picture: everything that a step changes."""

import copy
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from convprior.ground import seeds
from convprior.networks.hourglass import LATENT_RANGE, Hourglass
from convprior.prior.muon import Muon
from convprior.prior.recipe import Recipe
from convprior.prior.where import Where
from convprior.problem.observation import FLOOR, Observation


class Fit:
    """The network, its latent, its optimisers, and the running average of its pictures.

    ``fitted`` (h, w) are the observed pixels that the loss counts; they and the observation are on
    the device. ``latent`` is that of another fit of the same size, to share its memory; None draws
    one.
    """

    def __init__(
        self,
        observation: Observation,
        fitted: Bool[Tensor, "h w"],
        recipe: Recipe,
        seed: int,
        where: Where,
        latent: Float[Tensor, "1 l latent_H latent_W"] | None = None,
    ) -> None:
        if recipe.blind_spot and not observation.operator.is_identity:
            raise ValueError(
                "a blind spot shows pixels of the picture: an operator has none to show"
            )
        colours = len(observation.observed)
        inputs = _latent_channels(recipe) + (colours + 1 if recipe.blind_spot else 0)
        self.observation, self.fitted, device = observation, fitted, where.device
        self.height, self.width = observation.size
        self.stream = seeds.generator("steps", seed, device=device)  # of jitter and dropout
        with torch.random.fork_rng(devices=[]):  # layers draw from torch's global stream
            torch.manual_seed(seeds.seed("network", seed))
            self.network = Hourglass(
                inputs,
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
        if latent is None:
            latent = _latent(recipe, self.network.latent_size(self.height, self.width), seed)
        self.latent = latent.to(device, memory_format=torch.channels_last)
        self.precision = torch.autocast(
            device.type, where.precision, enabled=where.precision != torch.float32
        )
        self.jitter, self.blind_spot = recipe.jitter, recipe.blind_spot
        self.average_weight = recipe.average
        self.outlier = 0.0 if observation.exact else recipe.outlier  # exact pixels have none
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

    def step(self) -> tuple[Float[Tensor, "c H W"], Float[Tensor, "c H W"], Float[Tensor, ""]]:
        """Take one step; return the picture before it, the average with it, and its misfit."""
        inputs, judged = self.inputs()
        with self.precision:
            features = self.network.body(inputs)
        # Eight bits are enough for features, not for a picture.
        output = self.network.to_picture(features.float())
        picture = output[0, :, : self.height, : self.width]
        misfit = loss = self.observation.misfit(picture, judged, self.outlier)
        if self.total_variation:
            # The root makes one weight right for every noise level: where the two balance, the
            # variation counts in proportion to the noise (square-root lasso, Belloni et al. 2011).
            down, across = picture.diff(dim=1).abs().mean(), picture.diff(dim=2).abs().mean()
            loss = (misfit + FLOOR).sqrt() + self.total_variation * (down + across)
        loss.backward()
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad()
        picture = picture.detach()
        self.average = (
            picture if self.average is None else picture.lerp(self.average, self.average_weight)
        )
        return picture, self.average, misfit.detach()

    def inputs(self) -> tuple[Float[Tensor, "1 i latent_H latent_W"], Bool[Tensor, "h w"]]:
        """Return what the network sees at this step, and the pixels at which it is judged.

        It sees the latent with fresh jitter. With a blind spot it also sees the fitted pixels but
        for a random share and for those under the gaps of the picture, moved elsewhere. It is
        judged at what is hidden: it learns to tell pixels from those around them (Quan et al.,
        "Self2Self", CVPR 2020), and cannot learn one by heart.
        """
        # Drawn as it lies in memory, channels last: other orders take a slow path on a CPU.
        drawn = torch.empty_like(self.latent.permute(0, 2, 3, 1)).normal_(generator=self.stream)
        latent = torch.add(self.latent, drawn.permute(0, 3, 1, 2), alpha=self.jitter)
        if not self.blind_spot:
            return latent, self.fitted
        drawn = torch.rand(self.fitted.shape, generator=self.stream, device=self.fitted.device)
        drawn = torch.where(self.fitted, drawn, 1.0)
        hidden = drawn <= drawn.min().clamp(min=self.blind_spot)  # at least one
        # Gaps of the shape that is to be filled: strokes are not learned from single pixels.
        hidden |= self.fitted & self._elsewhere(~self.observation.known)
        seen = self.fitted & ~hidden
        shown = torch.cat([torch.where(seen, self.observation.observed, 0.0), seen[None].float()])
        beyond = (0, latent.shape[3] - self.width, 0, latent.shape[2] - self.height)
        shown = functional.pad(shown, beyond)[None].contiguous(memory_format=torch.channels_last)
        return torch.cat([latent, shown], dim=1), hidden

    def _elsewhere(self, mask: Bool[Tensor, "h w"]) -> Bool[Tensor, "h w"]:
        """Return the mask moved by a random way, round the edges."""
        for dim, size in enumerate(mask.shape):
            by = torch.randint(size, (1,), generator=self.stream, device=mask.device)
            place = (torch.arange(size, device=mask.device) + by) % size
            mask = mask.index_select(dim, place)
        return mask

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
        self.stream.set_state(state["stream"].cpu())  # bytes, also of a stream on a GPU


def _latent_channels(recipe: Recipe) -> int:
    return 2 if recipe.latent == "grid" else recipe.latent_channels


def _latent(
    recipe: Recipe, size: tuple[int, int], seed: int
) -> Float[Tensor, "1 l {size[0]} {size[1]}"]:
    """Return what the network turns into a picture."""
    if recipe.latent == "grid":  # where a pixel lies, from 0 to 1 both ways
        sides = [torch.linspace(0, 1, side) for side in size]
        return torch.stack(torch.meshgrid(*sides, indexing="ij"))[None]
    channels = _latent_channels(recipe)
    drawn = torch.rand(1, channels, *size, generator=seeds.generator("latent", seed))
    return LATENT_RANGE * drawn
