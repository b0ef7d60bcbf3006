# SPDX-License-Identifier: MIT OR Apache-2.0
"""Merged weights against PEFT, diffusers and LyCORIS; pictures; removal; the key map's strictness."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path

import lora_files
import numpy as np
import psutil
import pytest
import reference
import torch
from dgxp import DgxpError, Library, Lora, Model
from diffusers import StableDiffusionXLPipeline
from lora_files import Tensors, make_lora, write
from lycoris.modules.locon import LoConModule
from lycoris.modules.loha import LohaModule
from lycoris.modules.lokr import LokrModule
from lycoris.modules.norms import NormModule
from lycoris.modules.boft import ButterflyOFTModule
from lycoris.modules.diag_oft import DiagOFTModule
from lycoris.modules.glora import GLoRAModule
from lycoris.modules.tlora import TLoraModule
from peft import LoraConfig
from safetensors.torch import load_file
from scene import psnr

SIDE, STEPS = 64, 4
PROMPT = "a knight with a red cloak"
FILES = {"unet": "unet/diffusion_pytorch_model", "text_1": "text_encoder/model",
         "text_2": "text_encoder_2/model"}
Weights = dict[str, dict[str, np.ndarray]]


@pytest.fixture(scope="module")
def library(build: Path) -> Library:
    return Library(build)


@pytest.fixture(scope="module")
def model(tiny: Path, library: Library) -> Iterator[Model]:
    with library.open(tiny / "tiny-diffusers", device="cpu", dtype=1) as opened:
        yield opened


@pytest.fixture(scope="module")
def base(tiny: Path) -> dict[str, Tensors]:
    return {c: load_file(tiny / "tiny-diffusers" / f"{f}.safetensors") for c, f in FILES.items()}


@pytest.fixture(scope="module")
def shapes(base: dict[str, Tensors]) -> dict[str, lora_files.Shapes]:
    return {c: {n: list(t.shape) for n, t in part.items()} for c, part in base.items()}


@pytest.fixture(scope="module")
def modules(shapes: dict[str, lora_files.Shapes]) -> lora_files.Modules:
    return lora_files.lora_modules(shapes)


@pytest.fixture(scope="module")
def pipe(tiny: Path) -> StableDiffusionXLPipeline:
    made = StableDiffusionXLPipeline.from_pretrained(tiny / "tiny-diffusers",
                                                     torch_dtype=torch.float32)
    made.set_progress_bar_config(disable=True)
    return made


@pytest.fixture
def fresh(pipe: StableDiffusionXLPipeline) -> StableDiffusionXLPipeline:
    """The pipeline with copies of its networks, so that fusing leaves nothing behind."""
    parts = dict(pipe.components)
    for name in ("unet", "text_encoder", "text_encoder_2"):
        parts[name] = copy.deepcopy(parts[name])
    return StableDiffusionXLPipeline(**parts, add_watermarker=False)


def read_all(model: Model, base: dict[str, Tensors]) -> Weights:
    out: Weights = {}
    for component, tensors in base.items():
        out[component] = {}
        for name, tensor in tensors.items():
            if name.endswith((".weight", ".bias")):
                out[component][name] = model.weight(component, name, tuple(tensor.shape))
    return out


def same_bytes(a: Weights, b: Weights) -> bool:
    return all(np.array_equal(a[c][n].view(np.uint32), b[c][n].view(np.uint32))
               for c in a for n in a[c])


def plain_name(name: str) -> str:
    """A parameter as the plain network calls it, behind PEFT's wrapping."""
    return name.replace(".base_layer.", ".").removeprefix("text_model.")


def compare(model: Model, pipe: StableDiffusionXLPipeline, base: dict[str, Tensors]) -> int:
    """Every weight of ours within 1e-6 of the pipeline's; returns how many the adapter changed."""
    changed = 0
    for component, name in lora_files.FOLDER.items():
        part = "text_encoder" if component == "text_1" else name
        theirs = {plain_name(key): value for key, value in getattr(pipe, part).state_dict().items()
                  if "lora_" not in key}
        for key, tensor in base[component].items():
            if not key.endswith((".weight", ".bias")):
                continue
            ours = model.weight(component, key, tuple(tensor.shape))
            want = theirs[plain_name(key)].detach().numpy()
            assert np.abs(ours - want).max() <= 1e-6, f"{component} {key}"
            changed += not np.array_equal(want, tensor.numpy())
    return changed


