# SPDX-License-Identifier: MIT OR Apache-2.0
"""Networks become graphs: hollow modules, the signatures of shim.h, tiling, and a clean trace."""

from __future__ import annotations

import contextlib
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import torch
import torch.nn.functional as F
from torch import nn

from .architecture import Architecture

COMPONENTS = ("text_1", "text_2", "unet", "vae_decoder", "vae_encoder")


def tilings_of(component: str) -> tuple[str, ...]:
    """Which paddings a component is traced with: what an encoder sees has no seam to join."""
    return ("none", "x", "y", "xy") if component in ("unet", "vae_decoder") else ("none",)


def components_of(arch: Architecture) -> list[str]:
    return [c for c in COMPONENTS if not c.startswith("text_") or c in arch.text_components]


def _attend(attn: Any, hidden: torch.Tensor, context: torch.Tensor | None,
            attention_mask: torch.Tensor | None) -> torch.Tensor:
    """diffusers' AttnProcessor2_0 without a single size read from a tensor.

    The same operations in the same order, so the same bits; but the graph holds no arithmetic on
    shapes, which the interpreter would repeat at each of 140 places in every step.
    """
    if attention_mask is not None or attn.spatial_norm is not None or attn.norm_q is not None:
        raise ValueError("this attention has a mask or norms that SDXL's family does not use")
    residual = hidden
    if residual.ndim == 4:
        hidden = hidden.flatten(2).transpose(1, 2)
    if attn.group_norm is not None:
        hidden = attn.group_norm(hidden.transpose(1, 2)).transpose(1, 2)
    source = hidden if context is None else context
    width = attn.to_k.weight.shape[0] // attn.heads

    def split(states: torch.Tensor) -> torch.Tensor:
        return states.unflatten(-1, (attn.heads, width)).transpose(1, 2)

    mixed = F.scaled_dot_product_attention(
        split(attn.to_q(hidden)), split(attn.to_k(source)), split(attn.to_v(source))
    )
    hidden = attn.to_out[0](mixed.transpose(1, 2).flatten(2))
    if residual.ndim == 4:
        hidden = hidden.transpose(-1, -2).reshape_as(residual)
    if attn.residual_connection:
        hidden = hidden + residual
    return hidden / attn.rescale_output_factor


class _Processor:
    """The shape in which diffusers wants an attention function."""

    def __call__(self, attn: Any, hidden_states: torch.Tensor,
                 encoder_hidden_states: torch.Tensor | None = None,
                 attention_mask: torch.Tensor | None = None, temb: torch.Tensor | None = None
                 ) -> torch.Tensor:
        return _attend(attn, hidden_states, encoder_hidden_states, attention_mask)


def _text_attend(self: Any, hidden_states: torch.Tensor, **unused: Any
                 ) -> tuple[torch.Tensor, None]:
    """CLIP's causal attention, without a mask tensor of one length baked into the graph."""

    def split(states: torch.Tensor) -> torch.Tensor:
        return states.unflatten(-1, (self.num_heads, self.head_dim)).transpose(1, 2)

    mixed = F.scaled_dot_product_attention(
        split(self.q_proj(hidden_states)),
        split(self.k_proj(hidden_states)),
        split(self.v_proj(hidden_states)),
        is_causal=True,
        scale=self.scale,
    )
    return self.out_proj(mixed.transpose(1, 2).flatten(2)), None


class TextProgram(nn.Module):
    """ids [R, T] -> hidden [R, T, W] of the chosen layer without final norm, pooled [R, P]."""

    def __init__(self, arch: Architecture, index: int) -> None:
        from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

        super().__init__()
        config = CLIPTextConfig(**arch.text[index])
        if arch.has_projection(index):
            whole = CLIPTextModelWithProjection(config)
            self.text_model = whole.text_model
            self.text_projection = whole.text_projection
        else:
            # Older releases keep an inner module under this name, newer ones are it.
            model = CLIPTextModel(config)
            self.text_model = getattr(model, "text_model", model)
        self.layers = arch.layers_read(index)
        self.pooled = arch.pooled_width(index)
        self.eos = config.eos_token_id
        self.text_model.embeddings._buffers.pop("position_ids", None)
        for layer in self.text_model.encoder.layers:
            layer.self_attn.forward = types.MethodType(_text_attend, layer.self_attn)

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        embeddings = self.text_model.embeddings
        positions = embeddings.position_embedding.weight[: ids.shape[1]]
        states = embeddings.token_embedding(ids) + positions
        hidden = states
        for index, layer in enumerate(self.text_model.encoder.layers):
            if index >= self.layers and not self.pooled:
                break
            states = layer(states, attention_mask=None)
            if index + 1 == self.layers:
                hidden = states
        if not self.pooled:
            return hidden, hidden[:, 0, :1]
        states = self.text_model.final_layer_norm(states)
        # Configurations before transformers 4.31 carry eos 2 and mean "the largest id".
        last = ids.argmax(-1) if self.eos == 2 else (ids == self.eos).int().argmax(-1)
        width = int(self.text_model.final_layer_norm.weight.shape[0])
        row = last[:, None, None].expand(-1, 1, width)
        pooled = states.gather(1, row).squeeze(1)
        if hasattr(self, "text_projection"):
            pooled = self.text_projection(pooled)
        return hidden, pooled


