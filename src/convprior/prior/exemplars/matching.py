"""PatchMatch: for each patch that touches a hole, one like it that lies in the known picture.

Barnes, Shechtman, Finkelstein and Goldman, "PatchMatch", SIGGRAPH 2009: a good match is soon found
by chance, and those beside it take over its shift. Here all patches do so at once, over several
distances (jump flooding, Rong and Tan 2006), instead of one after the other.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

CHUNK = 1024  # patches at once: what is compared stays in the processor's cache
JUMPS = (4, 2, 1)  # pixels, down and across, that a shift travels in a round


class Patches:
    """All square patches of a picture, numbered by their first pixel, row by row.

    Two differ by the mean square of their values' differences, and by that of ``texture`` (t h w)
    at their middle.
    """

    def __init__(
        self, picture: Float[Tensor, "c h w"], texture: Float[Tensor, "t h w"], side: int
    ) -> None:
        channels, _, width = picture.shape
        # A patch is `side` rows of this view: nothing is copied before it is compared.
        self.rows = picture.permute(1, 2, 0).flatten().unfold(0, side * channels, channels)
        self.texture = texture.permute(1, 2, 0).flatten(0, 1)
        self.down = torch.arange(side, device=picture.device) * width
        self.middle = side // 2 * (width + 1)

    def differences(
        self, ones: Int[Tensor, " n"], others: Int[Tensor, " n"]
    ) -> Float[Tensor, " n"]:
        """Return how much each patch differs from its other."""
        found = []
        for one, other in zip(ones.split(CHUNK), others.split(CHUNK), strict=True):
            apart = self._values(one).sub_(self._values(other)).square_().mean(1)
            middles = (self.texture[place + self.middle] for place in (one, other))
            found.append(apart + (next(middles) - next(middles)).square_().sum(1))
        return torch.cat(found)

    def _values(self, places: Int[Tensor, " n"]) -> Float[Tensor, "n values"]:
        rows = (places[:, None] + self.down).flatten()
        return self.rows.index_select(0, rows).view(
            len(places), len(self.down) * self.rows.shape[1]
        )


class Field:
    """The patches that touch a hole, and for each where the patch begins that it is like.

    ``places`` (n) says where they begin in the flattened picture, ``matches`` (n) where the others
    do, ``errors`` (n) how much they differ; ``number`` (h, w) is that of the patch which begins at
    a pixel, -1 where none does. Matches hold no pixel of the hole and ``usable`` (h, w) ones alone;
    at first they are drawn. There has to be one: see `sources`.
    """

    def __init__(
        self,
        hole: Bool[Tensor, "h w"],
        usable: Bool[Tensor, "h w"],
        side: int,
        generator: torch.Generator,
    ) -> None:
        self.height, self.width = hole.shape
        self.side, self.generator = side, generator
        self.sources = sources(usable & ~hole, side)
        touching = functional.max_pool2d(hole[None].float(), side, 1)[0] > 0
        self.y, self.x = touching.nonzero().unbind(1)
        self.places = self.y * self.width + self.x
        self.number = torch.full(hole.shape, -1, device=hole.device)
        self.number[self.y, self.x] = torch.arange(len(self.places), device=hole.device)
        self.matches = self._drawn(len(self.places))
        self.errors = torch.full(self.places.shape, torch.inf, device=hole.device)

    def _drawn(self, count: int) -> Int[Tensor, " {count}"]:
        """Return places of patches that may be copied, by chance."""
        every = self.sources.flatten().nonzero()[:, 0]
        drawn = torch.randint(len(every), (count,), generator=self.generator, device=every.device)
        return every[drawn]

    def follow(self, coarser: "Field") -> None:
        """Take over the matches of a field of the picture at half the size, all equally good."""
        y, x = (
            (self.y // 2).clamp(max=coarser.height - 1),
            (self.x // 2).clamp(max=coarser.width - 1),
        )
        number = coarser.number[y, x]
        down = coarser.matches // coarser.width - coarser.y
        across = coarser.matches % coarser.width - coarser.x
        self._take(self.y + 2 * down[number], self.x + 2 * across[number], number >= 0)
        self.errors = torch.zeros_like(self.errors)

    def _take(self, y: Tensor, x: Tensor, there: Tensor) -> None:
        """Take matches as they are where there are some that may be copied."""
        valid = there & self._valid(y, x)
        self.matches = (y * self.width + x).where(valid, self.matches)

    def _valid(self, y: Tensor, x: Tensor) -> Tensor:
        inside = (y >= 0) & (y < self.height) & (x >= 0) & (x < self.width)
        return inside & self.sources[y.clamp(0, self.height - 1), x.clamp(0, self.width - 1)]

    def search(self, patches: Patches, rounds: int, reach: int) -> None:
        """Look for better matches: of those beside, and by chance up to ``reach`` pixels away."""
        self.errors = patches.differences(self.places, self.matches)
        for _ in range(rounds):
            for jump in JUMPS:
                for down, across in ((jump, 0), (-jump, 0), (0, jump), (0, -jump)):
                    self._spread(patches, down, across)
            radius = reach
            while radius >= 1:
                away = torch.rand(
                    2, len(self.places), generator=self.generator, device=self.places.device
                )
                down, across = ((2 * away - 1) * (radius + 0.5)).round().long()
                y, x = self.matches // self.width + down, self.matches % self.width + across
                self._try(patches, y, x, self._valid(y, x))
                radius //= 2

    def _spread(self, patches: Patches, down: int, across: int) -> None:
        """Try the shift of the patch that begins so many pixels away."""
        y, x = self.y + down, self.x + across
        inside = (y >= 0) & (y < self.height) & (x >= 0) & (x < self.width)
        number = self.number[y.clamp(0, self.height - 1), x.clamp(0, self.width - 1)]
        there = self.matches[number]
        y, x = there // self.width - down, there % self.width - across
        self._try(patches, y, x, inside & (number >= 0) & self._valid(y, x))

    def _try(self, patches: Patches, y: Tensor, x: Tensor, valid: Tensor) -> None:
        """Take the matches that are better."""
        tried = y * self.width + x
        which = (valid & (tried != self.matches)).nonzero()[:, 0]
        tried = tried[which]
        errors = patches.differences(self.places[which], tried)
        better = errors < self.errors[which]
        which = which[better]
        self.matches[which], self.errors[which] = tried[better], errors[better]


def sources(usable: Bool[Tensor, "h w"], side: int) -> Bool[Tensor, "h w"]:
    """Return where patches begin that hold usable pixels alone."""
    whole = torch.zeros_like(usable)
    inner = functional.max_pool2d((~usable)[None].float(), side, 1)[0] == 0
    whole[: inner.shape[0], : inner.shape[1]] = inner
    return whole