def gentle(tensors: Tensors, factor: float) -> Tensors:
    return {k: t * factor if k.endswith(("up.weight", "lora_B.weight")) else t
            for k, t in tensors.items()}


def convolutions(shapes: dict[str, lora_files.Shapes]) -> lora_files.Modules:
    """UNet convolutions 3x3 and 1x1, and a few attentions beside them."""
    picked = {n.removesuffix(".weight"): s for n, s in shapes["unet"].items()
              if len(s) == 4 and n.endswith(".weight") and "resnets" in n}
    assert {tuple(s[2:]) for s in picked.values()} == {(3, 3), (1, 1)}
    return {"unet": picked}


CASES = ["kohya-sgm", "kohya-diffusers", "diffusers-peft", "mixed-ranks", "rank-1", "rank-320",
         "alpha-0", "locon"]


def case_file(name: str, shapes: dict[str, lora_files.Shapes], modules: lora_files.Modules,
              folder: Path) -> Path:
    made = {
        "mixed-ranks": lambda: make_lora(modules, "diffusers-peft", lambda i: 1 + i % 5, None, 3),
        "rank-1": lambda: make_lora(modules, "kohya-diffusers", 1, 1.0, 4),
        "rank-320": lambda: gentle(make_lora(modules, "kohya-diffusers", 320, 160.0, 5), 0.05),
        "alpha-0": lambda: make_lora(modules, "kohya-diffusers", 4, 0.0, 6),
        "locon": lambda: make_lora(convolutions(shapes), "kohya-diffusers", 3, 2.0, 7),
    }.get(name, lambda: make_lora(modules, name, 4, 2.0 if "kohya" in name else None, 9))
    return write(folder / f"{name}.safetensors", made())


@pytest.mark.parametrize("name", CASES)
def test_merge_equals_diffusers(name: str, model: Model, library: Library, base: dict[str, Tensors],
                                shapes: dict[str, lora_files.Shapes], modules: lora_files.Modules,
                                fresh: StableDiffusionXLPipeline, tmp_path: Path) -> None:
    file = case_file(name, shapes, modules, tmp_path)
    fresh.load_lora_weights(str(file.parent), weight_name=file.name, adapter_name="a")
    fresh.fuse_lora(components=["unet", "text_encoder", "text_encoder_2"])
    [report] = model.set_loras((library.lora(file), 1.0))
    changed = compare(model, fresh, base)
    assert report["skipped"] == 0
    assert changed == (0 if name == "alpha-0" else report["applied"])
    if name == "alpha-0":
        assert report["components"]["unet"]["without_effect_alpha_0"] == len(modules["unet"])
    model.set_loras()


def test_weights_and_stacks_equal_diffusers(model: Model, library: Library,
                                            base: dict[str, Tensors], modules: lora_files.Modules,
                                            fresh: StableDiffusionXLPipeline,
                                            tmp_path: Path) -> None:
    """Two adapters, with weights of their own for UNet and text encoders."""
    one = write(tmp_path / "one.safetensors", make_lora(modules, "kohya-sgm", 4, 2.0, 1))
    two = write(tmp_path / "two.safetensors", make_lora(modules, "diffusers-peft", 3, None, 2))
    for name, file in (("one", one), ("two", two)):
        fresh.load_lora_weights(str(tmp_path), weight_name=file.name, adapter_name=name)
    fresh.set_adapters(["one", "two"], [{"unet": 0.8, "text_encoder": 0.5, "text_encoder_2": 0.25},
                                        {"unet": -0.4, "text_encoder": 1.0, "text_encoder_2": 0.3}])
    fresh.fuse_lora(components=["unet", "text_encoder", "text_encoder_2"])
    model.set_loras((library.lora(one), 0.8, 0.5, 0.25), (library.lora(two), -0.4, 1.0, 0.3))
    assert compare(model, fresh, base) == sum(len(part) for part in modules.values())
    model.set_loras()


