/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One target for each parser that strangers reach, through the public header (fuzz/README.md). */
#include "fuzz.h"

#include "dgxpixels.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------------- helpers */

/* A folder in memory for targets that read files by path; gone when the process ends well. */
static char folder[64];

static void drop_folder(void)
{
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0) {
        fprintf(stderr, "%s stays\n", folder);
    }
}

static const char *path_of(const char *name)
{
    static char paths[4][256];
    static int next;
    if (!folder[0]) {
        snprintf(folder, sizeof folder, "%s/dgxp-fuzz-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        if (!mkdtemp(folder)) {
            abort();
        }
        atexit(drop_folder);
    }
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static const char *write_file(const char *name, const void *bytes, size_t size)
{
    const char *path = path_of(name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
        abort();
    }
    return path;
}

static char *text_of(const uint8_t *bytes, size_t size)
{
    char *text = malloc(size + 1);
    if (!text) {
        abort();
    }
    memcpy(text, bytes, size);
    text[size] = '\0';
    return text;
}

/* What is refused says why, in UTF-8 without control characters. */
static void check(dgxp_status status)
{
    const char *said = dgxp_last_error();
    if (status != DGXP_OK && !*said) {
        fprintf(stderr, "status %s without a sentence\n", dgxp_status_name(status));
        abort();
    }
    for (; *said; said++) {
        if ((unsigned char)*said < 0x20 && *said != '\n' && *said != '\t') {
            abort();
        }
    }
}

/* A document must be there when its call went well. */
static void drop(dgxp_status status, dgxp_document *document)
{
    check(status);
    if (status == DGXP_OK && !dgxp_document_text(document)) {
        abort();
    }
    dgxp_document_free(status == DGXP_OK ? document : NULL);
}

static void inspect(const char *path)
{
    dgxp_document *document = NULL;
    const dgxp_status status = dgxp_inspect(path, &document);
    drop(status, document);
}

/* ------------------------------------------------------------------------------------- targets */

static void fuzz_picture(const uint8_t *data, size_t size)
{
    dgxp_image *image = NULL;
    const dgxp_status status = dgxp_image_decode(data, size, &image);
    check(status);
    if (status == DGXP_OK) {
        uint8_t *bytes = NULL;
        size_t count = 0;
        dgxp_document *recipe = NULL;
        check(dgxp_image_encode(image, NULL, &bytes, &count));
        dgxp_bytes_free(bytes);
        const dgxp_status read = dgxp_image_recipe(image, &recipe);
        drop(read, recipe);
    }
    dgxp_image_free(image);
    inspect(write_file("a.png", data, size));
}

static void fuzz_animation(const uint8_t *data, size_t size)
{
    dgxp_sheet *sheet = NULL;
    dgxp_atlas *atlas = NULL;
    const dgxp_status status = dgxp_sheet_decode(data, size, &sheet);
    check(status);
    if (status == DGXP_OK) {
        check(dgxp_sheet_pack(sheet, NULL, &atlas));
    }
    dgxp_atlas_free(atlas);
    dgxp_sheet_free(sheet);
    inspect(write_file("a.bin", data, size));
}

static void fuzz_palette(const uint8_t *data, size_t size)
{
    dgxp_palette *palette = NULL;
    check(dgxp_palette_decode(data, size, &palette));
    for (int32_t format = 0; palette && format < 12; format++) {
        uint8_t *bytes = NULL;
        size_t count = 0;
        if (dgxp_palette_encode(palette, format, &bytes, &count) == DGXP_OK) {
            dgxp_bytes_free(bytes);
        }
    }
    dgxp_palette_free(palette);
}

static void fuzz_safetensors(const uint8_t *data, size_t size)
{
    const char *path = write_file("a.safetensors", data, size);
    dgxp_lora *lora = NULL;
    inspect(path);
    const dgxp_status status = dgxp_lora_load(path, NULL, &lora);
    check(status);
    if (status == DGXP_OK) {
        dgxp_document *document = NULL;
        const dgxp_status described = dgxp_lora_describe(lora, &document);
        drop(described, document);
    }
    dgxp_lora_free(lora);
}

static void fuzz_bundle(const uint8_t *data, size_t size)
{
    dgxp_model_params params = DGXP_MODEL_PARAMS_INIT;
    dgxp_model *model = NULL;
    params.describe_only = 1;
    mkdir(path_of("bundle"), 0777);
    write_file("bundle/bundle.json", data, size);
    inspect(path_of("bundle"));
    check(dgxp_model_open(path_of("bundle"), &params, &model));
    dgxp_model_free(model);
}

static void fuzz_manifest(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"l.txt", "l.jsonl", "l.csv", "l.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        dgxp_batch_params params = DGXP_BATCH_PARAMS_INIT;
        dgxp_batch *batch = NULL;
        dgxp_document *document = NULL;
        params.manifest = names[i];
        params.text = (const char *)data;
        params.text_size = size;
        params.dry_run = 1;
        params.wildcards = path_of("");
        const dgxp_status status = dgxp_batch_open(&params, &batch);
        check(status);
        if (status == DGXP_OK) {
            const dgxp_status described = dgxp_batch_describe(batch, 0, 8, &document);
            drop(described, document);
        }
        dgxp_batch_free(batch);
    }
}

static void fuzz_request(const uint8_t *data, size_t size)
{
    char *text = text_of(data, size);
    dgxp_batch_params params = DGXP_BATCH_PARAMS_INIT;
    dgxp_batch *batch = NULL;
    params.manifest = "l.txt"; /* its only line refines the request */
    params.text = "a knight";
    params.text_size = 8;
    params.dry_run = 1;
    params.defaults = text;
    check(dgxp_batch_open(&params, &batch));
    dgxp_batch_free(batch);
    free(text);
}

