/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Motions as rows of data: reading and checking their files, fitting them to a sprite. */
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/search.h"
#include "image/motion.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_LIMIT = 1 << 16, HELP_LIMIT = 1024, NAMES_MAX = 256 };

/* A field of a frame: one number, or x and y. */
static const struct {
    const char *name;
    px_move move;
    int numbers;
    double low, high;
    int32_t rest; /* what means "as it is" */
} fields[] = {
    {"move", PX_MOVE_X, 2, -64, 64, 0},
    {"ahead", PX_MOVE_AHEAD, 1, -64, 64, 0},
    {"upper", PX_MOVE_UPPER_X, 2, -64, 64, 0},
    {"head", PX_MOVE_HEAD_X, 2, -64, 64, 0},
    {"left_arm", PX_MOVE_LEFT_ARM_X, 2, -64, 64, 0},
    {"right_arm", PX_MOVE_RIGHT_ARM_X, 2, -64, 64, 0},
    {"left_leg", PX_MOVE_LEFT_LEG_X, 2, -64, 64, 0},
    {"right_leg", PX_MOVE_RIGHT_LEG_X, 2, -64, 64, 0},
    {"lean", PX_MOVE_LEAN, 1, -64, 64, 0},
    {"width", PX_MOVE_WIDTH, 1, -200, 200, 100},
    {"height", PX_MOVE_HEIGHT, 1, 1, 200, 100},
    {"turn", PX_MOVE_TURN, 1, -720, 720, 0},
    {"gone", PX_MOVE_GONE, 1, 0, 100, 0},
    {"rim", PX_MOVE_RIM, 1, 0, 100, 0},
};
enum { FIELDS = sizeof fields / sizeof *fields };

static const char *const key_names[] = {
    "ms",   "move",  "ahead",  "upper", "head", "left_arm", "right_arm", "left_leg", "right_leg",
    "lean", "width", "height", "turn",  "gone", "rim",      "flash",     "eyes"};

/* ------------------------------------------------------------------------------------- reading */

static dgxp_status read_field(const px_json *at, int field, px_motion_key *key)
{
    double values[2] = {0, 0};
    dgxp_status status = DGXP_OK;
    const char *name = fields[field].name;
    if (!json_object_get(at->value, name)) {
        return DGXP_OK;
    }
    if (fields[field].numbers == 2) {
        status = px_json_numbers(at, name, PX_JSON_REQUIRED, 2, values);
    } else {
        status = px_json_number(at, name, PX_JSON_REQUIRED, fields[field].low, fields[field].high,
                                values);
    }
    for (int i = 0; i < fields[field].numbers && !status; i++) {
        if (values[i] != floor(values[i]) || values[i] < fields[field].low ||
            values[i] > fields[field].high) {
            return px_json_refuse(at, DGXP_ERR_BAD_FORMAT,
                                  "has %g in '%s'; it must be a whole number, %g to %g", values[i],
                                  name, fields[field].low, fields[field].high);
        }
        key->moves[fields[field].move + i] = (int32_t)values[i] - fields[field].rest;
    }
    return status;
}

static dgxp_status read_key(const px_json *at, int32_t ms, px_motion_key *key)
{
    int64_t own = ms;
    int32_t eyes = 0;
    static const char *const states[] = {"open", "closed"};
    dgxp_status status = px_json_only(at, "field", key_names, sizeof key_names / sizeof *key_names);
    for (int i = 0; i < FIELDS && !status; i++) {
        status = read_field(at, i, key);
    }
    status = status ? status : px_json_integer(at, "ms", PX_JSON_OPTIONAL, 1, 10000, &own);
    status = status ? status : px_json_boolean(at, "flash", PX_JSON_OPTIONAL, &key->flash);
    status = status ? status : px_json_choice(at, "eyes", PX_JSON_OPTIONAL, states, 2, &eyes);
    key->ms = (int32_t)own;
    key->closed = eyes == 1;
    return status;
}

static bool is_rest(const px_motion_key *key)
{
    for (int i = 0; i < PX_MOVE_COUNT; i++) {
        if (key->moves[i]) {
            return false;
        }
    }
    return !key->flash && !key->closed;
}

