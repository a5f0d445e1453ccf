"""Orthogonalised momentum for convolution kernels (Muon; Jordan et al. 2024).

A kernel is a matrix of (out, in·k·k). Each step moves it by its momentum with all singular values
set to about one, so that rare directions learn as fast as common ones; an untrained network then
reaches the picture in a third of the steps that Adam takes. ``torch.optim.Muon`` takes
two-dimensional parameters only and orthogonalises in bfloat16, which is slow on most CPUs.
"""

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor


def orthogonalise(matrices: Tensor, iterations: int = 5) -> Tensor:
    """Return (n, rows, columns) matrices with the same singular vectors and values near one.

    Newton–Schulz iteration with the quintic of Jordan et al. 2024 (singular values end in about
    [0.7, 1.2]); a zero matrix stays zero.
    """
    a, b, c = 3.4445, -4.7750, 2.0315  # the quintic's coefficients, Jordan et al. 2024
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(iterations):
        gram = x @ x.mT
        x = a * x + torch.baddbmm(b * gram, gram, gram, alpha=c) @ x
    orthogonal: Tensor = x.mT if tall else x
    return orthogonal


class Muon(torch.optim.Optimizer):
    """Muon for kernels of two dimensions or more (flattened to matrices after the first).

    ``learning_rate`` is the size of a step in the spectral norm, for a square matrix.
    """

    def __init__(
        self, kernels: Iterable[Tensor], learning_rate: float, momentum: float = 0.95
    ) -> None:
        super().__init__(kernels, {"lr": learning_rate, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Move every kernel that has a gradient by one step."""
        for group in self.param_groups:
            alike: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for kernel in group["params"]:
                if kernel.grad is not None:
                    alike[kernel.flatten(1).shape].append(kernel)
            # Kernels of one shape are orthogonalised in one batch: many small products are slow.
            for (rows, columns), kernels in alike.items():
                updates = torch.stack([self._momentum(kernel, group) for kernel in kernels])
                steps = orthogonalise(updates) * max(1.0, rows / columns) ** 0.5
                for kernel, step in zip(kernels, steps, strict=True):
                    kernel.sub_(step.view_as(kernel), alpha=group["lr"])

    def _momentum(self, kernel: Tensor, group: dict[str, float]) -> Tensor:
        """Return the kernel's Nesterov momentum as a matrix."""
        assert kernel.grad is not None
        state = self.state[kernel]
        if not state:
            state["momentum"] = torch.zeros_like(kernel)
        momentum: Tensor = state["momentum"].lerp_(kernel.grad, 1 - group["momentum"])
        return kernel.grad.lerp(momentum, group["momentum"]).flatten(1)
