"""The problem: what was observed, which pixels of it are known, and how they came about.

One value type serves every task, so that the method has no branch per task. Denoising: all pixels
are known. Inpainting: some are not. An operator other than the identity (downsampling, blur) says
how a clean picture becomes what was observed. Values of unknown pixels are never read.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor
from torch.nn import functional

from convprior.problem.noise import NONE, Noise, measure
from convprior.problem.operators import IDENTITY, Operator


@dataclass(frozen=True)
class Observation:
    """A damaged picture.

    ``observed`` is float (c, h, w), nominally in [0, 1] but not clipped to it: noise may leave it.
    ``known`` is (h, w), True where a pixel was observed; all channels of a pixel go together.
    ``operator`` maps a clean picture to what would be observed of it without noise.
    ``exact`` says that the known pixels carry no noise and belong into the result as they are.
    """

    observed: Float[Tensor, "c h w"]
    known: Bool[Tensor, "h w"]
    operator: Operator = IDENTITY
    exact: bool = False

    def __post_init__(self) -> None:
        if self.known.shape != self.observed.shape[1:]:
            raise ValueError(
                f"the mask of known pixels is {tuple(self.known.shape)}, the observed picture "
                f"{tuple(self.observed.shape[1:])}: they must have the same height and width"
            )
        if not self.known.any():
            raise ValueError("no pixel is known: there is nothing to restore from")
        if not torch.isfinite(self.observed[:, self.known]).all():
            raise ValueError(
                "known pixels of the observed picture are NaN or infinite: mark them as unknown"
            )

    @cached_property
    def noise(self) -> Noise:
        """The noise of what was observed, measured once; none where it is exact."""
        return NONE if self.exact else measure(self.observed, self.known)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture that is looked for, in pixels."""
        height, width = self.known.shape
        return height * self.operator.scale, width * self.operator.scale

    def cut(
        self, observed: Shaped[Tensor, "*channels h w"], rows: slice, columns: slice
    ) -> Shaped[Tensor, "*channels piece_h piece_w"]:
        """Return what lies of a map of observed pixels (…, h, w) under a piece of the picture."""
        scale = self.operator.scale
        return observed[
            ...,
            rows.start // scale : rows.stop // scale,
            columns.start // scale : columns.stop // scale,
        ]

    def piece(self, rows: slice, columns: slice) -> "Observation":
        """Return the observation of a piece of the picture. ValueError if none of it is known."""
        observed, known = (self.cut(m, rows, columns) for m in (self.observed, self.known))
        return replace(self, observed=observed, known=known)

    def inside(self, rows: slice, columns: slice) -> Bool[Tensor, "piece_h piece_w"]:
        """Return which observed pixels of a piece depend on nothing beyond it."""
        inside = torch.zeros_like(self.cut(self.known, rows, columns))
        spans = []
        for place, side, length in zip((rows, columns), self.size, inside.shape, strict=True):
            before = self.operator.reach if place.start else 0
            after = self.operator.reach if place.stop < side else 0
            spans.append(slice(before, length - after))
        inside[spans[0], spans[1]] = True
        return inside

    def to(self, device: torch.device | str) -> "Observation":
        """Return the same observation with its tensors on ``device``."""
        return replace(self, observed=self.observed.to(device), known=self.known.to(device))

    def split(
        self, share: float, generator: torch.Generator, margin: int = 0
    ) -> tuple[Bool[Tensor, "h w"], Bool[Tensor, "h w"]]:
        """Split the known pixels at random into (fitted, held out); about ``share`` are held out.

        Pixels nearer than ``margin`` + 1 to a held-out one, along rows and columns, are neither: so
        nothing tells of noise that neighbours share. A share of 0 holds out none. Otherwise at
        least one pixel is held out and at least one is fitted, or a ValueError is raised.
        """
        known = self.known.flatten().nonzero().flatten()
        count = round(share * len(known))
        if share > 0:
            if len(known) < 2:
                raise ValueError("one known pixel cannot be split: fit it without a held-out share")
            count = min(max(count, 1), len(known) - 1)
        order = torch.randperm(len(known), generator=generator, device=generator.device)
        held_out = torch.zeros_like(self.known)
        held_out.view(-1)[known[order[:count].to(known.device)]] = True
        near = functional.max_pool2d(held_out[None].float(), 2 * margin + 1, 1, margin)[0] > 0
        fitted = self.known & ~near
        if not fitted.any():
            raise ValueError(
                f"{len(known)} known pixels are too few to hold {count} out with a margin of "
                f"{margin}: fit them without a held-out share"
            )
        return fitted, held_out

    def errors(self, picture: Float[Tensor, "c H W"]) -> Float[Tensor, "h w"]:
        """Return the squared error of each pixel, its mean over the channels; 0 where unknown.

        The picture is compared as the operator shows it.
        """
        # The unknown values are replaced, not multiplied by zero: NaN times zero is NaN.
        error = torch.where(self.known, self.operator(picture) - self.observed, 0.0)
        return error.square().mean(0)

    def keep_known(self, picture: Float[Tensor, "c h w"]) -> Float[Tensor, "c h w"]:
        """Return ``picture`` with the known pixels put back, where the observation is exact."""
        return torch.where(self.known, self.observed, picture) if self.exact else picture
