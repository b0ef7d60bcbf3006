/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The calls of a program that has the turn: adapters, words, denoising, pictures. */
#include "resident/session.h"

#include "core/mem.h"

#include <inttypes.h>
#include <string.h>

/* An answer may have so many values for each byte that was asked: a token's 4 bytes become some
 * thousand, a latent's 16 at most as many. */
enum { SIDE_MAX = 1 << 16, LARGER_MAX = 1 << 12 };

typedef struct call {
    px_engine *engine;
    px_session *session;
    const px_shim *shim;
    px_shim_model *backend;
    px_wire_reader *from;
    px_buffer *answer;
    px_shim_error *error;
} call;

static int32_t refuse(const call *c)
{
    return px_wire_fail(c->error, DGXP_ERR_INVALID_ARGUMENT, "a request makes no sense");
}

/* `count` floats; NULL where the caller had none, bad where there is another number of them. */
static const float *get_floats(const call *c, size_t count)
{
    size_t size;
    const void *bytes = px_wire_get_bytes(c->from, &size);
    c->from->bad |= bytes && size != count * sizeof(float);
    return c->from->bad ? NULL : bytes;
}

/* Room for `count` floats at the end of the answer, which the backend then fills. */
static float *make_room(const call *c, size_t count)
{
    float *floats = px_mem_zero(count ? count : 1, sizeof *floats);
    if (!floats) {
        px_wire_fail(c->error, DGXP_ERR_OUT_OF_MEMORY, "no memory for an answer");
    }
    return floats;
}

static int32_t give(const call *c, int32_t status, float *floats, size_t count)
{
    if (status == DGXP_OK && floats) {
        px_wire_put_bytes(c->answer, floats, count * sizeof *floats);
    }
    px_mem_free(floats);
    return status;
}

/* How many floats an array of these sides has; bad where a side makes no sense, or all together do
 * not fit into a frame. */
static size_t measure(const call *c, const int32_t *sides, int count)
{
    size_t floats = 1;
    for (int i = 0; i < count; i++) {
        if (sides[i] < 1 || sides[i] > SIDE_MAX ||
            floats > PX_WIRE_LIMIT / sizeof(float) / (size_t)sides[i]) {
            c->from->bad = true;
            return 0;
        }
        floats *= (size_t)sides[i];
    }
    return floats;
}

/* The same of what is answered; bad where so much is asked for with so little. */
static size_t measure_answer(const call *c, const int32_t *sides, int count)
{
    const size_t floats = measure(c, sides, count);
    c->from->bad |= floats / LARGER_MAX > c->session->head.size;
    return floats;
}

static int32_t get_component(const call *c)
{
    const int32_t component = px_wire_get_i32(c->from);
    c->from->bad |= component < 0 || component >= PX_COMPONENTS;
    return component;
}

/* Which program of a component: a dgxp_tiling. */
static int32_t get_variant(const call *c)
{
    const int32_t variant = px_wire_get_i32(c->from);
    c->from->bad |= variant < 0 || variant >= PX_WIRE_VARIANTS;
    return variant;
}

/* ------------------------------------------------------------------------------------ parameters */

static int32_t read_parameter(const call *c)
{
    uint64_t count;
    const int32_t component = get_component(c);
    const char *name = px_wire_get_text(c->from);
    px_wire_get(c->from, &count, sizeof count);
    if (c->from->bad || !name) {
        return refuse(c);
    }
    if (count != px_kept_parameter_size(c->shim, c->session->model, component, name)) {
        return px_wire_fail(c->error, DGXP_ERR_NOT_FOUND, "no parameter '%s' of %" PRIu64 " values",
                            name, count);
    }
    float *values = make_room(c, (size_t)count);
    const int32_t status = values ? c->shim->parameter_read(c->backend, component, name, values,
                                                            (size_t)count, c->error)
                                  : DGXP_ERR_OUT_OF_MEMORY;
    return give(c, status, values, (size_t)count);
}

static int32_t write_parameter(const call *c)
{
    size_t size;
    const int32_t component = get_component(c);
    const char *name = px_wire_get_text(c->from);
    const float *values = px_wire_get_bytes(c->from, &size);
    if (c->from->bad || !name || !values) {
        return refuse(c);
    }
    return c->shim->parameter_write(c->backend, component, name, values, size / sizeof *values,
                                    c->error);
}

/* -------------------------------------------------------------------------------------- adapters */

