"""Classical baselines that need no training either, from scikit-image."""

import numpy as np
import torch
from jaxtyping import Float
from skimage import restoration
from torch import Tensor

from convprior.problem.observation import Observation


def baseline(observation: Observation) -> Float[Tensor, "c h w"]:
    """Restore by the classical method for the damage, in [0, 1].

    Missing pixels: biharmonic inpainting (Chui & Mhaskar 2010). Otherwise noise: non-local means
    (Buades et al. 2005, scikit-image's fast variant, patches 5, distance 6, h = 0.6 σ) with the
    noise level estimated from the picture.
    """
    observed = observation.observed.permute(1, 2, 0).double().numpy()
    if observation.known.all():
        sigma = float(np.mean(restoration.estimate_sigma(observed, channel_axis=-1)))
        restored = restoration.denoise_nl_means(
            observed, 5, 6, h=0.6 * sigma, sigma=sigma, fast_mode=True, channel_axis=-1
        )
    else:
        missing = ~observation.known.numpy()
        filled = np.where(missing[..., None], 0.0, observed)  # unknown values are never read
        restored = restoration.inpaint_biharmonic(filled, missing, channel_axis=-1)
    return torch.from_numpy(restored).float().clamp(0, 1).permute(2, 0, 1).contiguous()
