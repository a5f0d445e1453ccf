"""Memory, tiles and what happens where the memory does not suffice; whether a device is right."""

from dataclasses import replace

import pytest
import torch
from pydantic import ByteSize

from convprior.ground import machine
from convprior.ground.errors import InputError
from convprior.prior.recipe import Recipe
from convprior.prior.restore import Restored
from convprior.prior.runs import Averaged
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


def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[int, int], int]]:
    """Return a list that will hold size and most steps of what is restored, and restore nothing."""
    seen: list[tuple[tuple[int, int], int]] = []

    def restore_runs(observation: Observation, recipe: Recipe, *_: object) -> Averaged:
        seen.append((observation.size, recipe.max_steps))
        picture = torch.where(observation.known, observation.observed, 0.5)
        story = Restored(picture, picture, None, 0, 0, "patches")
        return Averaged(picture, torch.zeros_like(picture), (story,))

    monkeypatch.setattr(within_memory, "restore_runs", restore_runs)
    return seen


def noisy(height: int, width: int) -> Observation:
    clean = torch.linspace(0, 1, width).expand(3, height, width)
    picture = clean + 0.1 * torch.randn(
        3, height, width, generator=torch.Generator().manual_seed(0)
    )
    return Observation(picture, all_known(picture))


def test_the_network_is_for_small_pictures_or_for_those_given_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen, said = ran(monkeypatch), list[str]()
    for size in ((200, 200), (400, 400)):
        restore_within_memory(noisy(*size), "denoise", Settings(), "cpu", say=said.append)
    for asked in ({"time_limit": 60.0}, {"runs": 2}, {"max_steps": 7}):
        settings = Settings.model_validate(asked)
        restore_within_memory(noisy(400, 400), "denoise", settings, "cpu", say=said.append)
    assert [steps for _, steps in seen] == [1000, 0, 1000, 1000, 7]
    assert said == [
        "large: by alike patches alone; given a --time-limit, the network has its part too"
    ]


def test_noise_that_neighbours_share_gets_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = ran(monkeypatch)
    noise = torch.randn(1, 3, 66, 66, generator=torch.Generator().manual_seed(0))
    picture = discs() + 0.3 * torch.nn.functional.avg_pool2d(noise, 3, 1)[0]
    restore_within_memory(Observation(picture, all_known(picture)), "denoise", Settings(), "cpu")
    assert seen == [((64, 64), 0)]


def test_only_pieces_with_wide_gaps_get_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = ran(monkeypatch)
    known = torch.ones(600, 700, dtype=torch.bool)
    known[100:104] = False  # a scratch
    picture = torch.rand(3, 600, 700, generator=torch.Generator().manual_seed(0))
    scratched = Observation(torch.where(known, picture, torch.nan), known, exact=True)
    restore_within_memory(scratched, "inpaint", Settings(), "cpu")
    assert seen == [((600, 700), 0)]
    seen.clear()
    known[400:430, 300:340] = False  # a hole
    broken = Observation(torch.where(known, picture, torch.nan), known, exact=True)
    found = restore_within_memory(broken, "inpaint", Settings(fill="network"), "cpu")
    (whole, none), (piece, steps) = seen
    assert (whole, none) == ((600, 700), 0)
    assert (piece[0] * piece[1] < 100_000, steps) == (True, 1000)
    assert torch.equal(found.picture[:, known], picture[:, known])
    assert torch.isfinite(found.picture).all()


def test_a_wide_hole_is_filled_with_pieces_and_thin_gaps_by_what_comes_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = ran(monkeypatch)
    known = torch.ones(200, 240, dtype=torch.bool)
    known[20:24] = False
    known[100:130, 100:130] = False
    picture = torch.rand(3, 200, 240, generator=torch.Generator().manual_seed(0))
    broken = Observation(torch.where(known, picture, torch.nan), known, exact=True)
    found = restore_within_memory(broken, "inpaint", Settings(), "cpu")
    assert seen == [((200, 240), 0)]  # the scratch alone is left
    assert torch.equal(found.picture[:, known], picture[:, known])
    values = picture[:, known].T
    copied = found.picture[:, 110, 110]
    assert bool((values == copied).all(1).any())
    seen.clear()
    known[20:24] = True
    whole = Observation(torch.where(known, picture, torch.nan), known, exact=True)
    done = restore_within_memory(whole, "inpaint", Settings(), "cpu")
    assert seen == []
    assert [run.ended for run in done.runs] == ["patches"]
    assert torch.isfinite(done.picture).all()
