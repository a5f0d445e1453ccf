"""Whether a device computes right: drivers and young back ends have been wrong without an error."""

import copy

import torch

from convprior.ground import seeds
from convprior.networks.hourglass import Hourglass

CLOSE = 0.02  # largest relative difference from the CPU: TF32 and fused kernels differ by 0.002


def computes_right(device: torch.device) -> bool:
    """Return whether a small network and its gradient are on a device what they are on the CPU."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.seed("device check"))
        network = Hourglass(
            4, 3, channels=(8, 8), skip_channels=4, upsampling="nearest", padding="zeros",
            join_norm=False, dropout=0.0,
        )  # fmt: skip
        latent = torch.rand(1, 4, 32, 32)
    found = []
    for there in (torch.device("cpu"), device):
        try:
            moved = copy.deepcopy(network).to(there)
            picture = moved(latent.to(there))
            picture.square().mean().backward()
            gradient = next(moved.parameters()).grad
            assert gradient is not None
            found.append((picture.detach().cpu(), gradient.cpu()))
        except RuntimeError:
            return False
    return all(
        bool((a - b).norm() <= CLOSE * a.norm()) for a, b in zip(found[0], found[1], strict=True)
    )
