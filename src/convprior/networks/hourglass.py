"""The untrained prior: an encoder-decoder with skips that finds pictures easier than noise.

Ulyanov, Vedaldi, Lempitsky, "Deep Image Prior", CVPR 2018, section 2 and supplementary figure 21.
Fitted from random weights to one damaged picture it produces the picture before the damage: noise
passes only slowly through convolution, downsampling and smooth upsampling. With 128 channels at
all five scales and four skip channels it is the published denoising network of 2,217,831 weights.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

Upsampling = Literal["nearest", "bilinear"]
Padding = Literal["reflect", "zeros"]


def _block(
    inputs: int, outputs: int, kernel: int, padding: Padding, stride: int = 1
) -> nn.Sequential:
    """Convolution, batch norm and leaky ReLU."""
    mode: Padding = padding if kernel > 1 else "zeros"  # a kernel of one pixel needs no padding
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, padding_mode=mode),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(0.2, inplace=True),
    )


class DropChannels(nn.Module):
    """Silence each channel with probability ``share``, drawn from a stream that has a name.

    Every step fits another sub-network, and the average over steps is that of an ensemble
    (Srivastava et al. 2014; for single pictures Quan et al., "Self2Self", CVPR 2020).
    """

    def __init__(self, share: float, stream: torch.Generator | None) -> None:
        super().__init__()
        self.share, self.stream = share, stream

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Return ``x`` with some channels zero and the others scaled to keep the mean."""
        if not self.share:
            return x
        scale = torch.empty(1, x.shape[1], 1, 1, device=x.device)
        scale.bernoulli_(1 - self.share, generator=self.stream).div_(1 - self.share)
        return x * scale.to(x.dtype)


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
        before_join: Sequence[nn.Module],
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
            *before_join,
            _block(skip + deeper_channels, channels, 3, padding),
            _block(channels, channels, 1, padding),
        )

    def forward(self, x: Tensor) -> Tensor:
        risen = self.up(self.deeper(self.down(x)))
        if self.skip is not None:
            risen = torch.cat([self.skip(x), risen], dim=1)
        joined: Tensor = self.join(risen)
        return joined


class Hourglass(nn.Module):
    """Map a latent (1, latent_channels, H, W) to pictures (1, outputs, H, W) in (0, 1).

    ``channels`` are those of each scale, finest first; ``skip_channels`` those of the 1×1 skips, 0
    for none. ``join_norm`` normalises once more where skip and deeper scales meet; ``dropout`` is
    the share of channels silenced there at each step, drawn from ``stream``. H and W must come from
    `latent_size`.
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
        body: nn.Module = nn.Identity()
        above = [latent_channels, *channels[:-1]]
        below = [*channels[1:], channels[-1]]
        for inputs, width, deeper in reversed(list(zip(above, channels, below, strict=True))):
            norm = [nn.BatchNorm2d(skip_channels + deeper)] if join_norm else []
            before_join = [*norm, DropChannels(dropout, stream)]
            up = nn.Upsample(scale_factor=2, mode=upsampling)
            body = _Scale(inputs, width, skip_channels, up, body, deeper, padding, before_join)
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