static dgxp_status read_keys(const px_json *root, int32_t ms, px_motion *out)
{
    px_json frames;
    dgxp_status status =
        px_json_array(root, "frames", PX_JSON_REQUIRED, PX_MOTION_FRAMES_MAX, &frames);
    const size_t count = status ? 0 : px_json_count(&frames);
    if (!status && count < 2) {
        return px_json_refuse(&frames, DGXP_ERR_BAD_FORMAT, "has %zu elements; a motion is 2 to %d",
                              count, PX_MOTION_FRAMES_MAX);
    }
    for (size_t i = 0; i < count && !status; i++) {
        px_json at;
        status = px_json_element_object(&frames, i, &at);
        status = status ? status : read_key(&at, ms, &out->keys[i]);
        if (!status && i == 0 && out->grounded && !is_rest(&out->keys[0])) {
            return px_json_refuse(&at, DGXP_ERR_BAD_FORMAT,
                                  "changes something; a grounded motion begins with the sprite "
                                  "itself: {}");
        }
    }
    out->count = (int32_t)count;
    return status;
}

static dgxp_status read_motion(const char *path, const json_t *document, px_motion *out)
{
    static const char *const known[] = {"format", "name", "help", "grounded",
                                        "loops",  "area", "ms",   "frames"};
    px_json root;
    int64_t format = 0, ms = 100;
    const char *name = NULL, *help = NULL;
    double area[2] = {0, 16};
    out->loops = true;
    dgxp_status status = px_json_root(path, document, &root);
    PX_NEXT(px_json_only(&root, "field", known, sizeof known / sizeof *known));
    PX_NEXT(px_json_integer(&root, "format", PX_JSON_REQUIRED, 1, 1, &format));
    PX_NEXT(px_json_text(&root, "name", PX_JSON_REQUIRED, PX_MOTION_NAME_MAX, &name));
    PX_NEXT(px_json_text(&root, "help", PX_JSON_REQUIRED, HELP_LIMIT, &help));
    PX_NEXT(px_json_boolean(&root, "grounded", PX_JSON_OPTIONAL, &out->grounded));
    PX_NEXT(px_json_boolean(&root, "loops", PX_JSON_OPTIONAL, &out->loops));
    PX_NEXT(px_json_numbers(&root, "area", PX_JSON_OPTIONAL, 2, area));
    PX_NEXT(px_json_integer(&root, "ms", PX_JSON_OPTIONAL, 1, 10000, &ms));
    PX_NEXT(read_keys(&root, (int32_t)ms, out));
    if (status == DGXP_OK && (area[0] < 0 || area[0] > 1 || area[1] < 1 || area[1] > 16)) {
        status = px_json_refuse(&root, DGXP_ERR_BAD_FORMAT,
                                "has the area %g to %g; write [least, most], 0 to 1 and 1 to 16 "
                                "times the sprite's",
                                area[0], area[1]);
    }
    if (status == DGXP_OK) {
        strcpy(out->name, name); /* its length was checked */
        out->least = area[0];
        out->most = area[1];
    }
    return status;
}

/* ------------------------------------------------------------------------------------- finding */

typedef struct name_list {
    char *names[NAMES_MAX];
    int count;
} name_list;

static bool append_names(const char *folder, void *user_data)
{
    name_list *list = user_data;
    struct dirent **entries;
    const int count = scandir(folder, &entries, px_file_is_json, px_file_order);
    for (int i = 0; i < count; i++) {
        char *name = px_mem_textn(entries[i]->d_name, strlen(entries[i]->d_name) - strlen(".json"));
        int at = 0;
        while (name && at < list->count && strcmp(list->names[at], name) < 0) {
            at++;
        }
        const bool known = at < list->count && name && strcmp(list->names[at], name) == 0;
        if (name && !known && list->count < NAMES_MAX) {
            memmove(list->names + at + 1, list->names + at,
                    (size_t)(list->count - at) * sizeof *list->names);
            list->names[at] = name;
            list->count++;
        } else {
            px_mem_free(name);
        }
        free(entries[i]); /* scandir's, so the system's free() */
    }
    if (count >= 0) {
        free(entries);
    }
    return false;
}

char *px_motion_names(const char *folder)
{
    name_list list = {.count = 0};
    char *text = px_mem_text("");
    if (folder) {
        append_names(folder, &list);
    }
    px_search_folders(PX_SEARCH_MOTIONS, append_names, &list);
    for (int i = 0; i < list.count; i++) {
        char *longer = text ? px_mem_format("%s%s%s", text, i ? "," : "", list.names[i]) : NULL;
        px_mem_free(text);
        px_mem_free(list.names[i]);
        text = longer;
    }
    return text;
}

