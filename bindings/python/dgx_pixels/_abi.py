# SPDX-License-Identifier: MIT OR Apache-2.0
"""The C interface as ctypes sees it.  Written by scripts/make_lowlevel.py; do not edit."""

# fmt: off
from __future__ import annotations

from ctypes import (
    CFUNCTYPE, POINTER, Structure, c_char, c_char_p, c_double, c_float, c_int32, c_int64,
    c_size_t, c_uint32, c_uint64, c_uint8, c_void_p
)
from typing import Any

# dgxp_status
OK = 0
ERR_INVALID_ARGUMENT = 1
ERR_OUT_OF_MEMORY = 2
ERR_IO = 3
ERR_NOT_FOUND = 4
ERR_BAD_FORMAT = 5
ERR_UNSUPPORTED = 6
ERR_LIMIT = 7
ERR_UNTRUSTED = 8
ERR_BACKEND = 9
ERR_DEVICE_LOST = 10
ERR_CANCELLED = 11
ERR_BUSY = 12
ERR_MISMATCH = 13
ERR_INTERNAL = 14
# dgxp_log_level
LOG_DEBUG = 0
LOG_INFO = 1
LOG_WARNING = 2
# dgxp_grid_kind
GRID_PAINTED = 0
GRID_FLAT = 1
GRID_CELLS = 2
GRID_FORCED = 3
# dgxp_cell_rule
CELL_AUTO = 0
CELL_MEDIAN = 1
CELL_CENTER = 2
CELL_DOMINANT = 3
CELL_K_CENTROID = 4
CELL_DETAIL = 5
# dgxp_palette_format
PALETTE_AUTO = 0
PALETTE_HEX = 1
PALETTE_GPL = 2
PALETTE_JASC = 3
PALETTE_RIFF = 4
PALETTE_ACT = 5
PALETTE_PAINT = 6
PALETTE_PNG = 7
# dgxp_palette_method
PALETTE_METHOD_OKLAB = 0
PALETTE_METHOD_IMAGEQUANT = 1
# dgxp_dither
DITHER_NONE = 0
DITHER_BAYER2 = 2
DITHER_BAYER4 = 4
DITHER_BAYER8 = 8
# dgxp_background
BACKGROUND_AUTO = 0
BACKGROUND_KEEP = 1
BACKGROUND_COLOR = 2
# dgxp_matte_warning
MATTE_NOT_UNIFORM = 1
MATTE_BORDER = 2
MATTE_SHARE = 4
MATTE_PARTS = 8
MATTE_SCENE = 16
# dgxp_outline
OUTLINE_OUTER = 0
OUTLINE_INNER = 1
# dgxp_pivot
PIVOT_FEET = 0
PIVOT_CENTER = 1
PIVOT_TOP_LEFT = 2
# dgxp_direction
DIRECTION_FORWARD = 0
DIRECTION_REVERSE = 1
DIRECTION_PINGPONG = 2
DIRECTION_PINGPONG_REVERSE = 3
# dgxp_sheet_format
SHEET_AUTO = 0
SHEET_ASEPRITE = 1
SHEET_APNG = 2
SHEET_GIF = 3
# dgxp_layout
LAYOUT_GRID = 0
LAYOUT_PACKED = 1
# dgxp_atlas_format
ATLAS_ASEPRITE_ARRAY = 0
ATLAS_ASEPRITE_HASH = 1
ATLAS_TSJ = 2
ATLAS_TSX = 3
ATLAS_LDTK = 4
ATLAS_BEVY_RON = 5
# dgxp_align
ALIGN_AUTO = 0
ALIGN_FEET = 1
ALIGN_CENTER = 2
ALIGN_NONE = 3
# dgxp_tileset
TILESET_BLOB = 0
TILESET_CORNER = 1
# dgxp_facing
FACING_FRONT = 0
FACING_BACK = 1
FACING_RIGHT = 2
FACING_LEFT = 3
# dgxp_dtype
DTYPE_AUTO = 0
DTYPE_F32 = 1
DTYPE_BF16 = 2
DTYPE_F16 = 3
# dgxp_prediction
PREDICTION_AUTO = 0
PREDICTION_EPSILON = 1
PREDICTION_V = 2
# dgxp_resident_mode
RESIDENT_OFF = 0
RESIDENT_WHEN_THERE = 1
RESIDENT_START = 2
# dgxp_sampler
SAMPLER_AUTO = 0
SAMPLER_EULER = 1
SAMPLER_EULER_A = 2
SAMPLER_DPMPP_2M = 3
SAMPLER_DPMPP_2M_SDE = 4
SAMPLER_DDIM = 5
SAMPLER_LCM = 6
SAMPLER_TCD = 7
# dgxp_schedule
SCHEDULE_AUTO = 0
SCHEDULE_NORMAL = 1
SCHEDULE_KARRAS = 2
SCHEDULE_EXPONENTIAL = 3
# dgxp_spacing
SPACING_AUTO = 0
SPACING_LEADING = 1
SPACING_TRAILING = 2
SPACING_LINSPACE = 3
# dgxp_tiling
TILING_NONE = 0
TILING_X = 1
TILING_Y = 2
TILING_XY = 3
# dgxp_phase
PHASE_QUEUED = 0
PHASE_ENCODE = 1
PHASE_DENOISE = 2
PHASE_DECODE = 3
PHASE_FINISH = 4
# dgxp_meta
META_NEAREST = 0
META_NONE = 1


