"""Objects on backgrounds, put together where a question wants them.

Objects, masks and backgrounds are kept apart, so that the same object can be shown where a network
has seen it and where it has not, turned, enlarged, or left away. `paste` puts one object of any
size on its background (numpy); a `Scenes` holds many of one size (torch).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from kornia.geometry.transform import get_rotation_matrix2d, warp_affine
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from convprior.ground import atomic
from convprior.ground.errors import InputError

Pixels = np.ndarray  # uint8 (h, w, channels)
Place = Literal["corner", "uniform"]  # where objects lie: always at the top left, or anywhere
PLACES: tuple[Place, ...] = get_args(Place)
OUTSIDE = 127  # a mask's values up to this one are not of the object


def paste(background: Pixels, cutout: Pixels, top: int, left: int) -> Pixels:
    """Return a copy of ``background`` (h, w, 3) with ``cutout`` (h', w', 4: RGB and mask) on it.

    A place at which the object would leave the picture raises a ValueError.
    """
    height, width = cutout.shape[:2]
    if top < 0 or left < 0 or top + height > len(background) or left + width > background.shape[1]:
        raise ValueError(
            f"an object of {height}×{width} pixels at row {top}, column {left} leaves a picture of "
            f"{background.shape[0]}×{background.shape[1]}: use smaller shifts"
        )
    picture = background.copy()
    inside = cutout[..., 3] > OUTSIDE
    picture[top : top + height, left : left + width][inside] = cutout[..., :3][inside]
    return picture


def shift(picture: Pixels, down: int, right: int) -> Pixels:
    """Return ``picture`` moved by whole pixels; what is uncovered is filled by reflection.

    For pictures whose object is not known apart. Both shifts must be non-negative.
    """
    height, width = picture.shape[:2]
    if down >= height or right >= width:
        raise ValueError(
            f"a shift by {down} and {right} leaves a picture of {height}×{width} pixels: "
            "use smaller shifts"
        )
    return np.pad(picture, ((down, 0), (right, 0), (0, 0)), mode="reflect")[:height, :width]


@dataclass(frozen=True)
class Scenes:
    """Objects (n, 4, s, s: RGB and mask, 0 or 255), as many backgrounds (n, 3, S, S), and classes.

    Pixels are uint8.
    """

    objects: UInt8[Tensor, "n 4 s s"]
    backgrounds: UInt8[Tensor, "n 3 S S"]
    labels: Int[Tensor, "n"]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, part: slice | Int[Tensor, "batch"]) -> "Scenes":
        return Scenes(self.objects[part], self.backgrounds[part], self.labels[part])

    @property
    def size(self) -> int:
        """The side of the pictures, S."""
        return self.backgrounds.shape[-1]

    @property
    def free(self) -> int:
        """The largest offset, in pixels, at which an object is still inside."""
        return self.size - self.objects.shape[-1]

    def canvases(
        self, tops: Int[Tensor, "n"] | int, lefts: Int[Tensor, "n"] | int
    ) -> UInt8[Tensor, "n 4 S S"]:
        """Return the objects alone, at offsets from the top left corner, the rest transparent.

        Raises ValueError for an offset at which an object would leave the picture.
        """
        count, side = len(self), self.objects.shape[-1]
        tops, lefts = (torch.as_tensor(place).expand(count) for place in (tops, lefts))
        if min(tops.min(), lefts.min()) < 0 or max(tops.max(), lefts.max()) > self.free:
            raise ValueError(
                f"an object of {side} pixels leaves a picture of {self.size} at offsets up to "
                f"{int(max(tops.max(), lefts.max()))}: use offsets from 0 to {self.free}"
            )
        rows = tops[:, None] + torch.arange(side)
        columns = lefts[:, None] + torch.arange(side)
        canvas = torch.zeros(count, 4, self.size, self.size, dtype=torch.uint8)
        which = torch.arange(count)
        # Indices with a slice between them put the indexed axes first: n, rows, columns, channels.
        canvas[which[:, None, None], :, rows[:, :, None], columns[:, None, :]] = (
            self.objects.permute(0, 2, 3, 1)
        )
        return canvas

    def at(
        self, tops: Int[Tensor, "n"] | int, lefts: Int[Tensor, "n"] | int
    ) -> UInt8[Tensor, "n 3 S S"]:
        """Return pictures with the objects at offsets from the top left corner."""
        return self.on_background(self.canvases(tops, lefts))

    def on_background(self, canvases: UInt8[Tensor, "n 4 S S"]) -> UInt8[Tensor, "n 3 S S"]:
        """Return pictures with what `canvases` or `transformed` returned."""
        return torch.where(canvases[:, 3:] > OUTSIDE, canvases[:, :3], self.backgrounds)

    def transformed(self, angle: float, scale: float) -> UInt8[Tensor, "n 4 S S"]:
        """Return the objects alone at the centre, turned (degrees, anticlockwise) and scaled."""
        middle = self.free // 2
        canvas = self.canvases(middle, middle).float()
        inside = (canvas[:, 3:] > OUTSIDE).float()
        # Colours are weighed by the mask: what is outside of it has none to mix in.
        stacked = torch.cat([canvas[:, :3] * inside, 255 * inside], dim=1)
        centre = torch.full((1, 2), middle + (self.objects.shape[-1] - 1) / 2)
        turn = torch.tensor([float(angle)])
        matrix = get_rotation_matrix2d(centre, turn, torch.full((1, 2), scale))
        turned = warp_affine(
            stacked, matrix.expand(len(self), 2, 3), (self.size, self.size), align_corners=True
        )
        weight = (turned[:, 3:] / 255).clamp(min=1e-3)
        colours = (turned[:, :3] / weight).clamp(0, 255)
        mask = 255 * (turned[:, 3:] >= 127.5).float()
        return torch.cat([colours, mask], dim=1).round().to(torch.uint8)

    def offsets(self, place: Place, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return tops and lefts, one each for every object: 0 in the corner, or drawn."""
        most = 0 if place == "corner" else self.free
        tops, lefts = torch.randint(most + 1, (2, len(self)), generator=generator)
        return tops, lefts


def masks(canvases: UInt8[Tensor, "n 4 S S"]) -> Bool[Tensor, "n S S"]:
    """Return where the objects are."""
    return canvases[:, 3] > OUTSIDE


def halved(objects: UInt8[Tensor, "n 4 s s"]) -> UInt8[Tensor, "n 4 s//2 s//2"]:
    """Return objects of half the size: each pixel the mean of the object's pixels among four."""
    inside = (objects[:, 3:] > OUTSIDE).float()
    share = F.avg_pool2d(inside, 2)
    colours: Float[Tensor, "n 3 s//2 s//2"] = F.avg_pool2d(objects[:, :3] * inside, 2)
    colours = colours / share.clamp(min=0.25)
    return torch.cat([colours, 255 * (share >= 0.5).float()], dim=1).round().to(torch.uint8)


def save(path: Path, scenes: Scenes) -> None:
    """Write scenes as one safetensors file."""
    parts = {name: getattr(scenes, name) for name in ("objects", "backgrounds", "labels")}
    with atomic.file(path) as temporary:
        save_file({name: part.contiguous() for name, part in parts.items()}, temporary)


def load(path: Path) -> Scenes:
    """Read what `save` wrote. Raises InputError."""
    try:
        return Scenes(**load_file(path))
    except (OSError, TypeError, SafetensorError) as error:
        raise InputError(
            f"{path}: no composed scenes ({error}): run the stage `compose` first"
        ) from None
