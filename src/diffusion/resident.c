/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which backend a model gets: the resident engine's, where one is wanted, or the process's own. */
#include "diffusion/resident.h"

#include "core/error.h"
#include "core/hash.h"
#include "core/json.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/search.h"
#include "diffusion/backend.h"
#include "resident/client.h"
#include "resident/engine.h"
#include "resident/spawn.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME = 17 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool chosen; /* by a call; else DGX_PIXELS_RESIDENT says it */
static int32_t mode, idle;

/* ------------------------------------------------------------------------------- whom it may serve */

static void add_text(px_hash *hash, const char *text)
{
    px_hash_add(hash, text ? text : "", text ? strlen(text) + 1 : 1);
}

/* A file as it is on disk, by whatever path: another build of it is another engine. */
static void add_file(px_hash *hash, const char *path)
{
    struct stat about;
    memset(&about, 0, sizeof about);
    if (path && stat(path, &about) == 0) {
        const int64_t facts[5] = {(int64_t)about.st_dev, (int64_t)about.st_ino, about.st_size,
                                  about.st_mtim.tv_sec, about.st_mtim.tv_nsec};
        px_hash_add(hash, facts, sizeof facts);
    }
}

static void end_name(px_hash *hash, char *name, size_t size)
{
    uint8_t digest[32];
    char hex[PX_HASH_HEX];
    px_hash_end(hash, digest);
    px_hash_hex(digest, hex);
    memcpy(name, hex, size - 1);
    name[size - 1] = '\0';
}

/* Programs of one name would compute the same: library, backend, torch, and what they look at. */
static void find_name(char name[NAME])
{
    /* With what an unset one is: opening torch sets two of them. */
    static const char *const variables[][2] = {
        {"OMP_NUM_THREADS", ""},      {"MKL_NUM_THREADS", ""}, {"MKL_CBWR", "AUTO,STRICT"},
        {"CUDA_VISIBLE_DEVICES", ""}, {"DGXP_STUB_FAULT", ""}, {"OMP_WAIT_POLICY", "PASSIVE"},
        {"DGXP_STUB_DELAY_MS", ""}};
    const char *kind = NULL;
    char *backend = px_backend_find(&kind), *torch = NULL;
    px_hash hash;
    Dl_info about;
    px_hash_begin(&hash);
    add_file(&hash, dladdr((void *)(uintptr_t)&find_name, &about) ? about.dli_fname : NULL);
    add_file(&hash, backend);
    if (kind && strstr(kind, "torch") && px_backend_find_torch(&torch) == DGXP_OK) {
        add_text(&hash, torch);
    }
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *value = getenv(variables[i][0]);
        add_text(&hash, value ? value : variables[i][1]);
    }
    end_name(&hash, name, NAME);
    px_mem_free(backend);
    px_mem_free(torch);
    px_error_clear();
}

/* ---------------------------------------------------------------------------------------- choosing */

/* "10m", "90s", "2h", a number of minutes; "auto"; "off". */
static bool read_wish(const char *text, int32_t *wanted, int32_t *seconds)
{
    static const struct {
        const char *name;
        int32_t mode;
    } words[] = {{"off", DGXP_RESIDENT_OFF}, {"auto", DGXP_RESIDENT_WHEN_THERE}};
    for (size_t i = 0; i < 2; i++) {
        if (strcmp(text, words[i].name) == 0) {
            *wanted = words[i].mode;
            return true;
        }
    }
    const char *end = text + strspn(text, "0123456789");
    const double unit = *end == 's' ? 1 : *end == 'h' ? 3600 : 60;
    int64_t number = 0;
    for (const char *digit = text; digit < end && number < DGXP_RESIDENT_IDLE_MAX; digit++) {
        number = number * 10 + (*digit - '0');
    }
    const double value = (double)number * unit;
    const bool good = end > text && strchr("smh", *end) && (!*end || !end[1]) && value >= 1 &&
                      value <= DGXP_RESIDENT_IDLE_MAX;
    *wanted = DGXP_RESIDENT_START;
    *seconds = good ? (int32_t)value : 0;
    return good;
}