class dgxp_allocator(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("resize", c_void_p), ("free", c_void_p),
        ("user_data", c_void_p),
    ]

class dgxp_limits(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("reserved", c_uint32), ("pixels", c_int64),
        ("bytes", c_int64),
    ]

class dgxp_choice(Structure):
    _fields_ = [
        ("value", c_int32), ("name", c_char_p), ("help", c_char_p),
    ]

class dgxp_png_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("scale", c_int32), ("truecolor", c_int32),
        ("strip_text", c_int32),
    ]

class dgxp_grid_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("width", c_int32), ("height", c_int32),
        ("cell_width", c_double), ("cell_height", c_double), ("prior", c_double),
        ("non_square", c_int32), ("snap", c_int32), ("straight", c_int32), ("at_border", c_int32),
    ]

class dgxp_grid_candidate(Structure):
    _fields_ = [
        ("cell", c_double), ("score", c_double),
    ]

class dgxp_grid_info(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("kind", c_int32), ("width", c_int32), ("height", c_int32),
        ("cell_width", c_double), ("cell_height", c_double), ("offset_x", c_double),
        ("offset_y", c_double), ("confidence", c_double), ("bent", c_int32),
        ("candidate_count", c_int32), ("candidates", dgxp_grid_candidate * 4),
    ]

class dgxp_downscale_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("rule", c_int32), ("detail", c_double),
        ("alpha_threshold", c_int32), ("soft_alpha", c_int32),
    ]

class dgxp_palette_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("colors", c_int32), ("colors_max", c_int32),
        ("method", c_int32), ("merge", c_float),
    ]

class dgxp_quantize_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("dither", c_int32), ("strength", c_float),
    ]

class dgxp_matte_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("background", c_int32), ("color", c_uint32),
        ("tolerance", c_float), ("keep_holes", c_int32), ("keep_specks", c_int32),
        ("keep_fringe", c_int32), ("open_holes", c_int32),
    ]

class dgxp_matte_report(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("warnings", c_int32), ("color_count", c_int32),
        ("colors", c_uint32 * 2), ("border_share", c_float), ("flooded", c_int32),
        ("holes", c_int32), ("despilled", c_int32), ("fringe", c_int32), ("specks", c_int32),
        ("opaque_share", c_float), ("main_share", c_float), ("enclosed", c_int32),
    ]

class dgxp_outline_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("kind", c_int32), ("corners", c_int32), ("no_grow", c_int32),
        ("color", c_uint8 * 4),
    ]

class dgxp_trim_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("pivot", c_int32), ("padding", c_int32),
    ]

class dgxp_trim_report(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("x", c_int32), ("y", c_int32), ("width", c_int32),
        ("height", c_int32), ("pivot_x", c_float), ("pivot_y", c_float),
    ]

class dgxp_quality_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("colors", c_int32), ("tile", c_int32),
        ("background", c_int32), ("palette", c_void_p), ("source", c_void_p),
        ("cell_width", c_double), ("cell_height", c_double), ("offset_x", c_double),
        ("offset_y", c_double),
    ]

class dgxp_fix_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("keep_colors", c_int32), ("orphans", c_int32),
        ("jaggies", c_int32), ("orphan_distance", c_float), ("tile", c_int32),
        ("native", c_int32), ("found", c_void_p), ("grid", POINTER(dgxp_grid_params)),
        ("downscale", POINTER(dgxp_downscale_params)), ("matte", POINTER(dgxp_matte_params)),
        ("palette", c_void_p), ("extract", POINTER(dgxp_palette_params)),
        ("quantize", POINTER(dgxp_quantize_params)), ("outline", POINTER(dgxp_outline_params)),
        ("trim", POINTER(dgxp_trim_params)),
    ]

