/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Aseprite's JSON read for the lock file: frames, tags and slices in our terms. */
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "game/payload.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES_LIMIT = 65535, NAME_LIMIT = 1024, SIDE_LIMIT = 16384 };

bool px_payload_is_sheet(const json_t *document)
{
    const json_t *frames = json_object_get(document, "frames");
    return (json_is_array(frames) || json_is_object(frames)) &&
           json_is_object(json_object_get(document, "meta"));
}

/* {x, y, w, h} or {w, h} of `key`, under `names`; absent and optional gives `fallback`. */
static dgxp_status put_box(const px_json *parent, const char *key, px_json_need need,
                           const char *const names[4], const int64_t fallback[4], json_t *out,
                           int64_t values[4])
{
    static const char *const theirs[4] = {"x", "y", "w", "h"};
    px_json box;
    dgxp_status status = px_json_object(parent, key, need, &box);
    for (int i = 0; i < 4 && status == DGXP_OK; i++) {
        values[i] = fallback ? fallback[i] : 0;
        if (names[i]) {
            status = px_json_integer(&box, theirs[i], box.value ? need : PX_JSON_OPTIONAL,
                                     -SIDE_LIMIT, SIDE_LIMIT, &values[i]);
        }
        if (status == DGXP_OK && names[i] && !px_json_put_integer(out, names[i], values[i])) {
            status = px_error_memory("the lock file");
        }
    }
    return status;
}

static dgxp_status put_frame(const px_json *frame, const char *name, json_t *list)
{
    static const char *const place[4] = {"x", "y", "width", "height"};
    static const char *const corner[4] = {"source_x", "source_y", NULL, NULL};
    static const char *const whole[4] = {NULL, NULL, "source_width", "source_height"};
    int64_t box[4] = {0}, ignored[4];
    double duration = 100; /* Aseprite's are whole; exporters of others write 83.3 */
    json_t *out = json_object();
    const char *own = name;
    dgxp_status status =
        name ? DGXP_OK : px_json_text(frame, "filename", PX_JSON_OPTIONAL, NAME_LIMIT, &own);
    if (status == DGXP_OK && !px_json_put_text(out, "name", own ? own : "")) {
        status = px_error_memory("the lock file");
    }
    if (status == DGXP_OK) {
        status = put_box(frame, "frame", PX_JSON_REQUIRED, place, NULL, out, box);
    }
    if (status == DGXP_OK) {
        const int64_t none[4] = {0, 0, 0, 0};
        status = px_json_number(frame, "duration", PX_JSON_OPTIONAL, 1, 65535, &duration);
        px_json_put_integer(out, "duration", (int64_t)floor(duration + .5));
        if (status == DGXP_OK) {
            status =
                put_box(frame, "spriteSourceSize", PX_JSON_OPTIONAL, corner, none, out, ignored);
        }
    }
    if (status == DGXP_OK) {
        status = put_box(frame, "sourceSize", PX_JSON_OPTIONAL, whole, box, out, ignored);
    }
    px_json_append(list, out);
    return status;
}

static dgxp_status put_frames(const px_json *root, json_t *entry)
{
    json_t *list = json_array(), *value;
    const json_t *frames = json_object_get(root->value, "frames");
    dgxp_status status = DGXP_OK;
    if (json_is_array(frames)) {
        px_json array;
        status = px_json_array(root, "frames", PX_JSON_REQUIRED, FRAMES_LIMIT, &array);
        for (size_t i = 0; status == DGXP_OK && i < px_json_count(&array); i++) {
            px_json frame;
            status = px_json_element_object(&array, i, &frame);
            if (status == DGXP_OK) {
                status = put_frame(&frame, NULL, list);
            }
        }
    } else {
        px_json hash;
        const char *name;
        status = px_json_object(root, "frames", PX_JSON_REQUIRED, &hash);
        json_object_foreach((json_t *)(uintptr_t)frames, name, value)
        {
            px_json frame;
            if (status == DGXP_OK) {
                status = px_json_object(&hash, name, PX_JSON_REQUIRED, &frame);
            }
            if (status == DGXP_OK) {
                status = put_frame(&frame, name, list);
            }
        }
    }
    if (status == DGXP_OK && json_array_size(list) == 0) {
        status = px_json_refuse(root, DGXP_ERR_BAD_FORMAT, "has no frames");
    }
    px_json_put(entry, "frames", list);
    return status;
}

/* Aseprite writes a number as text, others write the number. */
static dgxp_status read_repeat(const px_json *tag, int64_t *repeat)
{
    const char *text = "0";
    if (json_is_integer(json_object_get(tag->value, "repeat"))) {
        return px_json_integer(tag, "repeat", PX_JSON_REQUIRED, 0, 65535, repeat);
    }
    const dgxp_status status = px_json_text(tag, "repeat", PX_JSON_OPTIONAL, 16, &text);
    *repeat = strtol(text, NULL, 10);
    return status;
}

