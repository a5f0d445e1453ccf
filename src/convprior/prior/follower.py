"""Who follows a restoration, and the story that it leaves: its picture, and what ended it."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from convprior.prior.iterates import Iterate, State
from convprior.prior.patches.work import Work
from convprior.prior.stopping import Stopper

Ending = Literal[
    "nothing to do",
    "patches",
    "stopped",
    "max steps",
    "time limit",
    "interrupted",
    "diverged",
    "failed",
]


class Follower:
    """Who follows the work: sees it, keeps it, says how long it may take; this one does nothing.

    ``until`` is the moment of `time.monotonic` at which the work ends with the best so far.
    ``saved`` is a state that another follower was given to keep: the fit goes on from there.
    ``run`` is the number of the run, from 0, where several are averaged.
    """

    until: float = math.inf
    saved: State | None = None
    run: int = 0

    def see_patches(self, done: float, work: Work) -> None:
        """Take the share of the patches' work that is done; its picture is the best so far."""

    def see(self, iterate: Iterate, stopper: Stopper) -> None:
        """Take an iterate of the network after the stopper has judged it."""

    def keep(self, state: Callable[[], State]) -> None:
        """Take, every 50 steps, what makes the state of the fit: tensors and plain values."""


@dataclass(frozen=True)
class Restored:
    """What `restore` returns: the picture, float32 (c, h, w) in [0, 1] on the CPU, and its story.

    ``patches`` is what alike patches alone made of it, ``average`` what the network alone did, of
    step ``best_step`` of ``steps``; None where the one or the other had nothing to do. ``ended``
    of the last of several runs says what ended the next one, if anything did.
    """

    picture: Float[Tensor, "c H W"]
    patches: Float[Tensor, "c H W"] | None
    average: Float[Tensor, "c H W"] | None
    best_step: int
    steps: int
    ended: Ending


def by_patches(
    work: Work, follower: Follower, until: float
) -> tuple[Float[Tensor, "c h w"], Ending | None]:
    """Return what patches make of a picture, and what ended the work before its time.

    KeyboardInterrupt is raised where there is no picture yet.
    """
    seen = 0.0
    ended: Ending | None = None
    try:
        for seen in work:
            follower.see_patches(seen, work)
            if time.monotonic() > until and seen < 1:
                ended = "time limit"
                break
    except KeyboardInterrupt:
        if not seen:
            raise
        ended = "interrupted"
    return work.picture(), ended