class dgxp_tag(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("from", c_int32), ("to", c_int32), ("direction", c_int32),
        ("repeat", c_int32), ("name", c_char_p),
    ]

class dgxp_slice(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("x", c_int32), ("y", c_int32), ("width", c_int32),
        ("height", c_int32), ("center_x", c_int32), ("center_y", c_int32),
        ("center_width", c_int32), ("center_height", c_int32), ("has_pivot", c_int32),
        ("pivot_x", c_int32), ("pivot_y", c_int32), ("name", c_char_p),
    ]

class dgxp_sheet_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("format", c_int32), ("scale", c_int32),
        ("truecolor", c_int32), ("plays", c_int32),
    ]

class dgxp_pack_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("layout", c_int32), ("columns", c_int32),
        ("padding", c_int32), ("margin", c_int32), ("extrude", c_int32),
        ("power_of_two", c_int32), ("no_trim", c_int32), ("bleed", c_int32),
    ]

class dgxp_place(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("x", c_int32), ("y", c_int32), ("width", c_int32),
        ("height", c_int32), ("source_x", c_int32), ("source_y", c_int32),
        ("source_width", c_int32), ("source_height", c_int32),
    ]

class dgxp_cut_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("cell_width", c_int32), ("cell_height", c_int32),
        ("columns", c_int32), ("rows", c_int32), ("margin", c_int32), ("spacing", c_int32),
        ("align", c_int32), ("keep_empty", c_int32), ("least", c_int32), ("padding", c_int32),
        ("duration", c_int32),
    ]

class dgxp_contact_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("columns", c_int32), ("scale", c_int32),
        ("no_labels", c_int32), ("names", c_int32),
    ]

class dgxp_autotile_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("kind", c_int32), ("tile", c_int32), ("border", c_int32),
        ("rough", c_int32), ("no_outline", c_int32), ("outline_color", c_uint8 * 4),
        ("seed", c_uint64), ("edge", c_void_p),
    ]

class dgxp_motion_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("facing", c_int32), ("frames", c_int32), ("reach", c_int32),
        ("speed", c_int32), ("keep_canvas", c_int32), ("seed", c_uint64), ("motions", c_char_p),
        ("folder", c_char_p),
    ]

class dgxp_recolor_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("variant", c_int32), ("keep_skin", c_int32),
        ("move_outline", c_int32), ("map", c_char_p),
    ]

class dgxp_normal_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("strength", c_int32), ("no_shading", c_int32),
        ("y_down", c_int32),
    ]

class dgxp_device_info(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("available", c_int32), ("id", c_char * 16),
        ("name", c_char * 112), ("memory_total", c_uint64), ("memory_free", c_uint64),
    ]

class dgxp_model_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("dtype", c_int32), ("prediction", c_int32),
        ("threads", c_int32), ("no_mmap", c_int32), ("no_graph", c_int32),
        ("describe_only", c_int32), ("device", c_char_p), ("vae", c_char_p),
        ("text_encoders", c_char_p),
    ]

class dgxp_lora_use(Structure):
    _fields_ = [
        ("lora", c_void_p), ("unet", c_double), ("text_1", c_double), ("text_2", c_double),
    ]

class dgxp_request_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("reserved", c_int32), ("folder", c_char_p),
        ("presets", c_char_p), ("init", c_void_p), ("mask", c_void_p),
    ]

class dgxp_progress(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("phase", c_int32), ("step", c_int32), ("step_count", c_int32),
        ("elapsed", c_double), ("remaining", c_double), ("preview", c_void_p),
    ]
dgxp_progress_callback = CFUNCTYPE(c_int32, POINTER(dgxp_progress), c_void_p)

class dgxp_generate_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("preview_every", c_int32),
        ("progress", dgxp_progress_callback), ("user_data", c_void_p), ("cancel", c_void_p),
        ("keep_latents", c_int32), ("at_once", c_int32),
    ]

class dgxp_regen_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("force", c_int32), ("changes", c_char_p), ("init", c_void_p),
        ("mask", c_void_p), ("progress", dgxp_progress_callback), ("user_data", c_void_p),
        ("cancel", c_void_p),
    ]

