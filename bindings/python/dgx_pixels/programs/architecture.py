# SPDX-License-Identifier: MIT OR Apache-2.0
"""What an architecture is made of: its networks' settings, from SDXL's own numbers or a folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TILINGS = ("none", "x", "y", "xy")
# Both give `decode` and `encode` with latents whose sides are the picture's by 2^(levels - 1).
VAE_CLASSES = ("AutoencoderKL", "AutoencoderKLHunyuanImage")

SDXL_UNET: dict[str, Any] = {
    "sample_size": 128,
    "in_channels": 4,
    "out_channels": 4,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "block_out_channels": [320, 640, 1280],
    "layers_per_block": 2,
    "cross_attention_dim": 2048,
    "transformer_layers_per_block": [1, 2, 10],
    "attention_head_dim": [5, 10, 20],
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}

SDXL_VAE: dict[str, Any] = {
    "sample_size": 1024,
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "scaling_factor": 0.13025,
    "force_upcast": True,
}

_SDXL_TEXT: dict[str, Any] = {
    "vocab_size": 49408,
    "max_position_embeddings": 77,
    "bos_token_id": 0,  # as the published files have it; the tokenizer's numbers are in the bundle
    "eos_token_id": 2,
    "layer_norm_eps": 1e-5,
}

SDXL_TEXT_1: dict[str, Any] = {
    **_SDXL_TEXT,
    "architectures": ["CLIPTextModel"],
    "model_type": "clip_text_model",
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "hidden_act": "quick_gelu",
    "projection_dim": 768,
    "pad_token_id": 1,
}

SDXL_TEXT_2: dict[str, Any] = {
    **_SDXL_TEXT,
    "architectures": ["CLIPTextModelWithProjection"],
    "model_type": "clip_text_model",
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 20,
    "hidden_act": "gelu",
    "projection_dim": 1280,
    "pad_token_id": 1,
}

SDXL_SCHEDULER: dict[str, Any] = {
    "_class_name": "EulerDiscreteScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "timestep_spacing": "leading",
    "steps_offset": 1,
    "interpolation_type": "linear",
    "use_karras_sigmas": False,
}

SDXL_TOKENIZERS: list[dict[str, int]] = [
    {"bos": 49406, "eos": 49407, "pad": 49407},
    {"bos": 49406, "eos": 49407, "pad": 0},
]


@dataclass(frozen=True)
class Architecture:
    """The settings of every network, as the config.json files of a diffusers folder hold them."""

    name: str
    unet: dict[str, Any]
    vae: dict[str, Any]
    text: list[dict[str, Any]]  # one or two
    scheduler: dict[str, Any]
    tokenizers: list[dict[str, int]]  # bos, eos, pad of each encoder
    slots: tuple[int, ...] = (1, 2)  # of the encoders; a lone one may lie in the second
    hidden_layer: int = -2
    folder: Path | None = None  # where weights are, if anywhere

    @property
    def vae_class(self) -> str:
        return str(self.vae.get("_class_name", VAE_CLASSES[0]))

    @property
    def vae_factor(self) -> int:
        return 2 ** (len(self.vae["block_out_channels"]) - 1)

    @property
    def text_components(self) -> list[str]:
        return [f"text_{slot}" for slot, _ in zip(self.slots, self.text)]

    def text_index(self, component: str) -> int:
        """Which of `text` the component is."""
        return self.text_components.index(component)

    @property
    def unet_halvings(self) -> int:
        return len(self.unet["block_out_channels"]) - 1

    def check(self) -> None:
        """Refuse early, in a sentence, what would fail late inside a trace."""
        for index, config in enumerate(self.text):
            layers = config["num_hidden_layers"]
            if not 1 <= self.layers_read(index) <= layers:
                raise ValueError(
                    f"hidden layer {self.hidden_layer} does not exist in text encoder {index + 1}, "
                    f"which has {layers} layers; name one from -{layers} to -1"
                )
        if self.vae_class not in VAE_CLASSES:
            raise ValueError(
                f"vae/config.json: _class_name is {self.vae_class!r}; supported are "
                f"{' and '.join(VAE_CLASSES)}"
            )
        if self.unet.get("addition_embed_type") != "text_time":
            raise ValueError(
                "unet/config.json: addition_embed_type is "
                f"{self.unet.get('addition_embed_type')!r}; SDXL's family has 'text_time'"
            )
        channels = self.unet["in_channels"], self.unet["out_channels"]
        if channels != (self.vae["latent_channels"],) * 2:
            raise ValueError(
                f"unet/config.json: {channels[0]} channels in and {channels[1]} out, but the VAE "
                f"has {self.vae['latent_channels']}; an inpainting or editing UNet is not supported"
            )

    def layers_read(self, index: int) -> int:
        """How many layers the chosen hidden state has behind it."""
        return int(self.text[index]["num_hidden_layers"]) + 1 + self.hidden_layer

    def has_projection(self, index: int) -> bool:
        return "CLIPTextModelWithProjection" in self.text[index].get("architectures", [])

    def pooled_width(self, index: int) -> int:
        """Of the last encoder only: 0 says that this one gives no pooled vector."""
        if index != len(self.text) - 1:
            return 0
        width = "projection_dim" if self.has_projection(index) else "hidden_size"
        return int(self.text[index][width])


def sdxl() -> Architecture:
    return Architecture(
        name="sdxl",
        unet=SDXL_UNET,
        vae=SDXL_VAE,
        text=[SDXL_TEXT_1, SDXL_TEXT_2],
        scheduler=SDXL_SCHEDULER,
        tokenizers=SDXL_TOKENIZERS,
    )


def _read_json(path: Path) -> dict[str, Any]:
    with open(path, encoding="utf-8") as file:
        value = json.load(file)
    if not isinstance(value, dict):
        raise ValueError(f"{path}: expected an object at the top")
    return value


def _token_id(folder: Path, settings: dict[str, Any], key: str) -> int:
    """The id of a special token, by the tokenizer's own vocabulary."""
    token = settings.get(key)
    if isinstance(token, dict):
        token = token.get("content")
    vocabulary = _read_json(folder / "vocab.json")
    if token not in vocabulary:
        raise ValueError(
            f"{folder}/tokenizer_config.json: {key} is {token!r}, which vocab.json does not hold; "
            "name a token of the vocabulary"
        )
    return int(vocabulary[token])


