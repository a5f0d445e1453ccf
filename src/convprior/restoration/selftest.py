"""Whether a device computes right: drivers and young back ends have been wrong without an error."""

import copy
from collections.abc import Callable

import torch

from convprior.ground import machine, seeds
from convprior.networks.hourglass import Hourglass

CLOSE = 0.02  # largest relative difference from the CPU: TF32 and fused kernels differ by 0.002


def working(names: str, say: Callable[[str], None]) -> list[str]:
    """Return the names of the devices to work on, the CPU for one that computes wrong.

    ``names`` is as `machine.every` takes them; ``say`` is warned. Raises MachineError.
    """
    using = []
    for name in machine.every(names):
        # The CPU is what the others are compared with.
        if name != "cpu" and not computes_right(torch.device(name)):
            say(f"warning: {name} computes wrong on a known case: the CPU is used instead")
            name = "cpu"
        using.append(name)
    return using


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