class dgxp_deploy_file(Structure):
    _fields_ = [
        ("path", c_char_p), ("bytes", c_void_p), ("size", c_size_t),
    ]

class dgxp_game_answer(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("nobody", c_int32), ("text", c_char_p), ("size", c_size_t),
        ("reason", c_char_p),
    ]
dgxp_game_callback = CFUNCTYPE(None, c_char_p, POINTER(dgxp_game_answer), c_void_p)

class dgxp_game(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("reserved", c_int32), ("ask", dgxp_game_callback),
        ("user_data", c_void_p), ("cancel", c_void_p),
    ]

class dgxp_deploy_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("meta", c_int32), ("tile_width", c_int32),
        ("tile_height", c_int32), ("force", c_int32), ("no_sidecar", c_int32),
        ("dry_run", c_int32), ("project", c_char_p), ("to", c_char_p), ("array", c_int32),
        ("reserved", c_int32), ("game", POINTER(dgxp_game)),
    ]

class dgxp_build_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("force", c_int32), ("dry_run", c_int32),
        ("project", c_char_p), ("model", c_char_p), ("model_params", POINTER(dgxp_model_params)),
        ("asset", c_void_p), ("progress", dgxp_progress_callback), ("user_data", c_void_p),
        ("cancel", c_void_p), ("game", POINTER(dgxp_game)),
    ]

class dgxp_batch_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("batch", c_int32), ("threads", c_int32), ("shard", c_int32),
        ("shards", c_int32), ("scale", c_int32), ("resume", c_int32), ("verify", c_int32),
        ("continue_on_error", c_int32), ("contact", c_int32), ("dry_run", c_int32),
        ("has_seed", c_int32), ("seed", c_uint64), ("manifest", c_char_p), ("text", c_char_p),
        ("text_size", c_size_t), ("output", c_char_p), ("model", c_char_p),
        ("defaults", c_char_p), ("wildcards", c_char_p), ("matrix", POINTER(c_char_p)),
        ("matrix_count", c_int32),
    ]

class dgxp_batch_progress(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("pictures", c_int32), ("finished", c_int32),
        ("failed", c_int32), ("elapsed", c_double), ("remaining", c_double), ("line", c_int64),
        ("name", c_char_p), ("error", c_char_p), ("painting", POINTER(dgxp_progress)),
    ]
dgxp_batch_callback = CFUNCTYPE(c_int32, POINTER(dgxp_batch_progress), c_void_p)

class dgxp_batch_run_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("progress", dgxp_batch_callback), ("user_data", c_void_p),
        ("cancel", c_void_p), ("check_only", c_int32),
    ]

class dgxp_workflow_params(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("output", c_char_p), ("name", c_char_p),
        ("progress", dgxp_progress_callback), ("user_data", c_void_p), ("cancel", c_void_p),
    ]

dgxp_log_callback = CFUNCTYPE(None, c_int32, c_char_p, c_void_p)
dgxp_resident_ready = CFUNCTYPE(None, c_void_p)

STRUCTS = (
    dgxp_allocator,
    dgxp_limits,
    dgxp_choice,
    dgxp_png_params,
    dgxp_grid_params,
    dgxp_grid_candidate,
    dgxp_grid_info,
    dgxp_downscale_params,
    dgxp_palette_params,
    dgxp_quantize_params,
    dgxp_matte_params,
    dgxp_matte_report,
    dgxp_outline_params,
    dgxp_trim_params,
    dgxp_trim_report,
    dgxp_quality_params,
    dgxp_fix_params,
    dgxp_tag,
    dgxp_slice,
    dgxp_sheet_params,
    dgxp_pack_params,
    dgxp_place,
    dgxp_cut_params,
    dgxp_contact_params,
    dgxp_autotile_params,
    dgxp_motion_params,
    dgxp_recolor_params,
    dgxp_normal_params,
    dgxp_device_info,
    dgxp_model_params,
    dgxp_lora_use,
    dgxp_request_params,
    dgxp_progress,
    dgxp_generate_params,
    dgxp_regen_params,
    dgxp_deploy_file,
    dgxp_game_answer,
    dgxp_game,
    dgxp_deploy_params,
    dgxp_build_params,
    dgxp_batch_params,
    dgxp_batch_progress,
    dgxp_batch_run_params,
    dgxp_workflow_params,
)

