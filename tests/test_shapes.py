"""The annotations of the package are checked while it is tested: none can lie and stay."""

import pytest
import torch
from jaxtyping import TypeCheckError

from convprior.problem import noise
from convprior.problem.observation import Observation


def test_a_wrong_shape_or_type_is_refused(photograph: torch.Tensor) -> None:
    known = torch.ones(24, 20, dtype=torch.bool)
    noise.measure(photograph, known)
    with pytest.raises(TypeCheckError, match=r"parameter 'known'"):
        noise.measure(photograph, known.T)
    with pytest.raises(TypeCheckError, match=r"parameter 'known'"):
        noise.measure(photograph, known.float())
    with pytest.raises(TypeCheckError, match=r"parameter 'observed'"):
        Observation(photograph[0], known)