static void get_factor(px_wire_reader *from, px_factor *out)
{
    size_t size, wanted;
    out->dtype = px_wire_get_i32(from);
    out->rank = px_wire_get_i32(from);
    px_wire_get(from, out->shape, sizeof out->shape);
    out->data = px_wire_get_bytes(from, &size);
    from->bad |= out->dtype < 0 || out->dtype >= PX_DTYPES || out->rank < 0 || out->rank > 8;
    if (!out->data || from->bad) { /* absent */
        out->rank = 0;
        return;
    }
    wanted = from->bad ? 0 : px_wire_dtype_size(out->dtype);
    for (int32_t i = 0; i < out->rank && !from->bad; i++) {
        from->bad = out->shape[i] < 0 || !px_mem_multiply(wanted, (size_t)out->shape[i], &wanted);
    }
    from->bad |= wanted != size;
}

static void get_product(px_wire_reader *from, px_product *out)
{
    get_factor(from, &out->whole);
    get_factor(from, &out->a);
    get_factor(from, &out->b);
    get_factor(from, &out->core);
    out->a_first = px_wire_get_i32(from);
}

static void get_delta(px_wire_reader *from, px_delta *out)
{
    out->kind = px_wire_get_i32(from);
    out->norm = px_wire_get_i32(from);
    px_wire_get(from, &out->factor, sizeof out->factor);
    px_wire_get(from, &out->weight, sizeof out->weight);
    get_product(from, &out->x);
    get_product(from, &out->y);
    get_factor(from, &out->magnitude);
}

/* The bytes behind a parameter, as the engine has bound them. */
static bool find_base(const px_kept *model, int32_t component, const char *name, px_binding *out)
{
    for (int32_t i = 0; i < model->binding_counts[component]; i++) {
        if (strcmp(model->bindings[component][i].parameter, name) == 0) {
            *out = model->bindings[component][i];
            return true;
        }
    }
    *out = (px_binding){.parameter = name, .fd = -1}; /* the stub binds nothing */
    return model->binding_counts[component] == 0;
}

static int32_t get_merge(const call *c, px_merge *merge, px_delta **deltas)
{
    merge->component = get_component(c);
    const char *name = px_wire_get_text(c->from);
    merge->delta_count = px_wire_get_i32(c->from);
    if (c->from->bad || !name || merge->delta_count < 0 || merge->delta_count > 1 << 16 ||
        !find_base(c->session->model, merge->component, name, &merge->base)) {
        return refuse(c);
    }
    *deltas = px_mem_zero((size_t)merge->delta_count, sizeof **deltas);
    merge->deltas = *deltas;
    if (!*deltas) {
        return px_wire_fail(c->error, DGXP_ERR_OUT_OF_MEMORY, "no memory for adapters");
    }
    for (int32_t i = 0; i < merge->delta_count; i++) {
        get_delta(c->from, &(*deltas)[i]);
    }
    return c->from->bad ? refuse(c) : DGXP_OK;
}

static int32_t merge(const call *c)
{
    uint64_t keep;
    const char *set = px_wire_get_text(c->from);
    px_wire_get(c->from, &keep, sizeof keep);
    const int32_t count = px_wire_get_i32(c->from);
    if (c->from->bad || !set || count < 0 || count > 1 << 16) {
        return refuse(c);
    }
    px_merge *merges = px_mem_zero((size_t)count, sizeof *merges);
    px_delta **deltas = px_mem_zero((size_t)count, sizeof *deltas);
    int32_t status = merges && deltas
                         ? DGXP_OK
                         : px_wire_fail(c->error, DGXP_ERR_OUT_OF_MEMORY, "no memory for adapters");
    for (int32_t i = 0; i < count && status == DGXP_OK; i++) {
        status = get_merge(c, &merges[i], &deltas[i]);
    }
    if (status == DGXP_OK) {
        c->session->model->merged = true;
        status = c->shim->merge(c->backend, set, merges, count, keep, c->error);
        c->session->set = status == DGXP_OK;
    }
    for (int32_t i = 0; i < count && deltas; i++) {
        px_mem_free(deltas[i]);
    }
    px_mem_free((void *)deltas);
    px_mem_free(merges);
    return status;
}

static int32_t merged(const call *c)
{
    const char *set = px_wire_get_text(c->from);
    if (!set) {
        return refuse(c);
    }
    px_wire_put_i32(c->answer, c->shim->merged(c->backend, set));
    return DGXP_OK;
}

