"""Pieces of a picture on all cores."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Piece = TypeVar("Piece")
Made = TypeVar("Made")


def each(
    work: Callable[[Piece], Made], pieces: list[Piece], device: torch.device
) -> Iterator[tuple[Piece, Made]]:
    """Yield each piece and what ``work`` makes of it, in their order.

    On a CPU as many are worked on at once as torch uses threads. One thread for each piece is
    faster than many for each product of small matrices; that of the caller is kept to one, too, as
    it would only keep another waiting.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    pool = ThreadPoolExecutor(
        threads if device.type == "cpu" else 1, initializer=torch.set_num_threads, initargs=(1,)
    )
    try:
        yield from zip(pieces, pool.map(work, pieces), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
