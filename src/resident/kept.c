/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The engine's models: opened once, found again by what they are, given up when memory is short. */
#include "resident/session.h"

#include "core/clock.h"
#include "core/mem.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHANNELS_MAX = 64 };

/* ---------------------------------------------------------------------------------------- keeping */

void px_kept_free(px_engine *engine, px_kept *model)
{
    for (px_kept **at = &engine->models; *at; at = &(*at)->next) {
        if (*at == model) {
            *at = model->next;
            break;
        }
    }
    if (engine->threads_of == model) {
        engine->threads_of = NULL;
    }
    if (model->backend) {
        engine->options->shim->close(model->backend);
    }
    for (int32_t c = 0; c < PX_COMPONENTS; c++) {
        px_mem_free(model->bindings[c]);
    }
    for (size_t i = 0; i < model->file_count; i++) {
        munmap(model->files[i].data, model->files[i].size);
        close(model->files[i].fd);
    }
    px_mem_free(model->files);
    px_mem_free(model);
}

bool px_kept_memory_is_enough(void)
{
    uint64_t total, available;
    px_mem_measure(&total, &available);
    return !total || available >= total / 10;
}

bool px_kept_never_enough(void)
{
    return false;
}

void px_kept_thin(px_engine *engine, bool (*enough)(void))
{
    while (!enough()) {
        px_kept *oldest = NULL;
        for (px_kept *model = engine->models; model; model = model->next) {
            if (model->sessions == 0 && (!oldest || model->used < oldest->used)) {
                oldest = model;
            }
        }
        if (!oldest) {
            return;
        }
        px_kept_free(engine, oldest);
    }
}

static bool is_same(const px_kept *model, const px_kept *wanted)
{
    const px_shim_options *a = &model->options, *b = &wanted->options;
    return !model->lost && *wanted->identity && strcmp(model->identity, wanted->identity) == 0 &&
           strcmp(model->device, wanted->device) == 0 && a->threads == b->threads &&
           a->use_graphs == b->use_graphs && a->latent_channels == b->latent_channels &&
           a->image_channels == b->image_channels;
}

void px_kept_put_parameters(const px_shim *shim, const px_kept *model, int32_t component,
                            px_buffer *answer)
{
    const int32_t count = shim->parameter_count(model->backend, component);
    px_wire_put_i32(answer, count);
    for (int32_t i = 0; i < count; i++) {
        int32_t rank = 0;
        int64_t shape[8] = {0};
        px_wire_put_text(answer,
                         shim->parameter_describe(model->backend, component, i, &rank, shape));
        px_wire_put_i32(answer, rank);
        px_buffer_put(answer, shape, sizeof shape);
    }
}

static bool has_program(const px_kept *model, int32_t component)
{
    const bool *loaded = model->loaded[component];
    return loaded[0] || loaded[1] || loaded[2] || loaded[3];
}

static void put_state(const px_shim *shim, const px_kept *model, px_buffer *answer)
{
    for (int32_t c = 0; c < PX_COMPONENTS; c++) {
        for (int32_t v = 0; v < PX_WIRE_VARIANTS; v++) {
            px_wire_put_i32(answer, model->loaded[c][v]);
        }
        px_wire_put_i32(answer, model->bound[c]);
        if (has_program(model, c)) {
            px_kept_put_parameters(shim, model, c, answer);
        } else {
            px_wire_put_i32(answer, 0);
        }
    }
}

/* ---------------------------------------------------------------------------------------- opening */

static bool is_channels(int32_t count)
{
    return count >= 1 && count <= CHANNELS_MAX;
}

int32_t px_session_open(px_engine *engine, px_session *session, px_wire_reader *from,
                        px_buffer *answer, px_shim_error *error)
{
    const px_shim *shim = engine->options->shim;
    px_kept wanted = {.sessions = 0};
    const char *identity = px_wire_get_text(from), *device = px_wire_get_text(from);
    snprintf(wanted.identity, sizeof wanted.identity, "%s", identity ? identity : "");
    snprintf(wanted.device, sizeof wanted.device, "%s", device ? device : "cpu");
    wanted.options.threads = px_wire_get_i32(from);
    wanted.options.use_graphs = px_wire_get_i32(from);
    wanted.options.latent_channels = px_wire_get_i32(from);
    wanted.options.image_channels = px_wire_get_i32(from);
    if (session->model || from->bad) {
        return px_wire_fail(error, DGXP_ERR_INVALID_ARGUMENT, "a connection opens one model");
    }
    if (!is_channels(wanted.options.latent_channels) ||
        !is_channels(wanted.options.image_channels) || wanted.options.threads < 0) {
        return px_wire_fail(
            error, DGXP_ERR_INVALID_ARGUMENT, "%d latent and %d image channels, %d threads",
            wanted.options.latent_channels, wanted.options.image_channels, wanted.options.threads);
    }
    px_kept *model = engine->models;
    while (model && !is_same(model, &wanted)) {
        model = model->next;
    }
    if (!model) {
        px_kept_thin(engine, px_kept_memory_is_enough);
        model = px_mem_zero(1, sizeof *model);
        if (!model) {
            return px_wire_fail(error, DGXP_ERR_OUT_OF_MEMORY, "no memory for a model");
        }
        *model = wanted;
        model->options.device = model->device;
        const int32_t status = shim->open(&model->options, &model->backend, error);
        if (status != DGXP_OK) {
            px_mem_free(model);
            return status;
        }
        engine->threads_of = model;
        model->next = engine->models;
        engine->models = model;
    }
    session->model = model;
    model->sessions++;
    model->used = px_clock_now();
    put_state(shim, model, answer);
    return DGXP_OK;
}
