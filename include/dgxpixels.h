/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/**
 * DGX-Pixels: words in, finished pixel art out.  The manual and the whole public surface.
 *
 * Two halves that meet only in dgxp_generate():
 *   - pixels:    images, grids, mattes, palettes, sheets, reports.  No model, no GPU, no torch.
 *   - diffusion: models, jobs and pictures.  Needs a backend, opened when a model is loaded.
 *
 * Conventions
 *   Status    What can fail returns a dgxp_status; the sentence behind it is in dgxp_last_error(),
 *             per thread, until that thread's next call.  On failure no output is written.
 *   Ownership Handles are opaque.  A pointer returned is borrowed and lives as long as its owner; a
 *             handle filled through `**out` is yours: free it with its dgxp_<type>_free(), which
 *             takes NULL.  You never call free().
 *   Threads   A `const` handle may be shared between threads, any other belongs to one thread at a
 *             time.  Different handles are independent.
 *   Params    Structs named dgxp_*_params begin with their own size; start from the _INIT macro.
 *             Zero always means the default.
 *   Text      UTF-8.  Paths are given to the system as they are.
 *   Pixels    8-bit sRGB, straight alpha, R G B A in memory, rows top-down without padding.
 *   The library never prints, aborts or exits.
 */
#ifndef DGXPIXELS_H
#define DGXPIXELS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DGXP_VERSION_MAJOR 0
#define DGXP_VERSION_MINOR 1
#define DGXP_VERSION_PATCH 0
/** One number: major * 1,000,000 + minor * 1,000 + patch. */
#define DGXP_VERSION                                                                               \
    (DGXP_VERSION_MAJOR * 1000000 + DGXP_VERSION_MINOR * 1000 + DGXP_VERSION_PATCH)

#ifndef DGXP_API
#define DGXP_API __attribute__((visibility("default")))
#endif

/* ---------------------------------------------------------------- version, status, log, memory */

/** The version of the library that runs, encoded like DGXP_VERSION. */
DGXP_API int32_t dgxp_version(void);
/** The same as text, "0.1.0". */
DGXP_API const char *dgxp_version_text(void);

/** What became of a call.  Values are never reused. */
typedef enum dgxp_status {
    DGXP_OK = 0,
    DGXP_ERR_INVALID_ARGUMENT = 1, /* an argument is out of its range */
    DGXP_ERR_OUT_OF_MEMORY = 2,    /* host or device; the handle still works */
    DGXP_ERR_IO = 3,               /* the system could not read or write */
    DGXP_ERR_NOT_FOUND = 4,        /* a file or a name does not exist */
    DGXP_ERR_BAD_FORMAT = 5,       /* a file breaks the rules of its format */
    DGXP_ERR_UNSUPPORTED = 6,      /* understood, but of a kind that is not supported */
    DGXP_ERR_LIMIT = 7,            /* larger than a documented limit */
    DGXP_ERR_UNTRUSTED = 8,        /* a program that nobody has vouched for */
    DGXP_ERR_BACKEND = 9,          /* the tensor backend is missing or does not fit */
    DGXP_ERR_DEVICE_LOST = 10,     /* every later call on the device fails */
    DGXP_ERR_CANCELLED = 11,       /* stopped by a cancel token or a progress callback */
    DGXP_ERR_BUSY = 12,            /* somebody else is using it */
    DGXP_ERR_MISMATCH = 13,        /* two inputs do not belong together */
    DGXP_ERR_INTERNAL = 14         /* a defect in this library */
} dgxp_status;

/** How many statuses there are, and each one's name ("bad-format") and one line of help. */
DGXP_API int32_t dgxp_status_count(void);
DGXP_API const char *dgxp_status_name(dgxp_status status);
DGXP_API const char *dgxp_status_help(dgxp_status status);

/** The sentence behind this thread's last failure; empty after a success.  Never NULL. */
DGXP_API const char *dgxp_last_error(void);

typedef enum dgxp_log_level {
    DGXP_LOG_DEBUG = 0,
    DGXP_LOG_INFO = 1,
    DGXP_LOG_WARNING = 2
} dgxp_log_level;

typedef void (*dgxp_log_callback)(dgxp_log_level level, const char *text, void *user_data);

/** Hear what the library does, from any of its threads, one at a time.  NULL to stop. */
DGXP_API void dgxp_set_log_callback(dgxp_log_callback callback, void *user_data);

/** Where host memory of the C half comes from.  `resize` takes NULL; both must be thread-safe. */
typedef struct dgxp_allocator {
    uint32_t struct_size;
    void *(*resize)(void *block, size_t size, void *user_data);
    void (*free)(void *block, void *user_data);
    void *user_data;
} dgxp_allocator;

/** Set it before any other call; NULL puts the system's back. */
DGXP_API void dgxp_set_allocator(const dgxp_allocator *allocator);

/** What one file may ask of the readers when nobody says otherwise. */
#define DGXP_LIMIT_PIXELS 64000000
#define DGXP_LIMIT_BYTES 536870912

/** One budget for every reader of pictures and animations; 0 is the default of each. */
typedef struct dgxp_limits {
    uint32_t struct_size;
    uint32_t reserved; /* 0 */
    int64_t pixels;    /* of one picture, or of all frames of an animation; at most 2^28 */
    int64_t bytes;     /* of the file; at most 2^32 */
} dgxp_limits;
#define DGXP_LIMITS_INIT {sizeof(dgxp_limits), 0, 0, 0}

/**
 * What a file of others may cost this process.  A pixel is four bytes, so a reader takes at most
 * about 4 x `pixels` + `bytes`; a file that asks for more is DGXP_ERR_LIMIT before anything is
 * allocated.  A few bytes may honestly hold a large flat picture, so no ratio is looked at.  For
 * the whole process, from the next call on; any thread may set it.  NULL puts the defaults back.
 * Fails with DGXP_ERR_INVALID_ARGUMENT outside the ranges.  dgxp_inspect() reads headers only and
 * tells the size of pictures that are over it.
 */
DGXP_API dgxp_status dgxp_set_limits(const dgxp_limits *limits);

/**
 * A list of names that a program can offer its users: samplers, schedules, cell rules …
 * Every enum of this header has one; lists are static.
 */
typedef struct dgxp_choice {
    int32_t value;    /* of the enum */
    const char *name; /* "euler-a" */
    const char *help; /* one line */
} dgxp_choice;

/** The choices of an enum by its type's name without prefix, "sampler"; NULL when unknown. */
DGXP_API const dgxp_choice *dgxp_choices(const char *enum_name, int32_t *count);

/** A JSON document made by the library (a report, a recipe, a description). */
typedef struct dgxp_document dgxp_document;
DGXP_API const char *dgxp_document_text(const dgxp_document *document);
DGXP_API void dgxp_document_free(dgxp_document *document);

/** Stops work from any thread or signal handler.  One token may serve many calls. */
typedef struct dgxp_cancel dgxp_cancel;
DGXP_API dgxp_status dgxp_cancel_create(dgxp_cancel **out);
DGXP_API void dgxp_cancel_fire(dgxp_cancel *cancel); /* async-signal-safe */
DGXP_API void dgxp_cancel_reset(dgxp_cancel *cancel);
DGXP_API int32_t dgxp_cancel_fired(const dgxp_cancel *cancel);
DGXP_API void dgxp_cancel_free(dgxp_cancel *cancel);

/* ----------------------------------------------------------------------------------- images */

/** An RGBA picture with its text metadata.  At most 16,384 pixels a side and 2^28 in all; what is read
 * from a file obeys dgxp_set_limits(), too. */
typedef struct dgxp_image dgxp_image;

/** `rgba` is [height, width, 4] and copied; NULL gives transparent black. */
DGXP_API dgxp_status dgxp_image_create(int32_t width, int32_t height, const uint8_t *rgba,
                                       dgxp_image **out);
DGXP_API dgxp_status dgxp_image_copy(const dgxp_image *image, dgxp_image **out);
DGXP_API int32_t dgxp_image_width(const dgxp_image *image);
DGXP_API int32_t dgxp_image_height(const dgxp_image *image);
/** [height, width, 4]; borrowed.  The second form is for writing in place. */
DGXP_API const uint8_t *dgxp_image_pixels(const dgxp_image *image);
DGXP_API uint8_t *dgxp_image_pixels_mut(dgxp_image *image);
DGXP_API void dgxp_image_free(dgxp_image *image);

/** Text metadata, as PNG's tEXt, zTXt and iTXt carry it.  Keys are 1–79 Latin-1 bytes. */
DGXP_API int32_t dgxp_image_text_count(const dgxp_image *image);
DGXP_API const char *dgxp_image_text_key(const dgxp_image *image, int32_t index);
/** NULL when there is none under this key. */
DGXP_API const char *dgxp_image_text(const dgxp_image *image, const char *key);
/** Replaces; NULL `text` removes.  NULL `key` removes all. */
DGXP_API dgxp_status dgxp_image_set_text(dgxp_image *image, const char *key, const char *text);

/**
 * Read a picture: PNG, JPEG, WebP (of an animation its first frame) or BMP, upright by Exif.  16-bit
 * samples keep their high byte (v >> 8), as Pillow reads them; gamma and colour profiles are
 * ignored; grey and palette become RGBA, CMYK is mixed.  A broken checksum, a missing end or
 * trailing garbage inside a chunk is DGXP_ERR_BAD_FORMAT.  Another format (TIFF, AVIF …) is
 * DGXP_ERR_UNSUPPORTED, and the sentence names it.  The path "-" is standard input.
 */
DGXP_API dgxp_status dgxp_image_load(const char *path, dgxp_image **out);
DGXP_API dgxp_status dgxp_image_decode(const void *bytes, size_t size, dgxp_image **out);

typedef struct dgxp_png_params {
    uint32_t struct_size;
    int32_t scale;      /* integer nearest enlargement, 1..64; 0 = 1 */
    int32_t truecolor;  /* 1: always RGBA, never an indexed PNG */
    int32_t strip_text; /* 1: write no metadata */
} dgxp_png_params;
#define DGXP_PNG_PARAMS_INIT {sizeof(dgxp_png_params), 0, 0, 0}

/**
 * Write a PNG: indexed (1, 2, 4 or 8 bits, transparent entry first) when 256 colours or fewer
 * suffice, else RGBA.  The file appears whole or not at all.  NULL params are the defaults.
 */
DGXP_API dgxp_status dgxp_image_save(const dgxp_image *image, const char *path,
                                     const dgxp_png_params *params);
/** The same into memory: `*bytes` belongs to the image's caller; free with dgxp_bytes_free(). */
DGXP_API dgxp_status dgxp_image_encode(const dgxp_image *image, const dgxp_png_params *params,
                                       uint8_t **bytes, size_t *size);
DGXP_API void dgxp_bytes_free(uint8_t *bytes);

/**
 * Read A1111's `parameters` text: {"prompt", "negative_prompt", "fields": {name: text}}, fields in
 * their order, quotes undone.  Any text is at least a prompt.
 */
DGXP_API dgxp_status dgxp_parameters_parse(const char *text, dgxp_document **out);

