"""Compare a restored picture with its reference.

The only module that is handed a reference. Both metrics are computed per picture: pooling a batch
before taking the logarithm, as batched implementations do, gives another number.

Both are computed in double precision and rounded. A mean over many pixels is summed in another
order by each number of threads: in single precision that shows in the seventh digit, in double
precision far behind the last one that is kept.
"""

import kornia
from jaxtyping import Bool, Float
from torch import Tensor

DECIMALS = 6  # of dB and of similarity: beyond what a picture can tell


def psnr(
    reference: Float[Tensor, "c h w"],
    restored: Float[Tensor, "c h w"],
    where: Bool[Tensor, "h w"] | None = None,
) -> float:
    """Return the peak signal-to-noise ratio in dB for a peak of 1, infinite for equal pictures.

    ``where`` limits it to the pixels that are True: for inpainting, those that were missing.
    """
    if where is not None:
        reference, restored = reference[:, where], restored[:, where]
    return round(float(kornia.metrics.psnr(restored.double(), reference.double(), 1.0)), DECIMALS)


def ssim(reference: Float[Tensor, "c h w"], restored: Float[Tensor, "c h w"]) -> float:
    """Return the mean structural similarity (Wang et al. 2004): Gaussian window 11, σ 1.5.

    Borders that the window overhangs are left out, as scikit-image does.
    Pictures smaller than the window raise a ValueError.
    """
    if min(reference.shape[1:]) < 11:
        raise ValueError(
            f"SSIM needs at least 11×11 pixels, came {tuple(reference.shape[1:])}: use PSNR"
        )
    pictures = restored[None].double(), reference[None].double()
    similarity = kornia.metrics.ssim(*pictures, 11, padding="valid")
    return round(float(similarity.mean()), DECIMALS)
