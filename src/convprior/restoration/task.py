"""Which task a picture needs, told from one look at it, and why."""

import math
from statistics import fmean

from convprior.pictures.picture import Metadata
from convprior.problem.noise import Noise
from convprior.restoration.levels import Look
from convprior.restoration.settings import Task

NOISY = 6 / 255  # from this deviation on, known pixels are not to be trusted: clean ones have ≤ 5.2
COARSE = 25  # mean of JPEG's luminance table, steps that it rounds to: from quality 78 down


def in_words(noise: Noise) -> str:
    """Return what was found of the noise, in units of 1/255 of the range."""
    said = f"{'grain' if noise.shared else 'noise'} of {255 * noise.deviation:.0f}/255"
    if noise.shared:
        wide = f", some {noise.width:.1f} pixels wide," if noise.width else ""
        return f"{said}{wide} that neighbours share"
    if noise.curve:
        dark, light = (255 * noise.curve[place] for place in (0, -1))
        return f"{said}, {dark:.0f} in the dark and {light:.0f} in the light"
    return f"{said} that JPEG made" if noise.of_blocks else said


def with_regular(look: Look, reason: str) -> str:
    """Return a reason behind what is regular and was taken out before."""
    return "; ".join([*(f"{each}, taken out" for each in look.regular), reason])


def choose(look: Look, metadata: Metadata) -> tuple[Task, str]:
    """Return the task for a picture that was looked at, and why."""
    task, reason = _chosen(look, metadata)
    return task, with_regular(look, reason)


def _chosen(look: Look, metadata: Metadata) -> tuple[Task, str]:
    deviation = look.observation.noise.deviation
    if look.impulses:
        share = look.impulses / look.observation.known.numel()
        struck = f"salt and pepper in {share:.0%} of the pixels"
        if NOISY < deviation < math.inf:
            return "denoise", f"{struck}, and noise of {255 * deviation:.0f}/255: both are repaired"
        return "inpaint", f"{struck}, and hardly any noise: the others stay as they are"
    strength = in_words(look.observation.noise)
    if look.masked:
        if NOISY < deviation < math.inf:
            return "inpaint", f"some is missing, the rest stays, its {strength} too: see --task"
        return "inpaint", "some is missing, the rest stays as it is"
    if deviation == math.inf:
        return "denoise", "nothing is missing; too small to measure noise"
    tables = metadata.own.get("qtables") if metadata.format == "JPEG" else None
    if tables and fmean(next(iter(tables.values()))) > COARSE:
        return "dejpeg", "a strongly compressed JPEG"
    if look.observation.noise.shared and not deviation:
        return "denoise", "nothing is missing; fine texture, and no grain that would show in it"
    if look.observation.noise.hardly_any:
        return "denoise", f"nothing is missing; hardly any {strength}"
    return "denoise", f"nothing is missing; {strength}"
