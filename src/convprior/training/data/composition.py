"""Objects on backgrounds, put together where a question wants them.

A `Scenes` keeps objects, masks and backgrounds apart, so that the same object can be shown at any
place, turned, enlarged, or left away, and so that its mask is known.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int, UInt8
from kornia.geometry.transform import get_rotation_matrix2d, warp_affine
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from convprior.ground import atomic
from convprior.ground.errors import InputError


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
        return torch.where(canvases[:, 3:] > 127, canvases[:, :3], self.backgrounds)

    def transformed(self, angle: float, scale: float) -> UInt8[Tensor, "n 4 S S"]:
        """Return the objects alone at the centre, turned (degrees, anticlockwise) and scaled."""
        middle = self.free // 2
        canvas = self.canvases(middle, middle).float()
        inside = (canvas[:, 3:] > 127).float()
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

    def places(self, kind: str, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return an offset for each object: all 0 for `corner`, anywhere inside for `uniform`."""
        if kind == "corner":
            return torch.zeros(len(self), dtype=torch.int64), torch.zeros(
                len(self), dtype=torch.int64
            )
        tops, lefts = torch.randint(self.free + 1, (2, len(self)), generator=generator)
        return tops, lefts


def masks(canvases: UInt8[Tensor, "n 4 S S"]) -> Bool[Tensor, "n S S"]:
    """Return where the objects are."""
    return canvases[:, 3] > 127


def halved(objects: UInt8[Tensor, "n 4 s s"]) -> UInt8[Tensor, "n 4 s//2 s//2"]:
    """Return objects of half the size: each pixel the mean of the object's pixels among four."""
    inside = (objects[:, 3:] > 127).float()
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