/* @pixels: palette, grid, matte, quantize, clean-up, sheet, quality are declared here */

/* ------------------------------------------------------------------------------- grid recovery */

typedef enum dgxp_grid_kind {
    DGXP_GRID_PAINTED = 0, /* no grid was found: the cells are only a division of the picture */
    DGXP_GRID_FLAT = 1,    /* every cell is one flat color: already pixel art, recovered exactly */
    DGXP_GRID_CELLS = 2,   /* a grid was recovered from soft, drifting or noisy cells */
    DGXP_GRID_FORCED = 3   /* the caller gave the size of a cell or the number of cells */
} dgxp_grid_kind;

typedef struct dgxp_grid_params {
    uint32_t struct_size;
    int32_t width, height;          /* exactly so many cells come out; 0 = look, one alone is kept
                                       in proportion */
    double cell_width, cell_height; /* pixels, 1..1024: taken as it is; 0 = look, one alone is both */
    double prior;                   /* the cell size to expect, a soft preference; 0 = none */
    int32_t non_square;             /* 1: look for width and height of a cell separately */
    int32_t snap;                   /* 1: a count within 2.5 % of 16, 24, 32, 48, 64, 96, 128, 192 or
                                       256 becomes that */
    int32_t straight;               /* 1: straight lines only, no bending */
    int32_t at_border;              /* 1: the first cell begins at the border (tiles) */
} dgxp_grid_params;
#define DGXP_GRID_PARAMS_INIT {sizeof(dgxp_grid_params), 0, 0, 0, 0, 0, 0, 0, 0, 0}

typedef struct dgxp_grid_candidate {
    double cell;  /* pixels */
    double score; /* the share of the edges that keeps step with it, 0..1 */
} dgxp_grid_candidate;

