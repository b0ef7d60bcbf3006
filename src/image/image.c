/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The picture that every pixel step takes and gives: RGBA bytes and text metadata. */
#include "image/image.h"

#include "core/error.h"
#include "core/limits.h"
#include "core/mem.h"

#include <string.h>
#include <utf8proc.h>

dgxp_status px_image_check_size(const char *what, int64_t width, int64_t height)
{
    if (width < 1 || height < 1) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "%s: size %lldx%lld; both sides must be at least 1", what,
                            (long long)width, (long long)height);
    }
    if (width > PX_IMAGE_SIDE_MAX || height > PX_IMAGE_SIDE_MAX ||
        (uint64_t)width * (uint64_t)height > PX_IMAGE_PIXELS_MAX) {
        return px_error_set(DGXP_ERR_LIMIT,
                            "%s: size %lldx%lld is over the limit of %d pixels a side and %zu in "
                            "all; make it smaller first",
                            what, (long long)width, (long long)height, PX_IMAGE_SIDE_MAX,
                            PX_IMAGE_PIXELS_MAX);
    }
    return DGXP_OK;
}

dgxp_status px_image_check_header(const char *name, int64_t width, int64_t height)
{
    if (width < 1 || height < 1) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: the header says %lldx%lld pixels", name,
                            (long long)width, (long long)height);
    }
    const dgxp_status status = px_image_check_size(name, width, height);
    return status ? status : px_limits_check_pixels(name, (uint64_t)width * (uint64_t)height);
}

dgxp_status px_image_blank(const char *what, int64_t width, int64_t height, dgxp_image **out)
{
    const dgxp_status status = px_image_check_size(what, width, height);
    if (status) {
        return status;
    }
    dgxp_image *image = px_mem_zero(1, sizeof *image);
    uint8_t *rgba = px_mem_array((size_t)width * (size_t)height, 4);
    if (!image || !rgba) {
        px_mem_free(image);
        px_mem_free(rgba);
        return px_error_memory("the pixels of an image");
    }
    image->width = (int32_t)width;
    image->height = (int32_t)height;
    image->rgba = rgba;
    *out = image;
    return DGXP_OK;
}

dgxp_status px_image_create(const char *what, int64_t width, int64_t height, dgxp_image **out)
{
    const dgxp_status status = px_image_blank(what, width, height, out);
    if (!status) {
        memset((*out)->rgba, 0, px_image_count(*out) * 4);
    }
    return status;
}

dgxp_status dgxp_image_create(int32_t width, int32_t height, const uint8_t *rgba, dgxp_image **out)
{
    px_error_clear();
    if (!out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_image_create: out is NULL");
    }
    if (!rgba) {
        return px_image_create("dgxp_image_create", width, height, out);
    }
    const dgxp_status status = px_image_blank("dgxp_image_create", width, height, out);
    if (!status) {
        memcpy((*out)->rgba, rgba, px_image_count(*out) * 4);
    }
    return status;
}

dgxp_status dgxp_image_copy(const dgxp_image *image, dgxp_image **out)
{
    px_error_clear();
    if (!image || !out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_image_copy: %s is NULL",
                            image ? "out" : "image");
    }
    dgxp_image *copy = NULL;
    dgxp_status status = px_image_blank("dgxp_image_copy", image->width, image->height, &copy);
    if (status) {
        return status;
    }
    memcpy(copy->rgba, image->rgba, px_image_count(image) * 4);
    status = px_image_copy_texts(image, copy);
    if (status) {
        dgxp_image_free(copy);
        return status;
    }
    *out = copy;
    return DGXP_OK;
}

int32_t dgxp_image_width(const dgxp_image *image)
{
    return image ? image->width : 0;
}

int32_t dgxp_image_height(const dgxp_image *image)
{
    return image ? image->height : 0;
}

const uint8_t *dgxp_image_pixels(const dgxp_image *image)
{
    return image ? image->rgba : NULL;
}

uint8_t *dgxp_image_pixels_mut(dgxp_image *image)
{
    return image ? image->rgba : NULL;
}

void dgxp_image_free(dgxp_image *image)
{
    if (!image) {
        return;
    }
    for (size_t i = 0; i < image->text_count; i++) {
        px_mem_free(image->texts[i].text);
    }
    px_mem_free(image->texts);
    px_mem_free(image->rgba);
    px_mem_free(image);
}

bool px_image_has_alpha(const dgxp_image *image)
{
    const size_t count = px_image_count(image);
    for (size_t start = 0; start < count; start += 4096) {
        const size_t end = count - start < 4096 ? count : start + 4096;
        uint8_t least = 255;
        for (size_t i = start; i < end; i++) {
            const uint8_t alpha = image->rgba[i * 4 + 3];
            least = alpha < least ? alpha : least;
        }
        if (least < 255) {
            return true;
        }
    }
    return false;
}

bool px_image_equal(const dgxp_image *a, const dgxp_image *b)
{
    return a->width == b->width && a->height == b->height &&
           memcmp(a->rgba, b->rgba, px_image_count(a) * 4) == 0;
}

