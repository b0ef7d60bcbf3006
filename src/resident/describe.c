/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What an engine says of itself: its models, its memory, how long it stays. */
#include "resident/session.h"

#include "core/clock.h"
#include "core/json.h"
#include "core/mem.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int64_t resident_mib(void)
{
    long long pages = 0, mine = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file) {
        if (fscanf(file, "%lld %lld", &pages, &mine) != 2) {
            mine = 0;
        }
        fclose(file);
    }
    return mine * sysconf(_SC_PAGESIZE) >> 20;
}

static json_t *describe_model(const px_engine *engine, const px_kept *model, double now)
{
    px_shim_memory memory = {0};
    px_shim_error error;
    json_t *about = json_object();
    px_json_put_text(about, "identity", model->identity);
    px_json_put_text(about, "device", model->device);
    px_json_put_integer(about, "programs", model->sessions);
    px_json_put_integer(about, "pictures", (int64_t)model->pictures);
    px_json_put_number(about, "unused_seconds", model->sessions ? 0 : now - model->used);
    if (engine->options->shim->memory(model->backend, &memory, &error) == DGXP_OK) {
        px_json_put_integer(about, "mapped_mib", (int64_t)(memory.mapped_bytes >> 20));
        px_json_put_integer(about, "host_mib", (int64_t)(memory.host_bytes >> 20));
        px_json_put_integer(about, "device_mib", (int64_t)(memory.device_bytes >> 20));
    }
    return about;
}

int32_t px_engine_describe(const px_engine *engine, px_buffer *answer, px_shim_error *error)
{
    const double now = px_clock_now();
    json_t *about = json_object(), *models = json_array();
    for (const px_kept *model = engine->models; model; model = model->next) {
        px_json_append(models, describe_model(engine, model, now));
    }
    px_json_put_integer(about, "pid", getpid());
    px_json_put_text(about, "backend", engine->options->shim->name);
    px_json_put_text(about, "socket", engine->place->socket);
    px_json_put_text(about, "log", engine->place->log);
    px_json_put_number(about, "seconds", now - engine->began);
    px_json_put_number(about, "idle_seconds", engine->options->idle);
    px_json_put_integer(about, "programs", engine->session_count - 1); /* but the one that asks */
    px_json_put_integer(about, "pictures", (int64_t)engine->pictures);
    px_json_put_integer(about, "memory_mib", resident_mib());
    px_json_put_boolean(about, "leaving", engine->stopping);
    char *text = px_json_put(about, "models", models) ? px_json_print(about) : NULL;
    json_decref(about);
    if (!text) {
        return px_wire_fail(error, DGXP_ERR_OUT_OF_MEMORY, "no memory for a description");
    }
    px_wire_put_text(answer, text);
    px_mem_free(text);
    return DGXP_OK;
}
