# SPDX-License-Identifier: MIT OR Apache-2.0
"""The image autoencoder: computed, not trained.

It has one level and changes no size, so the UNet works on 32x32 pixels.  Inside an ordinary
AutoencoderKL of 16 channels RGBA passes unchanged: every residual branch is zero, a pair of
channels holds +x and -x, and silu(x) - silu(-x) = x undoes the activation before the last
convolution.  The other eight channels hold +-16, so that group normalisation divides by
nearly the same number whatever the picture.  quant_conv turns RGBA into the latents: luma,
orange-blue, green-magenta and alpha, the colour axes enlarged.  All numbers are sums of a few
powers of two, exact in bf16.
"""

from __future__ import annotations

import numpy as np
import torch
from diffusers import AutoencoderKL

from .config import IMAGE_CHANNELS, SIZE

CHANNELS = 16
ANCHOR = 16.0  # of the constant channels
SCALE = 11.3125  # what normalisation divides by: sqrt((16^2 + mean square of a sprite) / 2)

# YCoCg and alpha; gains and offset give each latent a mean near 0 and a deviation of 0.4 to 1.
TO_LATENTS = torch.tensor([[0.5, 1.0, 0.5, 0.0],
                           [1.0, 0.0, -1.0, 0.0],
                           [-1.0, 2.0, -1.0, 0.0],
                           [0.0, 0.0, 0.0, 1.0]])
OFFSET = torch.tensor([1.5, 0.0, 0.0, 0.0])
FROM_LATENTS = torch.tensor([[0.5, 0.5, -0.25, 0.0],
                             [0.5, 0.0, 0.25, 0.0],
                             [0.5, -0.5, -0.25, 0.0],
                             [0.0, 0.0, 0.0, 1.0]])


def encode(x: torch.Tensor) -> torch.Tensor:
    """RGBA in -1..1 [n, 4, h, w] to latents, as the AutoencoderKL does it."""
    matrix, offset = TO_LATENTS.to(x.device), OFFSET.to(x.device)
    return torch.einsum("ij,njhw->nihw", matrix, x) + offset[:, None, None]


def decode(z: torch.Tensor) -> torch.Tensor:
    """Latents to RGBA in about -1..1."""
    matrix, offset = FROM_LATENTS.to(z.device), OFFSET.to(z.device)
    return torch.einsum("ij,njhw->nihw", matrix, z - offset[:, None, None])


def to_sprites(z: torch.Tensor) -> np.ndarray:
    """Latents to hard-alpha RGBA [n, h, w, 4] uint8."""
    y = ((decode(z.float()).clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    y = y.permute(0, 2, 3, 1).cpu().numpy()
    opaque = y[..., 3] >= 128
    y[..., 3] = opaque * 255
    y[~opaque] = 0
    return y


@torch.no_grad()
def build() -> AutoencoderKL:
    vae = AutoencoderKL(
        in_channels=IMAGE_CHANNELS, out_channels=IMAGE_CHANNELS, sample_size=SIZE,
        down_block_types=("DownEncoderBlock2D",), up_block_types=("UpDecoderBlock2D",),
        block_out_channels=(CHANNELS,), layers_per_block=1, norm_num_groups=1,
        latent_channels=IMAGE_CHANNELS, mid_block_add_attention=False, scaling_factor=1.0,
        force_upcast=False)
    for name, p in vae.named_parameters():
        p.fill_(1.0 if "norm" in name and name.endswith("weight") else 0.0)
    for half in (vae.encoder, vae.decoder):
        half.conv_in.bias[8:12], half.conv_in.bias[12:16] = ANCHOR, -ANCHOR
        half.conv_norm_out.weight.fill_(SCALE)
        for c in range(IMAGE_CHANNELS):
            half.conv_in.weight[2 * c, c, 1, 1] = 1
            half.conv_in.weight[2 * c + 1, c, 1, 1] = -1
            half.conv_out.weight[c, 2 * c, 1, 1] = 1
            half.conv_out.weight[c, 2 * c + 1, 1, 1] = -1
    n = IMAGE_CHANNELS
    vae.quant_conv.weight[:n, :n, 0, 0] = TO_LATENTS
    vae.quant_conv.bias[:n] = OFFSET
    vae.quant_conv.bias[n:] = -20  # the log-variance: no noise
    vae.post_quant_conv.weight[:, :, 0, 0] = FROM_LATENTS
    vae.post_quant_conv.bias.copy_(-FROM_LATENTS @ OFFSET)
    return vae.eval().requires_grad_(False)
