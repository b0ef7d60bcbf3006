/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The table of settings: what one picture can be asked for, each said once for every face. */
#ifndef PX_SETTING_H
#define PX_SETTING_H

#include "core/json.h"
#include "dgxpixels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PX_JOB_PROMPT_LIMIT = 65536, /* bytes */
    PX_JOB_CANVAS_LIMIT = 4096,  /* pixels a side */
    PX_JOB_STEPS_LIMIT = 1000,
    PX_BEST_LIMIT = 64,    /* candidates */
    PX_SETTING_PATH = 4096 /* bytes */
};

/** The largest seed: what a JSON number holds exactly. */
#define PX_JOB_SEED_LIMIT 9007199254740991u

/**
 * The settings that are plain numbers: as a job asks for them, as a bundle recommends them, and,
 * resolved, as a plan and its table of steps are made of them.  Unset is 0, and -1 where the type
 * is double.
 */
typedef struct px_setting_values {
    int32_t canvas[2]; /* width, height that the model paints */
    int32_t size[2];   /* of the sprite */
    int32_t steps;
    double guidance, rescale, cfg_start, cfg_stop;
    int32_t sampler, schedule, spacing, tiling; /* values of the enums */
    double temperature, eta, strength, panel;
    int32_t best_of;
    int32_t parity;
} px_setting_values;

typedef enum px_setting_type {
    PX_SETTING_TEXT,
    PX_SETTING_INTEGER,
    PX_SETTING_NUMBER,
    PX_SETTING_BOOLEAN,
    PX_SETTING_SIDES,  /* [width, height], one number, or "32x48" */
    PX_SETTING_CHOICE, /* a name of dgxp_choices() by the setting's own name */
    PX_SETTING_OTHER   /* any JSON: what has a shape of its own, or is told by a recipe alone */
} px_setting_type;

/** Which documents besides a request may say it. */
enum {
    PX_SETTING_IN_PRESET = 1, /* sections of presets */
    PX_SETTING_IN_BUNDLE = 2, /* a bundle's "defaults" */
    PX_SETTING_QUIET = 4,     /* a recipe tells it only when it is not the default */
    PX_SETTING_TOLD = 8,      /* a recipe tells it, nobody asks for it */
    PX_SETTING_FIELD = 16     /* a typed field of presets */
};

enum { PX_SETTING_NOWHERE = -1 };

typedef struct px_setting {
    const char *name;
    px_setting_type type;
    int flags;
    bool varies;      /* jobs of one batch may differ in it */
    int at;           /* offset in px_setting_values, or PX_SETTING_NOWHERE */
    double low, high; /* of numbers and sides; of a text `high` is its bytes */
    double fallback;  /* what holds when neither job nor model says anything; -1: nothing */
    const char *unit; /* "", "pixels", "share" … */
    const char *help; /* one line: what it does, and its default where words say it better */
} px_setting;

const px_setting *px_setting_list(size_t *count);
/** By its name ('-' counts as '_'); NULL when there is none. */
const px_setting *px_setting_find(const char *name);
/** The name that an old one has now, or NULL. */
const char *px_setting_renamed(const char *old);

/** Nothing is said. */
void px_setting_clear(px_setting_values *settings);
/** Read every setting with one of these flags (0: all) from an object; what it does not say stays. */
dgxp_status px_setting_read(const px_json *object, int flags, px_setting_values *out);
/** A text or a whole number that has no place in the values, read in the table's limits. */
dgxp_status px_setting_text(const px_json *object, const char *name, const char **out);
dgxp_status px_setting_integer(const px_json *object, const char *name, int64_t *out);
/** What `asked` leaves open is taken from `model`, then from the table. */
void px_setting_resolve(const px_setting_values *asked, const px_setting_values *model,
                        px_setting_values *out);
/** The name of the first setting in which they differ, or NULL. */
const char *px_setting_differ(const px_setting_values *a, const px_setting_values *b);
/** Every number within its range; `settings` are resolved.  The error names the setting. */
dgxp_status px_setting_check(const px_setting_values *settings);
/** All that is set into a recipe; false when memory runs out. */
bool px_setting_put(json_t *recipe, const px_setting_values *settings);

/** `text` (of a table, a flag, a matrix) as JSON of the setting's type; NULL when it is none. */
json_t *px_setting_parse(const px_setting *setting, const char *text);
/** "must be …": what px_setting_parse() wants. */
const char *px_setting_wants(const px_setting *setting);

#endif
