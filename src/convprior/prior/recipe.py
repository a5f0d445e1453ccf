"""The numbers of one configuration of the method; params.yaml says what each one does."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, NonNegativeFloat, NonNegativeInt
from pydantic.dataclasses import dataclass

from convprior.networks.hourglass import Padding, Upsampling

Width = Annotated[int, Field(ge=1, le=4096)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Recipe:
    """A configuration. Numbers out of range raise a ValueError."""

    channels: Annotated[tuple[Width, ...], Field(min_length=1)]
    skip_channels: Annotated[int, Field(ge=0, le=4096)]
    upsampling: Upsampling
    padding: Padding
    join_norm: bool
    dropout: Annotated[float, Field(ge=0, lt=1)]
    latent: Literal["uniform", "grid"]
    latent_channels: Width
    jitter: NonNegativeFloat
    blind_spot: Annotated[float, Field(ge=0, lt=1)]
    outlier: NonNegativeFloat
    total_variation: NonNegativeFloat
    patches: bool
    learning_rate: NonNegativeFloat
    muon_learning_rate: NonNegativeFloat
    max_steps: NonNegativeInt
    average: Annotated[float, Field(ge=0, lt=1)]
    held_out: Annotated[float, Field(ge=0, lt=1)]
    patience: NonNegativeFloat
    least_patience: NonNegativeInt

    def __post_init__(self) -> None:
        if not (self.patches or self.max_steps):
            raise ValueError("without patches the network needs at least one step: max_steps")
