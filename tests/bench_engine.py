# SPDX-License-Identifier: MIT OR Apache-2.0
"""The engine's speed beside diffusers', on one model in one run: tables for docs/performance.md.

On the CPU (the default): a tiny and a mid-size random model, each engine in its own process,
painting in turn; the ratio of their fastest runs, which must not be above 1.  With --cuda: SDXL at
its full size with random weights, one engine after the other (--full and --device cpu try that table
on a small model, without a GPU).  "Whole picture" is prompt in, pixels out; both begin with the same
noise, and the pictures are compared, so that equal work is timed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing as mp
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/models")]

PROMPT = "pixel art, a knight with a red cloak, standing on a hill at dawn"
NEGATIVE = "blurry, photo"
GUIDANCE = 5.0

# docs/performance.md: TFLOP of one guided step, of a decode, of both prompts; 1024x1024.
STEP_TFLOP, DECODE_TFLOP, TEXT_TFLOP = 13.52, 10.47, 0.22

SLOWER = 1.05  # two minima of equal programs differ by so much on a machine that others use

ENGINES = ("diffusers", "diffusers-compile", "diffusers-regional", "ours-no-graph", "ours")
TITLES = {"diffusers": "diffusers, eager",
          "diffusers-compile": "diffusers, compile ({}, channels last)",
          "diffusers-regional": "diffusers, compile of the blocks ({}, channels last)",
          "ours-no-graph": "DGX-Pixels, without graphs", "ours": "DGX-Pixels"}


@dataclass(frozen=True)
class Setting:
    """What an engine opens; equal for both."""

    engine: str
    build: Path
    model: Path  # a diffusers folder
    device: str
    dtype: str
    threads: int
    compile_mode: str = "max-autotune"
    compile_backend: str = "inductor"


@dataclass(frozen=True)
class Work:
    """What it paints."""

    canvas: int
    steps: int
    batch: int

    def noise(self, index: int) -> np.ndarray:
        side = self.canvas // 8
        return np.random.default_rng(index).standard_normal((4, side, side), dtype=np.float32)

    def tflop(self) -> float:
        return self.batch * (self.steps * STEP_TFLOP + DECODE_TFLOP + TEXT_TFLOP)


@dataclass
class Painted:
    seconds: float
    cpu: float  # processor time of all threads: what other programs disturb least
    step: float  # the fastest of the steps
    picture: np.ndarray  # of the first job, [H, W, 3] 0..255


# ------------------------------------------------------------------------------------- engines


def fastest(moments: list[float]) -> float:
    return min((b - a for a, b in zip(moments, moments[1:])), default=float("nan"))


class Ours:
    def __init__(self, setting: Setting) -> None:
        from dgxp import Library

        dtypes = {"f32": 1, "bf16": 2, "f16": 3}
        self.library = Library(setting.build)
        began = time.perf_counter()
        self.model = self.library.open(
            setting.model, device=setting.device, dtype=dtypes[setting.dtype],
            threads=setting.threads, no_graph=int(setting.engine == "ours-no-graph"))
        self.opening = time.perf_counter() - began

    def paint(self, work: Work) -> Painted:
        moments: list[float] = []

        def hear(progress: Any, _: object) -> int:
            if progress.contents.phase == 2:
                moments.append(time.perf_counter())
            return 0

        side = (work.canvas, work.canvas)
        jobs = [self.library.job(PROMPT, negative_prompt=NEGATIVE, canvas=side, steps=work.steps,
                                 guidance=GUIDANCE, sampler="euler", noise=(work.noise(i), None))
                for i in range(work.batch)]
        began, spent = time.perf_counter(), time.process_time()
        pictures = self.model.generate(*jobs, progress=hear)
        seconds, cpu = time.perf_counter() - began, time.process_time() - spent
        picture = pictures[0].canvas[..., :3].astype(np.float32)
        return Painted(seconds, cpu, fastest(moments), picture)

    def device_peak(self) -> int:
        return self.model.describe()["memory"]["device_peak_mib"]


class Diffusers:
    def __init__(self, setting: Setting) -> None:
        import diffusers
        import torch
        import transformers

        diffusers.utils.logging.set_verbosity_error()
        diffusers.utils.logging.disable_progress_bar()
        transformers.utils.logging.disable_progress_bar()
        if setting.threads:
            torch.set_num_threads(setting.threads)
        dtypes = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}
        self.torch, self.device = torch, setting.device
        began = time.perf_counter()
        self.pipe = diffusers.StableDiffusionXLPipeline.from_pretrained(
            setting.model, dtype=dtypes[setting.dtype], local_files_only=True,
            add_watermarker=False).to(setting.device)
        self.wait()
        self.opening = time.perf_counter() - began
        self.pipe.set_progress_bar_config(disable=True)
        if setting.engine in ("diffusers-compile", "diffusers-regional"):
            self.pipe.unet.to(memory_format=torch.channels_last)
            self.pipe.vae.to(memory_format=torch.channels_last)
            how = {"fullgraph": True, "backend": setting.compile_backend}
            if setting.compile_backend == "inductor":
                how["mode"] = setting.compile_mode
            if setting.engine == "diffusers-regional":  # one compilation for all blocks of a shape
                self.pipe.unet.compile_repeated_blocks(**how)
            else:
                self.pipe.unet = torch.compile(self.pipe.unet, **how)
                self.pipe.vae.decode = torch.compile(self.pipe.vae.decode, **how)

    def wait(self) -> None:
        if self.device.startswith("cuda"):
            self.torch.cuda.synchronize()

    def paint(self, work: Work) -> Painted:
        moments: list[float] = []

        def hear(_pipe: Any, _index: int, _t: Any, values: dict[str, Any]) -> dict[str, Any]:
            moments.append(time.perf_counter())
            return values

        torch = self.torch
        start = torch.from_numpy(np.stack([work.noise(i) for i in range(work.batch)]))
        start = start.to(self.device, self.pipe.unet.dtype)
        self.wait()
        began, spent = time.perf_counter(), time.process_time()
        with torch.inference_mode():
            images = self.pipe(
                [PROMPT] * work.batch, negative_prompt=[NEGATIVE] * work.batch, latents=start,
                height=work.canvas, width=work.canvas, num_inference_steps=work.steps,
                guidance_scale=GUIDANCE, output_type="np", callback_on_step_end=hear).images
        self.wait()
        seconds, cpu = time.perf_counter() - began, time.process_time() - spent
        return Painted(seconds, cpu, fastest(moments), (images[0] * 255).round().astype(np.float32))

    def device_peak(self) -> int:
        return self.torch.cuda.max_memory_allocated() >> 20 if self.device != "cpu" else 0


def host_peak() -> int:
    """Most resident memory of this process ever, MiB, mapped files included."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) >> 10
    return 0