def test_rslora_as_declared(model: Model, library: Library, base: dict[str, Tensors],
                            fresh: StableDiffusionXLPipeline, tmp_path: Path) -> None:
    """alpha / sqrt(r) and a rank pattern, declared in diffusers' own metadata."""
    from diffusers.training_utils import _collate_lora_metadata
    from peft import get_peft_model_state_dict

    torch.manual_seed(3)
    fresh.unet.add_adapter(LoraConfig(r=4, lora_alpha=6, use_rslora=True, init_lora_weights=False,
                                      target_modules=["to_q", "to_v"],
                                      rank_pattern={"attn1.to_q": 2}, alpha_pattern={"to_v": 3}))
    StableDiffusionXLPipeline.save_lora_weights(
        tmp_path, unet_lora_layers=get_peft_model_state_dict(fresh.unet),
        **_collate_lora_metadata({"unet": fresh.unet}))
    fresh.fuse_lora(components=["unet"])
    [report] = model.set_loras((library.lora(tmp_path / "pytorch_lora_weights.safetensors"), 1.0))
    assert compare(model, fresh, base) == report["applied"] > 0
    model.set_loras()


def test_dora_equals_peft(model: Model, library: Library, base: dict[str, Tensors],
                          fresh: StableDiffusionXLPipeline, tmp_path: Path) -> None:
    """Linear layers and 3x3 convolutions, saved and fused by PEFT through diffusers."""
    from diffusers.training_utils import _collate_lora_metadata
    from peft import get_peft_model_state_dict

    torch.manual_seed(4)
    fresh.unet.add_adapter(LoraConfig(r=4, lora_alpha=2, use_dora=True, init_lora_weights=False,
                                      target_modules=["to_q", "to_v", "conv1"]))
    with torch.no_grad():
        for name, value in fresh.unet.named_parameters():
            if "lora_magnitude_vector" in name:
                value.mul_(0.5 + torch.rand_like(value))
    StableDiffusionXLPipeline.save_lora_weights(
        tmp_path, unet_lora_layers=get_peft_model_state_dict(fresh.unet),
        **_collate_lora_metadata({"unet": fresh.unet}))
    fresh.fuse_lora(components=["unet"])
    lora = library.lora(tmp_path / "pytorch_lora_weights.safetensors")
    assert "dora" in lora.describe()["kinds"]
    [report] = model.set_loras((lora, 1.0))
    assert compare(model, fresh, base) == report["applied"] > 0
    model.set_loras()


# --------------------------------------------------------------------------------------- LyCORIS

LINEAR = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"
CONV = "down_blocks.1.resnets.0.conv1"
POINT = "down_blocks.1.resnets.0.conv_shortcut"
NORM = "down_blocks.1.resnets.0.norm1"
LYCORIS = {
    "locon": (LoConModule, {}),
    "locon-tucker": (LoConModule, {"use_tucker": True}),
    "dora-on-output": (LoConModule, {"weight_decompose": True, "wd_on_out": True}),
    "dora-on-input": (LoConModule, {"weight_decompose": True, "wd_on_out": False}),
    "loha": (LohaModule, {}),
    "loha-tucker": (LohaModule, {"use_tucker": True}),
    "loha-scalar": (LohaModule, {"use_scalar": True}),
    "lokr": (LokrModule, {"factor": 4}),
    "lokr-both": (LokrModule, {"factor": 4, "decompose_both": True, "lora_dim": 1}),
    "lokr-tucker": (LokrModule, {"factor": 4, "use_tucker": True}),
    "lokr-full": (LokrModule, {"factor": 4, "full_matrix": True}),
    "lokr-dora": (LokrModule, {"factor": 4, "weight_decompose": True, "wd_on_out": True}),
    "lokr-full-dora": (LokrModule, {"factor": 4, "full_matrix": True, "weight_decompose": True,
                                    "wd_on_out": True}),
    "lokr-full-dora-on-input": (LokrModule, {"factor": 4, "full_matrix": True,
                                             "weight_decompose": True, "wd_on_out": False}),
}


