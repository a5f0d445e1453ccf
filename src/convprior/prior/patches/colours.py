"""Brightness and colours of a picture as planes: patches of each are weighed alone."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def colourless(picture: Float[Tensor, "c h w"]) -> bool:
    """Return whether all channels are the same, as those of black and white stored in colour."""
    return bool((picture == picture[:1]).all())


def change(observed: Float[Tensor, "c h w"]) -> Float[Tensor, "c c"]:
    """Return an orthonormal change of colours, the brightness first: white noise stays white.

    Of three channels the sum and two differences; of other numbers the principal components.
    """
    channels = len(observed)
    if channels == 1:
        return observed.new_ones(1, 1)
    if channels == 3:
        rows = observed.new_tensor([[1, 1, 1], [1, 0, -1], [1, -2, 1]])
        return functional.normalize(rows, dim=1)
    components: Tensor = torch.linalg.eigh(torch.cov(observed.flatten(1))).eigenvectors
    return components.T.flip(0)  # the strongest first


def mixed(matrix: Float[Tensor, "c c"], planes: Float[Tensor, "c h w"]) -> Float[Tensor, "c h w"]:
    """Return the matrix times the planes; term by term, as the threads of a product change bits."""
    mixed = torch.zeros_like(planes)
    for column, plane in zip(matrix.T, planes, strict=True):
        mixed.addcmul_(column[:, None, None], plane)
    return mixed
