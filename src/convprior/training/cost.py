"""What a network costs, counted from the built network: weights, neurons, multiply-adds, memory.

Built on torch's `meta` device, which has shapes but no values: AlexNet is counted without a byte of
its 250 MB. Counted by torch's own counter for one picture's forward pass.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from convprior.training.blueprint import Blueprint

BYTES = 4  # of a number, in float32


@dataclass(frozen=True)
class Layer:
    """One layer with weights, and what it costs for one picture.

    ``neurons`` are the values that it puts out.
    """

    name: str
    kind: str
    parameters: int
    neurons: int
    multiply_adds: int

    @property
    def memory(self) -> int:
        """Bytes of weights and values."""
        return BYTES * (self.parameters + self.neurons)


def layers(blueprint: Blueprint) -> list[Layer]:
    """Return the convolutions, fully and locally connected layers. Raises NetworkError."""
    return _counted(blueprint)[0]


def _counted(blueprint: Blueprint) -> tuple[list[Layer], int]:
    """Return the layers with weights, and the multiply-adds of the whole network."""
    neurons: dict[str, int] = {}
    with torch.device("meta"):
        network = blueprint.build().eval()
        weighted = {
            name: module
            for name, module in network.named_modules()
            if name and getattr(module, "weight", None) is not None and not _normalises(module)
        }
        for name, module in weighted.items():

            def count(_: nn.Module, __: object, output: Tensor, name: str = name) -> None:
                neurons[name] = output[0].numel()

            module.register_forward_hook(count)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(torch.zeros(1, *blueprint.picture_shape))
    flops = counter.get_flop_counts()
    kind = type(network).__name__
    rows = [
        Layer(
            name,
            type(module).__name__,
            sum(p.numel() for p in module.parameters()),
            neurons[name],
            sum(flops.get(f"{kind}.{name}", {}).values()) // 2,
        )
        for name, module in weighted.items()
    ]
    return rows, counter.get_total_flops() // 2


def _normalises(module: nn.Module) -> bool:
    return isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)


def total(blueprint: Blueprint) -> dict[str, int]:
    """Return all parameters, also those of normalisation, and all multiply-adds."""
    with torch.device("meta"):
        parameters = sum(p.numel() for p in blueprint.build().parameters())
    return {"parameters": parameters, "multiply_adds": _counted(blueprint)[1]}