def plain_layer(path: str, base: dict[str, Tensors]) -> torch.nn.Module:
    weight = base["unet"][f"{path}.weight"]
    bias = base["unet"].get(f"{path}.bias")
    layer: torch.nn.Module
    if weight.dim() == 1:
        layer = torch.nn.GroupNorm(8, len(weight))
    elif weight.dim() == 2:
        layer = torch.nn.Linear(*weight.shape[::-1], bias=bias is not None)
    else:
        layer = torch.nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2:],
                                padding=weight.shape[2] // 2, bias=bias is not None)
    layer.weight.data = weight.clone()
    if bias is not None:
        layer.bias.data = bias.clone()
    return layer


def lycoris_weight(adapter: torch.nn.Module, strength: float) -> torch.Tensor:
    """The weight that the module's forward() computes with.

    Not its get_diff_weight(): for LoHa and LoKr that of 4.1.3 multiplies by alpha / rank twice.
    """
    before = adapter.org_weight
    if isinstance(adapter, LoConModule):
        change = adapter.get_diff_weight(1.0, shape=before.shape)[0]
    else:
        change = adapter.get_weight(before.shape) * adapter.scalar
    if adapter.wd:
        return adapter.apply_weight_decompose(before + change, strength).detach()
    return (before + strength * change).detach()


@pytest.mark.parametrize("path", [LINEAR, CONV, POINT])
@pytest.mark.parametrize("name", LYCORIS)
def test_merge_equals_lycoris(name: str, path: str, model: Model, library: Library,
                              base: dict[str, Tensors], tmp_path: Path) -> None:
    kind, settings = LYCORIS[name]
    torch.manual_seed(7)
    adapter = kind("lycoris_" + path.replace(".", "_"), plain_layer(path, base), 1.0,
                   **{"lora_dim": 2, "alpha": 1.5, **settings})
    with torch.no_grad():
        for key, value in adapter.named_parameters():
            if "dora" in key:
                value.mul_(0.5 + torch.rand_like(value))
            elif "scalar" in key:
                value.fill_(0.7)
            elif not key.startswith("org"):
                value.copy_(torch.randn_like(value) * 0.3)
    tensors = {f"{adapter.lora_name}.{key}": value.detach().clone()
               for key, value in adapter.state_dict().items() if not key.startswith("org")}
    file = write(tmp_path / "lycoris.safetensors", tensors)
    lora = library.lora(file)
    for strength in (1.0,) if "dora" in name else (1.0, 0.6):
        [report] = model.set_loras((lora, strength))
        assert (report["applied"], report["skipped"]) == (1, 0)
        want = lycoris_weight(adapter, strength)
        ours = model.weight("unet", f"{path}.weight", tuple(want.shape))
        before = base["unet"][f"{path}.weight"].numpy()
        assert np.abs(ours - before).max() > 1e-3, "nothing was merged: a void comparison"
        assert np.abs(ours - want.numpy()).max() <= 1e-6
    model.set_loras()


@pytest.mark.parametrize("kind, name", [(DiagOFTModule, "OFT"), (ButterflyOFTModule, "OFT or BOFT"),
                                        (GLoRAModule, "GLoRA"), (TLoraModule, "T-LoRA")])
def test_lycoris_methods_that_are_not_done_are_named(kind: type, name: str, library: Library,
                                                     base: dict[str, Tensors], tmp_path: Path) -> None:
    adapter = kind("lycoris_" + LINEAR.replace(".", "_"), plain_layer(LINEAR, base), 1.0, lora_dim=4)
    file = write(tmp_path / "other.safetensors",
                 {f"{adapter.lora_name}.{key}": value.detach().clone().float()
                  for key, value in adapter.state_dict().items() if not key.startswith("org")})
    with pytest.raises(DgxpError, match=name) as error:
        library.lora(file)
    assert error.value.status == "unsupported"