/* ------------------------------------------------------------------------------------- texts */

/* PNG's rule for keywords: printable Latin-1, no space at either end, none doubled. */
static bool is_key(const char *key)
{
    const size_t length = strlen(key);
    if (length < 1 || length > PX_IMAGE_KEY_MAX || key[0] == ' ' || key[length - 1] == ' ') {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)key[i];
        if (c < 32 || (c > 126 && c < 161) || (c == ' ' && key[i + 1] == ' ')) {
            return false;
        }
    }
    return true;
}

bool px_image_is_utf8(const char *text)
{
    const size_t length = strlen(text);
    size_t at = 0;
    while (at < length) {
        utf8proc_int32_t code;
        const utf8proc_ssize_t used = utf8proc_iterate((const utf8proc_uint8_t *)text + at,
                                                       (utf8proc_ssize_t)(length - at), &code);
        if (used < 1) {
            return false;
        }
        at += (size_t)used;
    }
    return true;
}

static px_image_entry *find_text(const dgxp_image *image, const char *key)
{
    for (size_t i = 0; i < image->text_count; i++) {
        if (strcmp(image->texts[i].key, key) == 0) {
            return &image->texts[i];
        }
    }
    return NULL;
}

static void remove_text(dgxp_image *image, const char *key)
{
    size_t kept = 0;
    for (size_t i = 0; i < image->text_count; i++) {
        if (!key || strcmp(image->texts[i].key, key) == 0) {
            image->text_bytes -= strlen(image->texts[i].text);
            px_mem_free(image->texts[i].text);
        } else {
            image->texts[kept++] = image->texts[i];
        }
    }
    image->text_count = kept;
}

dgxp_status px_image_set_text(dgxp_image *image, const char *key, const char *text)
{
    if (!key || !text) {
        if (!key && text) {
            return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                                "dgxp_image_set_text: a text needs a key");
        }
        remove_text(image, key);
        return DGXP_OK;
    }
    if (!is_key(key)) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_image_set_text: key '%.80s' is not 1 to %d printable Latin-1 "
                            "bytes without outer or doubled spaces",
                            key, PX_IMAGE_KEY_MAX);
    }
    const size_t length = strlen(text);
    if (length > PX_IMAGE_TEXT_MAX) {
        return px_error_set(DGXP_ERR_LIMIT,
                            "dgxp_image_set_text: text '%s' has %zu bytes, the limit is %zu", key,
                            length, PX_IMAGE_TEXT_MAX);
    }
    if (!px_image_is_utf8(text)) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_image_set_text: text '%s' is not valid UTF-8", key);
    }
    px_image_entry *entry = find_text(image, key);
    if (!entry && image->text_count >= PX_IMAGE_TEXTS_MAX) {
        return px_error_set(DGXP_ERR_LIMIT,
                            "dgxp_image_set_text: no room for '%s', an image has at most %d texts",
                            key, PX_IMAGE_TEXTS_MAX);
    }
    const size_t others = image->text_bytes - (entry ? strlen(entry->text) : 0);
    if (length > PX_IMAGE_TEXTS_BYTES - others) {
        return px_error_set(DGXP_ERR_LIMIT,
                            "dgxp_image_set_text: no room for '%s' of %zu bytes, all texts of an "
                            "image have at most %zu",
                            key, length, PX_IMAGE_TEXTS_BYTES);
    }
    char *copy = px_mem_text(text);
    if (!copy || (!entry && !px_mem_grow((void **)&image->texts, &image->text_capacity,
                                         image->text_count, sizeof *image->texts))) {
        px_mem_free(copy);
        return px_error_memory("the text of an image");
    }
    if (!entry) {
        entry = &image->texts[image->text_count++];
        memcpy(entry->key, key, strlen(key) + 1);
    } else {
        px_mem_free(entry->text);
    }
    entry->text = copy;
    image->text_bytes = others + length;
    return DGXP_OK;
}

dgxp_status px_image_copy_texts(const dgxp_image *from, dgxp_image *to)
{
    for (size_t i = 0; i < from->text_count; i++) {
        const dgxp_status status = px_image_set_text(to, from->texts[i].key, from->texts[i].text);
        if (status) {
            return status;
        }
    }
    return DGXP_OK;
}

int32_t dgxp_image_text_count(const dgxp_image *image)
{
    return image ? (int32_t)image->text_count : 0;
}

const char *dgxp_image_text_key(const dgxp_image *image, int32_t index)
{
    if (!image || index < 0 || (size_t)index >= image->text_count) {
        return NULL;
    }
    return image->texts[index].key;
}

const char *dgxp_image_text(const dgxp_image *image, const char *key)
{
    const px_image_entry *entry = image && key ? find_text(image, key) : NULL;
    return entry ? entry->text : NULL;
}

dgxp_status dgxp_image_set_text(dgxp_image *image, const char *key, const char *text)
{
    px_error_clear();
    if (!image) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_image_set_text: image is NULL");
    }
    return px_image_set_text(image, key, text);
}
