# SPDX-License-Identifier: MIT OR Apache-2.0
"""The SDXL-family parts: text encoder, UNet and noise schedule."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from .config import CONTEXT, FACTOR, LATENT_CHANNELS, SIZE, Settings

SCHEDULE = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012,
            "beta_schedule": "scaled_linear", "prediction_type": "v_prediction",
            "timestep_spacing": "trailing", "rescale_betas_zero_snr": True,
            "clip_sample": False, "set_alpha_to_one": True, "steps_offset": 0}


@dataclass
class Painter:
    """What the diffusion training changes."""

    unet: UNet2DConditionModel
    text: CLIPTextModelWithProjection
    settings: Settings

    @property
    def both(self) -> torch.nn.ModuleDict:
        return torch.nn.ModuleDict({"unet": self.unet, "text": self.text})


def build(s: Settings, vocabulary: int) -> Painter:
    """`vocabulary` is the number of tokens; the last two are BOS and EOS (also padding)."""
    text = CLIPTextModelWithProjection(CLIPTextConfig(
        vocab_size=vocabulary, hidden_size=s.text.width, intermediate_size=4 * s.text.width,
        num_hidden_layers=s.text.layers, num_attention_heads=s.text.heads,
        max_position_embeddings=CONTEXT, projection_dim=s.text.width, hidden_act="quick_gelu",
        bos_token_id=vocabulary - 2, eos_token_id=vocabulary - 1, pad_token_id=vocabulary - 1,
        attn_implementation="eager"))
    down = ["CrossAttnDownBlock2D" if a else "DownBlock2D" for a in s.unet.attention]
    up = ["CrossAttnUpBlock2D" if a else "UpBlock2D" for a in reversed(s.unet.attention)]
    unet = UNet2DConditionModel(
        sample_size=SIZE // FACTOR, in_channels=LATENT_CHANNELS, out_channels=LATENT_CHANNELS,
        down_block_types=tuple(down), up_block_types=tuple(up),
        block_out_channels=s.unet.widths, layers_per_block=s.unet.layers,
        cross_attention_dim=s.text.width, attention_head_dim=s.unet.heads,
        use_linear_projection=True, norm_num_groups=s.unet.norm_groups, dropout=s.unet.dropout,
        addition_embed_type="text_time", addition_time_embed_dim=s.unet.time_embed,
        projection_class_embeddings_input_dim=6 * s.unet.time_embed + s.text.width)
    # Plain attention: at 8x8 its backward pass is far cheaper than SDPA's on a CPU.
    unet.set_attn_processor(AttnProcessor())
    return Painter(unet, text, s)


def scheduler() -> DDIMScheduler:
    return DDIMScheduler(**SCHEDULE)


def read(text: CLIPTextModelWithProjection, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Context [n, CONTEXT, width] of the last layer but one, as SDXL reads it, and the pooled vector."""
    out = text(input_ids=ids, output_hidden_states=True)
    return out.hidden_states[-2], out.text_embeds