def test_dora_blends_by_strength(model: Model, library: Library, base: dict[str, Tensors],
                                 tmp_path: Path) -> None:
    """W + s (W' - W), as the guide to these files says."""
    key, weight = "lycoris_" + LINEAR.replace(".", "_"), base["unet"][f"{LINEAR}.weight"].double()
    down, up = lora_files.factors(list(weight.shape), 3, torch.Generator().manual_seed(1))
    scale = torch.rand(len(weight), 1) + 0.5
    file = write(tmp_path / "dora.safetensors", {
        f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up, f"{key}.dora_scale": scale,
        f"{key}.alpha": torch.tensor(2.0)})
    changed = weight + 2 / 3 * up.double() @ down.double()
    changed *= scale / changed.norm(dim=1, keepdim=True)
    model.set_loras((library.lora(file), 0.4))
    ours = model.weight("unet", f"{LINEAR}.weight", tuple(weight.shape))
    assert np.abs(ours - (weight + 0.4 * (changed - weight)).numpy()).max() <= 1e-6
    model.set_loras()


def test_norms_biases_and_full_differences(model: Model, library: Library, base: dict[str, Tensors],
                          tmp_path: Path) -> None:
    torch.manual_seed(2)
    adapter = NormModule("lycoris_" + NORM.replace(".", "_"), plain_layer(NORM, base), 1.0)
    with torch.no_grad():
        for value in adapter.parameters():
            value.copy_(torch.randn_like(value) * 0.1)
    tensors = {f"{adapter.lora_name}.{k}": v.detach().clone()
               for k, v in adapter.state_dict().items() if not k.startswith("org")}
    delta = torch.randn_like(base["unet"][f"{CONV}.bias"]) * 0.1
    tensors["lora_unet_" + CONV.replace(".", "_") + ".diff_b"] = delta
    whole = torch.randn_like(base["unet"][f"{CONV}.weight"]) * 0.1
    tensors["lora_unet_" + CONV.replace(".", "_") + ".diff"] = whole
    model.set_loras((library.lora(write(tmp_path / "norm.safetensors", tensors)), 0.5))
    for key, change in ((f"{NORM}.weight", adapter.w_norm), (f"{NORM}.bias", adapter.b_norm),
                        (f"{CONV}.bias", delta), (f"{CONV}.weight", whole)):
        want = base["unet"][key] + 0.5 * change.detach()
        assert np.abs(model.weight("unet", key, tuple(want.shape)) - want.numpy()).max() <= 1e-6
    model.set_loras()


# -------------------------------------------------------------------------------------- pictures


