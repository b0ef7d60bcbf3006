/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a file or folder is, as a document: a picture, an animation, or whatever a model knows. */
#include "diffusion/inspect.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "image/header.h"

#include <string.h>

/* A document under `key`, or what was wrong with it. */
static bool put_document(json_t *object, const char *key, dgxp_status status,
                         dgxp_document *document)
{
    json_t *value = status == DGXP_OK ? json_loads(dgxp_document_text(document), 0, NULL)
                                      : json_pack("{ss}", "problem", dgxp_last_error());
    dgxp_document_free(document);
    return px_json_put(object, key, value);
}

/* What three programs write about how a picture was made: ours, A1111 and its kin, ComfyUI. */
static bool put_makers(json_t *object, const char *path, const dgxp_image *image)
{
    const char *parameters = dgxp_image_text(image, "parameters");
    dgxp_document *document = NULL;
    bool fine = true;
    if (dgxp_image_text(image, "dgx_pixels")) {
        const dgxp_status status = dgxp_image_recipe(image, &document);
        fine = put_document(object, "recipe", status, document);
        document = NULL;
    }
    if (parameters) {
        const dgxp_status status = dgxp_parameters_parse(parameters, &document);
        fine = put_document(object, "parameters", status, document) && fine;
        document = NULL;
    }
    if (dgxp_image_text(image, "prompt")) {
        const dgxp_status status = dgxp_workflow_load(path, NULL, &document);
        fine = put_document(object, "comfyui", status, document) && fine;
    }
    px_error_clear();
    return fine;
}

/* Frames, milliseconds and tags. */
static bool put_frames(json_t *object, const px_header *header)
{
    json_t *tags = json_array();
    bool fine = true;
    for (size_t i = 0; fine && i < header->tag_count; i++) {
        const px_sheet_tag *tag = &header->tags[i];
        json_t *entry = json_object();
        fine = px_json_put_text(entry, "name", tag->name) &&
               px_json_put_integer(entry, "from", tag->from) &&
               px_json_put_integer(entry, "to", tag->to);
        fine = px_json_append(tags, entry) && fine;
    }
    fine = px_json_put(object, "tags", tags) && fine;
    return fine && px_json_put_integer(object, "frames", header->frames) &&
           px_json_put_integer(object, "duration_ms", header->duration);
}

static bool put_texts(json_t *object, const dgxp_image *image)
{
    json_t *texts = json_object();
    bool fine = texts != NULL;
    for (int32_t i = 0; fine && i < dgxp_image_text_count(image); i++) {
        const char *key = dgxp_image_text_key(image, i);
        json_t *name = px_json_string(key, strlen(key)); /* keys are Latin-1 */
        fine =
            name && px_json_put_text(texts, json_string_value(name), dgxp_image_text(image, key));
        json_decref(name);
    }
    return px_json_put(object, "text", texts) && fine;
}

static dgxp_status describe_picture(const char *path, const px_header *header, json_t *object)
{
    const bool png = strcmp(header->type, "png") == 0;
    bool fine = px_json_put_text(object, "type", header->type) &&
                px_json_put_integer(object, "width", header->width) &&
                px_json_put_integer(object, "height", header->height);
    if (png) {
        fine = fine && put_texts(object, header->texts) && put_makers(object, path, header->texts);
    }
    if (!png || header->frames > 1) { /* an APNG */
        fine = fine && put_frames(object, header);
    }
    return fine ? DGXP_OK : px_error_memory("a description");
}

dgxp_status dgxp_inspect(const char *path, dgxp_document **out)
{
    dgxp_status status;
    px_error_clear();
    if (!path || !out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_inspect: path and out are required");
    }
    px_header header = {0};
    json_t *object = json_object();
    if (!px_json_put_text(object, "path", path)) {
        json_decref(object);
        return px_error_memory("a description");
    }
    status = px_file_is_folder(path) ? DGXP_OK : px_header_read(path, &header);
    if (status == DGXP_OK) {
        status =
            header.type ? describe_picture(path, &header, object) : px_inspect_model(path, object);
    }
    px_header_free(&header);
    if (status != DGXP_OK) {
        json_decref(object);
        return status;
    }
    return px_json_document(object, out);
}