def serve(setting: Setting, end: Connection) -> None:
    """One engine in its own process: answers each Work with a Painted, "peaks" with its memory."""
    kind = Ours if setting.engine.startswith("ours") else Diffusers
    try:
        engine = kind(setting)
        end.send(engine.opening)
        while work := end.recv():
            end.send((host_peak(), engine.device_peak()) if work == "peaks" else engine.paint(work))
    except Exception as error:  # the parent names it and stops
        end.send(error)


class Worker:
    def __init__(self, setting: Setting) -> None:
        context = mp.get_context("spawn")
        self.setting = setting
        self.end, other = context.Pipe()
        self.process = context.Process(target=serve, args=(setting, other), daemon=True)
        self.process.start()
        other.close()
        self.opening: float = self.receive()

    def receive(self) -> Any:
        try:
            answer = self.end.recv()
        except EOFError:
            raise SystemExit(f"bench: the process of {self.setting.engine} died") from None
        if isinstance(answer, Exception):
            raise SystemExit(f"bench: {self.setting.engine}: {type(answer).__name__}: {answer}")
        return answer

    def paint(self, work: Work) -> Painted:
        self.end.send(work)
        return self.receive()

    def peaks(self) -> tuple[int, int]:
        """Peak memory so far in MiB: host, device."""
        self.end.send("peaks")
        return self.receive()

    def close(self) -> None:
        self.end.send(None)
        self.process.join()


# -------------------------------------------------------------------------------------- models


def kept_models(build: Path, name: str) -> Path:
    """A folder with NAME-diffusers and the programs' bundle, made once for what makes it."""
    if name == "tiny":
        import cached

        return cached.tiny(build)
    made_of = sorted([*(ROOT / "tests/models").glob("*.py"),
                      *(ROOT / "bindings/python/dgx_pixels/programs").glob("*.py")])
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in made_of)).hexdigest()[:16]
    folder = build / f"{name}-{digest}"
    if folder.is_dir():
        return folder
    for old in build.glob(f"{name}-*"):
        shutil.rmtree(old)
    making = build / f"making-{digest}"
    shutil.rmtree(making, ignore_errors=True)
    subprocess.run([sys.executable, "-W", "ignore", ROOT / f"tests/models/make_{name}.py", making],
                   check=True, stdout=subprocess.DEVNULL)
    subprocess.run([build / "bin/dgx-pixels", "trust", *(making / f"{name}/programs").iterdir()],
                   check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "XDG_CONFIG_HOME": str(making / "config")})
    return making.rename(folder)


def make_full(folder: Path) -> Path:
    """SDXL at its true size, random, bf16, as a diffusers folder (7 GB)."""
    from maker import DTYPES, Model, sdxl

    Model(sdxl(), 0, DTYPES["bf16"]).diffusers_folder(folder)
    return folder


