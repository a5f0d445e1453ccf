"""Memory, tiles and what happens where the memory does not suffice; whether a device is right."""

from dataclasses import replace

import pytest
import torch
from pydantic import ByteSize

from convprior.ground import machine
from convprior.ground.errors import InputError
from convprior.prior.restore import Averaged
from convprior.prior.where import Where
from convprior.problem.observation import Observation
from convprior.problem.operators import Operator
from convprior.restoration import selftest, within_memory
from convprior.restoration.settings import Settings
from convprior.restoration.within_memory import largest_tile, restore_within_memory
from tests.conftest import all_known, discs

CPU = torch.device("cpu")


def observation(height: int, width: int) -> Observation:
    # Expanded: a picture of 12 megapixels without its memory.
    known = torch.ones(1, 1, dtype=torch.bool).expand(height, width)
    return Observation(torch.zeros(3, 1, 1).expand(3, height, width), known)


def test_a_picture_that_fits_is_one_tile_and_a_larger_one_is_cut() -> None:
    assert largest_tile(observation(256, 256), 2_000_000_000, torch.float32)[0] is None
    large = observation(3000, 4000)
    side, needed = largest_tile(large, 4_000_000_000, torch.float32)
    assert side in within_memory.SIDES
    assert needed <= 4_000_000_000
    smaller, _ = largest_tile(large, 3_000_000_000, torch.float32)
    assert smaller is not None
    assert side is not None
    assert smaller < side
    least, needed = largest_tile(large, 1, torch.float32)
    assert least == within_memory.SIDES[-1]
    assert needed > 1


def test_out_of_memory_makes_smaller_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    tiles: list[int | None] = []
    said: list[str] = []

    picture = torch.rand(3, 900, 800)
    averaged = Averaged(picture, torch.zeros_like(picture), ())

    def restore_runs(*given: object) -> Averaged:
        tiles.extend(each.tile for each in given if isinstance(each, Where))
        if len(tiles) == 1:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ...")
        if len(tiles) == 2:
            raise MemoryError
        return averaged

    monkeypatch.setattr(within_memory, "restore_runs", restore_runs)
    plenty = Settings(memory=ByteSize(10**11), runs=2)
    seen = Observation(picture, all_known(picture))
    done = restore_within_memory(seen, "denoise", plenty, "cpu", say=said.append)
    assert done is averaged
    assert tiles == [None, 768, 512]
    assert said == [
        "out of memory: once more, in tiles of 768 pixels",
        "out of memory: once more, in tiles of 512 pixels",
    ]
    tiles.clear()
    small = Observation(discs(), all_known(discs()))
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        restore_within_memory(small, "denoise", plenty, "cpu")


def test_another_error_is_not_taken_for_want_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def restore_runs(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(within_memory, "restore_runs", restore_runs)
    with pytest.raises(RuntimeError, match="a bug"):
        restore_within_memory(
            Observation(discs(), all_known(discs())), "denoise", Settings(), "cpu"
        )


def test_what_does_not_fit_is_said() -> None:
    said: list[str] = []
    picture = torch.rand(3, 160, 150)
    seen = Observation(picture, all_known(picture))
    least = Settings(memory=ByteSize(1), max_steps=1)
    restore_within_memory(seen, "denoise", least, "cpu", say=said.append)
    assert said[0].startswith("in tiles of 128 pixels, for 0.")
    assert said[1] == "warning: that is more than the 0.0 GB that may be used"


def test_a_device_is_checked_against_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert selftest.computes_right(CPU)
    # The meta device has no numbers at all: the nearest to a broken one that every machine has.
    assert not selftest.computes_right(torch.device("meta"))
    with pytest.raises(InputError, match="no device 'cuda:9' here"):
        machine.choose("cuda:9")
    assert machine.every("cpu,cpu") == ["cpu", "cpu"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert machine.every("auto") == ["cuda:0", "cuda:1"]
    with pytest.raises(InputError, match="no device 'cuda:2' here"):
        machine.every("cuda:0,cuda:2")


def test_a_wide_blur_leaves_no_tile_that_could_not_overlap() -> None:
    seen = observation(400, 400)
    wide = replace(seen, operator=Operator(lambda p: p, reach=90))
    side, _ = largest_tile(wide, 1, torch.float32)
    assert side == 384  # more than the 360 pixels by which two of them overlap
    assert largest_tile(replace(seen, operator=Operator(lambda p: p, reach=150)), 1,
                        torch.float32)[0] is None  # fmt: skip
    assert largest_tile(observation(60, 60), 1, torch.float32)[0] is None  # smaller than a tile