def _tokenizer_ids(folder: Path) -> dict[str, int]:
    settings = _read_json(folder / "tokenizer_config.json")
    special = folder / "special_tokens_map.json"
    if special.exists():
        settings = {**_read_json(special), **settings}
    return {
        "bos": _token_id(folder, settings, "bos_token"),
        "eos": _token_id(folder, settings, "eos_token"),
        "pad": _token_id(folder, settings, "pad_token"),
    }


def from_folder(folder: Path, name: str, hidden_layer: int = -2) -> Architecture:
    """Read a diffusers folder's settings; its weights are not touched."""
    text, tokenizers, slots = [], [], []
    for slot, suffix in ((1, ""), (2, "_2")):
        config = folder / f"text_encoder{suffix}" / "config.json"
        if config.exists():
            text.append(_read_json(config))
            tokenizers.append(_tokenizer_ids(folder / f"tokenizer{suffix}"))
            slots.append(slot)
    if not text:
        raise ValueError(f"{folder}: neither text_encoder/ nor text_encoder_2/ has a config.json")
    return Architecture(
        name=name,
        unet=_read_json(folder / "unet" / "config.json"),
        vae=_read_json(folder / "vae" / "config.json"),
        text=text,
        scheduler=_read_json(folder / "scheduler" / "scheduler_config.json"),
        tokenizers=tokenizers,
        slots=tuple(slots),
        hidden_layer=hidden_layer,
        folder=folder,
    )
