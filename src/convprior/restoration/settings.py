"""How to restore, and the rules that hold between the settings.

It imports no torch: the command reads its choices here and refuses what cannot be meant at once.
"""

import math
import re
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

Task = Literal["denoise", "inpaint", "dejpeg", "superresolve", "deblur"]
Asked = Literal["auto", Task]
Fill = Literal["auto", "network", "patches"]
Precision = Literal["float32", "bfloat16"]

Count = Annotated[int, Field(ge=1)]

GAUSSIAN = r"gaussian:\d*\.?\d+"


class Settings(BaseModel):
    """How to restore: everything but the files and the device; it decides the result.

    Sides are enlarged ``scale`` times; ``noise`` is a deviation in 1/255 of the range of values,
    ``time_limit`` in seconds, ``memory`` in bytes or as 2GB.
    Raises pydantic's ValidationError, a ValueError, where a rule is broken: it names the option.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Asked = "auto"
    mask: str | None = None
    invert_mask: bool = False
    sensitivity: Annotated[float, Field(ge=0.25, le=4)] = 1.0
    fill: Fill = "auto"
    scale: Annotated[int, Field(ge=2, le=4)] = 2
    kernel: str | None = None
    noise: Annotated[float, Field(gt=0, le=255)] | None = None
    strength: Annotated[float, Field(ge=0.25, le=4)] = 1.0
    seed: int = 0
    runs: Count = 1
    max_steps: Count | None = None
    time_limit: Annotated[float, Field(ge=0)] = math.inf
    precision: Precision = "float32"
    memory: ByteSize | None = None
    quality: Annotated[int, Field(ge=1, le=100)] | None = None
    strip_metadata: bool = False
    accept_truncated: bool = False
    most_pixels: Count = 100_000_000  # a test holds that it is `files.MOST_PIXELS`

    @property
    def told(self) -> bool:
        """Whether more is known of the noise than can be measured."""
        return self.noise is not None or self.strength != 1

    @field_validator("memory", mode="wrap")
    @classmethod
    def _is_a_size(
        cls, given: int | str | None, read: Callable[[int | str | None], ByteSize | None]
    ) -> ByteSize | None:
        try:
            size = read(given)
        except ValidationError:
            size = ByteSize(0)
        if size is not None and size <= 0:
            raise ValueError(f"'{given}' is no amount of memory: write 500MB or 2GB")
        return size

    @field_validator("kernel")
    @classmethod
    def _is_a_kernel(cls, kernel: str | None) -> str | None:
        is_gaussian = kernel is not None and kernel.partition(":")[0] == "gaussian"
        if kernel is not None and is_gaussian and not re.fullmatch(GAUSSIAN, kernel):
            raise ValueError(f"'{kernel}' is no kernel: write gaussian:1.5, with σ in pixels")
        return kernel

    @model_validator(mode="after")
    def _belong_together(self) -> "Settings":
        if self.invert_mask and self.mask is None:
            raise ValueError("--invert-mask needs --mask: it repairs what the mask does not mark")
        if "sensitivity" in self.model_fields_set and self.mask != "auto":
            raise ValueError("--sensitivity needs --mask auto: it says how much that finds")
        if self.task == "deblur" and self.kernel is None:
            raise ValueError("--task deblur needs --kernel: a file, or gaussian:σ with σ in pixels")
        if self.kernel is not None and self.task != "deblur":
            raise ValueError("--kernel needs --task deblur: it is the blur that is undone")
        if self.told and self.task not in ("auto", "denoise", "dejpeg"):
            raise ValueError(f"--noise and --strength: --task {self.task} takes away no noise")
        if self.fill != "auto" and self.task in ("superresolve", "deblur"):
            raise ValueError(f"--fill: --task {self.task} leaves holes to the network")
        if "scale" in self.model_fields_set and self.task != "superresolve":
            raise ValueError("--scale needs --task superresolve: nothing else enlarges")
        return self