# -------------------------------------------------------------------------------------- tables


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    error = float(np.mean((a - b) ** 2))
    return 99.0 if error == 0 else min(99.0, 10 * np.log10(255**2 / error))


def describe_machine(device: str) -> str:
    """Processor or GPU, and the versions that decide the speed."""
    from importlib.metadata import version

    name = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            name = line.split(":")[1].strip()
            break
    if device.startswith("cuda"):
        asked = subprocess.run(["nvidia-smi", "--query-gpu=name,driver_version",
                                "--format=csv,noheader"], capture_output=True, text=True)
        name = f"{asked.stdout.splitlines()[0]}; {name}"
    return (f"{name}, {os.cpu_count()} cores; torch {version('torch')}, diffusers "
            f"{version('diffusers')}; {time.strftime('%Y-%m-%d')}")


def bench_cpu(options: argparse.Namespace) -> int:
    # A thread of torch that waits for another spins; on a machine that others use, the two then
    # wait for each other's turn, up to a hundred times as long.  The same for both engines.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    print(f"\n{describe_machine('cpu')}; {options.threads} threads, load {os.getloadavg()[0]:.1f}")
    print("at the beginning; fastest of the runs, in turn; guidance 5.  Seconds: whole picture,")
    print("its processor time, one step, opening.\n")
    print("| model | dtype | canvas | steps | runs | picture: diffusers | ours | ratio "
          "| CPU: diffusers | ours | step: diffusers | ours | ratio | open: diffusers | ours "
          "| PSNR |")
    print("|---" * 16 + "|")
    slow = 0
    for name in options.models:
        folder = kept_models(options.build, name)
        os.environ["DGX_PIXELS_MODELS"] = str(folder)
        os.environ["XDG_CONFIG_HOME"] = str(folder / "config")
        canvas, steps = {"tiny": (128, 8), "mid": (256, 4)}[name]
        work = Work(canvas, (options.steps or [steps])[0], 1)
        for dtype in options.dtypes:
            slow += compare_on_cpu(options, folder / f"{name}-diffusers", name, dtype, work)
    print(f"\n{'ours is no slower' if not slow else f'ours is SLOWER in {slow} row(s)'} "
          f"(limit {SLOWER}); load {os.getloadavg()[0]:.1f} at the end")
    return 1 if slow else 0


def compare_on_cpu(options: argparse.Namespace, model: Path, name: str, dtype: str,
                   work: Work) -> int:
    workers = [Worker(Setting(engine, options.build, model, "cpu", dtype, options.threads))
               for engine in ("diffusers", "ours")]
    made: list[list[Painted]] = [[], []]
    for run in range(1 + options.runs):
        for which, worker in enumerate(workers):
            painted = worker.paint(work)
            if run:  # the first one warms up
                made[which].append(painted)
    for worker in workers:
        worker.close()
    whole = [min(painted.seconds for painted in runs) for runs in made]
    cpu = [min(painted.cpu for painted in runs) for runs in made]
    step = [min(painted.step for painted in runs) for runs in made]
    alike = psnr(made[0][0].picture, made[1][0].picture)
    print(f"| {name} | {dtype} | {work.canvas}² | {work.steps} | {options.runs} | {whole[0]:.3f} "
          f"| {whole[1]:.3f} | **{whole[1] / whole[0]:.2f}** | {cpu[0]:.3f} | {cpu[1]:.3f} "
          f"| {step[0]:.4f} | {step[1]:.4f} | {step[1] / step[0]:.2f} | {workers[0].opening:.2f} "
          f"| {workers[1].opening:.2f} | {alike:.0f} dB |", flush=True)
    if alike < (60 if dtype == "f32" else 25):
        raise SystemExit(f"bench: the pictures differ ({alike:.1f} dB): not the same work")
    return whole[1] > SLOWER * whole[0]


def bench_cuda(options: argparse.Namespace) -> int:
    if options.device.startswith("cuda") and not shutil.which("nvidia-smi"):
        raise SystemExit("bench: no NVIDIA driver here (nvidia-smi is missing): --cuda needs a GPU")
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        model = options.full or make_full(Path(scratch) / "sdxl")
        if options.openings:
            return measure_opening(options, model)
        print(f"\n{describe_machine(options.device)}; {'SDXL, random' if not options.full else model.name} "
              f"{options.dtypes[0]}, {options.canvas}², guidance 5; fastest of {options.runs}.\n")
        print("| engine | batch | steps | s/image | TFLOP/s | images/min | open | first image | "
              "device peak | host peak | from the first engine |")
        print("|---" * 11 + "|", flush=True)
        pictures = options.pictures or Path(scratch) / "pictures"
        pictures.mkdir(exist_ok=True)
        for engine in options.engines:
            for batch in options.batches:
                measure_engine(options, engine, batch, model, pictures)
    return 0


