# Every source of libdgxpixels.so, by room.  A new room is one line here and one in tests/tests.cmake.
set(DGXP_CORE_SOURCES
    src/core/cancel.c
    src/core/clock.c
    src/core/error.c
    src/core/file.c
    src/core/gzip.c
    src/core/hash.c
    src/core/json.c
    src/core/log.c
    src/core/mem.c
    src/core/rng.c
    src/core/search.c
    src/core/version.c
)

set(DGXP_IMAGE_SOURCES
    src/image/animation.c
    src/image/aseprite.c
    src/image/aseprite_blend.c
    src/image/aseprite_read.c
    src/image/autotile.c
    src/image/cleanup.c
    src/image/cluster.c
    src/image/color.c
    src/image/contact.c
    src/image/downscale.c
    src/image/edges.c
    src/image/fix.c
    src/image/fix_report.c
    src/image/flat.c
    src/image/gif.c
    src/image/grid.c
    src/image/image.c
    src/image/imagequant.c
    src/image/lattice.c
    src/image/matte.c
    src/image/maxrects.c
    src/image/measure.c
    src/image/metadata.c
    src/image/pack.c
    src/image/palette.c
    src/image/palette_builtin.c
    src/image/palette_formats.c
    src/image/period.c
    src/image/pieces.c
    src/image/png.c
    src/image/quality.c
    src/image/quantize.c
    src/image/sequence.c
    src/image/sheet.c
    src/image/sheet_json.c
    src/image/slice.c
    src/image/slice_pieces.c
    src/image/tiled.c
)

set(DGXP_DIFFUSION_SOURCES
    src/diffusion/backend.c
    src/diffusion/bind.c
    src/diffusion/bundle.c
    src/diffusion/canvas.c
    src/diffusion/checkpoint.c
    src/diffusion/chunks.c
    src/diffusion/conditioning.c
    src/diffusion/family.c
    src/diffusion/find.c
    src/diffusion/finish.c
    src/diffusion/inspect.c
    src/diffusion/job.c
    src/diffusion/model.c
    src/diffusion/names.c
    src/diffusion/pipeline.c
    src/diffusion/plan.c
    src/diffusion/program.c
    src/diffusion/prompt.c
    src/diffusion/recipe.c
    src/diffusion/result.c
    src/diffusion/safetensors.c
    src/diffusion/scheduler.c
    src/diffusion/tokenizer.c
    src/diffusion/vocabulary.c
)

set(DGXP_PROJECT_SOURCES
    src/project/choices.c
    src/project/doctor.c
    src/project/preset.c
)

# The inner loops of grid recovery: nothing here looks at errno or at floating-point exceptions.
set_source_files_properties(src/image/color.c src/image/edges.c src/image/lattice.c
    src/image/period.c PROPERTIES
    COMPILE_OPTIONS "-O3;-fno-math-errno;-fno-trapping-math")
