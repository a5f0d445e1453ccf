"""Work on a picture that can be left at any time with the best whole picture so far."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

from jaxtyping import Float
from torch import Tensor


class Work(ABC):
    """Iterate over it to have it done: it yields the share that is done, from 0 to 1."""

    @abstractmethod
    def __iter__(self) -> Iterator[float]: ...

    @abstractmethod
    def picture(self) -> Float[Tensor, "c h w"]:
        """Return the best whole picture so far, on the device; at first nearly what came."""

    def done(self) -> Float[Tensor, "c h w"]:
        """Do all of it and return the picture."""
        for _ in self:
            pass
        return self.picture()