typedef struct dgxp_grid_info {
    uint32_t struct_size;
    int32_t kind;                   /* a dgxp_grid_kind */
    int32_t width, height;          /* cells: the size of the sprite */
    double cell_width, cell_height; /* pixels */
    double offset_x, offset_y;      /* of the first cell's corner, pixels; negative: it is cut */
    double confidence;              /* the best score over the median one: below 2 a guess, 3 fair,
                                       5 certain; 0 when nothing was searched */
    int32_t bent;                   /* 1: lines follow the picture instead of being straight */
    int32_t candidate_count;        /* the chosen cell first, then runners-up by score */
    dgxp_grid_candidate candidates[4];
} dgxp_grid_info;
#define DGXP_GRID_INFO_INIT                                                                        \
    {sizeof(dgxp_grid_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {{0, 0}, {0, 0}, {0, 0}, {0, 0}}}

/** The cells of a picture.  Any number of threads may use one. */
typedef struct dgxp_grid dgxp_grid;

/**
 * Find the cells of a picture that shows pixel art enlarged: its size need not be whole, lines may
 * drift and bend, alpha may be there.
 *
 * A given number of cells or size of a cell always wins and is exact.  Otherwise: flat cells of any
 * whole size are found exactly (the picture's own pixels too, when it is small and has at most 256
 * colors); then edges are searched for a period of 3..64 pixels.  A border cell is kept when half
 * of it can be seen.  Painted input gives 128 cells on the longer side, or cells of `prior` pixels.
 * NULL params are the defaults.  Fails with DGXP_ERR_INVALID_ARGUMENT on a value out of range.
 */
DGXP_API dgxp_status dgxp_grid_detect(const dgxp_image *image, const dgxp_grid_params *params,
                                      dgxp_grid **out);
/** One grid for all frames of an animation: `count` (1..65536) pictures of one size. */
DGXP_API dgxp_status dgxp_grid_detect_frames(const dgxp_image *const *images, int32_t count,
                                             const dgxp_grid_params *params, dgxp_grid **out);
/** Fills what `info->struct_size` has room for. */
DGXP_API dgxp_status dgxp_grid_describe(const dgxp_grid *grid, dgxp_grid_info *info);
DGXP_API void dgxp_grid_free(dgxp_grid *grid);

/** How the pixels of a cell become one color. */
typedef enum dgxp_cell_rule {
    DGXP_CELL_AUTO = 0,       /* median; detail where no grid was found */
    DGXP_CELL_MEDIAN = 1,     /* of the inner 60 %, by channel */
    DGXP_CELL_CENTER = 2,     /* the pixel at the middle */
    DGXP_CELL_DOMINANT = 3,   /* the mean of the most frequent color, in bins of 16 levels */
    DGXP_CELL_K_CENTROID = 4, /* the larger of two clusters in the inner 75 % */
    DGXP_CELL_DETAIL = 5      /* weighted by difference from the surroundings (DPID) */
} dgxp_cell_rule;

typedef struct dgxp_downscale_params {
    uint32_t struct_size;
    int32_t rule;            /* a dgxp_cell_rule */
    double detail;           /* the exponent of DGXP_CELL_DETAIL, 0.01..4; 0 = 0.75 */
    int32_t alpha_threshold; /* 1..255: less is transparent, the rest opaque; 0 = 128 */
    int32_t soft_alpha;      /* 1: keep the alpha of a cell instead */
} dgxp_downscale_params;
#define DGXP_DOWNSCALE_PARAMS_INIT {sizeof(dgxp_downscale_params), 0, 0, 0, 0}

/**
 * Make one pixel of each cell; the sprite is yours and has the picture's text metadata.
 *
 * On a flat grid (DGXP_GRID_FLAT) the cell's color and alpha come out as they are, whatever the rule.
 * Transparent cells come out as 0 0 0 0.  Fails with DGXP_ERR_MISMATCH when the grid was made for a
 * picture of another size.  NULL params are the defaults.
 */
DGXP_API dgxp_status dgxp_downscale(const dgxp_image *image, const dgxp_grid *grid,
                                    const dgxp_downscale_params *params, dgxp_image **out);
/**
 * How far the picture is from its sprite enlarged through the grid: mean OKLab distance over 16
 * points a cell, opaque ones; 0 = the same, below 0.03 good.
 */
DGXP_API dgxp_status dgxp_grid_residual(const dgxp_image *image, const dgxp_grid *grid,
                                        const dgxp_image *sprite, double *residual);

/* --------------------------------------------------------------------------------- palettes */

/** Up to 256 different colors in order.  At most one entry is transparent (0 0 0 0). */
typedef struct dgxp_palette dgxp_palette;

typedef enum dgxp_palette_format {
    DGXP_PALETTE_AUTO = 0, /* by content when reading, by the file's suffix when writing */
    DGXP_PALETTE_HEX = 1,  /* Lospec: RRGGBB a line */
    DGXP_PALETTE_GPL = 2,  /* GIMP; `Channels: RGBA` as Aseprite writes it when there is alpha */
    DGXP_PALETTE_JASC = 3,
    DGXP_PALETTE_RIFF = 4,
    DGXP_PALETTE_ACT = 5,
    DGXP_PALETTE_PAINT = 6, /* paint.net: AARRGGBB a line */
    DGXP_PALETTE_PNG = 7    /* a strip, one pixel a color */
} dgxp_palette_format;

/** `rgba` is [count, 4]; repeated colors are kept once.  Over 256 is DGXP_ERR_LIMIT. */
DGXP_API dgxp_status dgxp_palette_create(const uint8_t *rgba, int32_t count, dgxp_palette **out);
/**
 * A built-in palette by name ("pico-8"; a file of that name is reached as "./pico-8") or a palette
 * file of at most 8 MiB, whose format is told by its content.  Byte order marks, CRLF, blank lines
 * and comments are fine.  Of a PNG every different color counts, row by row.
 */
DGXP_API dgxp_status dgxp_palette_load(const char *name_or_path, dgxp_palette **out);
DGXP_API dgxp_status dgxp_palette_decode(const void *bytes, size_t size, dgxp_palette **out);
/** `format` is a dgxp_palette_format.  JASC and RIFF have no transparency: it is written 0 0 0. */
DGXP_API dgxp_status dgxp_palette_save(const dgxp_palette *palette, const char *path,
                                       int32_t format);
/** The same into memory; free `*bytes` with dgxp_bytes_free(). */
DGXP_API dgxp_status dgxp_palette_encode(const dgxp_palette *palette, int32_t format,
                                         uint8_t **bytes, size_t *size);
DGXP_API int32_t dgxp_palette_count(const dgxp_palette *palette);
/** [count, 4]; borrowed. */
DGXP_API const uint8_t *dgxp_palette_colors(const dgxp_palette *palette);
/** From the file, or its name; may be empty, never NULL. */
DGXP_API const char *dgxp_palette_name(const dgxp_palette *palette);
DGXP_API void dgxp_palette_free(dgxp_palette *palette);
/** The built-in palettes: index, name, and one line with colors, author and licence. */
DGXP_API const dgxp_choice *dgxp_palette_builtins(int32_t *count);

/**
 * The colors of any number of images, each image weighing the same however large it is, for one
 * palette over all of them.  Pixels with alpha below 128 do not count.
 */
typedef struct dgxp_histogram dgxp_histogram;
DGXP_API dgxp_status dgxp_histogram_create(dgxp_histogram **out);
/** The order in which images are added does not matter.  At most 65,536 images. */
DGXP_API dgxp_status dgxp_histogram_add(dgxp_histogram *histogram, const dgxp_image *image);
/** How many different opaque colors were seen. */
DGXP_API int64_t dgxp_histogram_colors(const dgxp_histogram *histogram);
DGXP_API void dgxp_histogram_free(dgxp_histogram *histogram);

typedef enum dgxp_palette_method {
    DGXP_PALETTE_METHOD_OKLAB = 0,     /* ours: merged in OKLab, real colors out */
    DGXP_PALETTE_METHOD_IMAGEQUANT = 1 /* libimagequant; DGXP_ERR_UNSUPPORTED when not built in */
} dgxp_palette_method;

typedef struct dgxp_palette_params {
    uint32_t struct_size;
    int32_t colors;     /* at most this many, 1..256 (imagequant 2..256); 0 = as few as suffice */
    int32_t colors_max; /* limit of `colors` 0, 1..256; 0 = 32 */
    int32_t method;     /* a dgxp_palette_method */
    float merge;        /* OKLab distance below which colors are one; 0 = 0.02, negative = none */
} dgxp_palette_params;
#define DGXP_PALETTE_PARAMS_INIT {sizeof(dgxp_palette_params), 0, 0, 0, 0}

/**
 * Find the palette of what a histogram holds, sorted: greys, then hues, each dark to light.
 *
 * Up to `colors` colors come out, fewer when fewer suffice; each is a color of the images (not so
 * with imagequant, which mixes and does not know `merge`).  Images of no more colors than that keep
 * them all.  With `colors` 0: the fewest, at most `colors_max`, whose mean error is at most 0.012
 * and whose worst cluster's 95th percentile is at most 0.06 in OKLab.  The same for any order of
 * images.  Fails with DGXP_ERR_INVALID_ARGUMENT when no pixel is opaque.  NULL params are the
 * defaults.
 */
DGXP_API dgxp_status dgxp_histogram_extract(const dgxp_histogram *histogram,
                                            const dgxp_palette_params *params, dgxp_palette **out);
/** The same for one image. */
DGXP_API dgxp_status dgxp_palette_extract(const dgxp_image *image,
                                          const dgxp_palette_params *params, dgxp_palette **out);

typedef enum dgxp_dither {
    DGXP_DITHER_NONE = 0,
    DGXP_DITHER_BAYER2 = 2, /* 2x2: looks like hand work */
    DGXP_DITHER_BAYER4 = 4,
    DGXP_DITHER_BAYER8 = 8
} dgxp_dither;

typedef struct dgxp_quantize_params {
    uint32_t struct_size;
    int32_t dither; /* a dgxp_dither; the pattern is fixed to the picture's corner: no flicker */
    float strength; /* of the dither, 0..1; 0 = 1 */
} dgxp_quantize_params;
#define DGXP_QUANTIZE_PARAMS_INIT {sizeof(dgxp_quantize_params), 0, 0}

/**
 * Map every pixel to its nearest palette color (squared OKLab distance, the first of equals).
 *
 * Alpha below 128 becomes transparent (0 0 0 0), all else opaque, so every opaque pixel is a color
 * of the palette.  Text metadata is kept.  Fails with DGXP_ERR_INVALID_ARGUMENT if the palette has
 * no opaque color.  Any number of threads may quantize with the same image and palette.  NULL
 * params are the defaults.
 */
DGXP_API dgxp_status dgxp_quantize(const dgxp_image *image, const dgxp_palette *palette,
                                   const dgxp_quantize_params *params, dgxp_image **out);

/* ------------------------------------------------------------------------------ matte, clean-up */

typedef enum dgxp_background {
    DGXP_BACKGROUND_AUTO = 0, /* transparency when there is some, else what the border shows */
    DGXP_BACKGROUND_KEEP = 1, /* nothing is removed; alpha becomes 0 or 255 */
    DGXP_BACKGROUND_COLOR = 2 /* `color` */
} dgxp_background;

typedef struct dgxp_matte_params {
    uint32_t struct_size;
    int32_t background;  /* a dgxp_background */
    uint32_t color;      /* 0xRRGGBB, with DGXP_BACKGROUND_COLOR */
    float tolerance;     /* OKLab, 0..0.5; 0 = 0.07 */
    int32_t keep_holes;  /* 1: only what connects to the border is removed */
    int32_t keep_specks; /* 1: lone cells stay (particles, sparks) */
    int32_t keep_fringe; /* 1: no despill */
    int32_t open_holes;  /* 1: enclosed background goes whatever its color; `keep_holes` wins */
} dgxp_matte_params;
#define DGXP_MATTE_PARAMS_INIT {sizeof(dgxp_matte_params), 0, 0, 0, 0, 0, 0, 0}

/** What a matte warns of, as bits. */
typedef enum dgxp_matte_warning {
    DGXP_MATTE_NOT_UNIFORM = 1, /* the border shows no background; nothing was removed */
    DGXP_MATTE_BORDER = 2,      /* the subject touches the border: cut off, or background left */
    DGXP_MATTE_SHARE = 4,       /* the subject covers less than 5 % or more than 90 % */
    DGXP_MATTE_PARTS = 8,       /* under 90 % of the subject is one piece */
    DGXP_MATTE_SCENE = 16       /* a background was seen, but removing it would have cut a scene
                                   or left half of it; nothing was removed */
} dgxp_matte_warning;

typedef struct dgxp_matte_report {
    uint32_t struct_size; /* set it before the call */
    int32_t warnings;     /* dgxp_matte_warning bits */
    int32_t color_count;  /* background colors found, 0..2 */
    uint32_t colors[2];   /* 0xRRGGBB */
    float border_share;   /* of the border within 0.05 of them, 0..1 */
    int32_t flooded;      /* cells removed from the border inwards */
    int32_t holes;        /* cells removed that were enclosed */
    int32_t despilled;    /* cells that took their inner neighbour's color */
    int32_t fringe;       /* cells removed at the edge */
    int32_t specks;       /* lone cells removed */
    float opaque_share;   /* of all cells, afterwards */
    float main_share;     /* of the opaque ones in the largest piece (8-connected) */
    int32_t enclosed;     /* cells of the background's color that were enclosed, and kept */
} dgxp_matte_report;
#define DGXP_MATTE_REPORT_INIT                                                                     \
    {sizeof(dgxp_matte_report), 0, 0, {0, 0}, 0, 0, 0, 0, 0, 0, 0, 0, 0}

/**
 * Make the background transparent.  Meant for native pixels (cells), after grid recovery: there is
 * no soft edge left then.
 *
 * A background is one color, a painted checkerboard or a smooth change of color (a gradient, a
 * vignette) that explains the border.  Floods from there, takes the background's spill off the edge, drops specks.  What the
 * subject encloses is opened where the background is a chroma key or a painted checkerboard; on
 * white, grey or black it is as often an eye or a tooth, so it stays, counted in `enclosed`, unless
 * `open_holes` asks.  Alpha is 0 or 255 afterwards and transparent cells are 0 0 0 0.
 * `report` may be NULL.  NULL params are the defaults.  Text metadata is kept.
 */
DGXP_API dgxp_status dgxp_matte(const dgxp_image *image, const dgxp_matte_params *params,
                                dgxp_matte_report *report, dgxp_image **out);

/**
 * Give lone cells (no equal one among the eight around) their neighbours' commonest color when it
 * is within `distance` in OKLab, 0..2; 0 = 0.06.  `changed`, here and below, counts cells and may
 * be NULL; the log tells it too.
 */
DGXP_API dgxp_status dgxp_cleanup_orphans(const dgxp_image *image, float distance, int32_t *changed,
                                          dgxp_image **out);
/**
 * Take doubled corner cells out of one-cell lines that are darker than what they divide, so that
 * they step diagonally.  Right angles of straight arms stay.
 */
DGXP_API dgxp_status dgxp_cleanup_jaggies(const dgxp_image *image, int32_t *changed,
                                          dgxp_image **out);

typedef enum dgxp_outline {
    DGXP_OUTLINE_OUTER = 0, /* around the subject; the picture grows by a cell where it must */
    DGXP_OUTLINE_INNER = 1  /* the subject's own edge cells */
} dgxp_outline;

typedef struct dgxp_outline_params {
    uint32_t struct_size;
    int32_t kind;     /* a dgxp_outline */
    int32_t corners;  /* 1: cells that touch diagonally belong to it, which gives square corners */
    int32_t no_grow;  /* 1: the picture keeps its size */
    uint8_t color[4]; /* R G B A; alpha 0 = the subject's darkest color, else it must be 255 */
} dgxp_outline_params;
#define DGXP_OUTLINE_PARAMS_INIT {sizeof(dgxp_outline_params), 0, 0, 0, {0, 0, 0, 0}}

/** Draw a one-cell outline.  NULL params are the defaults. */
DGXP_API dgxp_status dgxp_cleanup_outline(const dgxp_image *image,
                                          const dgxp_outline_params *params, int32_t *changed,
                                          dgxp_image **out);

typedef enum dgxp_pivot {
    DGXP_PIVOT_FEET = 0, /* the middle of the lowest row, on its lower edge */
    DGXP_PIVOT_CENTER = 1,
    DGXP_PIVOT_TOP_LEFT = 2
} dgxp_pivot;

typedef struct dgxp_trim_params {
    uint32_t struct_size;
    int32_t pivot;   /* a dgxp_pivot */
    int32_t padding; /* transparent cells on each side, 0..1024 */
} dgxp_trim_params;
#define DGXP_TRIM_PARAMS_INIT {sizeof(dgxp_trim_params), 0, 0}

typedef struct dgxp_trim_report {
    uint32_t struct_size;   /* set it before the call */
    int32_t x, y;           /* the result's corner in the original; negative inside the padding */
    int32_t width, height;  /* of the original */
    float pivot_x, pivot_y; /* in cells of the result, from its top left corner */
} dgxp_trim_report;
#define DGXP_TRIM_REPORT_INIT {sizeof(dgxp_trim_report), 0, 0, 0, 0, 0, 0}

/**
 * Cut to what is visible (alpha above 0).  `report` may be NULL, NULL params are the defaults.
 * Fails with DGXP_ERR_INVALID_ARGUMENT when nothing is visible.
 */
DGXP_API dgxp_status dgxp_cleanup_trim(const dgxp_image *image, const dgxp_trim_params *params,
                                       dgxp_trim_report *report, dgxp_image **out);

/* ----------------------------------------------------------------------------------- quality */

typedef struct dgxp_quality_params {
    uint32_t struct_size;
    int32_t colors;              /* the limit that was asked for, 0 = none: at most 256 */
    int32_t tile;                /* 1: a seamless tile: seams count, framing does not */
    int32_t background;          /* 1: it has one: framing and transparency do not count */
    const dgxp_palette *palette; /* every opaque color must be in it, or NULL */
    const dgxp_image *source;    /* what it was recovered from, for grid and residual, or NULL */
    double cell_width;           /* of the source's grid in pixels; 0 = the ratio of the sizes */
    double cell_height;
    double offset_x; /* of the grid's first line in the source, pixels */
    double offset_y;
} dgxp_quality_params;
#define DGXP_QUALITY_PARAMS_INIT {sizeof(dgxp_quality_params), 0, 0, 0, NULL, NULL, 0, 0, 0, 0}

/**
 * Measure a finished sprite (one pixel a cell) or, with `count` above 1, the frames of an
 * animation, which must be of one size.
 *
 * The report is JSON: {"format": "dgx-pixels-quality", "score": 0..100, "pass": bool, "warnings":
 * [names], "metrics": {NAME: {"value", "score", "threshold", "rule", "pass", "hard", "help"}}}.
 * `score` is the weighted mean of the metrics' scores; `pass` is false when a hard one fails; a
 * missed soft one is a warning.  NULL params are the defaults.
 */
DGXP_API dgxp_status dgxp_quality(const dgxp_image *const *images, int32_t count,
                                  const dgxp_quality_params *params, dgxp_document **out);

/* ----------------------------------------------------------------------------- the whole fix */

/** What dgxp_fix() does; a pointer that is NULL means that step's defaults, or what it says. */
typedef struct dgxp_fix_params {
    uint32_t struct_size;
    int32_t keep_colors;   /* 1: no palette step */
    int32_t orphans;       /* 1: dgxp_cleanup_orphans() */
    int32_t jaggies;       /* 1: dgxp_cleanup_jaggies() */
    float orphan_distance; /* 0..2; 0 = 0.06 */
    int32_t tile;          /* 1: a seamless tile: cells begin at the border */
    int32_t native;        /* 1: sprites already, a pixel is a cell: no grid, the rest as for flat */
    const dgxp_grid *found;                 /* the cells, found before; NULL = look, with `grid` */
    const dgxp_grid_params *grid;
    const dgxp_downscale_params *downscale;
    const dgxp_matte_params *matte;
    const dgxp_palette *palette;            /* use these colors; NULL = find some, with `extract` */
    const dgxp_palette_params *extract;
    const dgxp_quantize_params *quantize;
    const dgxp_outline_params *outline;     /* NULL = none */
    const dgxp_trim_params *trim;           /* NULL = none */
} dgxp_fix_params;
#define DGXP_FIX_PARAMS_INIT                                                                       \
    {sizeof(dgxp_fix_params), 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL}

/**
 * From a picture to a finished sprite: grid, one pixel a cell, matte, palette, clean-up (orphans,
 * jaggies, outline, trim), report.
 *
 * A picture whose cells are all flat (DGXP_GRID_FLAT) is pixel art already: it comes out exactly, and
 * matte and palette are skipped unless `matte`, `palette`, `extract` or `quantize` is given.
 * Without `matte` a uniform background is removed; without `palette` and `extract` as few colors
 * are found as suffice.  An outline's color becomes the nearest of `palette`.
 *
 * `*report` (yours; `report` NULL = none, which is faster) is JSON: {"format": "dgx-pixels-fix",
 * "width", "height", "frames", "warnings": [names: "painted", "uncertain-grid", "empty" and those of
 * dgxp_matte_warning], "grid": {"kind", "cell_width", "confidence", "residual", "candidates", …},
 * "matte", "palette": {"name", "fixed", "colors"}, "orphans", "jaggies", "outline", "trim",
 * "quality"}; a step that was skipped is absent, "quality" is dgxp_quality()'s document.
 *
 * The result is yours and has the picture's text metadata.  It is the same for the same input on any
 * thread; any number of threads may call with the same params.  NULL params are the defaults.
 */
DGXP_API dgxp_status dgxp_fix(const dgxp_image *image, const dgxp_fix_params *params,
                              dgxp_document **report, dgxp_image **out);
/**
 * The same for `count` (1..65536) frames of one size with one grid, one palette and one trim; `out`
 * [count] gets as many images, of one size.
 */
DGXP_API dgxp_status dgxp_fix_frames(const dgxp_image *const *images, int32_t count,
                                     const dgxp_fix_params *params, dgxp_document **report,
                                     dgxp_image **out);

/* ------------------------------------------------------------------- sheets, animation, tiles */

/**
 * Frames (pictures with a name and a duration) in order, tags over them and slices on them: a sprite
 * sheet, an animation or a tileset.  At most 65,535 frames, and dgxp_set_limits() in all.  Where frames of
 * different sizes must share one canvas, each stands at the middle of its lower edge.
 */
typedef struct dgxp_sheet dgxp_sheet;

typedef enum dgxp_direction {
    DGXP_DIRECTION_FORWARD = 0,
    DGXP_DIRECTION_REVERSE = 1,
    DGXP_DIRECTION_PINGPONG = 2,
    DGXP_DIRECTION_PINGPONG_REVERSE = 3
} dgxp_direction;

/** A named run of frames. */
typedef struct dgxp_tag {
    uint32_t struct_size;
    int32_t from, to;  /* the first and the last frame */
    int32_t direction; /* a dgxp_direction */
    int32_t repeat;    /* times, 0..65535; 0 = for ever */
    const char *name;  /* UTF-8, at most 255 bytes */
} dgxp_tag;
#define DGXP_TAG_INIT {sizeof(dgxp_tag), 0, 0, 0, 0, NULL}

/** A named part of every frame, in pixels of the frame. */
typedef struct dgxp_slice {
    uint32_t struct_size;
    int32_t x, y, width, height;        /* width and height at least 1 */
    int32_t center_x, center_y;         /* the 9-slice's middle, from the slice's corner */
    int32_t center_width, center_height; /* 0 = no 9-slice */
    int32_t has_pivot;                  /* 1: the next two count */
    int32_t pivot_x, pivot_y;           /* from the slice's corner */
    const char *name;                   /* UTF-8, at most 255 bytes */
} dgxp_slice;
#define DGXP_SLICE_INIT {sizeof(dgxp_slice), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL}

DGXP_API dgxp_status dgxp_sheet_create(dgxp_sheet **out);
DGXP_API void dgxp_sheet_free(dgxp_sheet *sheet);
/** Append a copy of `image`.  `name` NULL = none; `duration` in ms, 1..65535, 0 = 100. */
DGXP_API dgxp_status dgxp_sheet_add_frame(dgxp_sheet *sheet, const dgxp_image *image,
                                          const char *name, int32_t duration);
/** The frames it names must be there already. */
DGXP_API dgxp_status dgxp_sheet_add_tag(dgxp_sheet *sheet, const dgxp_tag *tag);
DGXP_API dgxp_status dgxp_sheet_add_slice(dgxp_sheet *sheet, const dgxp_slice *slice);

DGXP_API int32_t dgxp_sheet_frame_count(const dgxp_sheet *sheet);
/** Borrowed; NULL past the end. */
DGXP_API const dgxp_image *dgxp_sheet_frame(const dgxp_sheet *sheet, int32_t index);
/** May be empty; NULL past the end. */
DGXP_API const char *dgxp_sheet_frame_name(const dgxp_sheet *sheet, int32_t index);
/** Milliseconds; 0 past the end. */
DGXP_API int32_t dgxp_sheet_frame_duration(const dgxp_sheet *sheet, int32_t index);
DGXP_API int32_t dgxp_sheet_tag_count(const dgxp_sheet *sheet);
/** Fills what `tag->struct_size` has room for; the name lives as long as the sheet. */
DGXP_API dgxp_status dgxp_sheet_tag(const dgxp_sheet *sheet, int32_t index, dgxp_tag *tag);
DGXP_API int32_t dgxp_sheet_slice_count(const dgxp_sheet *sheet);
DGXP_API dgxp_status dgxp_sheet_slice(const dgxp_sheet *sheet, int32_t index, dgxp_slice *slice);

/**
 * Read a .aseprite (.ase) file, a GIF, an APNG or a PNG (one frame), told by content.
 *
 * .aseprite: hidden and reference layers are left out, the others are blended in order (blend modes
 * other than normal count as normal and are logged); tilemap layers are DGXP_ERR_UNSUPPORTED; of a
 * slice the first key counts.  GIF delays under 20 ms become 100 ms, as browsers play them.
 * dgxp_set_limits() says how large it may be.  The path "-" is standard input.
 */
DGXP_API dgxp_status dgxp_sheet_load(const char *path, dgxp_sheet **out);
DGXP_API dgxp_status dgxp_sheet_decode(const void *bytes, size_t size, dgxp_sheet **out);
/**
 * The numbered PNG sequence that `path` ("walk_003.png") belongs to: the files beside it that differ
 * only in the last number, in its order; each becomes a frame of `duration` ms (0 = 100).  A
 * folder's path takes every PNG in it, by number where names differ only in that, else by name.
 */
DGXP_API dgxp_status dgxp_sheet_load_sequence(const char *path, int32_t duration,
                                              dgxp_sheet **out);

typedef enum dgxp_sheet_format {
    DGXP_SHEET_AUTO = 0,     /* by the file's suffix: .aseprite, .ase, .png, .apng */
    DGXP_SHEET_ASEPRITE = 1, /* one layer, tags, slices, palette; indexed when 255 colors suffice */
    DGXP_SHEET_APNG = 2      /* RGBA, plays for ever; frames and durations only */
} dgxp_sheet_format;

typedef struct dgxp_sheet_params {
    uint32_t struct_size;
    int32_t format;    /* a dgxp_sheet_format */
    int32_t scale;     /* of APNG: integer nearest enlargement, 1..64; 0 = 1 */
    int32_t truecolor; /* of .aseprite, 1: always RGBA */
    int32_t plays;     /* of APNG: how often it plays; 0 = for ever */
} dgxp_sheet_params;
#define DGXP_SHEET_PARAMS_INIT {sizeof(dgxp_sheet_params), 0, 0, 0, 0}

/** Write all frames as one animation file, whole or not at all.  NULL params are the defaults. */
DGXP_API dgxp_status dgxp_sheet_save(const dgxp_sheet *sheet, const char *path,
                                     const dgxp_sheet_params *params);
/** The same into memory (`format` must be given); free `*bytes` with dgxp_bytes_free(). */
DGXP_API dgxp_status dgxp_sheet_encode(const dgxp_sheet *sheet, const dgxp_sheet_params *params,
                                       uint8_t **bytes, size_t *size);

typedef enum dgxp_layout {
    DGXP_LAYOUT_GRID = 0,  /* equal cells: every engine reads it with four numbers */
    DGXP_LAYOUT_PACKED = 1 /* MaxRects, trimmed, never rotated; at most 4,096 frames */
} dgxp_layout;

typedef struct dgxp_pack_params {
    uint32_t struct_size;
    int32_t layout;       /* a dgxp_layout */
    int32_t columns;      /* of a grid; 0 = what the sheet asks for, else nearly square */
    int32_t padding;      /* transparent pixels between cells, 0..256 */
    int32_t margin;       /* transparent pixels around all, 0..256 */
    int32_t extrude;      /* edge pixels copied outwards, 0..16, against bleeding; for tiles */
    int32_t power_of_two; /* 1: both sides are powers of two */
    int32_t no_trim;      /* packed: 1 keeps transparent borders */
    int32_t bleed;        /* 1: transparent pixels beside opaque ones take their color, alpha 0 */
} dgxp_pack_params;
#define DGXP_PACK_PARAMS_INIT {sizeof(dgxp_pack_params), 0, 0, 0, 0, 0, 0, 0, 0}

/** A sheet's frames on one picture. */
typedef struct dgxp_atlas dgxp_atlas;

/** Where a frame lies. */
typedef struct dgxp_place {
    uint32_t struct_size;
    int32_t x, y, width, height;          /* on the picture, without extruded pixels */
    int32_t source_x, source_y;           /* where that part sits in the whole frame */
    int32_t source_width, source_height;  /* of the whole frame */
} dgxp_place;
#define DGXP_PLACE_INIT {sizeof(dgxp_place), 0, 0, 0, 0, 0, 0, 0, 0}

/**
 * Lay out all frames on one picture, the same for the same input.  Fails with
 * DGXP_ERR_INVALID_ARGUMENT without frames and DGXP_ERR_LIMIT when they do not fit in 16,384 pixels a
 * side.  NULL params are the defaults.
 */
DGXP_API dgxp_status dgxp_sheet_pack(const dgxp_sheet *sheet, const dgxp_pack_params *params,
                                     dgxp_atlas **out);
/** Borrowed; it has the first frame's text metadata. */
DGXP_API const dgxp_image *dgxp_atlas_image(const dgxp_atlas *atlas);
/** Fills what `place->struct_size` has room for. */
DGXP_API dgxp_status dgxp_atlas_place(const dgxp_atlas *atlas, int32_t index, dgxp_place *place);
DGXP_API void dgxp_atlas_free(dgxp_atlas *atlas);

typedef enum dgxp_atlas_format {
    DGXP_ATLAS_ASEPRITE_ARRAY = 0, /* Aseprite JSON, frames in an array */
    DGXP_ATLAS_ASEPRITE_HASH = 1,  /* the same by file name */
    DGXP_ATLAS_TSJ = 2,            /* Tiled's external tileset, JSON; tags become animations */
    DGXP_ATLAS_TSX = 3,            /* the same, XML */
    DGXP_ATLAS_LDTK = 4,           /* an LDtk tileset definition, for `defs.tilesets` */
    DGXP_ATLAS_BEVY_RON = 5        /* bevy_asset_loader's dynamic assets: image and layout */
} dgxp_atlas_format;

/**
 * Describe an atlas of `sheet` for an engine, as UTF-8 text with a final NUL that `*size` does not
 * count; free it with dgxp_bytes_free().
 *
 * `image` is the picture's path as the text should name it; what it names comes from it ("hero" of
 * "art/hero.png").  Tiled, LDtk and Bevy need a grid (LDtk: square cells, one padding), else
 * DGXP_ERR_UNSUPPORTED.  DGXP_ERR_MISMATCH when the atlas is not of this sheet.
 */
DGXP_API dgxp_status dgxp_atlas_describe(const dgxp_atlas *atlas, const dgxp_sheet *sheet,
                                         int32_t format, const char *image, uint8_t **bytes,
                                         size_t *size);

typedef enum dgxp_align {
    DGXP_ALIGN_AUTO = 0,  /* feet for pieces, none for cells */
    DGXP_ALIGN_FEET = 1,  /* the middle of the lowest eighth, on the lower edge */
    DGXP_ALIGN_CENTER = 2, /* the middle of what is visible */
    DGXP_ALIGN_NONE = 3   /* as it lies in its cell; pieces: at the top left */
} dgxp_align;

typedef struct dgxp_cut_params {
    uint32_t struct_size;
    int32_t cell_width, cell_height; /* cut into such cells; one alone is both */
    int32_t columns, rows;           /* or into so many; one alone: the other is 1 */
    int32_t margin, spacing;         /* around and between cells, 0..1024 */
    int32_t align;                   /* a dgxp_align */
    int32_t keep_empty;              /* 1: cells without anything visible are frames too */
    int32_t least;                   /* pieces of fewer pixels go to the nearest larger one; 0 =
                                        1/16 of the largest */
    int32_t padding;                 /* transparent pixels around aligned frames, 0..256 */
    int32_t duration;                /* of each frame, ms; 0 = 100 */
} dgxp_cut_params;
#define DGXP_CUT_PARAMS_INIT {sizeof(dgxp_cut_params), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

/**
 * Cut a sheet's picture into frames of one size: by cells when their size or count is given, else by
 * connected pieces, row by row.
 *
 * Aligned frames share one pivot, told by a slice "pivot" over the whole frame.  Parts of cells at
 * the right and lower border are left out.  Fails with DGXP_ERR_INVALID_ARGUMENT when nothing is
 * visible, or nothing transparent while pieces are wanted.  NULL params are the defaults.
 */
DGXP_API dgxp_status dgxp_sheet_cut(const dgxp_image *image, const dgxp_cut_params *params,
                                    dgxp_sheet **out);

typedef struct dgxp_contact_params {
    uint32_t struct_size;
    int32_t columns;   /* 0 = nearly square */
    int32_t scale;     /* whole enlargement 1..64; 0 = frames of about 128 pixels */
    int32_t no_labels; /* 1: no index under each frame */
    int32_t names;     /* 1: the frame's name after its index, as far as it fits */
} dgxp_contact_params;
#define DGXP_CONTACT_PARAMS_INIT {sizeof(dgxp_contact_params), 0, 0, 0, 0}

/** A picture for people: every frame enlarged on a checkerboard, with a border and its index. */
DGXP_API dgxp_status dgxp_sheet_contact(const dgxp_sheet *sheet, const dgxp_contact_params *params,
                                        dgxp_image **out);

typedef enum dgxp_tileset {
    DGXP_TILESET_BLOB = 0,  /* 47 tiles for the eight neighbours */
    DGXP_TILESET_CORNER = 1 /* 16 tiles for the four corners (dual grid, marching squares) */
} dgxp_tileset;

typedef struct dgxp_autotile_params {
    uint32_t struct_size;
    int32_t kind;             /* a dgxp_tileset */
    int32_t tile;             /* pixels a side, even, 4..256; 0 = the inside's width */
    int32_t border;           /* how far the terrain ends inside its cell, 1..tile/2-1; 0 = tile/8 */
    int32_t rough;            /* how much that varies along the edge, pixels; 0 = straight */
    int32_t no_outline;       /* 1: no line along the terrain's edge */
    uint8_t outline_color[4]; /* R G B A; alpha 0 = the inside's darkest color */
    uint64_t seed;            /* of the rough edge */
    const dgxp_image *edge;   /* or: an upper edge drawn by hand, alpha >= 128 is terrain; as wide as
                                 the tile, at most tile/2-1 high; NULL = border and rough */
} dgxp_autotile_params;
#define DGXP_AUTOTILE_PARAMS_INIT {sizeof(dgxp_autotile_params), 0, 0, 0, 0, 0, {0, 0, 0, 0}, 0, NULL}

/**
 * Compose a whole autotile set from quarters: terrain `inside` on `outside` (NULL = transparent).
 *
 * Both are seamless textures whose sides are multiples of the tile (the upper left part is used) and
 * must have hard alpha.  Frames are named "mask N": blob N=1 NE=2 E=4 SE=8 S=16 SW=32 W=64 NW=128, a
 * corner only with both its edges, in ascending order; corner sets NW=1 NE=2 SE=4 SW=8, 0..15.  The
 * result packs as 8 by 6 or 4 by 4, and Tiled's formats get its wangset.  NULL params are the
 * defaults.
 */
DGXP_API dgxp_status dgxp_autotile(const dgxp_image *inside, const dgxp_image *outside,
                                   const dgxp_autotile_params *params, dgxp_sheet **out);
/** The masks of a dgxp_tileset in the order of its frames; NULL when unknown. */
DGXP_API const uint8_t *dgxp_autotile_masks(int32_t kind, int32_t *count);
/**
 * Check a set that dgxp_autotile() made: `*mean` is the mean step across the seams of all legal
 * neighbours over the mean step between columns and rows inside the tiles (at most 1.2 is good),
 * `*worst` that of the worst pair over the largest step inside.  Either may be NULL.
 */
DGXP_API dgxp_status dgxp_autotile_check(const dgxp_sheet *sheet, double *mean, double *worst);

/* ---------------------------------------------------------------------------------- devices */

typedef struct dgxp_device_info {
    uint32_t struct_size;
    int32_t available;     /* 0: the entry says in `name` why it is not */
    char id[16];           /* "cpu", "cuda:0": what dgxp_model_params.device takes */
    char name[112];        /* "AMD EPYC", "NVIDIA GB10" */
    uint64_t memory_total; /* bytes */
    uint64_t memory_free;  /* bytes, now */
} dgxp_device_info;

/** Devices that the backend sees; opens it.  A machine without CUDA has just "cpu". */
DGXP_API dgxp_status dgxp_device_count(int32_t *count);
DGXP_API dgxp_status dgxp_device_describe(int32_t index, dgxp_device_info *info);

/**
 * What the library found: its own version and folder, backend, torch, devices, models.  When the
 * backend cannot be opened that is returned, but `*out` tells the rest all the same: free it.
 */
DGXP_API dgxp_status dgxp_doctor(int32_t verify_hashes, dgxp_document **out);

/* ----------------------------------------------------------------------------------- models */

/** A model, opened and resident on one device.  Calls on one model queue inside. */
typedef struct dgxp_model dgxp_model;

typedef enum dgxp_dtype {
    DGXP_DTYPE_AUTO = 0, /* CUDA: the file's 16-bit type; CPU: bf16 with AMX, else fp32 */
    DGXP_DTYPE_F32 = 1,
    DGXP_DTYPE_BF16 = 2,
    DGXP_DTYPE_F16 = 3
} dgxp_dtype;

typedef enum dgxp_prediction {
    DGXP_PREDICTION_AUTO = 0, /* what the model declares */
    DGXP_PREDICTION_EPSILON = 1,
    DGXP_PREDICTION_V = 2
} dgxp_prediction;

typedef struct dgxp_model_params {
    uint32_t struct_size;
    int32_t dtype;         /* a dgxp_dtype */
    int32_t prediction;    /* a dgxp_prediction */
    int32_t threads;       /* CPU threads, 0 = all cores */
    int32_t no_mmap;       /* 1: copy the weights; for files that others may truncate */
    int32_t no_graph;      /* 1: no captured CUDA graphs */
    int32_t describe_only; /* 1: read the files but load nothing; enough for descriptions */
    const char *device;    /* "cpu", "cuda", "cuda:1"; NULL = cuda when there is one, else cpu */
    const char *vae;       /* takes the place of the checkpoint's: a path, or a name in vae/ of the
                              models folders; or NULL */
    const char *text_encoders; /* likewise, in text_encoders/ */
} dgxp_model_params;
#define DGXP_MODEL_PARAMS_INIT {sizeof(dgxp_model_params), 0, 0, 0, 0, 0, 0, NULL, NULL, NULL}

/**
 * Open a single-file SDXL checkpoint (.safetensors), a diffusers folder or a bundle.
 *
 * `path` NULL is the default model, the starter; a name without a slash is looked up in the models
 * folders.  Weights are memory-mapped: nobody may truncate the files while the model is open (a
 * process that reads a truncated mapping dies of SIGBUS; `no_mmap` copies instead).
 */
DGXP_API dgxp_status dgxp_model_open(const char *path, const dgxp_model_params *params,
                                     dgxp_model **out);
DGXP_API void dgxp_model_free(dgxp_model *model);
/** Name, kind, licence, device, dtype, canvas rules, memory, opening time, programs' hashes. */
DGXP_API dgxp_status dgxp_model_describe(const dgxp_model *model, dgxp_document **out);

/** What a file or folder is: checkpoint, diffusers folder, bundle, LoRA or PNG.  No backend. */
DGXP_API dgxp_status dgxp_inspect(const char *path, dgxp_document **out);
/** The models that dgxp_model_open() finds by name, with the memory each needs.  No backend. */
DGXP_API dgxp_status dgxp_list_models(dgxp_document **out);
/**
 * Vouch for a TorchScript program (programs are code).  Its SHA-256 is added to the user's list of
 * trusted programs, `$XDG_CONFIG_HOME/dgx-pixels/trusted-programs`.
 */
DGXP_API dgxp_status dgxp_trust_program(const char *path, dgxp_document **out);

/* ------------------------------------------------------------------------------------ LoRA */

/**
 * An adapter file (.safetensors), read and checked.  Any number of threads may use one.
 *
 * Kinds: LoRA, LoCon (with lora_mid), LoHa, LoKr, DoRA, full differences (.diff, .diff_b) and norms;
 * keys as kohya (SGM and diffusers block names), PEFT, diffusers, LyCORIS and OneTrainer write them.
 */
typedef struct dgxp_lora dgxp_lora;

/**
 * Read an adapter: a path (it holds a slash or ends with `.safetensors`), or a name that is looked
 * up in `loras/` of the models folders and then, with a `model` (else NULL), in the model's own
 * `loras/`.  A name is a file's name without `.safetensors`; one that is unknown or fits several files is refused with the candidates.
 *
 * Every tensor is checked: one that is not finite, a factor without its partner or of another rank
 * is DGXP_ERR_BAD_FORMAT; a file without any adapter in it DGXP_ERR_UNSUPPORTED.  The file is
 * memory-mapped: nobody may truncate it while it is open.  Needs no backend.
 */
DGXP_API dgxp_status dgxp_lora_load(const char *name_or_path, const dgxp_model *model,
                                    dgxp_lora **out);
/** Models that use it keep what they need: it may be freed at any time. */
DGXP_API void dgxp_lora_free(dgxp_lora *lora);
/** Kind, base, ranks, modules by component, alpha, trigger words, training metadata. */
DGXP_API dgxp_status dgxp_lora_describe(const dgxp_lora *lora, dgxp_document **out);
/** The adapters that are found by name; with a `model` (else NULL) its own too.  No backend. */
DGXP_API dgxp_status dgxp_list_loras(const dgxp_model *model, dgxp_document **out);

/** An adapter and how strongly each part of the model takes it: 1 as trained, 0 not at all. */
typedef struct dgxp_lora_use {
    const dgxp_lora *lora;
    double unet;           /* -100..100, like the others */
    double text_1, text_2; /* first and second text encoder */
} dgxp_lora_use;

/**
 * Make the model's weights its own plus those of `count` (0..64) adapters:
 * W = W0 + sum of weight x delta, summed in fp32 from the weights as they were read and rounded
 * once.  It replaces what was set before; 0 adapters restore every byte.
 *
 * Strict unless `partial` is 1: an adapter of which any module finds no place is refused
 * (DGXP_ERR_MISMATCH or DGXP_ERR_UNSUPPORTED), and the sentence says what the file is ("this is an
 * SD 1.5 LoRA (attn2 width 768) …"); nothing has changed then.  With `partial` such modules are
 * skipped and reported, but an adapter with none that fits is still refused.  `report` (or NULL) is
 * filled on success: what was applied and what was skipped and why, by component.
 *
 * After DGXP_ERR_OUT_OF_MEMORY the model works, with what was set before or with no adapters.
 * Waits while a dgxp_generate() uses the model.
 */
DGXP_API dgxp_status dgxp_model_set_loras(dgxp_model *model, const dgxp_lora_use *uses,
                                          int32_t count, int32_t partial, dgxp_document **report);
/**
 * Sets of merged weights that are kept beyond the one in use, so that coming back to one costs
 * nothing: at most so many bytes, the least recently used leave first.  Negative (the default): a
 * quarter of the memory that is free when a set is merged.
 */
DGXP_API dgxp_status dgxp_model_keep_loras(dgxp_model *model, int64_t bytes);
/**
 * For tests: a parameter as it is computed with, adapters included, as f32.  `component` is "unet",
 * "text_1" or "text_2", `parameter` its name in diffusers, `count` how many values it has.
 */
DGXP_API dgxp_status dgxp_model_read_weight(dgxp_model *model, const char *component,
                                            const char *parameter, float *values, size_t count);

/* ------------------------------------------------------------------------------------- jobs */

typedef enum dgxp_sampler {
    DGXP_SAMPLER_AUTO = 0, /* what the model recommends, else Euler */
    DGXP_SAMPLER_EULER = 1,
    DGXP_SAMPLER_EULER_A = 2,
    DGXP_SAMPLER_DPMPP_2M = 3,
    DGXP_SAMPLER_DPMPP_2M_SDE = 4,
    DGXP_SAMPLER_DDIM = 5,
    DGXP_SAMPLER_LCM = 6,
    DGXP_SAMPLER_TCD = 7
} dgxp_sampler;

typedef enum dgxp_schedule {
    DGXP_SCHEDULE_AUTO = 0, /* what the model declares, else normal */
    DGXP_SCHEDULE_NORMAL = 1,
    DGXP_SCHEDULE_KARRAS = 2,
    DGXP_SCHEDULE_EXPONENTIAL = 3
} dgxp_schedule;

typedef enum dgxp_spacing {
    DGXP_SPACING_AUTO = 0, /* what the model declares, else leading */
    DGXP_SPACING_LEADING = 1,
    DGXP_SPACING_TRAILING = 2,
    DGXP_SPACING_LINSPACE = 3
} dgxp_spacing;

typedef enum dgxp_tiling {
    DGXP_TILING_NONE = 0,
    DGXP_TILING_X = 1, /* the left edge continues at the right one */
    DGXP_TILING_Y = 2,
    DGXP_TILING_XY = 3
} dgxp_tiling;

/** One picture to paint.  Setters check their range at once; a job may be used again. */
typedef struct dgxp_job dgxp_job;

/**
 * `prompt` in A1111's grammar: (word:1.2), [word], BREAK; at most 65,536 bytes.  What the model
 * recommends holds until a setter says otherwise, its pixel steps too (dgxp_job_set_finish()).
 */
DGXP_API dgxp_status dgxp_job_create(const char *prompt, dgxp_job **out);
DGXP_API void dgxp_job_free(dgxp_job *job);
/**
 * A job from a preset ("character", "tile" …) and a subject ("medieval knight"): the preset's prompt
 * template for this model's family, its negative prompt and its settings; setters refine it.  Presets
 * are data files in `presets/` (docs/presets.md); an unknown `kind` lists those that exist.
 */
DGXP_API dgxp_status dgxp_job_create_preset(const dgxp_model *model, const char *kind,
                                            const char *subject, dgxp_job **out);
/** What lies beside a request; zero and NULL are the defaults. */
typedef struct dgxp_request_params {
    uint32_t struct_size;
    int32_t reserved;
    const char *folder;     /* where its paths begin; NULL = the working directory */
    const char *presets;    /* the user's own presets, looked into first; NULL = none */
    const dgxp_image *init; /* the picture to start from, in place of the request's "init"; copied */
    const dgxp_image *mask; /* likewise */
} dgxp_request_params;
#define DGXP_REQUEST_PARAMS_INIT {sizeof(dgxp_request_params), 0, NULL, NULL, NULL, NULL}

/**
 * The one door: a job from a request, JSON with the fields that dgxp_settings() lists.  It has a
 * prompt, or a kind and a subject.  A recipe is a request: its prompt is taken as it is, and steps
 * that it does not tell are not taken.  DGXP_ERR_BAD_FORMAT names an unknown field, a wrong type or
 * range, and what an old name is called now.  NULL params are the defaults.
 */
DGXP_API dgxp_status dgxp_job_request(const dgxp_model *model, const char *request,
                                      const dgxp_request_params *params, dgxp_job **out);
/** The same with nothing but a folder beside it. */
DGXP_API dgxp_status dgxp_job_create_request(const dgxp_model *model, const char *request,
                                             const char *folder, dgxp_job **out);
/**
 * All that a picture can be asked for, as every face has it: {"settings": [{"name", "type" (text,
 * integer, number, boolean, sides: [width, height], choice, json), "low", "high", "bytes", "choices",
 * "default", "unit", "varies": jobs of one call may differ in it, "field": of presets, "in": [request,
 * preset, bundle], "help"}], "renamed": {old name: name}}.
 */
DGXP_API dgxp_status dgxp_settings(dgxp_document **out);
/** The presets that exist: "group" (kind, style, speed, field), name, help, path, content. */
DGXP_API dgxp_status dgxp_list_presets(dgxp_document **out);
/** What a preset is asked for; a NULL text is its default. */
typedef struct dgxp_preset_params {
    uint32_t struct_size;
    int32_t field_count;       /* 0..64 */
    const char *kind;          /* "item"; NULL = "character", as for every face's styles */
    const char *subject;       /* "medieval knight" */
    const char *style;         /* "16bit", "gameboy" … */
    const char *speed;         /* "fast", "balanced", "quality" */
    const char *const *fields; /* [field_count] "view=side" */
    const char *folder;        /* of the user's own presets, looked into first; NULL = none */
} dgxp_preset_params;
#define DGXP_PRESET_PARAMS_INIT {sizeof(dgxp_preset_params), 0, NULL, NULL, NULL, NULL, NULL, NULL}

/**
 * A job from a kind, a style, a speed and typed fields, laid over each other in this order; setters
 * refine it.  DGXP_ERR_NOT_FOUND lists what there is; DGXP_ERR_INVALID_ARGUMENT names a field that
 * the kind has not, or the values that it knows.
 */
DGXP_API dgxp_status dgxp_job_create_styled(const dgxp_model *model,
                                            const dgxp_preset_params *params, dgxp_job **out);
/**
 * The contract of one kind, style or speed: its file, with every field's values and their help, and
 * the styles and speeds that go with it.  `folder` as above.
 */
DGXP_API dgxp_status dgxp_preset_describe(const char *name, const char *folder,
                                          dgxp_document **out);
DGXP_API dgxp_status dgxp_job_set_negative_prompt(dgxp_job *job, const char *text);
/**
 * Paint with an adapter, beside those that dgxp_model_set_loras() has set: a path, or a name as in
 * dgxp_lora_load().  Weights -100..100.  It is read when the job is painted, and merged strictly;
 * jobs of one batch must agree in their adapters.  `<lora:NAME:W>` in the prompt does the same
 * (A1111's order: the second weight of `<lora:NAME:T:U>` is the UNet's).  At most 64 a job.
 */
DGXP_API dgxp_status dgxp_job_add_lora(dgxp_job *job, const char *name_or_path, double unet_weight,
                                       double text_weight);
/** Canvas pixels, what the model paints; 0 = the model's native canvas. */
DGXP_API dgxp_status dgxp_job_set_canvas(dgxp_job *job, int32_t width, int32_t height);
/** Sprite pixels, what comes out; 0 = whatever the canvas holds. */
DGXP_API dgxp_status dgxp_job_set_size(dgxp_job *job, int32_t width, int32_t height);
/**
 * The pixel steps between canvas and sprite, as a JSON object that is laid over what the job has: a
 * preset's, else the model's own (a bundle's "defaults"; an SDXL checkpoint has none); null takes a
 * step out.  NULL takes out all: the canvas is only brought to its size and its alpha made hard, as
 * it is by default where the model has none.  All may be absent: "background" auto|keep|#rrggbb,
 * "tolerance", "rule" (dgxp_cell_rule), "palette" (name, path or {"name", "colors": ["#rrggbb"]}; else
 * one is found of at most "colors", 0 = as few as suffice), "dither", "dither_strength", "orphans",
 * "jaggies", "outline" none|outer|inner, "outline_color", "trim", "padding", "pivot": as in
 * dgxp_fix_params.  They stand in the recipe, palette included.
 */
DGXP_API dgxp_status dgxp_job_set_finish(dgxp_job *job, const char *steps);
/** 1..1000; 0 = the model's recommendation. */
DGXP_API dgxp_status dgxp_job_set_steps(dgxp_job *job, int32_t steps);
/** 0..100; at most 1 paints without the negative prompt, twice as fast.  Negative = default. */
DGXP_API dgxp_status dgxp_job_set_guidance(dgxp_job *job, double guidance);
/** Guidance rescale phi, 0..1 (Lin et al. 2023, section 3.4).  Negative = the model's default. */
DGXP_API dgxp_status dgxp_job_set_guidance_rescale(dgxp_job *job, double phi);
/** Guidance ends after this share of the steps, 0..1; 1 (default) = never. */
DGXP_API dgxp_status dgxp_job_set_cfg_stop(dgxp_job *job, double share);
DGXP_API dgxp_status dgxp_job_set_sampler(dgxp_job *job, dgxp_sampler sampler);
DGXP_API dgxp_status dgxp_job_set_schedule(dgxp_job *job, dgxp_schedule schedule);
DGXP_API dgxp_status dgxp_job_set_spacing(dgxp_job *job, dgxp_spacing spacing);
/** Stochasticity of DDIM and TCD, 0..1; negative = the sampler's default (0 and 0.3). */
DGXP_API dgxp_status dgxp_job_set_eta(dgxp_job *job, double eta);
/**
 * The share of the noise that a whole run puts back, 0..1: each of n steps leaves its n-th root.  1
 * is the sampler as it was published; below it surfaces come out smoother and shapes plainer, which a
 * small model needs.  Negative = the model's default, 1 where it has none.
 */
DGXP_API dgxp_status dgxp_job_set_temperature(dgxp_job *job, double temperature);
/** 0..2^53-1.  Without one a seed is drawn and reported in the recipe. */
DGXP_API dgxp_status dgxp_job_set_seed(dgxp_job *job, uint64_t seed);
/** A seed from the system's generator, for callers that want to know it beforehand. */
DGXP_API dgxp_status dgxp_random_seed(uint64_t *seed);
/** Room for dgxp_slug(): 40 letters and the end. */
#define DGXP_SLUG_SIZE 41
/** A readable file name of a subject: "Medieval knight, red" -> "medieval-knight-red"; "sprite" when
 * no letter of it fits.  Pictures are named so everywhere. */
DGXP_API void dgxp_slug(const char *subject, char slug[DGXP_SLUG_SIZE]);
DGXP_API dgxp_status dgxp_job_set_tiling(dgxp_job *job, dgxp_tiling tiling);
/**
 * Start from a picture (copied; scaled to the canvas by whole pixels or bilinearly).  `strength`
 * 0..1: the share of the steps that is painted anew.  NULL removes it.
 */
DGXP_API dgxp_status dgxp_job_set_init_image(dgxp_job *job, const dgxp_image *image,
                                             double strength);
/** White paints anew, black keeps the init image bit for bit; read from luma x alpha.  Copied. */
DGXP_API dgxp_status dgxp_job_set_mask(dgxp_job *job, const dgxp_image *mask);
/** diffusers' rule for '!' (the second tokenizer pads with it); for comparisons only. */
DGXP_API dgxp_status dgxp_job_set_parity(dgxp_job *job, int32_t parity);
/**
 * For tests: the starting noise [channels, height, width] and each step's noise [steps, …], unit
 * variance, f32, copied.  Counts are in floats; NULL puts the generator back.
 */
DGXP_API dgxp_status dgxp_job_set_noise(dgxp_job *job, const float *start, size_t start_count,
                                        const float *steps, size_t steps_count);

typedef enum dgxp_phase {
    DGXP_PHASE_QUEUED = 0, /* another call is using the model */
    DGXP_PHASE_ENCODE = 1,
    DGXP_PHASE_DENOISE = 2,
    DGXP_PHASE_DECODE = 3,
    DGXP_PHASE_FINISH = 4 /* pixels: grid, matte, palette, report */
} dgxp_phase;

typedef struct dgxp_progress {
    uint32_t struct_size;
    int32_t phase;             /* a dgxp_phase */
    int32_t step;              /* finished steps of this phase */
    int32_t step_count;        /* of this phase */
    double elapsed;            /* seconds since the call began */
    double remaining;          /* seconds, an estimate; negative when unknown */
    const dgxp_image *preview; /* of the first job, when asked for; borrowed for the call */
} dgxp_progress;

/** Called on the thread that generates.  Non-zero stops it: DGXP_ERR_CANCELLED. */
typedef int32_t (*dgxp_progress_callback)(const dgxp_progress *progress, void *user_data);

typedef struct dgxp_generate_params {
    uint32_t struct_size;
    int32_t preview_every; /* steps between previews; 0 = none; needs a preview matrix (bundle) */
    dgxp_progress_callback progress;
    void *user_data;
    const dgxp_cancel *cancel;
    int32_t keep_latents; /* 1: dgxp_result_latents() works */
} dgxp_generate_params;
#define DGXP_GENERATE_PARAMS_INIT {sizeof(dgxp_generate_params), 0, NULL, NULL, NULL, 0}

typedef struct dgxp_result dgxp_result;

/**
 * Paint `count` jobs (1..64) of one canvas, step count and sampler as one batch, each with its own
 * prompt and seed.
 *
 * A job's picture is its own in any company: jobs whose prompts fill as many of the encoders' chunks
 * are one batch, the others one of their own within the call, so that no prompt is padded to a
 * mate's length.  At equal batch shape (size, and machine, torch version and threads) the bytes are
 * equal; at another one kernels round differently: f32 latents by at most 1e-4.
 *
 * Cancelling returns within one step.  After a cancelled, failed or out-of-memory call the model
 * works as before.  NULL params are the defaults.  Calls on one model from several threads queue.
 */
DGXP_API dgxp_status dgxp_generate(dgxp_model *model, const dgxp_job *const *jobs, int32_t count,
                                   const dgxp_generate_params *params, dgxp_result **out);
DGXP_API int32_t dgxp_result_count(const dgxp_result *result);
/** What came out for job `index`: the sprite. */
DGXP_API const dgxp_image *dgxp_result_image(const dgxp_result *result, int32_t index);
/** What the model painted, before any pixel step. */
DGXP_API const dgxp_image *dgxp_result_canvas(const dgxp_result *result, int32_t index);
/** The recipe as JSON: everything that is needed to paint it again. */
DGXP_API const char *dgxp_result_recipe(const dgxp_result *result, int32_t index);
/** [channels, height, width] f32 final latents; NULL unless kept. */
DGXP_API const float *dgxp_result_latents(const dgxp_result *result, int32_t index,
                                          int32_t shape[3]);
DGXP_API void dgxp_result_free(dgxp_result *result);

/** What a job expands to on this model (prompt chunks, steps, memory), without painting. */
DGXP_API dgxp_status dgxp_job_describe(const dgxp_job *job, const dgxp_model *model,
                                       dgxp_document **out);

/* ------------------------------------------------------------------------------------ games */

typedef enum dgxp_meta {
    DGXP_META_NEAREST = 0, /* beside each PNG: Bevy's settings with nearest sampling */
    DGXP_META_NONE = 1     /* none, unless an array of tiles needs one */
} dgxp_meta;

/** A file to deploy: one on the disk, or bytes that get the name in `path`. */
typedef struct dgxp_deploy_file {
    const char *path;
    const void *bytes; /* NULL = read `path` */
    size_t size;
} dgxp_deploy_file;

typedef struct dgxp_deploy_params {
    uint32_t struct_size;
    int32_t meta;                    /* a dgxp_meta */
    int32_t tile_width, tile_height; /* of PNGs: the size of a tile set's tiles; one alone is both, 0 =
                                        no tile set */
    int32_t force;                   /* 1: replace files that were not deployed by us */
    int32_t no_sidecar;              /* 1: the metadata taken out of PNGs is not kept */
    int32_t dry_run;                 /* 1: say what would happen */
    const char *project;             /* the game's folder; NULL = from the working folder upwards */
    const char *to;                  /* a folder inside assets/, or of one file its new name; NULL =
                                        assets/ itself */
    int32_t array;                   /* 1: a tile set becomes an array texture, as Bevy's TilemapChunk
                                        wants it; sprites, atlases and other crates want 0 */
} dgxp_deploy_params;
#define DGXP_DEPLOY_PARAMS_INIT {sizeof(dgxp_deploy_params), 0, 0, 0, 0, 0, 0, NULL, NULL, 0}

/**
 * Put `count` (1..65536) files into a Bevy project's assets, all or none, and record them in its
 * dgx-pixels.lock.json (docs/deploy.md).
 *
 * Files are staged outside assets/ and renamed in, a PNG's .meta first, so that a running game
 * reloads whole files.  Nothing outside assets/ is ever written, no link is followed, and a file that
 * is not the one recorded is not replaced: DGXP_ERR_MISMATCH names it.  So is one that would become
 * another kind of file, or another shape than a sheet or a map stands on.  DGXP_ERR_INVALID_ARGUMENT:
 * a name that leads outside or that some system refuses.  DGXP_ERR_BUSY: another process deploys.
 *
 * `*out` (NULL = not wanted) is {"project", "deployment": number, "files": [{"path", "kind", "action":
 * new|replaced|unchanged, "sha256", "width", "height", "layers", "pixels": SHA-256 of the RGBA8 bytes,
 * "meta": new|replaced|unchanged|kept, "sidecar": the same, "load": a line of Rust}], "warnings": []}.
 * NULL params are the defaults.  Any number of threads and processes may deploy.
 */
DGXP_API dgxp_status dgxp_deploy(const dgxp_deploy_file *files, int32_t count,
                                 const dgxp_deploy_params *params, dgxp_document **out);
/**
 * Take back the last deployment: files it replaced come back, new ones go.  May be called again for
 * the one before, up to 16.  A file that was changed since is DGXP_ERR_MISMATCH unless `force`.
 * `project` as in dgxp_deploy_params.  `*out` is {"project", "deployment", "files": [{"path",
 * "action": restored|removed}]}.
 */
DGXP_API dgxp_status dgxp_deploy_undo(const char *project, int32_t force, dgxp_document **out);

/** Write a dgx-pixels.json to begin with into `folder` (NULL = here); one that is there stays. */
DGXP_API dgxp_status dgxp_project_init(const char *folder);
/**
 * The same for a Bevy game in `folder` (NULL = here), which holds a Cargo.toml with [package]: its
 * dgx-pixels.json; in Cargo.toml the crates dgx-pixels-bevy and dgx-pixels-build (by the path of those
 * that came with this library) and a feature `dev` with hot reload; build.rs; .gitignore.  What is
 * there stays; a second call changes nothing.  `*out` is {"changed": [files], "todo": [a sentence for
 * each line that is the person's own to write]}.  DGXP_ERR_NOT_FOUND: no game here, or no crates.
 */
DGXP_API dgxp_status dgxp_project_init_bevy(const char *folder, dgxp_document **out);
/**
 * The game's dgx-pixels.json, read and checked (docs/project.md): {"folder", "assets_folder", "model",
 * "presets": the folder of its own presets, "defaults", "folders", "assets"}.  `project` as in
 * dgxp_deploy_params; a project without the file has empty settings.
 */
DGXP_API dgxp_status dgxp_project_describe(const char *project, dgxp_document **out);

typedef struct dgxp_build_params {
    uint32_t struct_size;
    int32_t force;       /* 1: make those anew that were edited by hand */
    int32_t dry_run;     /* 1: say what would be made; needs no model */
    const char *project; /* as in dgxp_deploy_params */
    const char *model;   /* NULL = the project's, else the default */
    const dgxp_model_params *model_params; /* or NULL */
    /* Before each asset; non-zero stops.  `done` of `count` are made.  Or NULL. */
    int32_t (*asset)(const char *path, int32_t done, int32_t count, void *user_data);
    dgxp_progress_callback progress; /* of the one that is being painted, or NULL */
    void *user_data;
    const dgxp_cancel *cancel;
} dgxp_build_params;
#define DGXP_BUILD_PARAMS_INIT                                                                     \
    {sizeof(dgxp_build_params), 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL}

/**
 * Make the wished-for assets of dgx-pixels.json that are missing or whose wish, model or presets
 * changed, and deploy each when it is painted: a build that is stopped goes on where it was.
 *
 * A file that was edited by hand stays and is told in "warnings".  `*out` is {"project", "made",
 * "due", "files": [{"path", "state": current|missing|changed|edited, "action", …}], "warnings"}; a call
 * that fails gives what it did all the same, when it got so far: free it, NULL is fine.
 */
DGXP_API dgxp_status dgxp_build(const dgxp_build_params *params, dgxp_document **out);

/* ------------------------------------------------------------------------ painting it again */

typedef struct dgxp_regen_params {
    uint32_t struct_size;
    int32_t force;          /* 1: paint although hashes differ */
    const char *changes;    /* a request laid over the recipe, JSON: {"seed": 8}; or NULL */
    const dgxp_image *init; /* what the picture was started from, when its recipe names one */
    const dgxp_image *mask; /* likewise */
    dgxp_progress_callback progress;
    void *user_data;
    const dgxp_cancel *cancel;
} dgxp_regen_params;
#define DGXP_REGEN_PARAMS_INIT                                                                     \
    {sizeof(dgxp_regen_params), 0, NULL, NULL, NULL, NULL, NULL, NULL}

/** The recipe in an image's metadata; DGXP_ERR_NOT_FOUND when it has none. */
DGXP_API dgxp_status dgxp_image_recipe(const dgxp_image *image, dgxp_document **out);
/**
 * Give `image` back the texts that dgxp_deploy() took out of the PNG at `path` and put into
 * dgx-pixels.recipes/ of its project.  DGXP_ERR_NOT_FOUND when there is no such file.
 */
DGXP_API dgxp_status dgxp_image_load_sidecar(dgxp_image *image, const char *path);
/**
 * Paint a picture again from the recipe in its metadata: the same pixels on the same kind of machine,
 * torch version and thread count; its place in a batch of that size is repeated too.
 *
 * The hashes of weights, programs, LoRAs, init image and mask are compared first: DGXP_ERR_MISMATCH
 * names the first that differs, unless `force`.  `changes` alter it: a new size drops the recipe's
 * canvas, a new subject its prompt.  `*report` (or NULL) is {"recipe", "differs": [{"what", "recipe",
 * "here"}], "notes": [sentences: another torch, device, version]}; it is filled after a mismatch too.
 * The result is yours.
 */
DGXP_API dgxp_status dgxp_regen(dgxp_model *model, const dgxp_image *image,
                                const dgxp_regen_params *params, dgxp_document **report,
                                dgxp_image **out);

/* ---------------------------------------------------------------------------------- batches */

/**
 * A list of wishes painted into one folder, by any number of processes, each picture exactly once.
 *
 * The manifest is text (a subject a line, then `--field value …`), JSON lines or CSV; its fields
 * are those of a request, and `count` (pictures of this line) and `name` (of its file).  Texts may
 * hold {a|b} choices and __name__ wildcards; `\{` is a plain brace.  Pictures of one shape are
 * painted in batches fixed by the manifest's order before anything runs, so the result does not
 * depend on who paints what, or when.  Finished files are renamed in whole; OUTPUT/.dgx-pixels/
 * holds the journals. A process may be killed at any moment: the next one with `resume` goes on.
 */
typedef struct dgxp_batch dgxp_batch;

typedef struct dgxp_batch_params {
    uint32_t struct_size;
    int32_t batch;             /* pictures painted at once at most, 1..64; 0 = 1 */
    int32_t threads;           /* that take turns painting and writing, 1..16; 0 = 2 */
    int32_t shard, shards;     /* this process's share, 1..shards; 0 = whatever nobody has taken */
    int32_t scale;             /* integer enlargement of the files, 1..64; 0 = 1 */
    int32_t resume;            /* 1: go on where the folder's journals end */
    int32_t verify;            /* 1: take the hash of every finished file, else look at its size */
    int32_t continue_on_error; /* 1: a line that fails is journalled and the others go on */
    int32_t contact;           /* 1: contact.png when all is done, as with a matrix always */
    int32_t dry_run;           /* 1: touch no folder; for dgxp_batch_describe() only */
    int32_t has_seed;          /* 1: lines derive their seeds from `seed`, not from the manifest */
    uint64_t seed;
    const char *manifest;  /* a file; with `text` only the name that errors call it */
    const char *text;      /* the manifest itself, or NULL */
    size_t text_size;      /* bytes */
    const char *output;    /* a folder; it is made, the one above it must be there */
    const char *model;     /* what the model is called; a batch goes on with the same only */
    const char *defaults;  /* a request that every line refines, JSON; or NULL */
    const char *wildcards; /* the folder of __name__ files; NULL = `wildcards` by the manifest */
    const char *const *matrix; /* "steps=8,20": every line once for each combination */
    int32_t matrix_count;      /* axes, at most 6 */
} dgxp_batch_params;
#define DGXP_BATCH_PARAMS_INIT                                                                     \
    {                                                                                              \
        sizeof(dgxp_batch_params), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, 0, NULL, NULL,  \
            NULL, NULL, NULL, 0                                                                    \
    }

/**
 * Read the whole manifest, check every line, enter the folder.  Needs no model.
 *
 * DGXP_ERR_BAD_FORMAT names file, line and field.  DGXP_ERR_BUSY: another process has this shard.
 * DGXP_ERR_MISMATCH: the folder holds a batch of another manifest or other settings.  A folder that
 * holds finished pictures of this batch needs `resume`, unless others work on it right now.
 */
DGXP_API dgxp_status dgxp_batch_open(const dgxp_batch_params *params, dgxp_batch **out);
/** How many pictures are not finished yet, as far as the journals told when it was opened. */
DGXP_API int32_t dgxp_batch_left(const dgxp_batch *batch);
/** Lines, pictures, batches, and `count` wishes from `first` on: line, file name, request. */
DGXP_API dgxp_status dgxp_batch_describe(const dgxp_batch *batch, int32_t first, int32_t count,
                                         dgxp_document **out);

typedef struct dgxp_batch_progress {
    uint32_t struct_size;
    int32_t pictures; /* of the whole batch */
    int32_t finished; /* those that were there already, and ours so far */
    int32_t failed;
    double elapsed;    /* seconds since the call began */
    double remaining;  /* seconds, an estimate for this process alone; negative unknown */
    int64_t line;      /* of the picture that was just finished or failed, else 0 */
    const char *name;  /* its file's name, else NULL */
    const char *error; /* why it failed, else NULL */
    const dgxp_progress *painting; /* how far the group is that is being painted, else NULL */
} dgxp_batch_progress;

/** Called from any of the batch's threads, one at a time.  Non-zero stops: DGXP_ERR_CANCELLED. */
typedef int32_t (*dgxp_batch_callback)(const dgxp_batch_progress *progress, void *user_data);

typedef struct dgxp_batch_run_params {
    uint32_t struct_size;
    dgxp_batch_callback progress;
    void *user_data;
    const dgxp_cancel *cancel;
    int32_t check_only; /* 1: make and plan every picture's job, paint nothing */
} dgxp_batch_run_params;
#define DGXP_BATCH_RUN_PARAMS_INIT                                                                 \
    {                                                                                              \
        sizeof(dgxp_batch_run_params), NULL, NULL, NULL, 0                                         \
    }

/**
 * Paint what is left of a batch (once); `model` may be NULL when nothing is.
 *
 * Before anything is painted every picture's job is made and planned: choices and wildcards, pictures
 * to start from, sizes, prompts, adapters.  The first fault is what the call fails with, and each of the
 * first 100 is in `failures`; with `continue_on_error` lines fail in their turn instead.  With
 * `check_only` that is all: the batch may be opened with `dry_run` (with `continue_on_error` too, so that
 * opening it leaves broken lines to the check), the model with `describe_only`, or be NULL, which
 * leaves sizes and adapters unchecked.
 *
 * `*out` is the summary: pictures, painted, kept, failed, left_to_others, failures (the first 100,
 * with line and sentence), seconds.  With `continue_on_error` failed lines are no failure of the
 * call.  A call that fails or is cancelled gives the summary of what it did all the same: free it.
 */
DGXP_API dgxp_status dgxp_batch_run(dgxp_batch *batch, dgxp_model *model,
                                    const dgxp_batch_run_params *params, dgxp_document **out);
/** Leave the folder. */
DGXP_API void dgxp_batch_free(dgxp_batch *batch);

/* -------------------------------------------------------------------------------- workflows */

/**
 * Read a workflow file (docs/workflows.md), a ComfyUI graph in API format or a PNG of ComfyUI's, and fill its
 * {placeholders} from `values` (a JSON object, or NULL: the defaults).  A value that is no placeholder
 * of the file changes the request's field of that name.
 *
 * `*out` is the filled workflow {"kind", "request", "model" …}, for dgxp_workflow_run().  A
 * placeholder without a value is DGXP_ERR_BAD_FORMAT; of a graph, a node that is not understood is
 * DGXP_ERR_UNSUPPORTED and named with its id and class.  Needs no model.
 */
DGXP_API dgxp_status dgxp_workflow_load(const char *path, const char *values, dgxp_document **out);

typedef struct dgxp_workflow_params {
    uint32_t struct_size;
    const char *output; /* a folder that is there; a batch makes its own */
    const char *name;   /* what files are called, without suffix; NULL = from the subject */
    dgxp_progress_callback progress;
    void *user_data;
    const dgxp_cancel *cancel;
} dgxp_workflow_params;
#define DGXP_WORKFLOW_PARAMS_INIT {sizeof(dgxp_workflow_params), NULL, NULL, NULL, NULL, NULL}

/**
 * Carry out a filled workflow.  A sprite becomes NAME.png (several: NAME-1.png …), an animation
 * NAME.png (the sheet), .json (Aseprite's), .aseprite and .apng, a tile set NAME.png, .json, .tsx (Tiled's)
 * and its textures; a batch goes on where it ended.  Files of that name are replaced, each whole.
 *
 * `*report` (or NULL) is {"files": [paths], …}: for an animation also "frames", "seed" and "pixels", the
 * report of dgxp_fix_frames(); for a tile set "inside", "outside" (dgxp_quality()), "tiles",
 * "seam_mean" and "seam_worst" (dgxp_autotile_check()); for a batch "batch", its summary.
 */
DGXP_API dgxp_status dgxp_workflow_run(dgxp_model *model, const char *workflow,
                                       const dgxp_workflow_params *params, dgxp_document **report);

#ifdef __cplusplus
}
#endif

#endif /* DGXPIXELS_H */
