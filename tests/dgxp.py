# SPDX-License-Identifier: MIT OR Apache-2.0
"""The C library through ctypes, as little as the comparisons with diffusers need."""

from __future__ import annotations

import ctypes as c
import json
from pathlib import Path

import numpy as np


class ModelParams(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("dtype", c.c_int32), ("prediction", c.c_int32),
                ("threads", c.c_int32), ("no_mmap", c.c_int32), ("no_graph", c.c_int32),
                ("describe_only", c.c_int32), ("device", c.c_char_p), ("vae", c.c_char_p),
                ("text_encoders", c.c_char_p)]


class Progress(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("phase", c.c_int32), ("step", c.c_int32),
                ("step_count", c.c_int32), ("elapsed", c.c_double), ("remaining", c.c_double),
                ("preview", c.c_void_p)]


class LoraUse(c.Structure):
    _fields_ = [("lora", c.c_void_p), ("unet", c.c_double), ("text_1", c.c_double),
                ("text_2", c.c_double)]


PROGRESS = c.CFUNCTYPE(c.c_int32, c.POINTER(Progress), c.c_void_p)


class GenerateParams(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("preview_every", c.c_int32), ("progress", PROGRESS),
                ("user_data", c.c_void_p), ("cancel", c.c_void_p), ("keep_latents", c.c_int32)]


