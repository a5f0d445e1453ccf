"""Known damage to a clean picture: what would be observed of it."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from convprior.problem.observation import Observation


def add_gaussian_noise(
    reference: Float[Tensor, "c h w"], sigma: float, clip: bool, generator: torch.Generator
) -> Observation:
    """Add white Gaussian noise of standard deviation ``sigma`` (units of 255).

    ``clip`` limits the result to [0, 1], as the published Deep Image Prior figures do.
    """
    noise = torch.randn(reference.shape, generator=generator)
    observed = reference + sigma / 255 * noise
    known = torch.ones(reference.shape[1:], dtype=torch.bool)
    return Observation(observed.clamp(0, 1) if clip else observed, known)


def lose_pixels(
    reference: Float[Tensor, "c h w"], missing: float, generator: torch.Generator
) -> Observation:
    """Lose each pixel, all its channels together, with probability ``missing``."""
    known = torch.rand(reference.shape[1:], generator=generator) >= missing
    return lose_masked(reference, ~known)


def lose_masked(reference: Float[Tensor, "c h w"], mask: Bool[Tensor, "h w"]) -> Observation:
    """Lose the pixels that are True in ``mask``; what is known is exact. Lost ones become grey."""
    return Observation(torch.where(mask, 0.5, reference), ~mask, exact=True)