class VaeDecoderProgram(nn.Module):
    """latents [B, C, h, w], already divided by the scaling factor -> image, about -1..1."""

    def __init__(self, arch: Architecture) -> None:
        super().__init__()
        vae = _build_vae(arch)
        self.decoder = vae.decoder
        self.post_quant_conv = getattr(vae, "post_quant_conv", None)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        if self.post_quant_conv is not None:
            latents = self.post_quant_conv(latents)
        return self.decoder(latents)


class VaeEncoderProgram(nn.Module):
    """image [B, channels, H, W], -1..1 -> moments [B, 2 C, h, w]: mean, log variance."""

    def __init__(self, arch: Architecture) -> None:
        super().__init__()
        vae = _build_vae(arch)
        self.encoder = vae.encoder
        self.quant_conv = getattr(vae, "quant_conv", None)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        moments = self.encoder(image)
        return moments if self.quant_conv is None else self.quant_conv(moments)


def _build_vae(arch: Architecture) -> Any:
    import diffusers

    vae = getattr(diffusers, arch.vae_class)(**_settings(arch.vae))
    for module in vae.modules():
        if hasattr(module, "set_processor"):
            module.set_processor(_Processor())
    return vae


def _settings(config: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in config.items() if not k.startswith("_")}


def _unet_forward(self: Any, sample: torch.Tensor, timestep: torch.Tensor, context: torch.Tensor,
                  pooled: torch.Tensor, time_ids: torch.Tensor) -> torch.Tensor:
    added = {"text_embeds": pooled, "time_ids": time_ids}
    return type(self).forward(
        self, sample, timestep, context, added_cond_kwargs=added, return_dict=False
    )[0]


def _embedding_forward(self: Any, sample: torch.Tensor, condition: Any = None) -> torch.Tensor:
    # diffusers casts the sinusoids to the sample's dtype, which a trace would freeze.
    return type(self).forward(self, sample.type_as(self.linear_1.weight), condition)


def _build_unet(arch: Architecture) -> nn.Module:
    from diffusers import UNet2DConditionModel

    unet = UNet2DConditionModel(**_settings(arch.unet))
    unet.set_attn_processor(_Processor())
    unet.forward = types.MethodType(_unet_forward, unet)
    for embedding in (unet.time_embedding, unet.add_embedding):
        embedding.forward = types.MethodType(_embedding_forward, embedding)
    return unet


def _tiled_forward(axes: str) -> Callable[[nn.Conv2d, torch.Tensor], torch.Tensor]:
    def forward(self: nn.Conv2d, states: torch.Tensor) -> torch.Tensor:
        height, width = self.padding
        around = (width, width) if "x" in axes else (0, 0)
        around += (height, height) if "y" in axes else (0, 0)
        states = F.pad(states, around, mode="circular")
        left = (0 if "y" in axes else height, 0 if "x" in axes else width)
        return F.conv2d(states, self.weight, self.bias, self.stride, left, self.dilation,
                        self.groups)

    return forward


def set_tiling(module: nn.Module, tiling: str) -> None:
    """Let every convolution that pads continue at the opposite edge along the axes of `tiling`."""
    for child in module.modules():
        if isinstance(child, nn.Conv2d) and tuple(child.padding) != (0, 0):
            child.__dict__.pop("forward", None)
            if tiling != "none":
                child.forward = types.MethodType(_tiled_forward(tiling), child)


def build(arch: Architecture, component: str) -> nn.Module:
    """The network of a component with `forward` as shim.h wants it and no memory behind it."""
    with torch.device("meta"):
        if component == "unet":
            module = _build_unet(arch)
        elif component == "vae_decoder":
            module = VaeDecoderProgram(arch)
        elif component == "vae_encoder":
            module = VaeEncoderProgram(arch)
        else:
            module = TextProgram(arch, arch.text_index(component))
    return module.eval().requires_grad_(False)


def fill(module: nn.Module, values: Callable[[str, torch.Size], torch.Tensor]) -> None:
    """Give every parameter a tensor; a hollow one gives all of them the same single zero."""
    for prefix, child in module.named_modules():
        for key, parameter in list(child._parameters.items()):
            if parameter is not None:
                name = f"{prefix}.{key}" if prefix else key
                value = values(name, parameter.shape)
                child._parameters[key] = nn.Parameter(value, requires_grad=False)


