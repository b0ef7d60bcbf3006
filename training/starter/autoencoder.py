# SPDX-License-Identifier: MIT OR Apache-2.0
"""The image autoencoder: computed, not trained.

It folds each 2x2 block of RGBA pixels into 16 channels, so the UNet works at 16x16 and no pixel is
lost.  AutoencoderKLHunyuanImage is the class of diffusers that halves and doubles by moving pixels
into channels and back.  Every residual branch of it is zero.  Before the last normalisation four
channels a group hold +x, -x, +16 and -16, so that it divides by nearly the same number whatever
the picture, and silu(x) - silu(-x) = x undoes the last activation.  A latent is luma, orange-blue,
green-magenta or alpha of one pixel, the colour axes enlarged.  All numbers are sums of a few powers
of two, exact in bf16.
"""

from __future__ import annotations

import numpy as np
import torch
from diffusers import AutoencoderKLHunyuanImage

from .config import FACTOR, IMAGE_CHANNELS, LATENT_CHANNELS, SIZE

WIDE, NARROW = 128, 32  # channels before and behind the fold; the class has 32 groups
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
    """RGBA in -1..1 [n, 4, h, w] to latents [n, 16, h/2, w/2], as the autoencoder does it.

    Channel 8 dx + 4 dy + k is number k of the pixel (dx, dy) of a block.
    """
    matrix, offset = TO_LATENTS.to(x.device), OFFSET.to(x.device)
    z = torch.einsum("ij,njhw->nihw", matrix, x) + offset[:, None, None]
    n, c, h, w = z.shape
    z = z.view(n, c, h // FACTOR, FACTOR, w // FACTOR, FACTOR)
    return z.permute(0, 5, 3, 1, 2, 4).reshape(n, -1, h // FACTOR, w // FACTOR)


def decode(z: torch.Tensor) -> torch.Tensor:
    """Latents to RGBA in about -1..1."""
    matrix, offset = FROM_LATENTS.to(z.device), OFFSET.to(z.device)
    n, _, h, w = z.shape
    z = z.view(n, FACTOR, FACTOR, IMAGE_CHANNELS, h, w).permute(0, 3, 4, 2, 5, 1)
    z = z.reshape(n, IMAGE_CHANNELS, h * FACTOR, w * FACTOR)
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
def build() -> AutoencoderKLHunyuanImage:
    vae = AutoencoderKLHunyuanImage(
        in_channels=IMAGE_CHANNELS, out_channels=IMAGE_CHANNELS, latent_channels=LATENT_CHANNELS,
        block_out_channels=(WIDE, NARROW), layers_per_block=0, spatial_compression_ratio=FACTOR,
        sample_size=SIZE, scaling_factor=1.0)
    for name, p in vae.named_parameters():
        p.fill_(1.0 if "norm" in name and name.endswith("weight") else 0.0)
    fill_encoder(vae.encoder)
    fill_decoder(vae.decoder)
    return vae.eval().requires_grad_(False)


def fill_encoder(half: torch.nn.Module) -> None:
    # Pairs of +z and -z: the fold's shortcut adds means of 16 channels, and those vanish.
    for k in range(IMAGE_CHANNELS):
        for sign, c in ((1, 16 * k), (-1, 16 * k + 1)):
            half.conv_in.weight[c, :, 1, 1] = sign * TO_LATENTS[k]
            half.conv_in.bias[c] = sign * OFFSET[k]
            # The fold keeps 8 channels a pixel, and the upper row's come first: give them the
            # pixel itself and the one below it.
    fold = half.down_blocks[0].conv
    for k in range(IMAGE_CHANNELS):
        fold.weight[k, 16 * k, 1, 1] = 1
        fold.weight[IMAGE_CHANNELS + k, 16 * k, 2, 1] = 1
    half.conv_out.bias[LATENT_CHANNELS:] = -20  # the log-variance: no noise


def fill_decoder(half: torch.nn.Module) -> None:
    # What the class adds to a convolution is taken off again, so each is written as if alone.
    for c in range(NARROW):
        half.conv_in.weight[c, c // 2, 1, 1] = (1 if c % 2 == 0 else 0) - 1
    unfold = next(b for b in half.up_blocks if hasattr(b, "repeats")).conv
    taken = 4 * WIDE // NARROW
    for c in range(4 * WIDE):
        unfold.weight[c, c // taken, 1, 1] -= 1
    for dy in range(FACTOR):
        for dx in range(FACTOR):
            base = (FACTOR * dy + dx) * WIDE
            for i in range(IMAGE_CHANNELS):
                for sign, c in ((1, base + 4 * i), (-1, base + 4 * i + 1)):
                    for k in range(IMAGE_CHANNELS):
                        latent = 2 * (8 * dx + 4 * dy + k)  # conv_in keeps every other channel
                        unfold.weight[c, latent, 1, 1] += sign * FROM_LATENTS[i, k]
                    unfold.bias[c] = -sign * (FROM_LATENTS @ OFFSET)[i]
            for group in range(WIDE // 4):
                unfold.bias[base + 4 * group + 2] = ANCHOR
                unfold.bias[base + 4 * group + 3] = -ANCHOR
    half.norm_out.weight.fill_(SCALE)
    for i in range(IMAGE_CHANNELS):
        half.conv_out.weight[i, 4 * i, 1, 1] = 1
        half.conv_out.weight[i, 4 * i + 1, 1, 1] = -1