/* `what` names the wish and what else it could be. */
static dgxp_status refuse_wish(const char *what, const char *text, const char *others)
{
    return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                        "%s is '%s'; it must be %show long an engine stays without work: 10m, 90s, "
                        "2h (at most 7 days)",
                        what, text, others);
}

static dgxp_status read_variable(void)
{
    const char *text = getenv("DGX_PIXELS_RESIDENT");
    if (chosen || !text || !*text) {
        return DGXP_OK;
    }
    return read_wish(text, &mode, &idle)
               ? DGXP_OK
               : refuse_wish("DGX_PIXELS_RESIDENT", text, "off, auto, or ");
}

dgxp_status dgxp_resident_use(const char *wish)
{
    px_error_clear();
    int32_t wanted = DGXP_RESIDENT_OFF, seconds = 0;
    if (wish && !read_wish(wish, &wanted, &seconds)) {
        return refuse_wish("resident", wish, "off, auto, or ");
    }
    pthread_mutex_lock(&lock);
    chosen = wish != NULL;
    mode = wanted;
    idle = seconds;
    pthread_mutex_unlock(&lock);
    return DGXP_OK;
}

/* The engine's backend; DGXP_ERR_NOT_FOUND: none is there, and none was wanted. */
static dgxp_status find_remote(const px_shim **out)
{
    char name[NAME];
    px_place place;
    find_name(name);
    dgxp_status status = px_place_find(name, &place);
    if (status != DGXP_OK) {
        return status;
    }
    status = px_client_open(&place, out);
    if (status == DGXP_ERR_NOT_FOUND && mode == DGXP_RESIDENT_START) {
        px_error_clear();
        status = px_spawn_engine(&place, idle);
        status = status == DGXP_OK ? px_client_open(&place, out) : status;
    }
    px_place_free(&place);
    return status;
}

dgxp_status px_resident_backend(bool local, const px_shim **out)
{
    pthread_mutex_lock(&lock);
    *out = NULL;
    dgxp_status status = read_variable();
    if (status == DGXP_OK && !local && mode != DGXP_RESIDENT_OFF && find_remote(out) != DGXP_OK) {
        if (mode == DGXP_RESIDENT_START) {
            px_log(DGXP_LOG_WARNING, "it paints without a resident engine: %s", dgxp_last_error());
        }
        px_error_clear();
    }
    pthread_mutex_unlock(&lock);
    return status != DGXP_OK || *out ? status : px_backend_open(out);
}

/* ------------------------------------------------------------------------------------ what a model is */

void px_resident_identify(const px_shim *shim, px_shim_model *backend, const px_bundle *bundle,
                          const px_checkpoint *checkpoint, const int32_t dtypes[2])
{
    px_hash hash;
    char identity[PX_HASH_HEX];
    if (!px_client_is(shim)) {
        return;
    }
    px_hash_begin(&hash);
    px_hash_add(&hash, dtypes, 2 * sizeof *dtypes);
    for (int32_t i = 0; i < bundle->program_count; i++) {
        add_text(&hash, bundle->programs[i].sha256);
    }
    for (int32_t c = 0; c < PX_COMPONENTS; c++) {
        const px_checkpoint_part *part = &checkpoint->parts[c];
        const px_safetensors *set = part->set < 0 ? NULL : checkpoint->sets[part->set];
        add_text(&hash, part->prefix);
        px_hash_add(&hash, &part->original, sizeof part->original);
        for (int32_t f = 0; set && f < px_safetensors_file_count(set); f++) {
            add_file(&hash, px_safetensors_file_path(set, f));
        }
    }
    end_name(&hash, identity, sizeof identity);
    px_client_identify(backend, identity);
}

bool px_resident_has(const px_shim *shim, px_shim_model *backend, int32_t component, int32_t tiling)
{
    return px_client_is(shim) && px_client_has(backend, component, tiling);
}

