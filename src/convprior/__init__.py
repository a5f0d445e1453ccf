"""What a convolutional network knows about pictures before it has seen any data.

import convprior
picture = convprior.restore(noisy)              # float (c, h, w) in [0, 1]
picture = convprior.restore(damaged, known=known)  # known: bool (h, w)
"""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["restore"]


def restore(
    picture: "Tensor",
    known: "Tensor | None" = None,
    *,
    task: Literal["denoise", "inpaint"] | None = None,
    runs: int = 1,
    seed: int = 0,
    device: str = "auto",
    precision: Literal["float32", "bfloat16"] = "float32",
    time_limit: float = float("inf"),
) -> "Tensor":
    """Restore one damaged picture: float (c, h, w) in [0, 1] in, the same out, on the CPU.

    ``known`` is bool (h, w), True where a pixel was observed; the others are never read. ``task``
    says how: `denoise` fits all known pixels as noisy, `inpaint` keeps them as they are; by default
    it is `inpaint` where ``known`` is given. Patches that look alike mend each other; small
    pictures, and those given ``runs`` or a ``time_limit``, also get an untrained network. ``runs``
    are averaged: two are better than one, and take twice the time. ``precision`` bfloat16 is faster
    on devices that compute in it, and hardly differs. ``time_limit`` is in seconds. Raises
    ValueError for shapes that do not fit, and `convprior.prior.iterates.DivergedError` if the fit
    diverges.
    """
    # torch takes seconds to import; `import convprior` need not.
    import torch

    from convprior.problem.observation import Observation
    from convprior.restoration.settings import Settings
    from convprior.restoration.within_memory import restore_within_memory

    if picture.ndim != 3 or not picture.is_floating_point():
        raise ValueError(
            f"a picture is float (c, h, w) in [0, 1], came {picture.dtype} {tuple(picture.shape)}"
        )
    task = task or ("denoise" if known is None else "inpaint")
    if known is None:
        known = torch.ones(picture.shape[1:], dtype=torch.bool)
    observation = Observation(picture.float(), known, exact=task == "inpaint")
    settings = Settings(runs=runs, seed=seed, precision=precision, time_limit=time_limit)
    return restore_within_memory(observation, task, settings, device).picture