def hollow(module: nn.Module) -> None:
    zero = torch.zeros(1)
    fill(module, lambda name, shape: zero.expand(shape))


def example_inputs(arch: Architecture, component: str, batch: int = 2,
                   canvas: tuple[int, int] | None = None, tokens: int | None = None,
                   dtype: torch.dtype = torch.float32, seed: int | None = None
                   ) -> tuple[torch.Tensor, ...]:
    """Inputs of one call; zeros without a seed.  `canvas` is (height, width) in latents.

    The default canvas is one whose halves are odd, so that the trace takes each up-sampling's size
    from the skip connection instead of doubling: then one program serves every canvas.
    """
    generator = torch.Generator().manual_seed(seed or 0)

    def draw(*shape: int, to: torch.dtype = dtype) -> torch.Tensor:
        if seed is None:
            return torch.zeros(shape, dtype=to)
        return torch.randn(shape, generator=generator).to(to)

    height, width = canvas or ((18, 18) if arch.unet_halvings != 1 else (9, 9))
    factor = arch.vae_factor
    if component == "unet":
        unet = arch.unet
        pooled = unet["projection_class_embeddings_input_dim"] - 6 * unet["addition_time_embed_dim"]
        steps = torch.arange(batch, dtype=torch.float32) * 37.25 + 500
        return (
            draw(batch, unet["in_channels"], height, width),
            steps,
            draw(batch, tokens or 77, unet["cross_attention_dim"]),
            draw(batch, pooled),
            draw(batch, 6, to=torch.float32).abs() * 1000,
        )
    if component == "vae_decoder":
        return (draw(batch, arch.vae["latent_channels"], height, width),)
    if component == "vae_encoder":
        return (draw(batch, arch.vae["in_channels"], height * factor, width * factor),)
    index = arch.text_index(component)
    settings = arch.text[index]
    length = tokens or settings["max_position_embeddings"]
    ids = torch.randint(0, settings["vocab_size"], (batch, length), generator=generator)
    ids[:, 0] = arch.tokenizers[index]["bos"]
    for row in range(batch):  # sentences of different lengths, so that the EOS row moves
        end = min(length - 1, 3 + 5 * row)
        ids[row, end] = arch.tokenizers[index]["eos"]
        ids[row, end + 1 :] = arch.tokenizers[index]["pad"]
    return (ids,)


@contextlib.contextmanager
def _clean_trace() -> Iterator[None]:
    """Keep out of the graph what computes nothing.

    Casts to a tensor's own dtype would freeze this trace's dtype, so that each would need programs
    of its own; dropouts of a network at rest and divisions by one cost a pass over the data.
    """
    to, divide, dropout = torch.Tensor.to, torch.Tensor.__truediv__, F.dropout

    def quiet_to(self: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        named = [a for a in (*args, *kwargs.values()) if isinstance(a, torch.dtype)]
        others = len(args) + len(kwargs) - len(named)
        if named and not others and named[0] == self.dtype:
            return self
        return to(self, *args, **kwargs)

    def quiet_divide(self: torch.Tensor, other: Any) -> torch.Tensor:
        if isinstance(other, (int, float)) and other == 1:
            return self
        return divide(self, other)

    def quiet_dropout(states: torch.Tensor, p: float = 0.5, training: bool = True,
                      inplace: bool = False) -> torch.Tensor:
        return dropout(states, p, training, inplace) if training else states

    with mock.patch.object(torch.Tensor, "to", quiet_to), mock.patch.object(
        torch.Tensor, "__truediv__", quiet_divide
    ), mock.patch.object(F, "dropout", quiet_dropout), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def trace(arch: Architecture, component: str, tiling: str) -> torch.jit.ScriptModule:
    """One hollow program.  Fails if it holds anything that is not a parameter or a plain number."""
    module = build(arch, component)
    hollow(module)
    set_tiling(module, tiling)
    inputs = example_inputs(arch, component)
    with torch.no_grad(), _clean_trace():
        program = torch.jit.trace(module, inputs, strict=False, check_trace=False)
    _check_graph(program, component)
    return program


def _check_graph(program: torch.jit.ScriptModule, component: str) -> None:
    buffers = [name for name, _ in program.named_buffers()]
    if buffers:
        raise ValueError(f"{component}: the program holds buffers, which are data: {buffers}")
    for node in program.inlined_graph.nodes():
        if node.kind() != "prim::Constant" or not node.hasAttribute("value"):
            continue
        if node.kindOf("value") == "t" and node.t("value").numel() > 1:
            raise ValueError(f"{component}: the graph holds a tensor: {node}")
