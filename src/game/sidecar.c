/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* dgx-pixels.recipes/NAME.json: the metadata that assets/NAME.png was stripped of. */
#include "game/sidecar.h"

#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/json.h"
#include "core/mem.h"
#include "game/project.h"
#include "image/image.h"
#include "image/metadata.h"

#include <stdlib.h>
#include <string.h>

enum { SIDECAR_LIMIT = 64 << 20, SIDECAR_FORMAT = 1 };

char *px_sidecar_path(const char *path)
{
    return px_mem_format(PX_PROJECT_RECIPES "/%.*s.json", (int)strlen(path) - 4, path);
}

/* Texts of ours that are JSON stand in the sidecar as such, so that people can read them. */
enum { DOCUMENTS = 2 };
static const struct {
    const char *key, *name;
} documents[DOCUMENTS] = {{PX_METADATA_RECIPE, "recipe"}, {PX_METADATA_REVIEW, "review"}};

/* NULL when there is none, or it is broken: then it is a text like any other. */
static json_t *parse_document(const dgxp_image *image, const char *key)
{
    const char *text = dgxp_image_text(image, key);
    json_t *document = NULL;
    if (text && px_json_parse(key, text, strlen(text), &document) != DGXP_OK) {
        px_error_clear();
        return NULL;
    }
    return document;
}

char *px_sidecar_make(const char *path, const void *bytes, size_t size, const dgxp_image *image)
{
    json_t *root = json_object(), *texts = json_object();
    char hash[PX_HASH_HEX];
    px_hash_bytes(bytes, size, hash);
    bool fits = px_json_put_integer(root, "format", SIDECAR_FORMAT) &&
                px_json_put_text(root, "image", px_file_name(path)) &&
                px_json_put_text(root, "sha256", hash);
    for (int32_t i = 0; i < dgxp_image_text_count(image); i++) {
        const char *key = dgxp_image_text_key(image, i);
        px_json_put_text(texts, key, dgxp_image_text(image, key));
    }
    for (int i = 0; i < DOCUMENTS; i++) {
        json_t *document = parse_document(image, documents[i].key);
        if (document) {
            json_object_del(texts, documents[i].key);
            fits = px_json_put(root, documents[i].name, document) && fits;
        }
    }
    fits = px_json_put(root, "texts", texts) && fits;
    char *dump = fits ? px_json_dump(root, JSON_INDENT(2) | JSON_PRESERVE_ORDER) : NULL;
    char *text = dump ? px_mem_format("%s\n", dump) : NULL;
    px_mem_free(dump);
    json_decref(root);
    return text;
}

static dgxp_status put_documents(const px_json *root, dgxp_image *image)
{
    dgxp_status status = DGXP_OK;
    for (int i = 0; i < DOCUMENTS && status == DGXP_OK; i++) {
        px_json document;
        status = px_json_object(root, documents[i].name, PX_JSON_OPTIONAL, &document);
        if (status == DGXP_OK && document.value) {
            char *text = px_json_print(document.value);
            status = text ? px_image_set_text(image, documents[i].key, text)
                          : px_error_memory(documents[i].name);
            px_mem_free(text);
        }
    }
    return status;
}

static dgxp_status put_texts(const px_json *root, dgxp_image *image)
{
    px_json texts;
    const char *key;
    json_t *value;
    dgxp_status status = px_json_object(root, "texts", PX_JSON_OPTIONAL, &texts);
    json_object_foreach((json_t *)(uintptr_t)texts.value, key, value)
    {
        const char *text = NULL;
        if (status == DGXP_OK) {
            status = px_json_text(&texts, key, PX_JSON_REQUIRED, PX_IMAGE_TEXT_MAX, &text);
        }
        if (status == DGXP_OK) {
            status = px_image_set_text(image, key, text);
        }
    }
    return status;
}

static dgxp_status find_sidecar(const char *path, char **sidecar)
{
    px_project project = {.root = -1};
    char *asset = NULL;
    dgxp_status status = px_project_of_asset(path, &project, &asset);
    if (status == DGXP_OK) {
        char *place = px_sidecar_path(asset);
        *sidecar = place ? px_file_join(project.folder, place) : NULL;
        status = *sidecar ? DGXP_OK : px_error_memory("a path");
        px_mem_free(place);
    }
    px_mem_free(asset);
    px_project_close(&project);
    return status;
}

dgxp_status dgxp_image_load_sidecar(dgxp_image *image, const char *path)
{
    px_json root;
    json_t *document = NULL;
    int64_t format = 0;
    px_error_clear();
    if (!image || !path || !px_file_has_suffix(path, "png")) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_image_load_sidecar: needs an image, and the path of its PNG");
    }
    char *sidecar = NULL;
    dgxp_status status = find_sidecar(path, &sidecar);
    PX_NEXT(px_json_load(sidecar, SIDECAR_LIMIT, &document));
    PX_NEXT(px_json_root(sidecar, document, &root));
    PX_NEXT(px_json_integer(&root, "format", PX_JSON_REQUIRED, SIDECAR_FORMAT, SIDECAR_FORMAT,
                            &format));
    PX_NEXT(put_texts(&root, image));
    PX_NEXT(put_documents(&root, image));
    json_decref(document);
    px_mem_free(sidecar);
    return status;
}
