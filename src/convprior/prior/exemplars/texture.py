"""How rough a picture is around each pixel: what a mean of patches blurs, and a choice must not.

Newson et al., IPOL 2017, section 2.4: patches are compared by the mean absolute gradients around
them, too. Otherwise smooth patches win wherever a texture has no exact counterpart.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional


def texture(
    picture: Float[Tensor, "c h w"], known: Bool[Tensor, "h w"], across: int
) -> Float[Tensor, "2 h w"]:
    """Return the mean absolute differences of neighbours, down and right, in a square of pixels.

    ``across`` is the side of the square, odd. Where nothing in it is known, it is 0.
    """
    steps = []
    for axis in (0, 1):
        both = known.narrow(axis, 1, known.shape[axis] - 1) & known.narrow(
            axis, 0, known.shape[axis] - 1
        )
        step = picture.diff(dim=axis + 1).abs().mean(0).where(both, 0.0)
        beyond = (0, 0, 0, 1) if axis == 0 else (0, 1)
        total, count = (
            functional.avg_pool2d(functional.pad(plane, beyond)[None], across, 1, across // 2)[0]
            for plane in (step, both.to(picture.dtype))
        )
        steps.append(total / count.clamp(min=1 / across**2))
    return torch.stack(steps)