/* What another program merged goes away before one that asked for nothing paints. */
static int32_t clear_adapters(const call *c)
{
    px_kept *model = c->session->model;
    if (c->session->set || !model->merged) {
        return DGXP_OK;
    }
    const int32_t status = c->shim->merge(c->backend, "", NULL, 0, 0, c->error);
    model->merged = status != DGXP_OK;
    c->session->set = status == DGXP_OK;
    return status;
}

/* --------------------------------------------------------------------------------------- painting */

static int32_t encode_text(const call *c)
{
    int32_t n[4]; /* rows, length, width, pooled width */
    size_t size;
    const int32_t component = get_component(c);
    px_wire_get(c->from, n, sizeof n);
    const int32_t *ids = px_wire_get_bytes(c->from, &size);
    const size_t id_count = measure(c, n, 2), count = measure_answer(c, n, 3);
    const size_t pooled_count = n[3] ? measure_answer(c, (const int32_t[]){n[0], n[3]}, 2) : 0;
    if (c->from->bad || !ids || size != id_count * sizeof *ids) {
        return refuse(c);
    }
    float *hidden = make_room(c, count), *pooled = n[3] ? make_room(c, pooled_count) : NULL;
    int32_t status = DGXP_ERR_OUT_OF_MEMORY;
    if (hidden && (pooled || !n[3])) {
        status = c->shim->encode_text(c->backend, component, ids, n[0], n[1], hidden, n[2], pooled,
                                      n[3], c->error);
    }
    status = give(c, status, hidden, count);
    return give(c, status, pooled, pooled_count);
}

static int32_t denoise_begin(const call *c)
{
    int32_t n[6]; /* batch, height, width, tokens, context width, pooled width */
    size_t size;
    px_denoise plan = {.batch = 0};
    px_wire_get(c->from, n, sizeof n);
    plan.program = get_variant(c);
    px_wire_get(c->from, &plan.rescale, sizeof plan.rescale);
    const int32_t channels = c->session->model->options.latent_channels;
    const size_t area = measure(c, n, 3), batch = measure(c, n, 1);
    const size_t latents = measure(c, (const int32_t[]){channels, n[0], n[1], n[2]}, 4);
    const size_t context = measure(c, (const int32_t[]){n[0], n[3], n[4]}, 3);
    const size_t pooled = measure(c, (const int32_t[]){n[0], n[5]}, 2);
    plan.batch = n[0];
    plan.height = n[1];
    plan.width = n[2];
    plan.tokens = n[3];
    plan.context_width = n[4];
    plan.pooled_width = n[5];
    plan.context = get_floats(c, context);
    plan.pooled = get_floats(c, pooled);
    plan.negative_context = get_floats(c, context);
    plan.negative_pooled = get_floats(c, pooled);
    plan.time_ids = get_floats(c, batch * 6);
    plan.negative_time_ids = get_floats(c, batch * 6);
    plan.latents = get_floats(c, latents);
    plan.known = get_floats(c, latents);
    plan.start_noise = get_floats(c, latents);
    plan.mask = get_floats(c, area);
    plan.steps = px_wire_get_bytes(c->from, &size);
    plan.step_count = (int32_t)(size / sizeof *plan.steps);
    if (c->from->bad || !plan.context || !plan.pooled || !plan.time_ids || !plan.latents ||
        !plan.steps || size % sizeof *plan.steps || size / sizeof *plan.steps > 1 << 20 ||
        !plan.negative_context != !plan.negative_pooled ||
        !plan.negative_context != !plan.negative_time_ids ||
        (plan.known && (!plan.start_noise || !plan.mask))) {
        return refuse(c);
    }
    c->session->latents = 0;
    const int32_t status = c->shim->denoise_begin(c->backend, &plan, c->error);
    c->session->latents = status == DGXP_OK ? latents : 0;
    return status;
}

static int32_t denoise_step(const call *c)
{
    const int32_t step = px_wire_get_i32(c->from);
    const float *noise = get_floats(c, c->session->latents);
    return c->from->bad || !c->session->latents
               ? refuse(c)
               : c->shim->denoise_step(c->backend, step, noise, c->error);
}

static int32_t read_latents(const call *c)
{
    const size_t count = c->session->latents;
    const int32_t x0 = px_wire_get_i32(c->from);
    if (c->from->bad || !count) {
        return refuse(c);
    }
    float *latents = make_room(c, count);
    const int32_t status =
        latents ? c->shim->latents_read(c->backend, x0, latents, c->error) : DGXP_ERR_OUT_OF_MEMORY;
    return give(c, status, latents, count);
}

