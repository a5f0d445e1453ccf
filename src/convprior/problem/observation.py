"""The problem: what was observed, and how far a picture is from it.

One value type serves every task, so that the method has no branch per task. Denoising: all pixels
are known. Inpainting: some are not. An operator other than the identity (downsampling, blur) says
how a clean picture becomes what was observed. Values of unknown pixels are never read.

Errors are squared, one per pixel: their mean over the channels.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor
from torch.nn import functional

from convprior.problem.noise import NONE, Noise, measure
from convprior.problem.operators import IDENTITY, Operator

FLOOR = 1e-10  # a squared error of zero would have a root of infinite slope


@dataclass(frozen=True)
class Observation:
    """A damaged picture.

    ``observed`` is float (c, h, w), nominally in [0, 1] but not clipped to it: noise may leave it.
    ``known`` is (h, w), True where a pixel was observed; all channels of a pixel go together.
    ``operator`` maps a clean picture to what would be observed of it without noise.
    ``exact`` says that the known pixels carry no noise and belong into the result as they are.
    ``told`` is the noise that somebody knows of; otherwise it is measured.
    """

    observed: Float[Tensor, "c h w"]
    known: Bool[Tensor, "h w"]
    operator: Operator = IDENTITY
    exact: bool = False
    told: Noise | None = None

    def __post_init__(self) -> None:
        if self.known.shape != self.observed.shape[1:]:
            raise ValueError(
                f"the mask of known pixels is {tuple(self.known.shape)}, the observed picture "
                f"{tuple(self.observed.shape[1:])}: they must have the same height and width"
            )
        if not self.known.any():
            raise ValueError("no pixel is known: there is nothing to restore from")
        if not (torch.isfinite(self.observed).all(0) | ~self.known).all():
            raise ValueError(
                "known pixels of the observed picture are NaN or infinite: mark them as unknown"
            )

    @cached_property
    def noise(self) -> Noise:
        """The noise of what was observed, told or measured once; none where it is exact."""
        if self.exact:
            return NONE
        return self.told or measure(self.observed, self.known)

    @cached_property
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

    def inside(
        self, mask: Bool[Tensor, "h w"], rows: slice, columns: slice
    ) -> Bool[Tensor, "piece_h piece_w"]:
        """Return a mask's part under a piece, of the pixels that depend on nothing beyond it."""
        under = self.cut(mask, rows, columns)
        inside = torch.zeros_like(under)
        spans = []
        for place, side, length in zip((rows, columns), self.size, inside.shape, strict=True):
            before = self.operator.reach if place.start else 0
            after = self.operator.reach if place.stop < side else 0
            spans.append(slice(before, length - after))
        inside[spans[0], spans[1]] = under[spans[0], spans[1]]
        return inside

    def to(self, device: torch.device | str) -> "Observation":
        """Return the same observation with its tensors on ``device``, its noise measured here."""
        told = self.told if self.exact else self.noise  # once: of a large picture it takes seconds
        return replace(
            self, observed=self.observed.to(device), known=self.known.to(device), told=told
        )

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
        error = torch.where(self.known, self.operator.apply(picture) - self.observed, 0.0)
        return error.square().mean(0)

    def misfit(
        self, picture: Float[Tensor, "c H W"], judged: Bool[Tensor, "h w"], outlier: float = 0.0
    ) -> Float[Tensor, ""]:
        """Return the mean squared error at the judged pixels, of which there is at least one.

        ``outlier`` deviations off, as all judged errors tell them, an error counts linearly; 0:
        none does.
        """
        errors = self.errors(picture)
        if outlier:
            of_judged = torch.where(judged, errors.detach(), torch.nan)
            errors = temper(errors, outlier**2 * variance(of_judged, len(self.observed)))
        return torch.where(judged, errors, 0.0).sum() / judged.sum()

    def keep_known(self, picture: Float[Tensor, "c h w"]) -> Float[Tensor, "c h w"]:
        """Return ``picture`` with the known pixels put back, where the observation is exact."""
        return torch.where(self.known, self.observed, picture) if self.exact else picture


def variance(errors: Float[Tensor, "*n"], channels: int = 1) -> Float[Tensor, ""]:
    """Return the variance of the errors as their median tells it: outliers do not move it."""
    # The median of a mean of squares of normal numbers: Wilson and Hilferty, 1931.
    return errors.nanmedian() / (1 - 2 / (9 * channels)) ** 3


def temper(errors: Float[Tensor, "*n"], limit: Float[Tensor, ""]) -> Float[Tensor, "*n"]:
    """Let squared errors beyond the limit grow with the error, not its square (Huber, 1964)."""
    limit = limit.clamp(min=FLOOR)
    beyond = errors.clamp(min=limit).sqrt() - limit.sqrt()
    return errors.clamp(max=limit) + 2 * limit.sqrt() * beyond
