/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the library found on this machine, what is missing, and what to do about it. */
#include "core/error.h"
#include "core/hash.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/params.h"
#include "core/search.h"
#include "diffusion/backend.h"
#include "diffusion/bundle.h"
#include "diffusion/find.h"
#include "diffusion/program.h"
#include "game/upgrade.h"
#include "resident/spawn.h"

#include <string.h>

static json_t *describe_library(void)
{
    json_t *about = json_object();
    px_json_put_text(about, "version", dgxp_version_text());
    px_json_put_text(about, "folder", px_search_library_folder());
    px_json_put_text(about, "license", "MIT or Apache-2.0");
    return about;
}

static json_t *describe_devices(const px_shim *shim)
{
    json_t *list = json_array();
    px_shim_error error = {""};
    int32_t count = 0;
    if (shim->device_count(&count, &error) != DGXP_OK) {
        px_json_append(list, px_json_string(error.text, strlen(error.text)));
        return list;
    }
    for (int32_t i = 0; i < count; i++) {
        px_shim_device device;
        json_t *entry = json_object();
        if (shim->device_describe(i, &device, &error) == DGXP_OK) {
            px_json_put_text(entry, "id", device.id);
            px_json_put_text(entry, "name", device.name);
            px_json_put_boolean(entry, "available", device.available != 0);
            px_json_put_integer(entry, "memory_total_mib", (int64_t)(device.memory_total >> 20));
            px_json_put_integer(entry, "memory_free_mib", (int64_t)(device.memory_free >> 20));
        } else {
            px_json_put_text(entry, "problem", error.text);
        }
        px_json_append(list, entry);
    }
    return list;
}

/* The first complaint is what the call fails with; the document tells all of them. */
static json_t *describe_backend(dgxp_status *status, json_t **devices)
{
    const px_shim *shim = NULL;
    json_t *about = json_object();
    *status = px_backend_open(&shim);
    if (*status != DGXP_OK) {
        px_json_put_text(about, "problem", dgxp_last_error());
        return about;
    }
    px_json_put_text(about, "name", shim->name);
    px_json_put_text(about, "path", px_backend_path());
    px_json_put_text(about, "built_for_torch", shim->build);
    px_json_put_text(about, "torch", shim->running);
    px_json_put_text(about, "torch_folder", px_backend_torch_folder());
    *devices = describe_devices(shim);
    return about;
}

/* Every file that a bundle names, hashed anew. */
static void verify_bundle(const char *path, json_t *entry)
{
    px_bundle *bundle = NULL;
    if (px_bundle_load(path, &bundle) != DGXP_OK) {
        px_error_clear(); /* a single file or a plain folder has no list to compare with */
        px_json_put_text(entry, "verified", "no list of hashes");
        return;
    }
    json_t *wrong = json_array();
    for (int32_t i = 0; i < bundle->file_count; i++) {
        char hex[PX_HASH_HEX];
        char *file = px_file_join(bundle->folder, bundle->files[i].path);
        const bool good = file && px_hash_file(file, NULL, hex) == DGXP_OK &&
                          strcmp(hex, bundle->files[i].sha256) == 0;
        if (!good) {
            px_json_append(wrong, json_string(bundle->files[i].path));
        }
        px_mem_free(file);
    }
    for (int32_t i = 0; i < bundle->program_count; i++) {
        px_program program = {0};
        char *file = px_file_join(bundle->folder, bundle->programs[i].file);
        if (!file || px_program_read(file, bundle->programs[i].sha256, &program) != DGXP_OK) {
            px_json_append(wrong, json_string(bundle->programs[i].file));
        }
        px_program_free(&program);
        px_mem_free(file);
    }
    px_error_clear();
    px_json_put_text(entry, "verified", json_array_size(wrong) ? "NO" : "yes");
    px_json_put(entry, "altered", wrong);
    px_bundle_free(bundle);
}

static json_t *describe_models(bool verify)
{
    dgxp_document *document = NULL;
    json_t *list = NULL;
    if (dgxp_list_models(&document) == DGXP_OK) {
        list = json_loads(dgxp_document_text(document), 0, NULL);
    }
    dgxp_document_free(document);
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        if (verify) {
            verify_bundle(json_string_value(json_object_get(entry, "path")), entry);
        }
    }
    return list ? list : json_array();
}

/* The processes that keep models open: their memory, and where their logs are. */
static json_t *describe_resident(void)
{
    json_t *engines = json_array();
    if (px_spawn_describe(engines) != DGXP_OK) {
        px_error_clear();
    }
    return engines;
}

static bool look_at(const char *folder, void *files)
{
    if (px_upgrade_look(folder, files) != DGXP_OK) {
        px_error_clear();
    }
    return false;
}

/* What of the user's own presets and models says what is gone. */
static json_t *describe_old(void)
{
    json_t *files = json_array();
    px_search_folders(PX_SEARCH_PRESETS, look_at, files);
    px_search_folders(PX_SEARCH_MODELS, look_at, files);
    return files;
}

dgxp_status dgxp_doctor(int32_t verify_hashes, dgxp_document **out)
{
    if (!out) {
        return px_error_begin("dgxp_doctor", false, "out");
    }
    px_error_clear();
    char complaint[1024] = "";
    dgxp_status status = DGXP_OK;
    json_t *about = json_object(), *devices = NULL;
    char *folders = px_search_describe(PX_SEARCH_MODELS);
    px_json_put(about, "library", describe_library());
    px_json_put(about, "backend", describe_backend(&status, &devices));
    snprintf(complaint, sizeof complaint, "%s", dgxp_last_error());
    px_json_put(about, "devices", devices ? devices : json_array());
    px_json_put_text(about, "models_folders", folders);
    px_json_put(about, "models", describe_models(verify_hashes != 0));
    px_json_put(about, "resident", describe_resident());
    px_json_put(about, "old", describe_old());
    px_mem_free(folders);
    const dgxp_status made = px_json_document(about, out);
    if (made != DGXP_OK) {
        return made;
    }
    return status == DGXP_OK ? DGXP_OK : px_error_set(status, "%s", complaint);
}

dgxp_status dgxp_device_count(int32_t *count)
{
    if (!count) {
        return px_error_begin("dgxp_device_count", false, "a count to fill");
    }
    const px_shim *shim = NULL;
    px_shim_error error = {""};
    px_error_clear();
    const dgxp_status status = px_backend_open(&shim);
    return status == DGXP_OK ? px_backend_status(shim->device_count(count, &error), &error)
                             : status;
}

dgxp_status dgxp_device_describe(int32_t index, dgxp_device_info *info)
{
    const px_shim *shim = NULL;
    px_shim_error error = {""};
    px_shim_device device;
    px_error_clear();
    if (!info) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_device_describe: info is NULL");
    }
    dgxp_status status = px_backend_open(&shim);
    if (status == DGXP_OK) {
        status = px_backend_status(shim->device_describe(index, &device, &error), &error);
    }
    if (status == DGXP_OK) {
        dgxp_device_info full = {.available = device.available,
                                 .memory_total = device.memory_total,
                                 .memory_free = device.memory_free};
        memcpy(full.id, device.id, sizeof full.id);
        memcpy(full.name, device.name, sizeof full.name);
        status = px_params_fill("dgxp_device_describe", info, &full, sizeof full);
    }
    return status;
}
