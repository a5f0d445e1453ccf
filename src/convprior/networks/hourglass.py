"""The untrained prior: an encoder-decoder with skips that finds pictures easier than noise.

Ulyanov, Vedaldi, Lempitsky, "Deep Image Prior", CVPR 2018, section 2 and supplementary figure 21.
Fitted from random weights to one damaged picture it produces the picture before the damage: noise
passes only slowly through convolution, downsampling and smooth upsampling. With 128 channels at
all five scales and four skip channels it is the published denoising network of 2,217,831 weights.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

Upsampling = Literal["nearest", "bilinear"]
Padding = Literal["reflect", "zeros"]

LATENT_RANGE = 0.1  # of a uniform latent, [0, 0.1]: published code, utils/common_utils.py


class DropoutConv2d(nn.Conv2d):
    """A convolution that does not see each input channel with probability ``dropout``.

    Every step fits another sub-network, and the average over steps is that of an ensemble
    (Srivastava et al. 2014; for single pictures Quan et al., "Self2Self", CVPR 2020). The weights
    that read a channel are silenced in its stead: the same result, and the picture-sized tensor is
    not touched. The draws are from ``stream``.
    """

    def __init__(
        self, *args: Any, dropout: float, stream: torch.Generator | None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.dropout, self.stream = dropout, stream

    def forward(self, x: Float[Tensor, "n i h w"]) -> Float[Tensor, "n o h2 w2"]:
        """Convolve; what is seen is scaled to keep the mean."""
        if not self.dropout:
            return super().forward(x)
        seen = torch.empty(1, self.in_channels, 1, 1, device=x.device)
        seen.bernoulli_(1 - self.dropout, generator=self.stream).div_(1 - self.dropout)
        convolved: Tensor = self._conv_forward(x, self.weight * seen, self.bias)
        return convolved


def _block(
    inputs: int,
    outputs: int,
    kernel: int,
    padding: Padding,
    stride: int = 1,
    convolution: Callable[..., nn.Conv2d] = nn.Conv2d,
) -> nn.Sequential:
    """Convolution, batch norm and leaky ReLU."""
    mode: Padding = padding if kernel > 1 else "zeros"  # a kernel of one pixel needs no padding
    return nn.Sequential(
        convolution(inputs, outputs, kernel, stride, kernel // 2, padding_mode=mode),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(0.2, inplace=True),
    )


class _Scale(nn.Module):
    """One scale: go down, let the deeper scales work, come up, and join with the skip."""

    def __init__(
        self,
        inputs: int,
        channels: int,
        skip: int,
        up: nn.Module,
        deeper: nn.Module,
        deeper_channels: int,
        padding: Padding,
        join_norm: bool,
        join: Callable[..., nn.Conv2d],
    ) -> None:
        super().__init__()
        self.skip = _block(inputs, skip, 1, padding) if skip else None
        self.down = nn.Sequential(
            _block(inputs, channels, 3, padding, stride=2),
            _block(channels, channels, 3, padding),
        )
        self.deeper = deeper
        self.up = up
        self.join = nn.Sequential(
            nn.BatchNorm2d(skip + deeper_channels) if join_norm else nn.Identity(),
            _block(skip + deeper_channels, channels, 3, padding, convolution=join),
            _block(channels, channels, 1, padding),
        )

    def forward(self, x: Float[Tensor, "n i h w"]) -> Float[Tensor, "n o h w"]:
        risen = self.up(self.deeper(self.down(x)))
        if self.skip is not None:
            risen = torch.cat([self.skip(x), risen], dim=1)
        joined: Tensor = self.join(risen)
        return joined


class Hourglass(nn.Module):
    """Map a latent (1, latent_channels, H, W) to pictures (1, outputs, H, W) in (0, 1).

    ``channels`` are those of each scale, finest first; ``skip_channels`` those of the 1×1 skips, 0
    for none. ``join_norm`` normalises once more where skip and deeper scales meet; ``dropout`` is
    the share of channels that go unseen there at each step, drawn from ``stream``. H and W must
    come from `latent_size`.
    """

    def __init__(
        self,
        latent_channels: int,
        outputs: int,
        *,
        channels: Sequence[int],
        skip_channels: int,
        upsampling: Upsampling,
        padding: Padding,
        join_norm: bool,
        dropout: float,
        stream: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.scales = len(channels)
        join = partial(DropoutConv2d, dropout=dropout, stream=stream)
        body: nn.Module = nn.Identity()
        above = [latent_channels, *channels[:-1]]
        below = [*channels[1:], channels[-1]]
        for inputs, width, deeper in reversed(list(zip(above, channels, below, strict=True))):
            up = nn.Upsample(scale_factor=2, mode=upsampling)
            body = _Scale(inputs, width, skip_channels, up, body, deeper, padding, join_norm, join)
        self.body = body
        self.to_picture = nn.Sequential(nn.Conv2d(channels[0], outputs, 1), nn.Sigmoid())

    def latent_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the smallest size that holds the picture and halves evenly at every scale.

        The coarsest scale keeps at least two pixels a side: reflection needs a neighbour.
        """
        unit = 2**self.scales
        return max(-(-height // unit), 2) * unit, max(-(-width // unit), 2) * unit

    def forward(self, latent: Float[Tensor, "1 l H W"]) -> Float[Tensor, "1 c H W"]:
        """Return the network's picture, in (0, 1)."""
        picture: Tensor = self.to_picture(self.body(latent))
        return picture