static char *find_file(const char *name, const char *suffix, const char *folder)
{
    char *file = px_mem_format("%s%s.json", name, suffix), *path = NULL;
    if (file && folder) {
        path = px_file_join(folder, file);
        if (path && !px_file_exists(path)) {
            px_mem_free(path);
            path = NULL;
        }
    }
    if (file && !path) {
        path = px_search_find(PX_SEARCH_MOTIONS, file);
    }
    px_mem_free(file);
    return path;
}

static bool is_name(const char *name)
{
    const size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_");
    return length > 0 && length <= PX_MOTION_NAME_MAX && name[length] == '\0';
}

static const char *const variants[] = {"-side", "-wide"};

static char *find_path(const char *name, const char *folder, bool side, bool wide)
{
    if (strchr(name, '/') || px_file_has_suffix(name, "json")) {
        return px_mem_text(name);
    }
    if (!is_name(name)) {
        return NULL;
    }
    char *path = side ? find_file(name, variants[0], folder) : NULL;
    path = path || !wide ? path : find_file(name, variants[1], folder);
    return path ? path : find_file(name, "", folder);
}

static size_t count_variant(const char *name)
{
    const size_t length = strlen(name);
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        const size_t end = strlen(variants[i]);
        if (length > end && strcmp(name + length - end, variants[i]) == 0) {
            return end;
        }
    }
    return 0;
}

bool px_motion_is_variant(const char *name)
{
    return count_variant(name) > 0;
}

dgxp_status px_motion_load(const char *name, const char *folder, bool side, bool wide,
                           px_motion *out)
{
    json_t *document = NULL;
    char *path = find_path(name, folder, side, wide);
    memset(out, 0, sizeof *out);
    if (!path) {
        char *names = px_motion_names(folder);
        const dgxp_status status = px_error_set(
            DGXP_ERR_NOT_FOUND, "no motion '%.80s'; there are: %s; or name a file: ./%.60s.json",
            name, names && *names ? names : "none at all", name);
        px_mem_free(names);
        return status;
    }
    dgxp_status status = px_json_load(path, FILE_LIMIT, &document);
    status = status ? status : read_motion(path, document, out);
    json_decref(document);
    px_mem_free(path);
    memcpy(out->row, out->name, sizeof out->row);
    if (!status && strcmp(name, out->row) != 0) { /* a game asks for "walk" whatever side is seen */
        out->name[strlen(out->name) - count_variant(out->name)] = '\0';
    }
    return status;
}

/* ------------------------------------------------------------------------------------- fitting */

void px_motion_scale(px_motion *motion, int32_t height, int32_t reach)
{
    for (int32_t k = 0; k < motion->count; k++) {
        for (int i = 0; i < PX_MOVE_WIDTH; i++) {
            int32_t *move = &motion->keys[k].moves[i];
            const double wish = *move * (height / 32.0) * (reach / 100.0);
            const int32_t whole = (int32_t)lround(wish);
            *move = whole || !*move ? whole : *move < 0 ? -1 : 1;
        }
    }
}

static double measure_distance(const px_motion_key *a, const px_motion_key *b)
{
    double sum = 0;
    for (int i = 0; i < PX_MOVE_COUNT; i++) {
        const double d = fabs((double)a->moves[i] - b->moves[i]);
        sum += i < PX_MOVE_WIDTH ? d : i == PX_MOVE_TURN ? d / 20 : d / 10;
    }
    return sum + (a->flash != b->flash) * 4 + (a->closed != b->closed) * 4;
}

/* Keep the frames that differ most from each other; each also takes the time of those after it. */
static void leave_out(px_motion *motion, int32_t frames)
{
    bool kept[PX_MOTION_FRAMES_MAX] = {true};
    int32_t count = 1;
    if (!motion->loops) { /* how it ends matters */
        kept[motion->count - 1] = true;
        count++;
    }
    for (; count < frames; count++) {
        double farthest = -1;
        int32_t chosen = 0;
        for (int32_t i = 0; i < motion->count; i++) {
            double nearest = INFINITY;
            for (int32_t k = 0; k < motion->count; k++) {
                const double d = measure_distance(&motion->keys[i], &motion->keys[k]);
                nearest = kept[k] && d < nearest ? d : nearest;
            }
            if (!kept[i] && nearest > farthest) {
                farthest = nearest;
                chosen = i;
            }
        }
        kept[chosen] = true;
    }
    int32_t out = -1;
    for (int32_t i = 0; i < motion->count; i++) {
        if (kept[i]) {
            motion->keys[++out] = motion->keys[i];
        } else {
            motion->keys[out].ms += motion->keys[i].ms;
        }
    }
    motion->count = frames;
}