def test_picture_equals_diffusers(model: Model, library: Library, modules: lora_files.Modules,
                                  fresh: StableDiffusionXLPipeline, tmp_path: Path) -> None:
    """The same adapters in diffusers, unfused; by the job, by the prompt's tag, by the model."""
    file = write(tmp_path / "style.safetensors",
                 gentle(make_lora(modules, "kohya-sgm", 4, 2.0, 11), 0.2))
    start = np.random.default_rng(1).standard_normal((4, SIDE // 8, SIDE // 8), dtype=np.float32)
    np.save(tmp_path / "start.npy", start)
    fresh.load_lora_weights(str(tmp_path), weight_name=file.name, adapter_name="style")
    fresh.set_adapters(["style"], [{"unet": 0.8, "text_encoder": 0.5, "text_encoder_2": 0.5}])
    theirs = reference.paint(fresh, tmp_path, {
        "name": "x", "prompt": PROMPT, "width": SIDE, "height": SIDE, "steps": STEPS,
        "guidance": 5.0, "start_noise": "start.npy"})["image"]
    image = (np.asarray(theirs).transpose(1, 2, 0) * 255).round().astype(np.uint8)

    def paint(prompt: str, named: bool) -> np.ndarray:
        job = library.job(prompt, canvas=(SIDE, SIDE), steps=STEPS, guidance=5.0,
                          noise=(start, None))
        if named:
            job.add_lora(file, 0.8, 0.5)
        return model.generate(job)[0].canvas[..., :3]

    without = paint(PROMPT, False)
    ours = paint(PROMPT, True)
    assert psnr(ours, image) >= 60
    assert psnr(ours, without) < 40, "the adapter changed nothing: a void comparison"
    assert (paint(f"{PROMPT}<lora:{file}:0.5:0.8>", False) == ours).all()
    model.set_loras((library.lora(file), 0.8, 0.5, 0.5))
    assert (paint(PROMPT, False) == ours).all()
    model.set_loras()
    assert (paint(PROMPT, False) == without).all()


# ------------------------------------------------------------------------------------- sequences


def test_random_sequences_restore_every_byte(model: Model, library: Library, full: bool,
                                             base: dict[str, Tensors],
                                             shapes: dict[str, lora_files.Shapes],
                                             modules: lora_files.Modules, tmp_path: Path,
                                             evidence) -> None:  # type: ignore[no-untyped-def]
    rounds = 1000 if full else 50
    loras: list[Lora] = []
    for i, (style, part) in enumerate([("kohya-sgm", modules), ("diffusers-peft", modules),
                                       ("kohya-diffusers", convolutions(shapes))]):
        tensors = gentle(make_lora(part, style, 2 + i, None, 20 + i), 0.2)
        loras.append(library.lora(write(tmp_path / f"{i}.safetensors", tensors)))
    draw = np.random.default_rng(4)
    pristine = read_all(model, base)
    sets = [[(loras[j], float(draw.choice([0.5, 1.0, -0.7]))) for j in sorted(chosen)]
            for chosen in ([0], [1], [2], [0, 1], [1, 2], [0, 1, 2])]

    def picture() -> bytes:
        job = library.job(PROMPT, canvas=(SIDE, SIDE), steps=1, seed=1, guidance=1.0)
        return model.generate(job)[0].canvas.tobytes()

    expected: dict[int, bytes] = {-1: picture()}
    removed, memory = 0, 0
    for i in range(rounds):
        if i == rounds // 5:
            memory = psutil.Process().memory_info().rss
        model.keep_loras(int(draw.choice([0, 1 << 20, 1 << 30])))
        which = int(draw.integers(-1, len(sets)))
        if which < 0:
            model.set_loras()
            assert same_bytes(read_all(model, base), pristine)
            removed += 1
        else:
            model.set_loras(*sets[which])
        painted = picture()
        assert expected.setdefault(which, painted) == painted, f"round {i}: set {which} leaked"
    model.set_loras()
    model.keep_loras(-1)
    assert same_bytes(read_all(model, base), pristine)
    assert len(set(expected.values())) == len(expected)
    growth = psutil.Process().memory_info().rss - memory
    assert growth < 24 << 20
    evidence("LoRA: random set and unset sequences", rounds,
             f"every byte restored ({removed + 1} times), no adapter leaked, RSS "
             f"{growth / 2**20:+.1f} MiB")


def test_sets_are_kept_within_their_bytes(model: Model, library: Library,
                                          base: dict[str, Tensors], modules: lora_files.Modules,
                                          tmp_path: Path) -> None:
    """Least recently used leave first; what is kept is the same bytes when it comes back."""
    lora = library.lora(write(tmp_path / "a.safetensors", make_lora(modules, "kohya-sgm", 2, 1, 1)))

    def host(keep: int, weights: list[float]) -> int:
        model.keep_loras(keep)
        for weight in weights:
            model.set_loras((lora, weight))
        return model.describe()["memory"]["host_mib"]

    many = [0.01 * i for i in range(1, 41)]
    alone = host(0, many)
    first = read_all(model, base)
    full = host(1 << 30, many)
    assert full - alone > 20, "nothing was kept"
    assert same_bytes(read_all(model, base), first)
    host(1 << 30, [many[3], many[-1]])
    assert same_bytes(read_all(model, base), first)
    assert host(8 << 20, [0.9]) - alone <= 8
    assert host(0, [0.8]) == alone
    model.set_loras()
    model.keep_loras(-1)


# --------------------------------------------------------------------------------------- sentences


def test_the_wrong_base_is_named(model: Model, library: Library, tmp_path: Path) -> None:
    key = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    sd15 = write(tmp_path / "old.safetensors", {
        f"{key}.lora_down.weight": torch.ones(4, 768), f"{key}.lora_up.weight": torch.ones(320, 4)})
    with pytest.raises(DgxpError, match=r"none of its 1 modules .* SD 1.5 LoRA \(attn2 width 768\)"):
        model.set_loras((library.lora(sd15), 1.0))


def test_partial_files_are_refused_unless_allowed(model: Model, library: Library,
                                                  modules: lora_files.Modules,
                                                  base: dict[str, Tensors],
                                                  tmp_path: Path) -> None:
    tensors = make_lora(modules, "kohya-sgm", 2, 1.0, 1)
    tensors["lora_unet_nowhere.lora_down.weight"] = torch.ones(1, 4)
    tensors["lora_unet_nowhere.lora_up.weight"] = torch.ones(4, 1)
    tensors["lora_unet_x.oft_blocks"] = torch.ones(2, 2, 2)
    lora = library.lora(write(tmp_path / "part.safetensors", tensors))
    before = read_all(model, base)
    with pytest.raises(DgxpError, match="1 of its .* 'lora_unet_nowhere' names no module") as info:
        model.set_loras((lora, 1.0))
    assert info.value.status == "mismatch"
    assert same_bytes(read_all(model, base), before)
    [report] = model.set_loras((lora, 1.0), partial=True)
    assert report["skipped"] == 2 and report["applied"] == sum(map(len, modules.values()))
    skipped = {entry["key"]: entry["why"] for entry in report["components"]["unet"]["skipped"]}
    assert "names no module" in skipped["lora_unet_nowhere"]
    assert "OFT" in skipped["lora_unet_x.oft_blocks"]
    model.set_loras()


def test_names_are_resolved_and_candidates_told(tiny: Path, library: Library, model: Model,
                                                modules: lora_files.Modules, tmp_path: Path,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    models = tmp_path / "models"
    for name in ("loras/style", "loras/sub/robots", "loras/twin", "loras/sub/twin"):
        (models / name).parent.mkdir(parents=True, exist_ok=True)
        write(models / f"{name}.safetensors", make_lora(modules, "kohya-sgm", 1, 1.0, 1))
    monkeypatch.setenv("DGX_PIXELS_MODELS", f"{tiny}:{models}")
    assert library.lora("style", model).describe()["name"] == "style"
    assert library.lora("ROBOTS", model).describe()["name"] == "robots"
    with pytest.raises(DgxpError, match="no LoRA 'styl'; there are style"):
        library.lora("styl", model)
    with pytest.raises(DgxpError, match=r"may be any of .*sub/twin.*, .*/twin.safetensors"):
        library.lora("twin", model)
    with pytest.raises(DgxpError, match="negative prompt names a LoRA"):
        model.generate(library.job(PROMPT, negative_prompt="<lora:style:1>", steps=1,
                                   canvas=(SIDE, SIDE)))
    recipe = model.generate(library.job(f"{PROMPT}<lora:style:0.3>", steps=1,
                                        canvas=(SIDE, SIDE)))[0].recipe
    [entry] = recipe["loras"]
    assert (entry["name"], entry["unet"], entry["from"]) == ("style", 0.3, "prompt")
    assert len(entry["sha256"]) == 64
    jobs = [library.job(PROMPT, steps=1, canvas=(SIDE, SIDE)) for _ in range(2)]
    jobs[1].add_lora("style")
    with pytest.raises(DgxpError, match="differ in their LoRAs"):
        model.generate(*jobs)


def test_info_tells_what_a_file_is(cli, modules: lora_files.Modules,  # type: ignore[no-untyped-def]
                                   tmp_path: Path) -> None:
    file = write(tmp_path / "style.safetensors", make_lora(modules, "kohya-sgm", 3, 1.5, 1), {
        "ss_tag_frequency": json.dumps({"5_x": {"sword": 2, "pixel knight": 7}}),
        "ss_base_model_version": "sdxl_base_v1-0", "ss_network_module": "networks.lora"})
    about = json.loads(cli("lora", "info", file, "--json").stdout)
    assert (about["rank"], about["alpha"], about["kinds"]) == (3, 1.5, ["lora"])
    assert about["trigger_words"] == ["pixel knight", "sword"]
    assert about["modules"] == {c: len(m) for c, m in modules.items()}
    assert about["training"]["ss_network_module"] == "networks.lora"
    assert cli("lora", "info", tmp_path / "none.safetensors").returncode == 3