static int32_t denoise_end(const call *c)
{
    c->shim->denoise_end(c->backend);
    c->session->latents = 0;
    return DGXP_OK;
}

static int32_t decode(const call *c)
{
    int32_t n[5]; /* batch, height, width, image height, image width */
    const int32_t variant = get_variant(c);
    px_wire_get(c->from, n, sizeof n);
    const px_shim_options *about = &c->session->model->options;
    const float *latents =
        get_floats(c, measure(c, (const int32_t[]){about->latent_channels, n[0], n[1], n[2]}, 4));
    const size_t count =
        measure_answer(c, (const int32_t[]){about->image_channels, n[0], n[3], n[4]}, 4);
    if (c->from->bad || !latents) {
        return refuse(c);
    }
    float *image = make_room(c, count);
    const int32_t status = image ? c->shim->decode(c->backend, variant, latents, n[0], n[1], n[2],
                                                   image, n[3], n[4], c->error)
                                 : DGXP_ERR_OUT_OF_MEMORY;
    c->session->model->pictures += status == DGXP_OK ? (uint64_t)n[0] : 0;
    c->engine->pictures += status == DGXP_OK ? (uint64_t)n[0] : 0;
    return give(c, status, image, count);
}

static int32_t encode_image(const call *c)
{
    int32_t n[5]; /* batch, image height, image width, height, width */
    px_wire_get(c->from, n, sizeof n);
    const px_shim_options *about = &c->session->model->options;
    const float *image =
        get_floats(c, measure(c, (const int32_t[]){about->image_channels, n[0], n[1], n[2]}, 4));
    const size_t count =
        measure_answer(c, (const int32_t[]){2 * about->latent_channels, n[0], n[3], n[4]}, 4);
    if (c->from->bad || !image) {
        return refuse(c);
    }
    float *moments = make_room(c, count);
    const int32_t status = moments ? c->shim->encode_image(c->backend, image, n[0], n[1], n[2],
                                                           moments, n[3], n[4], c->error)
                                   : DGXP_ERR_OUT_OF_MEMORY;
    return give(c, status, moments, count);
}

/* A backend's threads are the process's: those of the model that was opened last. */
static int32_t set_threads(const call *c)
{
    px_kept *model = c->session->model;
    px_shim_model *none = NULL;
    if (c->engine->threads_of == model) {
        return DGXP_OK;
    }
    const int32_t status = c->shim->open(&model->options, &none, c->error);
    if (status == DGXP_OK) {
        c->shim->close(none);
        c->engine->threads_of = model;
    }
    return status;
}

static const struct {
    int32_t (*run)(const call *c);
    bool paints; /* with the weights as this program wants them */
} calls[PX_WIRE_OPS] = {
    [PX_WIRE_READ] = {read_parameter, true},
    [PX_WIRE_WRITE] = {write_parameter, true},
    [PX_WIRE_MERGED] = {merged, false},
    [PX_WIRE_MERGE] = {merge, false},
    [PX_WIRE_ENCODE] = {encode_text, true},
    [PX_WIRE_BEGIN] = {denoise_begin, true},
    [PX_WIRE_STEP] = {denoise_step, true},
    [PX_WIRE_LATENTS] = {read_latents, true},
    [PX_WIRE_END] = {denoise_end, false},
    [PX_WIRE_DECODE] = {decode, true},
    [PX_WIRE_ENCODE_IMAGE] = {encode_image, true},
};

int32_t px_session_paint(px_engine *engine, px_session *session, px_wire_reader *from,
                         px_buffer *answer, px_shim_error *error)
{
    const uint32_t op = session->head.op;
    if (op >= PX_WIRE_OPS || !calls[op].run) {
        return px_wire_fail(error, DGXP_ERR_INVALID_ARGUMENT, "no request %u", op);
    }
    const call c = {engine, session, engine->options->shim, session->model->backend, from,
                    answer, error};
    if (!session->holds) {
        return px_wire_fail(error, DGXP_ERR_INTERNAL, "it is another program's turn");
    }
    int32_t status = set_threads(&c);
    if (status == DGXP_OK && calls[op].paints) {
        status = clear_adapters(&c);
    }
    status = status == DGXP_OK ? calls[op].run(&c) : status;
    session->model->lost |= status == DGXP_ERR_DEVICE_LOST;
    return status;
}