static px_motion_key mix_keys(const px_motion_key *a, const px_motion_key *b, double share)
{
    px_motion_key key = *a; /* what is not a number stays until the next key */
    for (int i = 0; i < PX_MOVE_COUNT; i++) {
        key.moves[i] = (int32_t)lround(a->moves[i] + (b->moves[i] - a->moves[i]) * share);
    }
    return key;
}

/* Put frames between the keys, where most time passes from one to the next. */
static void put_between(px_motion *motion, int32_t frames)
{
    px_motion_key keys[PX_MOTION_FRAMES_MAX];
    int32_t parts[PX_MOTION_FRAMES_MAX], out = 0;
    const int32_t gaps = motion->loops ? motion->count : motion->count - 1;
    memset(keys, 0, sizeof keys);
    for (int32_t i = 0; i < motion->count; i++) {
        parts[i] = 1;
    }
    for (int32_t left = frames - motion->count; left > 0; left--) {
        int32_t longest = 0;
        for (int32_t i = 1; i < gaps; i++) {
            if (motion->keys[i].ms * parts[longest] > motion->keys[longest].ms * parts[i]) {
                longest = i;
            }
        }
        parts[longest]++;
    }
    for (int32_t i = 0; i < motion->count; i++) {
        const px_motion_key *next = &motion->keys[(i + 1) % motion->count];
        int32_t left = motion->keys[i].ms;
        for (int32_t p = 0; p < parts[i]; p++) {
            keys[out] =
                p ? mix_keys(&motion->keys[i], next, (double)p / parts[i]) : motion->keys[i];
            keys[out].ms = left / (parts[i] - p) > 0 ? left / (parts[i] - p) : 1;
            left -= keys[out++].ms;
        }
    }
    memcpy(motion->keys, keys, (size_t)out * sizeof *keys);
    motion->count = out;
}

void px_motion_resample(px_motion *motion, int32_t frames)
{
    if (frames && frames < motion->count) {
        leave_out(motion, frames);
    } else if (frames > motion->count) {
        put_between(motion, frames);
    }
}

/* ------------------------------------------------------------------------------------- listing */

static dgxp_status append_motion(json_t *list, const char *name, const char *folder)
{
    char *path = find_path(name, folder, false, false);
    json_t *document = NULL, *entry = json_object();
    px_motion *motion = px_mem_zero(1, sizeof *motion);
    dgxp_status status =
        path && motion ? px_json_load(path, FILE_LIMIT, &document) : px_error_memory("motions");
    status = status ? status : read_motion(path, document, motion);
    if (!status) {
        int64_t ms = 0;
        for (int32_t i = 0; i < motion->count; i++) {
            ms += motion->keys[i].ms;
        }
        px_json_put_text(entry, "name", name);
        px_json_put_text(entry, "help", json_string_value(json_object_get(document, "help")));
        px_json_put_integer(entry, "frames", motion->count);
        px_json_put_integer(entry, "ms", ms);
        px_json_put_boolean(entry, "grounded", motion->grounded);
        px_json_put_boolean(entry, "loops", motion->loops);
        px_json_put(entry, "area", json_pack("[f, f]", motion->least, motion->most));
        px_json_append(list, json_incref(entry));
    }
    json_decref(entry);
    json_decref(document);
    px_mem_free(motion);
    px_mem_free(path);
    return status;
}

dgxp_status dgxp_list_motions(const char *folder, dgxp_document **out)
{
    dgxp_status status = px_error_begin("dgxp_list_motions", out, "out");
    char *names = status ? NULL : px_motion_names(folder);
    if (!names) {
        return status ? status : px_error_memory("motions");
    }
    json_t *list = json_array();
    for (char *at = names; *at && !status;) {
        const size_t length = strcspn(at, ",");
        const bool last = !at[length];
        at[length] = '\0';
        status = append_motion(list, at, folder);
        at += length + !last;
    }
    px_mem_free(names);
    if (status) {
        json_decref(list);
        return status;
    }
    return px_json_document(list, out);
}
