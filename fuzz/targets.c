/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One target for each parser that strangers reach, through the public header (fuzz/README.md). */
#include "fuzz.h"

#include "dgxpixels.h"

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <zlib.h>

/* ------------------------------------------------------------------------------------- helpers */

enum { ROOM = 16 << 20 };

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
        struct statvfs room; /* memory where there is some: a container may have none left */
        const bool fits = access("/dev/shm", W_OK) == 0 && statvfs("/dev/shm", &room) == 0 &&
                          room.f_bavail * room.f_frsize >= ROOM;
        snprintf(folder, sizeof folder, "%s/dgxp-fuzz-XXXXXX", fits ? "/dev/shm" : "/tmp");
        if (!mkdtemp(folder)) {
            abort();
        }
        atexit(drop_folder);
    }
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *place)
{
    (void)about;
    (void)type;
    (void)place;
    return remove(path);
}

/* Empties a folder in it, so that the next input begins as this one did. */
static void drop_inside(const char *name)
{
    if (nftw(path_of(name), remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0) {
        abort();
    }
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

/* The starter's tokenizer and defaults; NULL where it is not. */
static const dgxp_model *starter(void)
{
    static dgxp_model *model;
    static bool tried;
    if (!tried) {
        dgxp_model_params params = DGXP_MODEL_PARAMS_INIT;
        params.describe_only = 1;
        tried = true;
        dgxp_model_open("starter", &params, &model);
    }
    return model;
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
    check(dgxp_palette_load(write_file("a.gpl", data, size), &palette));
    dgxp_palette_free(palette);
    palette = NULL;
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
    const char *path = write_file(
        size && data[0] == '{' ? "model.safetensors.index.json" : "a.safetensors", data, size);
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
    write_file("color.txt", data, size); /* __color__: a line of the same */
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
    dgxp_job *job = NULL;
    if (starter() && dgxp_job_request(starter(), text, NULL, &job) == DGXP_OK) {
        check(dgxp_job_set(job, "loras", text));
        check(dgxp_job_set(job, "canvas", "[64, 64]"));
    }
    dgxp_job_free(job);
    free(text);
}

static void fuzz_workflow(const uint8_t *data, size_t size)
{
    dgxp_document *document = NULL;
    const dgxp_status status =
        dgxp_workflow_load(write_file("w.json", data, size), "{\"seed\": 7}", &document);
    drop(status, document);
}

static const char cargo_toml[] = "[package]\nname = \"g\"\n[dependencies]\nbevy = \"0.19\"\n";

/* The first byte chooses which of the project's files it is; the others are sound. */
static void fuzz_project(const uint8_t *data, size_t size)
{
    static const char *const names[] = {
        "dgx-pixels.json", "dgx-pixels.lock.json", ".dgx-pixels/history/000001.json",
        ".dgx-pixels/history/000001.pending.json", "dgx-pixels.recipes/a.json"};
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
    write_file("game/Cargo.toml", cargo_toml, sizeof cargo_toml - 1);
    write_file("game/dgx-pixels.json", project, sizeof project - 1);
    write_file("game/dgx-pixels.lock.json", lock, sizeof lock - 1);
    unlink(path_of("game/assets/a.png"));
    unlink(path_of("game/dgx-pixels.recipes/a.json"));
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
    for (int32_t force = 0; force < 2; force++) {
        document = NULL;
        status = dgxp_deploy_undo(path_of("game"), force, &document);
        drop(status, document);
    }
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
    const dgxp_model *model = starter();
    char *text = text_of(data, size);
    char slug[DGXP_SLUG_SIZE];
    dgxp_job *job = NULL;
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

/* A motion of the user's own, on a small sprite. */
static void fuzz_motion(const uint8_t *data, size_t size)
{
    static dgxp_image *sprite;
    dgxp_motion_params params = DGXP_MOTION_PARAMS_INIT;
    dgxp_sheet *sheet = NULL;
    dgxp_document *document = NULL;
    uint8_t pixels[12 * 8 * 4] = {0};
    for (size_t i = 0; i < sizeof pixels; i += 4) {
        pixels[i] = (uint8_t)i;
        pixels[i + 3] = i % 32 && i > 64 ? 255 : 0;
    }
    if (!sprite && dgxp_image_create(8, 12, pixels, &sprite) != DGXP_OK) {
        abort();
    }
    mkdir(path_of("motions"), 0777);
    params.motions = write_file("motions/own.json", data, size);
    params.folder = path_of("motions");
    dgxp_status status = DGXP_OK;
    for (params.frames = 2; params.frames <= 12; params.frames += 10) {
        document = NULL;
        sheet = NULL;
        status = dgxp_motion(sprite, &params, &document, &sheet);
        drop(status, document);
        dgxp_sheet_free(sheet);
    }
    document = NULL;
    status = dgxp_list_motions(path_of("motions"), &document);
    drop(status, document);
}

/* A preset of the user's own, with the job that a request makes of it. */
static void fuzz_preset(const uint8_t *data, size_t size)
{
    dgxp_document *document = NULL;
    dgxp_request_params params = DGXP_REQUEST_PARAMS_INIT;
    const dgxp_model *model = starter();
    dgxp_job *job = NULL;
    mkdir(path_of("presets"), 0777);
    write_file("presets/own.json", data, size);
    params.presets = path_of("presets");
    dgxp_status status = dgxp_preset_describe("own", path_of("presets"), &document);
    drop(status, document);
    document = NULL;
    status = dgxp_list_presets(&document);
    drop(status, document);
    if (model) {
        check(
            dgxp_job_request(model, "{\"kind\": \"own\", \"subject\": \"a fox\"}", &params, &job));
        dgxp_job_free(job);
    }
}

/* Each line as a journal has it: a record, and its checksum. */
static void write_journal(const char *name, const uint8_t *data, size_t size)
{
    FILE *file = fopen(path_of(name), "wb");
    for (size_t at = 0; file && at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        const size_t length = end ? (size_t)(end - data) - at : size - at;
        const unsigned long sum = crc32(0, data + at, (unsigned)length);
        fputs("{\"record\":", file);
        fwrite(data + at, 1, length, file);
        fprintf(file, ",\"crc\":\"%08lx\"}\n", sum);
        at += length + 1;
    }
    if (!file || fclose(file) != 0) {
        abort();
    }
}

/* What a batch wrote about itself: its identity, or a journal, with or without sums; the rest is as
 * it wrote it. */
static void fuzz_journal(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"batch/.dgx-pixels/batch.json",
                                        "batch/.dgx-pixels/journal-00000000000001.jsonl"};
    dgxp_batch_params params = DGXP_BATCH_PARAMS_INIT;
    const size_t which = size ? data[0] % 3 : 0;
    char output[256];
    snprintf(output, sizeof output, "%s", path_of("batch"));
    params.manifest = "l.txt";
    params.text = "a fox\na knight\n";
    params.text_size = strlen(params.text);
    params.output = output;
    for (int round = 0; round < 2; round++) {
        dgxp_batch *batch = NULL;
        params.resume = round;
        const dgxp_status status = dgxp_batch_open(&params, &batch);
        check(status);
        if (status == DGXP_OK && round) {
            dgxp_document *document = NULL;
            const dgxp_status described = dgxp_batch_describe(batch, 0, 8, &document);
            drop(described, document);
        }
        dgxp_batch_free(batch);
        if (which == 2) {
            write_journal(names[1], data + 1, size - 1);
        } else {
            write_file(names[which], data + (size > 0), size - (size > 0));
        }
    }
    drop_inside("batch");
}

/* Files on their way into a game, and its Cargo.toml: the first byte says which. */
static void fuzz_payload(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"a.png", "a.json", "a.ron", "a.tsx", "a.gif", "a.toml"};
    enum { NAMES = sizeof names / sizeof *names };
    const size_t which = size ? data[0] % NAMES : 0, length = size - (size > 0);
    char *text = text_of(data + (size > 0), length);
    dgxp_document *document = NULL;
    dgxp_deploy_params params = DGXP_DEPLOY_PARAMS_INIT;
    const dgxp_deploy_file file = {names[which], text, length};
    mkdir(path_of("payload"), 0777);
    mkdir(path_of("payload/assets"), 0777);
    const bool cargo = which == NAMES - 1;
    write_file("payload/Cargo.toml", cargo ? text : cargo_toml,
               cargo ? length : sizeof cargo_toml - 1);
    params.project = path_of("payload");
    params.dry_run = 1;
    dgxp_status status = dgxp_deploy(&file, 1, &params, &document);
    drop(status, document);
    free(text);
}

#define JOIN(a, b) a##b
#define NAMED(name) JOIN(fuzz_, name)

/* All are compiled into each program, so that none rots; one is called. */
static void (*const all[])(const uint8_t *, size_t) = {
    fuzz_picture, fuzz_animation, fuzz_palette, fuzz_safetensors, fuzz_bundle, fuzz_manifest,
    fuzz_request, fuzz_workflow,  fuzz_project, fuzz_recipe,      fuzz_prompt, fuzz_document,
    fuzz_motion,  fuzz_preset,    fuzz_journal, fuzz_payload};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)all;
    if (size <= 1 << 20) {
        NAMED(FUZZ_TARGET)(data, size);
    }
    return 0;
}