class DgxpError(Exception):
    """A call that failed: its status' name and its sentence."""

    def __init__(self, status: str, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status, self.text = status, text


class Library:
    """libdgxpixels.so of a build folder."""

    def __init__(self, build: Path) -> None:
        self.c = c.CDLL(str(build / "lib/libdgxpixels.so"))
        for name in ("dgxp_status_name", "dgxp_last_error", "dgxp_document_text",
                     "dgxp_result_recipe"):
            getattr(self.c, name).restype = c.c_char_p
        for name in ("dgxp_image_pixels", "dgxp_result_image", "dgxp_result_canvas",
                     "dgxp_result_latents"):
            getattr(self.c, name).restype = c.c_void_p

    def check(self, status: int) -> None:
        if status:
            raise DgxpError(self.c.dgxp_status_name(status).decode(),
                            self.c.dgxp_last_error().decode())

    def image(self, pixels: np.ndarray) -> c.c_void_p:
        """[height, width, 4] uint8 to a dgxp_image; the caller frees it."""
        out = c.c_void_p()
        pixels = np.ascontiguousarray(pixels, np.uint8)
        self.check(self.c.dgxp_image_create(pixels.shape[1], pixels.shape[0],
                                            pixels.ctypes.data_as(c.c_void_p), c.byref(out)))
        return out

    def pixels(self, image: int) -> np.ndarray:
        shape = (self.c.dgxp_image_height(c.c_void_p(image)),
                 self.c.dgxp_image_width(c.c_void_p(image)), 4)
        data = self.c.dgxp_image_pixels(c.c_void_p(image))
        return np.ctypeslib.as_array((c.c_uint8 * int(np.prod(shape))).from_address(data)).reshape(
            shape).copy()

    def document(self, function: str, *arguments: object) -> dict:
        out = c.c_void_p()
        self.check(getattr(self.c, function)(*arguments, c.byref(out)))
        text = self.c.dgxp_document_text(out)
        self.c.dgxp_document_free(out)
        return json.loads(text)

    def open(self, path: Path | str | None, **params: object) -> Model:
        """One thread by default: tiny models gain nothing from more, and a busy machine loses a lot."""
        return Model(self, path, **{"threads": 1, **params})

    def job(self, prompt: str, **settings: object) -> Job:
        return Job(self, prompt, **settings)

    def request(self, model: Model, **fields: object) -> Job:
        """A job as `build` and batches make it: presets, styles and speeds are applied."""
        job = Job.__new__(Job)
        job.library, job.handle = self, c.c_void_p()
        self.check(self.c.dgxp_job_request(model.handle, json.dumps(fields).encode(), None,
                                                  c.byref(job.handle)))
        return job

    def lora(self, name: Path | str, model: Model | None = None) -> Lora:
        return Lora(self, name, model)


class Lora:
    """A dgxp_lora."""

    def __init__(self, library: Library, name: Path | str, model: Model | None = None) -> None:
        self.library, self.handle = library, c.c_void_p()
        library.check(library.c.dgxp_lora_load(str(name).encode(), model and model.handle,
                                               c.byref(self.handle)))

    def describe(self) -> dict:
        return self.library.document("dgxp_lora_describe", self.handle)

    def __del__(self) -> None:
        self.library.c.dgxp_lora_free(self.handle)


class Job:
    """A dgxp_job; keyword arguments name its setters."""

    TABLED = {"guidance_rescale", "cfg_stop", "eta", "temperature", "parity"}
    CHOICES = {"sampler", "schedule", "spacing", "tiling"}

    def __init__(self, library: Library, prompt: str, **settings: object) -> None:
        self.library, self.handle = library, c.c_void_p()
        library.check(library.c.dgxp_job_create(prompt.encode(), c.byref(self.handle)))
        for name, value in settings.items():
            self.set(name, value)

    def set(self, name: str, value: object) -> None:
        check = self.library.check
        if name in self.TABLED:  # those without a function of their own
            text = json.dumps(bool(value) if name == "parity" else value)
            check(self.library.c.dgxp_job_set(self.handle, name.encode(), text.encode()))
            return
        call = getattr(self.library.c, f"dgxp_job_set_{name}")
        if name == "guidance":
            check(call(self.handle, c.c_double(value)))
        elif name in self.CHOICES:
            check(call(self.handle, self.library_choice(name, str(value))))
        elif name in ("canvas", "size"):
            check(call(self.handle, *value))  # type: ignore[misc]
        elif name == "seed":
            check(call(self.handle, c.c_uint64(value)))
        elif name == "negative_prompt":
            check(call(self.handle, str(value).encode()))
        elif name == "init_image":
            pixels, strength = value  # type: ignore[misc]
            image = self.library.image(pixels)
            check(call(self.handle, image, c.c_double(strength)))
            self.library.c.dgxp_image_free(image)
        elif name == "mask":
            image = self.library.image(value)  # type: ignore[arg-type]
            check(call(self.handle, image))
            self.library.c.dgxp_image_free(image)
        elif name == "noise":
            start, steps = (np.ascontiguousarray(part, np.float32) if part is not None else None
                            for part in value)  # type: ignore[union-attr]
            pointer = lambda part: None if part is None else part.ctypes.data_as(c.c_void_p)
            size = lambda part: c.c_size_t(0 if part is None else part.size)
            check(call(self.handle, pointer(start), size(start), pointer(steps), size(steps)))
        else:
            check(call(self.handle, value))

    def library_choice(self, enum: str, name: str) -> int:
        class Choice(c.Structure):
            _fields_ = [("value", c.c_int32), ("name", c.c_char_p), ("help", c.c_char_p)]

        count = c.c_int32()
        self.library.c.dgxp_choices.restype = c.POINTER(Choice)
        choices = self.library.c.dgxp_choices(enum.encode(), c.byref(count))
        return {choices[i].name.decode(): choices[i].value for i in range(count.value)}[name]

    def add_lora(self, name: Path | str, unet: float = 1.0, text: float | None = None) -> Job:
        self.library.check(self.library.c.dgxp_job_add_lora(
            self.handle, str(name).encode(), c.c_double(unet),
            c.c_double(unet if text is None else text)))
        return self

    def __del__(self) -> None:
        self.library.c.dgxp_job_free(self.handle)


class Picture:
    """One finished picture: image and canvas [h, w, 4], latents [c, h, w] or None, recipe."""

    def __init__(self, library: Library, result: c.c_void_p, index: int) -> None:
        lib = library.c
        self.image = library.pixels(lib.dgxp_result_image(result, index))
        self.canvas = library.pixels(lib.dgxp_result_canvas(result, index))
        self.recipe = json.loads(lib.dgxp_result_recipe(result, index))
        shape = (c.c_int32 * 3)()
        data = lib.dgxp_result_latents(result, index, shape)
        self.latents = None if not data else np.ctypeslib.as_array(
            (c.c_float * int(np.prod(list(shape)))).from_address(data)).reshape(list(shape)).copy()


class Model:
    """A dgxp_model."""

    def __init__(self, library: Library, path: Path | str | None, **params: object) -> None:
        self.library, self.handle = library, c.c_void_p()
        values = ModelParams(struct_size=c.sizeof(ModelParams))
        for name, value in params.items():
            setattr(values, name, value.encode() if isinstance(value, str) else value)
        library.check(library.c.dgxp_model_open(
            None if path is None else str(path).encode(), c.byref(values), c.byref(self.handle)))

    def generate(self, *jobs: Job, progress: object = None, cancel: object = None,
                 preview_every: int = 0) -> list[Picture]:
        hook = PROGRESS(progress) if progress else PROGRESS(0)
        params = GenerateParams(struct_size=c.sizeof(GenerateParams), progress=hook, cancel=cancel,
                                keep_latents=1, preview_every=preview_every)
        handles = (c.c_void_p * len(jobs))(*(job.handle for job in jobs))
        out = c.c_void_p()
        self.library.check(self.library.c.dgxp_generate(self.handle, handles, len(jobs),
                                                        c.byref(params), c.byref(out)))
        pictures = [Picture(self.library, out, i) for i in range(len(jobs))]
        self.library.c.dgxp_result_free(out)
        return pictures

    def describe(self) -> dict:
        return self.library.document("dgxp_model_describe", self.handle)

    def set_loras(self, *uses: tuple[Lora, float] | tuple[Lora, float, float, float],
                  partial: bool = False) -> list[dict]:
        """(lora, weight) or (lora, unet, text_1, text_2); returns the report."""
        array = (LoraUse * max(len(uses), 1))()
        for slot, (lora, *weights) in zip(array, uses):
            slot.lora = lora.handle
            slot.unet, slot.text_1, slot.text_2 = weights * 3 if len(weights) == 1 else weights
        return self.library.document("dgxp_model_set_loras", self.handle, array, len(uses),
                                     int(partial))  # type: ignore[return-value]

    def keep_loras(self, size: int) -> None:
        self.library.check(self.library.c.dgxp_model_keep_loras(self.handle, c.c_int64(size)))

    def weight(self, component: str, name: str, shape: tuple[int, ...]) -> np.ndarray:
        values = np.empty(shape, np.float32)
        self.library.check(self.library.c.dgxp_model_read_weight(
            self.handle, component.encode(), name.encode(),
            values.ctypes.data_as(c.c_void_p), c.c_size_t(values.size)))
        return values

    def close(self) -> None:
        self.library.c.dgxp_model_free(self.handle)
        self.handle = c.c_void_p()

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
