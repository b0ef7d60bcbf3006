# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes the tiny hollow programs that tests/test_shim.c drives a backend with, and what torch's
Python makes of them.

shim_programs.py OUT writes OUT/NAME.pt (programs whose forward is simple enough to follow by hand),
OUT/NAME.weights (f32, little-endian, the parameters one behind the other in the program's order) and
OUT/expected.bin files computed by eager Python from the same weights.
"""
import copy
import sys
from pathlib import Path

import torch
from torch import nn

C, D, P = 4, 8, 6  # latent channels, context width, pooled width


class Unet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv_in = nn.Conv2d(C, 16, 3, padding=1)
        self.time = nn.Linear(1, 16)
        self.text = nn.Linear(D, 16)
        self.pooled = nn.Linear(P + 6, 16)
        self.conv_out = nn.Conv2d(16, C, 1)

    def forward(self, sample, timestep, context, pooled, time_ids):
        kind = self.conv_in.weight
        added = torch.cat([pooled, time_ids.type_as(kind) / 1024], 1)
        shift = self.time((timestep[:, None] / 1000).type_as(kind)) + self.pooled(added)
        shift = shift + self.text(context).mean(1) + torch.zeros(16, device=torch.device("cpu")).type_as(kind)
        return self.conv_out(torch.tanh(self.conv_in(sample) + shift[:, :, None, None]))


class Text(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, D)
        self.projection = nn.Linear(D, P, bias=False)

    def forward(self, ids):
        hidden = self.embedding(ids)
        return hidden, self.projection(hidden[:, -1])


class Decoder(nn.Module):
    """Squares a large number on its way: 300 * 300 overflows f16, not f32."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(C, 3, 3, padding=1)

    def forward(self, latents):
        large = self.conv(latents) * 300
        return nn.functional.interpolate(large * large / 90000, scale_factor=2.0)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 2 * C, 2, stride=2)

    def forward(self, image):
        return self.conv(image)


def write(path, *tensors):
    with open(path, "wb") as file:
        for tensor in tensors:
            file.write(tensor.detach().float().contiguous().numpy().astype("<f4").tobytes())


def ramp(shape, scale=1.0, step=0.37):
    """The inputs that test_shim.c computes too: sin(step * i) * scale."""
    count = torch.Size(shape).numel()
    return (torch.sin(torch.arange(count, dtype=torch.float64) * step) * scale).float().reshape(shape)


def save(module, example, path):
    module.eval().requires_grad_(False)
    # A traced program shares its parameters with the module, which is still needed.
    program = torch.jit.trace(copy.deepcopy(module), example, strict=False, check_trace=False)
    write(path.with_suffix(".weights"), *module.parameters())
    zero = torch.zeros(1)
    for parameter in program.parameters():
        parameter.data = zero.expand(parameter.shape)
    program.save(str(path))


def rescaled(guided, conditional, phi):
    """diffusers 0.42.1, pipeline_stable_diffusion_xl.rescale_noise_cfg, called as it is."""
    from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import rescale_noise_cfg

    return rescale_noise_cfg(guided, conditional, guidance_rescale=phi)


def denoise(unet, batch, height, width, tokens, rows, phi, masked):
    """px_step row by row, in float64 outside the network."""
    x = ramp((batch, C, height, width), 2.0).double()
    context, negative = ramp((batch, tokens, D), 1.0, 0.11), ramp((batch, tokens, D), 1.0, 0.23)
    pooled, negative_pooled = ramp((batch, P), 1.0, 0.31), ramp((batch, P), 1.0, 0.41)
    time_ids = torch.full((batch, 6), 512.0)
    noise = ramp((batch, C, height, width), 1.0, 0.77).double()
    known, start = ramp((batch, C, height, width), 1.0, 0.53).double(), ramp((batch, C, height, width), 1.0, 0.67).double()
    mask = (ramp((batch, 1, height, width), 1.0, 0.91) > 0).double()
    previous = torch.zeros_like(x)
    for t, c_in, a_x, a_m, b_x, b_0, b_p, b_n, k_0, k_n, guidance in rows:
        step = torch.full((batch,), t)
        run = lambda c, p: unet((x * c_in).float(), step, c, p, time_ids)
        m = run(context, pooled)
        if guidance > 1:
            conditional, unconditional = m, run(negative, negative_pooled)
            m = unconditional + guidance * (conditional - unconditional)
            m = rescaled(m, conditional, phi) if phi else m
        x0 = a_x * x + a_m * m.double()
        x = b_x * x + b_0 * x0 + b_p * previous + b_n * noise
        if masked:
            x = mask * x + (1 - mask) * (k_0 * known + k_n * start)
        previous = x0
    return x, previous


# The same rows stand in tests/test_shim.c.
ROWS = [
    (900.0, 0.5, 1.0, -0.8, 0.6, 0.4, 0.0, 0.0, 1.0, 0.7, 5.0),
    (600.0, 0.7, 0.9, -0.5, 0.5, 0.6, -0.1, 0.2, 1.0, 0.4, 5.0),
    (300.0, 0.9, 0.8, -0.3, 0.0, 1.1, -0.1, 0.0, 1.0, 0.0, 1.0),
]


def main():
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(5)
    torch.set_num_threads(1)
    unet, text, decoder, encoder = Unet(), Text(), Decoder(), Encoder()
    example = (torch.zeros(2, C, 6, 6), torch.zeros(2), torch.zeros(2, 5, D), torch.zeros(2, P), torch.zeros(2, 6))
    save(unet, example, out / "unet.pt")
    save(text, (torch.zeros(2, 5, dtype=torch.long),), out / "text.pt")
    save(decoder, (torch.zeros(1, C, 6, 6),), out / "decoder.pt")
    save(encoder, (torch.zeros(1, 3, 12, 12),), out / "encoder.pt")

    for name, batch, phi, masked in [("plain", 1, 0.0, False), ("batch", 3, 0.0, False), ("rescaled", 2, 0.7, False), ("masked", 2, 0.0, True)]:
        write(out / f"{name}.expected", *denoise(unet, batch, 5, 7, 9, ROWS, phi, masked))
    write(out / "decoder.expected", decoder(ramp((2, C, 5, 7), 1.0)))
    write(out / "encoder.expected", encoder(ramp((2, 3, 10, 14), 1.0)))
    write(out / "text.expected", *text(torch.tensor([[1, 2, 3], [19, 0, 7]])))


if __name__ == "__main__":
    main()
