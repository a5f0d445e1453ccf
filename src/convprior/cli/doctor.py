"""`convprior doctor`: what this machine has, and how fast it is."""

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

EXAMPLE = "Example:  convprior doctor"

SECONDS = 10.0  # of the speed check of the network, over all devices
SIDE = 256  # pixels, of the picture that it takes steps on
PATCHED = 512  # and of the one whose noise patches take away
MEGAPIXELS = (1, 12, 50)
TYPICAL_STEPS = 450  # that a noisy picture takes (docs/prior.md: 365 to 560 at 256×256)


def command() -> None:
    """Print versions, devices, threads and memory, and check each device and its speed."""
    import platform
    from importlib.metadata import version

    import psutil
    import torch

    from convprior.restoration import selftest

    names = ("convprior", "torch", "kornia", "pillow", "tifffile", "imagecodecs")
    print(f"python       {platform.python_version()} on {platform.system()} {platform.machine()}")
    for name in names:
        print(f"{name:12} {version(name)}")
    free, total = psutil.virtual_memory().available, psutil.virtual_memory().total
    print(f"memory       {free / 1e9:.1f} GB free of {total / 1e9:.1f} GB")
    print(f"processors   {psutil.cpu_count()}, torch uses {torch.get_num_threads()} threads")
    found = ["cpu"] + [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append("mps")
    wrong = []
    for name in found:
        device = torch.device(name)
        label = f" {torch.cuda.get_device_name(device)}" if device.type == "cuda" else ""
        if not selftest.computes_right(device):
            wrong.append(name)
            print(f"{name:12}{label} computes wrong on a known case: it is not used")
            continue
        pace = _seconds_a_megapixel(device)
        times = ", ".join(f"{pace * size:.0f} s for {size}" for size in MEGAPIXELS)
        print(f"{name:12}{label} alike patches: {times} megapixels, without reading and writing")
        for precision in ("float32", "bfloat16"):
            rate = _steps_a_second(name, precision, SECONDS / len(found) / 2)
            minutes = TYPICAL_STEPS / rate * (1e6 / SIDE**2) / 60
            print(
                f"{name:12}{label} network, {precision}: {rate:.1f} steps a second at {SIDE}×{SIDE}"
                f", about {minutes:.0f} minutes for a megapixel"
            )
    if wrong:
        raise SystemExit(1)


def _seconds_a_megapixel(device: "torch.device") -> float:
    import torch

    from convprior.prior.patches.denoising import Denoising
    from convprior.problem.noise import Noise

    # A ramp with noise: matrices of mere noise take the same time.
    picture = torch.linspace(0, 1, PATCHED).expand(3, PATCHED, PATCHED)
    noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(0))
    start = time.monotonic()
    Denoising((picture + 0.1 * noise).to(device), Noise(0.1, 0.0)).done().cpu()
    return (time.monotonic() - start) / PATCHED**2 * 1e6


def _steps_a_second(device: str, precision: str, seconds: float) -> float:
    import torch

    from convprior.prior.iterates import Iterates
    from convprior.prior.where import Where
    from convprior.problem.observation import Observation
    from convprior.restoration import recipes

    observation = Observation(torch.rand(3, SIDE, SIDE), torch.ones(SIDE, SIDE, dtype=torch.bool))
    where = Where(torch.device(device), getattr(torch, precision))
    iterates = Iterates(observation, recipes.load().of("denoise"), 0, where)
    next(iterates)  # the first steps choose algorithms and take memory
    start, first = time.monotonic(), iterates.step
    while time.monotonic() - start < seconds or iterates.step == first:
        next(iterates)
    return (iterates.step - first) / (time.monotonic() - start)
