/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/**
 * Several pictures that belong together: the frames of an animation, a sprite sheet, a tile set, and
 * the files that engines and editors read.
 *
 *     dgxp_sheet *walk = NULL;
 *     dgxp_sheet_params params = DGXP_SHEET_PARAMS_INIT;
 *     if (dgxp_sheet_load_sequence("walk-001.png", 100, &walk) == DGXP_OK) { // and 002, 003 …
 *         dgxp_sheet_save(walk, "walk.aseprite", &params);
 *     }
 *     dgxp_sheet_free(walk);
 */
#ifndef DGXPIXELS_SHEET_H
#define DGXPIXELS_SHEET_H

#include "image.h"

#ifdef __cplusplus
extern "C" {
#endif

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
    DGXP_SHEET_AUTO = 0,     /* by the file's suffix: .aseprite, .ase, .png, .apng, .gif */
    DGXP_SHEET_ASEPRITE = 1, /* one layer, tags, slices, palette; indexed when 255 colors suffice */
    DGXP_SHEET_APNG = 2,     /* RGBA, plays for ever; frames and durations only */
    DGXP_SHEET_GIF = 3       /* the exact colors, at most 255 a frame (else DGXP_ERR_UNSUPPORTED); alpha
                                below 128 is clear; durations in hundredths of a second, 0.02 at least */
} dgxp_sheet_format;

typedef struct dgxp_sheet_params {
    uint32_t struct_size;
    int32_t format;    /* a dgxp_sheet_format */
    int32_t scale;     /* of APNG and GIF: integer nearest enlargement, 1..64; 0 = 1 */
    int32_t truecolor; /* of .aseprite, 1: always RGBA */
    int32_t plays;     /* of APNG and GIF: how often it plays; 0 = for ever */
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

#ifdef __cplusplus
}
#endif

#endif /* DGXPIXELS_SHEET_H */
