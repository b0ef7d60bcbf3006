/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/**
 * Pictures and the pixel steps: read a file, find its grid, its background and its palette, write a
 * sprite.  No model is needed.
 *
 *     dgxp_image *painted = NULL, *sprite = NULL;
 *     dgxp_fix_params params = DGXP_FIX_PARAMS_INIT;
 *     params.orphans = 1; // remove lone pixels; grid and palette are found
 *     if (dgxp_image_load("painted.png", &painted) == DGXP_OK &&
 *         dgxp_fix(painted, &params, NULL, &sprite) == DGXP_OK) {
 *         dgxp_image_save(sprite, "sprite.png", NULL);
 *     }
 *     dgxp_image_free(sprite);
 *     dgxp_image_free(painted);
 */
#ifndef DGXPIXELS_IMAGE_H
#define DGXPIXELS_IMAGE_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

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
/** The order in which images are added does not matter, and any number of threads may add.  At most
 * 65,536 images. */
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
 * Add the colors that dgxp_fix() would leave of a picture before its palette step: of many pictures
 * the histogram then holds what one palette for all of them is found from (dgxp_histogram_extract()),
 * with which each is fixed (`palette`).  Outline and trim are left out.  Fails as dgxp_fix() does, and
 * then adds nothing.  NULL params are the defaults.
 */
DGXP_API dgxp_status dgxp_histogram_add_fixed(dgxp_histogram *histogram, const dgxp_image *image,
                                              const dgxp_fix_params *params);
/**
 * The same for `count` (1..65536) frames of one size with one grid, one palette and one trim; `out`
 * [count] gets as many images, of one size.
 */
DGXP_API dgxp_status dgxp_fix_frames(const dgxp_image *const *images, int32_t count,
                                     const dgxp_fix_params *params, dgxp_document **report,
                                     dgxp_image **out);

#ifdef __cplusplus
}
#endif

#endif /* DGXPIXELS_IMAGE_H */