/* ---------------------------------------------------------------------------------------- the turn */

dgxp_status px_resident_turn(const px_shim *shim, px_shim_model *backend, int32_t wait_ms)
{
    px_shim_error error = {""};
    return px_client_is(shim) ? px_backend_status(px_client_claim(backend, wait_ms, &error), &error)
                              : DGXP_OK;
}

dgxp_status px_resident_wait(const px_shim *shim, px_shim_model *backend)
{
    dgxp_status status;
    do {
        px_error_clear();
        status = px_resident_turn(shim, backend, 1000);
    } while (status == DGXP_ERR_BUSY);
    return status;
}

void px_resident_end(const px_shim *shim, px_shim_model *backend)
{
    if (px_client_is(shim)) {
        px_client_release(backend);
    }
}

/* -------------------------------------------------------------------------------------- the engine */

static bool is_current(void *user_data)
{
    char now[NAME];
    find_name(now);
    return strcmp(now, user_data) == 0;
}

typedef struct serving {
    char name[NAME];
    dgxp_resident_ready ready;
    void *user_data;
} serving;

static bool still_current(void *user_data)
{
    return is_current(((serving *)user_data)->name);
}

static void tell_ready(void *user_data)
{
    const serving *self = user_data;
    if (self->ready) {
        self->ready(self->user_data);
    }
}

dgxp_status dgxp_resident_serve(int32_t idle_seconds, dgxp_resident_ready ready, void *user_data)
{
    serving self = {.ready = ready, .user_data = user_data};
    px_place place;
    int held;
    px_error_clear();
    if (idle_seconds < 1 || idle_seconds > DGXP_RESIDENT_IDLE_MAX) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "idle_seconds is %d; it must be 1..%d",
                            idle_seconds, DGXP_RESIDENT_IDLE_MAX);
    }
    find_name(self.name);
    dgxp_status status = px_place_find(self.name, &place);
    if (status != DGXP_OK) {
        return status;
    }
    status = px_place_take(&place, &held);
    if (status == DGXP_OK) {
        px_engine_options options = {
            .idle = idle_seconds, .is_current = still_current, .user_data = &self};
        status = px_backend_open(&options.shim);
        if (status == DGXP_OK) {
            status = px_engine_run(&place, &options, tell_ready);
        }
        if (status == DGXP_OK) {
            unlink(place.log); /* nothing in it that anybody would look for */
        }
        px_place_leave(&place, held);
    }
    px_place_free(&place);
    return status;
}

dgxp_status dgxp_resident_start(const char *idle_time)
{
    char name[NAME];
    px_place place;
    int32_t wanted = DGXP_RESIDENT_OFF, seconds = 0;
    px_error_clear();
    if (!idle_time || !read_wish(idle_time, &wanted, &seconds) || wanted != DGXP_RESIDENT_START) {
        return refuse_wish("idle", idle_time ? idle_time : "", "");
    }
    find_name(name);
    dgxp_status status = px_place_find(name, &place);
    if (status != DGXP_OK) {
        return status;
    }
    const int there = px_place_connect(&place);
    if (there >= 0) {
        close(there);
    } else {
        status = px_spawn_engine(&place, seconds);
    }
    px_place_free(&place);
    return status;
}

dgxp_status dgxp_resident_status(dgxp_document **out)
{
    if (!out) {
        return px_error_begin("dgxp_resident_status", false, "out");
    }
    px_error_clear();
    json_t *engines = json_array();
    const dgxp_status status = px_spawn_describe(engines);
    if (status != DGXP_OK) {
        json_decref(engines);
        return status;
    }
    json_t *about = json_object();
    if (!px_json_put(about, "engines", engines)) {
        json_decref(about);
        about = NULL;
    }
    return px_json_document(about, out);
}

dgxp_status dgxp_resident_stop(int32_t *count)
{
    if (!count) {
        return px_error_begin("dgxp_resident_stop", false, "count");
    }
    px_error_clear();
    return px_spawn_stop(count);
}
