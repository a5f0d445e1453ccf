"""A picture in tiles, on all cores: what the groups of each tile estimate, put together."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Shaped
from torch import Tensor

from convprior.prior.patches import threads
from convprior.prior.patches.combining import Sums

TILE = 160  # pixels from one tile to the next: its patches and sums take some tens of megabytes


@dataclass(frozen=True)
class Grid:
    """Which patches of a picture get a group of their own, and how far its members are looked for.

    Every ``stride``-th patch of ``side`` pixels does; the last row and column of them may reach
    over the picture's edge, where its last pixels are repeated.
    """

    height: int
    width: int
    side: int
    stride: int
    reach: int

    @classmethod
    def over(cls, planes: Shaped[Tensor, "c h w"], side: int, stride: int, reach: int) -> "Grid":
        """Return the grid of a picture; patches are no larger than it is."""
        height, width = planes.shape[1:]
        side = min(side, height, width)
        return cls(height, width, side, min(stride, side), reach)

    def at_a_corner(self) -> int:
        """Return the number of patches that the one in a corner is compared with: the fewest."""
        down, across = (min(self.reach, (count - 1) * self.stride) + 1 for count in self.counts())
        return down * across

    def counts(self) -> tuple[int, int]:
        """Return the number of groups down and across."""
        down, across = (
            -(-max(length - self.side, 0) // self.stride) + 1
            for length in (self.height, self.width)
        )
        return down, across

    def tiles(self) -> list["Tile"]:
        """Return the tiles, row by row."""
        down, across = self.counts()
        most = max(TILE // self.stride, 1)
        return [
            Tile(self, top, left, min(most, down - top), min(most, across - left))
            for top in range(0, down, most)
            for left in range(0, across, most)
        ]


@dataclass(frozen=True)
class Tile:
    """Some neighbouring groups of a grid: the first row and column of them, and how many."""

    grid: Grid
    row: int
    column: int
    down: int
    across: int

    def _indices(self, device: torch.device) -> list[Tensor]:
        """Return rows and columns of the picture: under the groups and all that they look at."""
        grid = self.grid
        return [
            torch.arange(
                first * grid.stride - grid.reach,
                (first + count - 1) * grid.stride + grid.side + grid.reach,
                device=device,
            )
            for first, count in ((self.row, self.down), (self.column, self.across))
        ]

    def size(self) -> tuple[int, int]:
        """Return the height and width of the tile's part of a picture."""
        rows, columns = self._indices(torch.device("cpu"))
        return len(rows), len(columns)

    def of(self, planes: Shaped[Tensor, "c h w"]) -> Shaped[Tensor, "c tile_h tile_w"]:
        """Return the tile's part of a picture; beyond its edges the last pixels are repeated."""
        rows, columns = self._indices(planes.device)
        height, width = planes.shape[1:]
        part = planes.index_select(1, rows.clamp(0, height - 1))
        return part.index_select(2, columns.clamp(0, width - 1))

    def inside(self, device: torch.device) -> Bool[Tensor, "tile_h tile_w"]:
        """Return which pixels of the tile belong to the grid: the others only surround it."""
        valid = []
        for indices, count in zip(self._indices(device), self.grid.counts(), strict=True):
            last = (count - 1) * self.grid.stride + self.grid.side
            valid.append((indices >= 0) & (indices < last))
        return valid[0][:, None] & valid[1]

    def add(self, part: Shaped[Tensor, "c tile_h tile_w"], to: Shaped[Tensor, "c h w"]) -> None:
        """Add the tile's values where they lie in the picture; those beyond its edges are lost."""
        source, target = [slice(None)], [slice(None)]
        for indices, length in zip(self._indices(torch.device("cpu")), to.shape[1:], strict=True):
            start, stop = int(indices[0]), int(indices[-1]) + 1
            target.append(slice(max(start, 0), min(stop, length)))
            source.append(slice(max(-start, 0), min(stop, length) - start))
        to[tuple(target)] += part[tuple(source)]


def sweep(grid: Grid, sums: Sums, work: Callable[[Tile], Sums]) -> Iterator[float]:
    """Add up what ``work`` makes of each tile; yield the share of the tiles that is done after it.

    They are added up in one order: the bits do not depend on the number of threads.
    """
    tiles = grid.tiles()
    for done, (tile, part) in enumerate(threads.each(work, tiles, sums.total.device), start=1):
        tile.add(part.total, sums.total)
        tile.add(part.weight, sums.weight)
        tile.add(part.left, sums.left)
        yield done / len(tiles)