static dgxp_status put_tags(const px_json *meta, int64_t frames, json_t *entry)
{
    static const char *const directions[] = {"forward", "reverse", "pingpong", "pingpong_reverse"};
    px_json array;
    json_t *list = json_array();
    dgxp_status status = px_json_array(meta, "frameTags", PX_JSON_OPTIONAL, FRAMES_LIMIT, &array);
    for (size_t i = 0; status == DGXP_OK && i < px_json_count(&array); i++) {
        px_json tag;
        const char *name = "";
        int64_t from = 0, to = 0, repeat = 0;
        int32_t direction = 0;
        status = px_json_element_object(&array, i, &tag);
        PX_NEXT(px_json_text(&tag, "name", PX_JSON_REQUIRED, NAME_LIMIT, &name));
        PX_NEXT(px_json_integer(&tag, "from", PX_JSON_REQUIRED, 0, frames - 1, &from));
        PX_NEXT(px_json_integer(&tag, "to", PX_JSON_REQUIRED, from, frames - 1, &to));
        PX_NEXT(px_json_choice(&tag, "direction", PX_JSON_OPTIONAL, directions, 4, &direction));
        PX_NEXT(read_repeat(&tag, &repeat));
        json_t *out = json_object();
        px_json_put_text(out, "name", name);
        px_json_put_integer(out, "from", from);
        px_json_put_integer(out, "to", to);
        px_json_put_text(out, "direction", directions[direction]);
        px_json_put_integer(out, "repeat", repeat);
        px_json_append(list, out);
    }
    px_json_put(entry, "tags", list);
    return status;
}

/* [x, y] or [x, y, w, h] of `key`, from the slice's corner; nothing when it is absent. */
static dgxp_status put_point(const px_json *parent, const char *key, int sides, json_t *slice)
{
    static const char *const names[4] = {"x", "y", "w", "h"};
    px_json box;
    json_t *list = json_array();
    dgxp_status status = px_json_object(parent, key, PX_JSON_OPTIONAL, &box);
    const bool there = status == DGXP_OK && box.value;
    for (int i = 0; there && i < sides && status == DGXP_OK; i++) {
        int64_t value = 0;
        status = px_json_integer(&box, names[i], PX_JSON_REQUIRED, -SIDE_LIMIT, SIDE_LIMIT, &value);
        px_json_append(list, json_integer(value));
    }
    if (there) {
        px_json_put(slice, key, json_incref(list));
    }
    json_decref(list);
    return status;
}

/* The first key counts, as when .aseprite is read. */
static dgxp_status put_slices(const px_json *meta, json_t *entry)
{
    static const char *const place[4] = {"x", "y", "width", "height"};
    px_json array;
    json_t *list = json_array();
    dgxp_status status = px_json_array(meta, "slices", PX_JSON_OPTIONAL, FRAMES_LIMIT, &array);
    for (size_t i = 0; status == DGXP_OK && i < px_json_count(&array); i++) {
        px_json slice, keys, key = {0};
        const char *name = "";
        int64_t ignored[4];
        json_t *out = json_object();
        status = px_json_element_object(&array, i, &slice);
        PX_NEXT(px_json_text(&slice, "name", PX_JSON_REQUIRED, NAME_LIMIT, &name));
        PX_NEXT(px_json_array(&slice, "keys", PX_JSON_REQUIRED, FRAMES_LIMIT, &keys));
        if (status == DGXP_OK && px_json_count(&keys) == 0) {
            status = px_json_refuse(&keys, DGXP_ERR_BAD_FORMAT, "is empty");
        }
        PX_NEXT(px_json_element_object(&keys, 0, &key));
        px_json_put_text(out, "name", name);
        PX_NEXT(put_box(&key, "bounds", PX_JSON_REQUIRED, place, NULL, out, ignored));
        PX_NEXT(put_point(&key, "pivot", 2, out));
        PX_NEXT(put_point(&key, "center", 4, out));
        px_json_append(list, out);
    }
    px_json_put(entry, "slices", list);
    return status;
}

dgxp_status px_payload_sheet(const char *name, const char *path, const json_t *document,
                             json_t *entry)
{
    static const char *const size[4] = {NULL, NULL, "width", "height"};
    px_json root, meta;
    const char *image = NULL;
    int64_t ignored[4];
    char *target = NULL;
    dgxp_status status = px_json_root(name, document, &root);
    PX_NEXT(px_json_object(&root, "meta", PX_JSON_REQUIRED, &meta));
    PX_NEXT(px_json_text(&meta, "image", PX_JSON_REQUIRED, NAME_LIMIT, &image));
    if (status == DGXP_OK && strchr(image, '/')) {
        status =
            px_json_refuse(&meta, DGXP_ERR_UNSUPPORTED,
                           "names the image '%s'; a sheet and its image lie in one folder", image);
    }
    if (status == DGXP_OK) {
        target = px_mem_format("%.*s%s", (int)(px_file_name(path) - path), path, image);
        status = target && px_json_put_text(entry, "image", target)
                     ? DGXP_OK
                     : px_error_memory("the lock file");
    }
    PX_NEXT(put_box(&meta, "size", PX_JSON_REQUIRED, size, NULL, entry, ignored));
    PX_NEXT(put_frames(&root, entry));
    PX_NEXT(put_tags(&meta, (int64_t)json_array_size(json_object_get(entry, "frames")), entry));
    PX_NEXT(put_slices(&meta, entry));
    px_mem_free(target);
    return status;
}