def setting_of(options: argparse.Namespace, engine: str, model: Path) -> Setting:
    threads = 0 if options.device.startswith("cuda") else options.threads
    return Setting(engine, options.build, model, options.device, options.dtypes[0], threads,
                   options.compile_mode, options.compile_backend)


def measure_opening(options: argparse.Namespace, model: Path) -> int:
    """Each in a new process, torch's own start included; after the first the files are in memory."""
    times = []
    for _ in range(options.openings):
        worker = Worker(setting_of(options, "ours", model))
        times.append(worker.opening)
        worker.close()
    print(f"\n{describe_machine(options.device)}; {options.dtypes[0]}, opening in a new process each.\n")
    print("| opening | fastest | each |\n|---|---|---|")
    print(f"| {model.name} | {min(times):.2f} s | {', '.join(f'{t:.2f}' for t in times)} s |", flush=True)
    write_row(options, kind="opening", seconds=min(times), each=times)
    return 0


def write_row(options: argparse.Namespace, **row: Any) -> None:
    if options.json:
        with options.json.open("a") as file:
            file.write(json.dumps(row) + "\n")


def measure_engine(options: argparse.Namespace, engine: str, batch: int, model: Path,
                   pictures: Path) -> None:
    """One process a batch size, so that its peak is that of this batch alone.

    `pictures` holds what the first engine painted: bf16 over so many steps drifts, so it is shown.
    """
    worker = Worker(setting_of(options, engine, model))
    first = None
    title = TITLES[engine].format(options.compile_mode)
    for steps in options.steps or [20, 30]:
        work = Work(options.canvas, steps, batch)
        warm = worker.paint(work)  # compiles, tunes or captures
        first = first or warm.seconds
        kept = pictures / f"{work.canvas}-{work.steps}-{work.batch}.npy"
        if not kept.exists():
            np.save(kept, warm.picture)
        best = min(worker.paint(work).seconds for _ in range(options.runs))
        alike = psnr(warm.picture, np.load(kept))
        host, device = worker.peaks()
        rate = f"{work.tflop() / best:.0f}" if work.canvas == 1024 else "-"
        print(f"| {title} | {batch} | {work.steps} | {best / batch:.3f} | {rate} "
              f"| {60 * batch / best:.1f} | {worker.opening:.1f} s | {first:.1f} s "
              f"| {device} MiB | {host} MiB | {alike:.0f} dB |", flush=True)
        write_row(options, kind="engine", engine=engine, **asdict(work), seconds=best, first=first,
                  open=worker.opening, device_mib=device, host_mib=host, db=alike)
    worker.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--build", type=Path, default=ROOT / "build/release")
    add("--runs", type=int, default=0, help="timed pictures (5 on the CPU, 3 with --cuda)")
    add("--steps", type=int, nargs="+", help="default: 8 on the CPU, 20 and 30 with --cuda")
    add("--dtypes", nargs="+", choices=("f32", "bf16", "f16"),
        help="default: f32 and bf16; bf16 with --cuda")
    add("--models", nargs="+", choices=("tiny", "mid"), default=["tiny", "mid"])
    add("--threads", type=int, default=os.cpu_count(), help="on the CPU; default: all cores")
    add("--cuda", action="store_true", help="full-size SDXL on the GPU instead")
    add("--engines", nargs="+", choices=ENGINES, default=ENGINES)
    add("--batches", nargs="+", type=int, default=[1, 4, 8])
    add("--compile-mode", default="max-autotune", help="of torch.compile: default is much sooner ready")
    add("--compile-backend", default="inductor", help="of torch.compile; eager: only read, not compiled")
    add("--canvas", type=int, default=1024, help="with --cuda")
    add("--device", default="cuda:0", help="with --cuda")
    add("--full", type=Path, help="a diffusers folder of SDXL; default: random weights, 7 GB")
    add("--scratch", type=Path, help="where those are written (default: the temporary folder)")
    add("--json", type=Path, help="with --cuda: append each row to this file, too")
    add("--pictures", type=Path, help="with --cuda: a folder to compare with other calls' pictures")
    add("--openings", type=int, default=0, help="with --cuda: time only so many openings of ours")
    add("--make", type=Path, metavar="FOLDER", help="only write the full-size model there")
    options = parser.parse_args()
    if options.make:
        make_full(options.make)
        return 0
    options.build = options.build.resolve()
    options.runs = options.runs or (3 if options.cuda else 5)
    options.dtypes = options.dtypes or (["bf16"] if options.cuda else ["f32", "bf16"])
    return bench_cuda(options) if options.cuda else bench_cpu(options)


if __name__ == "__main__":
    sys.exit(main())