# name: (result, arguments); "status" is a dgxp_status, which is checked
FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "dgxp_version": (c_int32, []),
    "dgxp_version_text": (c_char_p, []),
    "dgxp_status_count": (c_int32, []),
    "dgxp_status_name": (c_char_p, [c_int32]),
    "dgxp_status_help": (c_char_p, [c_int32]),
    "dgxp_last_error": (c_char_p, []),
    "dgxp_set_log_callback": (None, [dgxp_log_callback, c_void_p]),
    "dgxp_set_allocator": (None, [POINTER(dgxp_allocator)]),
    "dgxp_set_limits": ("status", [POINTER(dgxp_limits)]),
    "dgxp_choices": (POINTER(dgxp_choice), [c_char_p, POINTER(c_int32)]),
    "dgxp_number_parse": ("status", [c_char_p, POINTER(c_double)]),
    "dgxp_document_text": (c_char_p, [c_void_p]),
    "dgxp_document_free": (None, [c_void_p]),
    "dgxp_document_number": ("status", [c_void_p, c_char_p, POINTER(c_double)]),
    "dgxp_document_string": ("status", [c_void_p, c_char_p, POINTER(c_char_p)]),
    "dgxp_document_count": ("status", [c_void_p, c_char_p, POINTER(c_int32)]),
    "dgxp_cancel_create": ("status", [POINTER(c_void_p)]),
    "dgxp_cancel_fire": (None, [c_void_p]),
    "dgxp_cancel_reset": (None, [c_void_p]),
    "dgxp_cancel_fired": (c_int32, [c_void_p]),
    "dgxp_cancel_free": (None, [c_void_p]),
    "dgxp_image_create": ("status", [c_int32, c_int32, POINTER(c_uint8), POINTER(c_void_p)]),
    "dgxp_image_copy": ("status", [c_void_p, POINTER(c_void_p)]),
    "dgxp_image_width": (c_int32, [c_void_p]),
    "dgxp_image_height": (c_int32, [c_void_p]),
    "dgxp_image_pixels": (POINTER(c_uint8), [c_void_p]),
    "dgxp_image_pixels_mut": (POINTER(c_uint8), [c_void_p]),
    "dgxp_image_free": (None, [c_void_p]),
    "dgxp_image_text_count": (c_int32, [c_void_p]),
    "dgxp_image_text_key": (c_char_p, [c_void_p, c_int32]),
    "dgxp_image_text": (c_char_p, [c_void_p, c_char_p]),
    "dgxp_image_set_text": ("status", [c_void_p, c_char_p, c_char_p]),
    "dgxp_image_load": ("status", [c_char_p, POINTER(c_void_p)]),
    "dgxp_image_decode": ("status", [c_void_p, c_size_t, POINTER(c_void_p)]),
    "dgxp_image_save": ("status", [c_void_p, c_char_p, POINTER(dgxp_png_params)]),
    "dgxp_image_encode": ("status", [c_void_p, POINTER(dgxp_png_params),
        POINTER(POINTER(c_uint8)), POINTER(c_size_t)]),
    "dgxp_bytes_free": (None, [POINTER(c_uint8)]),
    "dgxp_parameters_parse": ("status", [c_char_p, POINTER(c_void_p)]),
    "dgxp_grid_detect": ("status", [c_void_p, POINTER(dgxp_grid_params), POINTER(c_void_p)]),
    "dgxp_grid_detect_frames": ("status", [POINTER(c_void_p), c_int32,
        POINTER(dgxp_grid_params), POINTER(c_void_p)]),
    "dgxp_grid_describe": ("status", [c_void_p, POINTER(dgxp_grid_info)]),
    "dgxp_grid_free": (None, [c_void_p]),
    "dgxp_downscale": ("status", [c_void_p, c_void_p, POINTER(dgxp_downscale_params),
        POINTER(c_void_p)]),
    "dgxp_grid_residual": ("status", [c_void_p, c_void_p, c_void_p, POINTER(c_double)]),
    "dgxp_palette_create": ("status", [POINTER(c_uint8), c_int32, POINTER(c_void_p)]),
    "dgxp_palette_load": ("status", [c_char_p, POINTER(c_void_p)]),
    "dgxp_palette_decode": ("status", [c_void_p, c_size_t, POINTER(c_void_p)]),
    "dgxp_palette_save": ("status", [c_void_p, c_char_p, c_int32]),
    "dgxp_palette_encode": ("status", [c_void_p, c_int32, POINTER(POINTER(c_uint8)),
        POINTER(c_size_t)]),
    "dgxp_palette_count": (c_int32, [c_void_p]),
    "dgxp_palette_colors": (POINTER(c_uint8), [c_void_p]),
    "dgxp_palette_name": (c_char_p, [c_void_p]),
    "dgxp_palette_free": (None, [c_void_p]),
    "dgxp_palette_builtins": (POINTER(dgxp_choice), [POINTER(c_int32)]),
    "dgxp_histogram_create": ("status", [POINTER(c_void_p)]),
    "dgxp_histogram_add": ("status", [c_void_p, c_void_p]),
    "dgxp_histogram_colors": (c_int64, [c_void_p]),
    "dgxp_histogram_free": (None, [c_void_p]),
    "dgxp_histogram_extract": ("status", [c_void_p, POINTER(dgxp_palette_params),
        POINTER(c_void_p)]),
    "dgxp_palette_extract": ("status", [c_void_p, POINTER(dgxp_palette_params),
        POINTER(c_void_p)]),
    "dgxp_quantize": ("status", [c_void_p, c_void_p, POINTER(dgxp_quantize_params),
        POINTER(c_void_p)]),
    "dgxp_matte": ("status", [c_void_p, POINTER(dgxp_matte_params), POINTER(dgxp_matte_report),
        POINTER(c_void_p)]),
    "dgxp_cleanup_orphans": ("status", [c_void_p, c_float, POINTER(c_int32), POINTER(c_void_p)]),
    "dgxp_cleanup_jaggies": ("status", [c_void_p, POINTER(c_int32), POINTER(c_void_p)]),
    "dgxp_cleanup_outline": ("status", [c_void_p, POINTER(dgxp_outline_params),
        POINTER(c_int32), POINTER(c_void_p)]),
    "dgxp_cleanup_trim": ("status", [c_void_p, POINTER(dgxp_trim_params),
        POINTER(dgxp_trim_report), POINTER(c_void_p)]),
    "dgxp_quality": ("status", [POINTER(c_void_p), c_int32, POINTER(dgxp_quality_params),
        POINTER(c_void_p)]),
    "dgxp_fix": ("status", [c_void_p, POINTER(dgxp_fix_params), POINTER(c_void_p),
        POINTER(c_void_p)]),
    "dgxp_histogram_add_fixed": ("status", [c_void_p, c_void_p, POINTER(dgxp_fix_params)]),
    "dgxp_fix_frames": ("status", [POINTER(c_void_p), c_int32, POINTER(dgxp_fix_params),
        POINTER(c_void_p), POINTER(c_void_p)]),
    "dgxp_sheet_create": ("status", [POINTER(c_void_p)]),
    "dgxp_sheet_free": (None, [c_void_p]),
    "dgxp_sheet_add_frame": ("status", [c_void_p, c_void_p, c_char_p, c_int32]),
    "dgxp_sheet_add_tag": ("status", [c_void_p, POINTER(dgxp_tag)]),
    "dgxp_sheet_add_slice": ("status", [c_void_p, POINTER(dgxp_slice)]),
    "dgxp_sheet_frame_count": (c_int32, [c_void_p]),
    "dgxp_sheet_frame": (c_void_p, [c_void_p, c_int32]),
    "dgxp_sheet_frame_name": (c_char_p, [c_void_p, c_int32]),
    "dgxp_sheet_frame_duration": (c_int32, [c_void_p, c_int32]),
    "dgxp_sheet_tag_count": (c_int32, [c_void_p]),
    "dgxp_sheet_tag": ("status", [c_void_p, c_int32, POINTER(dgxp_tag)]),
    "dgxp_sheet_slice_count": (c_int32, [c_void_p]),
    "dgxp_sheet_slice": ("status", [c_void_p, c_int32, POINTER(dgxp_slice)]),
    "dgxp_sheet_load": ("status", [c_char_p, POINTER(c_void_p)]),
    "dgxp_sheet_decode": ("status", [c_void_p, c_size_t, POINTER(c_void_p)]),
    "dgxp_sheet_load_sequence": ("status", [c_char_p, c_int32, POINTER(c_void_p)]),
    "dgxp_sheet_save": ("status", [c_void_p, c_char_p, POINTER(dgxp_sheet_params)]),
    "dgxp_sheet_encode": ("status", [c_void_p, POINTER(dgxp_sheet_params),
        POINTER(POINTER(c_uint8)), POINTER(c_size_t)]),
    "dgxp_sheet_pack": ("status", [c_void_p, POINTER(dgxp_pack_params), POINTER(c_void_p)]),
    "dgxp_atlas_image": (c_void_p, [c_void_p]),
    "dgxp_atlas_place": ("status", [c_void_p, c_int32, POINTER(dgxp_place)]),
    "dgxp_atlas_free": (None, [c_void_p]),
    "dgxp_atlas_describe": ("status", [c_void_p, c_void_p, c_int32, c_char_p,
        POINTER(POINTER(c_uint8)), POINTER(c_size_t)]),
    "dgxp_sheet_cut": ("status", [c_void_p, POINTER(dgxp_cut_params), POINTER(c_void_p)]),
    "dgxp_sheet_contact": ("status", [c_void_p, POINTER(dgxp_contact_params), POINTER(c_void_p)]),
    "dgxp_autotile": ("status", [c_void_p, c_void_p, POINTER(dgxp_autotile_params),
        POINTER(c_void_p)]),
    "dgxp_autotile_masks": (POINTER(c_uint8), [c_int32, POINTER(c_int32)]),
    "dgxp_autotile_check": ("status", [c_void_p, POINTER(c_double), POINTER(c_double)]),
    "dgxp_motion": ("status", [c_void_p, POINTER(dgxp_motion_params), POINTER(c_void_p),
        POINTER(c_void_p)]),
    "dgxp_list_motions": ("status", [c_char_p, POINTER(c_void_p)]),
    "dgxp_recolor": ("status", [c_void_p, POINTER(dgxp_recolor_params), POINTER(c_void_p),
        POINTER(c_void_p)]),
    "dgxp_normal": ("status", [c_void_p, POINTER(dgxp_normal_params), POINTER(c_void_p),
        POINTER(c_void_p)]),
    "dgxp_sheet_normal": ("status", [c_void_p, POINTER(dgxp_normal_params), POINTER(c_void_p)]),
    "dgxp_device_count": ("status", [POINTER(c_int32)]),
    "dgxp_device_describe": ("status", [c_int32, POINTER(dgxp_device_info)]),
    "dgxp_doctor": ("status", [c_int32, POINTER(c_void_p)]),
    "dgxp_model_open": ("status", [c_char_p, POINTER(dgxp_model_params), POINTER(c_void_p)]),
    "dgxp_model_free": (None, [c_void_p]),
    "dgxp_model_describe": ("status", [c_void_p, POINTER(c_void_p)]),
    "dgxp_inspect": ("status", [c_char_p, POINTER(c_void_p)]),
    "dgxp_list_models": ("status", [POINTER(c_void_p)]),
    "dgxp_trust_program": ("status", [c_char_p, POINTER(c_void_p)]),
    "dgxp_lora_load": ("status", [c_char_p, c_void_p, POINTER(c_void_p)]),
    "dgxp_lora_free": (None, [c_void_p]),
    "dgxp_lora_describe": ("status", [c_void_p, POINTER(c_void_p)]),
    "dgxp_list_loras": ("status", [c_void_p, POINTER(c_void_p)]),
    "dgxp_model_set_loras": ("status", [c_void_p, POINTER(dgxp_lora_use), c_int32, c_int32,
        POINTER(c_void_p)]),
    "dgxp_model_keep_loras": ("status", [c_void_p, c_int64]),
    "dgxp_model_read_weight": ("status", [c_void_p, c_char_p, c_char_p, POINTER(c_float),
        c_size_t]),
    "dgxp_resident_use": ("status", [c_char_p]),
    "dgxp_resident_serve": ("status", [c_int32, dgxp_resident_ready, c_void_p]),
    "dgxp_resident_start": ("status", [c_char_p]),
    "dgxp_resident_status": ("status", [POINTER(c_void_p)]),
    "dgxp_resident_stop": ("status", [POINTER(c_int32)]),
    "dgxp_job_create": ("status", [c_char_p, POINTER(c_void_p)]),
    "dgxp_job_free": (None, [c_void_p]),
    "dgxp_job_request": ("status", [c_void_p, c_char_p, POINTER(dgxp_request_params),
        POINTER(c_void_p)]),
    "dgxp_job_set": ("status", [c_void_p, c_char_p, c_char_p]),
    "dgxp_settings": ("status", [POINTER(c_void_p)]),
    "dgxp_list_presets": ("status", [POINTER(c_void_p)]),
    "dgxp_preset_describe": ("status", [c_char_p, c_char_p, POINTER(c_void_p)]),
    "dgxp_job_set_negative_prompt": ("status", [c_void_p, c_char_p]),
    "dgxp_job_add_lora": ("status", [c_void_p, c_char_p, c_double, c_double]),
    "dgxp_job_set_canvas": ("status", [c_void_p, c_int32, c_int32]),
    "dgxp_job_set_size": ("status", [c_void_p, c_int32, c_int32]),
    "dgxp_job_set_finish": ("status", [c_void_p, c_char_p]),
    "dgxp_job_set_steps": ("status", [c_void_p, c_int32]),
    "dgxp_job_set_guidance": ("status", [c_void_p, c_double]),
    "dgxp_job_set_sampler": ("status", [c_void_p, c_int32]),
    "dgxp_job_set_schedule": ("status", [c_void_p, c_int32]),
    "dgxp_job_set_spacing": ("status", [c_void_p, c_int32]),
    "dgxp_job_set_seed": ("status", [c_void_p, c_uint64]),
    "dgxp_random_seed": ("status", [POINTER(c_uint64)]),
    "dgxp_slug": (None, [c_char_p, c_char_p]),
    "dgxp_job_set_tiling": ("status", [c_void_p, c_int32]),
    "dgxp_job_set_init_image": ("status", [c_void_p, c_void_p, c_double]),
    "dgxp_job_set_mask": ("status", [c_void_p, c_void_p]),
    "dgxp_job_set_noise": ("status", [c_void_p, POINTER(c_float), c_size_t, POINTER(c_float),
        c_size_t]),
    "dgxp_generate": ("status", [c_void_p, POINTER(c_void_p), c_int32,
        POINTER(dgxp_generate_params), POINTER(c_void_p)]),
    "dgxp_result_count": (c_int32, [c_void_p]),
    "dgxp_result_image": (c_void_p, [c_void_p, c_int32]),
    "dgxp_result_canvas": (c_void_p, [c_void_p, c_int32]),
    "dgxp_result_recipe": (c_char_p, [c_void_p, c_int32]),
    "dgxp_result_latents": (POINTER(c_float), [c_void_p, c_int32, POINTER(c_int32)]),
    "dgxp_result_free": (None, [c_void_p]),
    "dgxp_panel_describe": ("status", [c_void_p, c_char_p, POINTER(POINTER(c_uint8)),
        POINTER(c_size_t)]),
    "dgxp_job_describe": ("status", [c_void_p, c_void_p, POINTER(c_void_p)]),
    "dgxp_image_recipe": ("status", [c_void_p, POINTER(c_void_p)]),
    "dgxp_image_load_sidecar": ("status", [c_void_p, c_char_p]),
    "dgxp_regen": ("status", [c_void_p, c_void_p, POINTER(dgxp_regen_params),
        POINTER(c_void_p), POINTER(c_void_p)]),
    "dgxp_deploy": ("status", [POINTER(dgxp_deploy_file), c_int32, POINTER(dgxp_deploy_params),
        POINTER(c_void_p)]),
    "dgxp_deploy_undo": ("status", [c_char_p, c_int32, POINTER(c_void_p)]),
    "dgxp_project_init": ("status", [c_char_p]),
    "dgxp_project_init_bevy": ("status", [c_char_p, POINTER(c_void_p)]),
    "dgxp_upgrade": ("status", [c_char_p, c_int32, POINTER(c_void_p)]),
    "dgxp_project_describe": ("status", [c_char_p, POINTER(c_void_p)]),
    "dgxp_build": ("status", [POINTER(dgxp_build_params), POINTER(c_void_p)]),
    "dgxp_batch_open": ("status", [POINTER(dgxp_batch_params), POINTER(c_void_p)]),
    "dgxp_batch_left": (c_int32, [c_void_p]),
    "dgxp_batch_describe": ("status", [c_void_p, c_int32, c_int32, POINTER(c_void_p)]),
    "dgxp_batch_run": ("status", [c_void_p, c_void_p, POINTER(dgxp_batch_run_params),
        POINTER(c_void_p)]),
    "dgxp_batch_free": (None, [c_void_p]),
    "dgxp_workflow_load": ("status", [c_char_p, c_char_p, POINTER(c_void_p)]),
    "dgxp_workflow_run": ("status", [c_void_p, c_char_p, POINTER(dgxp_workflow_params),
        POINTER(c_void_p)]),
}
