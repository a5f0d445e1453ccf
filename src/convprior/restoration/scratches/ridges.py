"""Ridges: pixels that are lighter than both sides of a short straight piece through them.

A piece of 17 pixels in one of sixteen directions is compared with what lies three pixels to its
left and to its right; the lighter side counts, so that an edge is no ridge. The difference is taken
in units of how much the surroundings vary: grass has to be exceeded by more than sky. Against both
sides, as Newson, Almansa, Gousseau and Pérez do for films ("Robust automatic line scratch detection
in films", IEEE TIP 2014), but in any direction.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor
from torch.nn import functional

WAYS = 16  # directions in half a turn: a piece's ends are then at most one pixel off
LENGTH = 17  # pixels of a piece
ASIDE = 3  # pixels from its middle to where its sides are looked at
MOST = 3.0  # a pixel's ridge, in units of the surroundings' variation: no single one makes a line
LEAST = 0.03  # of the range: the surroundings vary by so much at least
AROUND = 33  # pixels: side of the square in which that is measured
TILE = 160  # pixels: with what is around, below the 32,768 from which torch wakes other threads


@dataclass(frozen=True)
class Ridges:
    """``height`` of the best piece through each pixel, in units of ``variation``; its ``way``."""

    height: Float[Tensor, "h w"]
    way: UInt8[Tensor, "h w"]
    variation: Float[Tensor, "h w"]


def ridges(light: Float[Tensor, "h w"]) -> Ridges:
    """Return the ridges of a picture in which scratches are light; its range is about [0, 1]."""
    variation = variation_of(light)
    height, width = light.shape
    reach = LENGTH // 2
    around = padded(light, reach + ASIDE)
    per = padded(variation, reach).reciprocal()
    best = torch.empty_like(light)
    way = torch.empty(light.shape, dtype=torch.uint8)
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            bottom, right = min(top + TILE, height), min(left + TILE, width)
            best[top:bottom, left:right], way[top:bottom, left:right] = _best(
                around[top : bottom + 2 * (reach + ASIDE), left : right + 2 * (reach + ASIDE)],
                per[top : bottom + 2 * reach, left : right + 2 * reach],
            )
    return Ridges(best, way, variation)


def _best(
    light: Float[Tensor, "H W"], per: Float[Tensor, "a b"]
) -> tuple[Float[Tensor, "h w"], UInt8[Tensor, "h w"]]:
    """Return height and way of a tile; ``light`` and ``per`` are larger by what a piece needs."""
    reach = LENGTH // 2
    rows, columns = per.shape
    size = rows - 2 * reach, columns - 2 * reach
    best, best_way = torch.full(size, -math.inf), torch.zeros(size, dtype=torch.uint8)
    for way in range(WAYS):
        sin, cos = direction(way)
        down, right = round(ASIDE * cos), -round(ASIDE * sin)
        sides = torch.maximum(
            shifted(light, down, right, ASIDE, per.shape),
            shifted(light, -down, -right, ASIDE, per.shape),
        )
        ridge = torch.sub(shifted(light, 0, 0, ASIDE, per.shape), sides, out=sides)
        ridge = ridge.mul_(per).clamp_(-MOST, MOST)
        total = torch.zeros(size)
        for t in range(-reach, reach + 1):
            total += shifted(ridge, round(t * sin), round(t * cos), reach, size)
        best_way.masked_fill_(total > best, way)
        best = torch.maximum(best, total)
    return best / LENGTH, best_way


def variation_of(light: Float[Tensor, "h w"]) -> Float[Tensor, "h w"]:
    """Return how much pixels three apart differ around each: the square of the mean root.

    A scratch, an edge among flat areas, counts little that way.
    """
    around = padded(light, ASIDE)
    roots = torch.zeros_like(light)
    for down, right in ((0, 3), (3, 0), (2, 2), (2, -2)):
        roots += (light - shifted(around, down, right, ASIDE, light.shape)).abs().sqrt() / 4
    wide = padded(roots, AROUND // 2)[None, None]
    mean = functional.avg_pool2d(
        functional.avg_pool2d(wide, (AROUND, 1), 1), (1, AROUND), 1
    )[0, 0]  # fmt: skip
    return mean.square().clamp(min=LEAST)


def direction(way: int) -> tuple[float, float]:
    """Return sine and cosine of a way's angle: it leads so far down and right."""
    return math.sin(math.pi * way / WAYS), math.cos(math.pi * way / WAYS)


def directions(way: Int64[Tensor, " n"]) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """Return sines and cosines of the angles of ways, as `direction` does of one."""
    angle = math.pi * way / WAYS
    return angle.sin(), angle.cos()


def padded(picture: Float[Tensor, "h w"], margin: int) -> Float[Tensor, "H W"]:
    """Return a picture with its border repeated ``margin`` times."""
    return functional.pad(picture[None, None], (margin,) * 4, mode="replicate")[0, 0]


def shifted(
    picture: Float[Tensor, "H W"], down: int, right: int, margin: int, size: tuple[int, ...]
) -> Float[Tensor, "h w"]:
    """Return what lies so far down and right of each pixel, of a picture padded by ``margin``."""
    height, width = size
    return picture[margin + down :, margin + right :][:height, :width]