static void fuzz_workflow(const uint8_t *data, size_t size)
{
    dgxp_document *document = NULL;
    const dgxp_status status =
        dgxp_workflow_load(write_file("w.json", data, size), "{\"seed\": 7}", &document);
    drop(status, document);
}

/* The first byte chooses which of the project's files it is; the others are sound. */
static void fuzz_project(const uint8_t *data, size_t size)
{
    static const char *const names[] = {
        "dgx-pixels.json", "dgx-pixels.lock.json", ".dgx-pixels/history/000001.json",
        ".dgx-pixels/history/000001.pending.json", "dgx-pixels.recipes/a.png.json"};
    enum { NAMES = sizeof names / sizeof *names };
    static const char project[] = "{\"format\": 1, \"assets\": [{\"path\": \"a.png\", "
                                  "\"subject\": \"a\"}]}";
    static const char lock[] = "{\"format\": 1, \"assets\": []}";
    const size_t which = size ? data[0] % NAMES : 0;
    dgxp_build_params build = DGXP_BUILD_PARAMS_INIT;
    dgxp_document *document = NULL;
    dgxp_image *image = NULL;
    char name[96];
    mkdir(path_of("game"), 0777);
    mkdir(path_of("game/.dgx-pixels"), 0777);
    mkdir(path_of("game/.dgx-pixels/history"), 0777);
    mkdir(path_of("game/dgx-pixels.recipes"), 0777);
    mkdir(path_of("game/assets"), 0777);
    write_file("game/dgx-pixels.json", project, sizeof project - 1);
    write_file("game/dgx-pixels.lock.json", lock, sizeof lock - 1);
    unlink(path_of("game/.dgx-pixels/history/000001.pending.json"));
    unlink(path_of("game/.dgx-pixels/history/000001.json"));
    snprintf(name, sizeof name, "game/%s", names[which]);
    write_file(name, data + (size > 0), size - (size > 0));
    build.project = path_of("game");
    build.dry_run = 1;
    dgxp_status status = dgxp_project_describe(path_of("game"), &document);
    drop(status, document);
    document = NULL;
    status = dgxp_build(&build, &document);
    check(status);
    dgxp_document_free(document);
    document = NULL;
    status = dgxp_deploy_undo(path_of("game"), 0, &document);
    drop(status, document);
    if (which == 4 && dgxp_image_create(1, 1, NULL, &image) == DGXP_OK) {
        write_file("game/assets/a.png", "", 0);
        check(dgxp_image_load_sidecar(image, path_of("game/assets/a.png")));
        dgxp_image_free(image);
    }
}

static void fuzz_recipe(const uint8_t *data, size_t size)
{
    char *text = text_of(data, size);
    dgxp_image *image = NULL;
    dgxp_document *document = NULL;
    dgxp_status status = dgxp_parameters_parse(text, &document);
    drop(status, document);
    document = NULL;
    if (dgxp_image_create(1, 1, NULL, &image) == DGXP_OK) {
        if (dgxp_image_set_text(image, "dgx_pixels", text) == DGXP_OK) {
            status = dgxp_image_recipe(image, &document);
            drop(status, document);
        }
        dgxp_image_free(image);
    }
    free(text);
}

/* A path, a line's end, and what a picture says its recipe is. */
static void fuzz_document(const uint8_t *data, size_t size)
{
    char *path = text_of(data, size), *text = strchr(path, '\n');
    dgxp_image *image = NULL;
    dgxp_document *document = NULL;
    if (text && dgxp_image_create(1, 1, NULL, &image) == DGXP_OK) {
        *text++ = '\0';
        if (dgxp_image_set_text(image, "dgx_pixels", text) == DGXP_OK) {
            check(dgxp_image_recipe(image, &document));
        }
    }
    if (document) {
        double number;
        const char *string;
        int32_t count;
        check(dgxp_document_number(document, path, &number));
        check(dgxp_document_string(document, path, &string));
        check(dgxp_document_count(document, path, &count));
    }
    dgxp_document_free(document);
    dgxp_image_free(image);
    free(path);
}

static void fuzz_prompt(const uint8_t *data, size_t size)
{
    static dgxp_model *model;
    static bool tried;
    char *text = text_of(data, size);
    char slug[DGXP_SLUG_SIZE];
    dgxp_job *job = NULL;
    if (!tried) {
        dgxp_model_params params = DGXP_MODEL_PARAMS_INIT;
        params.describe_only = 1;
        tried = true;
        dgxp_model_open("starter", &params, &model); /* its tokenizer; without it the rest */
    }
    dgxp_slug(text, slug);
    const dgxp_status status = dgxp_job_create(text, &job);
    check(status);
    if (status == DGXP_OK) {
        check(dgxp_job_set_negative_prompt(job, text));
        check(dgxp_job_set_finish(job, text));
        if (model) {
            dgxp_document *document = NULL;
            const dgxp_status described = dgxp_job_describe(job, model, &document);
            drop(described, document);
        }
    }
    dgxp_job_free(job);
    free(text);
}

#define JOIN(a, b) a##b
#define NAMED(name) JOIN(fuzz_, name)

/* All are compiled into each program, so that none rots; one is called. */
static void (*const all[])(const uint8_t *, size_t) = {
    fuzz_picture, fuzz_animation, fuzz_palette, fuzz_safetensors, fuzz_bundle, fuzz_manifest,
    fuzz_request, fuzz_workflow,  fuzz_project, fuzz_recipe,      fuzz_prompt, fuzz_document};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)all;
    if (size <= 1 << 20) {
        NAMED(FUZZ_TARGET)(data, size);
    }
    return 0;
}
