/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A backend whose model lives in another process: the resident engine's, over its socket. */
#include "resident/client.h"

#include "core/error.h"
#include "core/mem.h"
#include "resident/remote.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static px_shim table;
static char name[64], build[64], running[64];
static int control = -1; /* what is asked without a model */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* --------------------------------------------------------------------------------------- devices */

static int32_t ask_devices(int32_t index, int32_t *count, px_shim_device *device,
                           px_shim_error *error)
{
    px_answer got;
    pthread_mutex_lock(&lock);
    int32_t status = px_remote_ask(control, PX_WIRE_DEVICES, NULL, NULL, 0, &got, error);
    pthread_mutex_unlock(&lock);
    if (status == DGXP_OK) {
        *count = px_wire_get_i32(&got.from);
        for (int32_t i = 0; i < *count && !got.from.bad; i++) {
            px_shim_device one;
            px_wire_get(&got.from, &one, sizeof one);
            if (i == index) {
                *device = one;
                device->id[sizeof device->id - 1] = device->name[sizeof device->name - 1] = '\0';
            }
        }
    }
    return px_remote_end(status, &got, error);
}

static int32_t count_devices(int32_t *count, px_shim_error *error)
{
    return ask_devices(-1, count, NULL, error);
}

static int32_t describe_device(int32_t index, px_shim_device *device, px_shim_error *error)
{
    int32_t count = 0;
    const int32_t status = ask_devices(index, &count, device, error);
    return status == DGXP_OK && (index < 0 || index >= count)
               ? px_wire_fail(error, DGXP_ERR_INVALID_ARGUMENT, "no device %d", index)
               : status;
}

static int32_t prefer_dtype(const char *device, int32_t stored)
{
    px_answer got;
    px_buffer request = {NULL, 0, 0, false};
    px_shim_error error = {""};
    int32_t dtype = stored;
    px_wire_put_text(&request, device);
    px_wire_put_i32(&request, stored);
    pthread_mutex_lock(&lock);
    if (px_remote_ask(control, PX_WIRE_DTYPE, &request, NULL, 0, &got, &error) == DGXP_OK) {
        dtype = px_wire_get_i32(&got.from);
    }
    pthread_mutex_unlock(&lock);
    px_mem_free(got.bytes);
    return dtype;
}

/* ---------------------------------------------------------------------------------------- opening */

static void free_list(px_remote_parameter *list, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        px_mem_free(list[i].name);
    }
    px_mem_free(list);
}

static void close_model(px_shim_model *model)
{
    if (!model) {
        return;
    }
    for (int32_t c = 0; c < PX_COMPONENTS; c++) {
        free_list(model->parameters[c], model->counts[c]);
    }
    if (model->socket >= 0) {
        close(model->socket);
    }
    px_mem_free(model);
}

static int32_t open_model(const px_shim_options *options, px_shim_model **out, px_shim_error *error)
{
    px_shim_model *model = px_mem_zero(1, sizeof *model);
    if (!model) {
        return px_wire_fail(error, DGXP_ERR_OUT_OF_MEMORY, "no memory for a model");
    }
    model->options = *options;
    snprintf(model->device, sizeof model->device, "%s", options->device);
    model->options.device = model->device;
    model->socket = px_place_connect(&px_remote_place);
    if (model->socket < 0) {
        px_mem_free(model);
        return px_remote_gone(error);
    }
    *out = model;
    return DGXP_OK;
}

void px_client_identify(px_shim_model *model, const char *identity)
{
    snprintf(model->identity, sizeof model->identity, "%s", identity);
}

/* The table of a component; the first one stays, for the library keeps its names. */
static int32_t get_parameters(px_shim_model *model, int32_t component, px_answer *from,
                              px_shim_error *error)
{
    const int32_t count = px_wire_get_i32(&from->from);
    from->from.bad |= count < 0 || count > 1 << 20;
    px_remote_parameter *list = px_mem_zero(from->from.bad ? 0 : (size_t)count, sizeof *list);
    bool whole = list != NULL;
    int32_t got = 0;
    for (; whole && got < count && !from->from.bad; got++) {
        const char *text = px_wire_get_text(&from->from);
        list[got].name = px_mem_text(text ? text : "");
        list[got].rank = px_wire_get_i32(&from->from);
        px_wire_get(&from->from, list[got].shape, sizeof list[got].shape);
        from->from.bad |= list[got].rank < 0 || list[got].rank > 8;
        whole = list[got].name != NULL;
    }
    if (!whole) {
        free_list(list, got);
        return px_wire_fail(error, DGXP_ERR_OUT_OF_MEMORY, "no memory for a table of parameters");
    }
    if (model->parameters[component]) {
        free_list(list, got);
    } else if (got > 0) {
        model->parameters[component] = list;
        model->counts[component] = got;
    } else {
        px_mem_free(list);
    }
    return DGXP_OK;
}

/* Say what the model is, and hear what the engine has of it already. */
static int32_t open_there(px_shim_model *model, px_shim_error *error)
{
    if (model->opened) {
        return DGXP_OK;
    }
    px_answer got;
    px_buffer request = {NULL, 0, 0, false};
    px_wire_put_text(&request, model->identity);
    px_wire_put_text(&request, model->device);
    px_wire_put_i32(&request, model->options.threads);
    px_wire_put_i32(&request, model->options.use_graphs);
    px_wire_put_i32(&request, model->options.latent_channels);
    px_wire_put_i32(&request, model->options.image_channels);
    int32_t status = px_remote_call(model, PX_WIRE_OPEN, &request, &got, error);
    for (int32_t c = 0; c < PX_COMPONENTS && status == DGXP_OK; c++) {
        for (int32_t v = 0; v < PX_WIRE_VARIANTS; v++) {
            model->loaded[c][v] = px_wire_get_i32(&got.from) != 0;
        }
        model->bound[c] = px_wire_get_i32(&got.from) != 0;
        status = get_parameters(model, c, &got, error);
    }
    status = px_remote_end(status, &got, error);
    model->opened = status == DGXP_OK;
    return status;
}

static bool is_place(int32_t component, int32_t variant)
{
    return component >= 0 && component < PX_COMPONENTS && variant >= 0 &&
           variant < PX_WIRE_VARIANTS;
}

bool px_client_has(px_shim_model *model, int32_t component, int32_t variant)
{
    px_shim_error error = {""};
    return is_place(component, variant) && open_there(model, &error) == DGXP_OK &&
           model->loaded[component][variant];
}

static int32_t load_program(px_shim_model *model, int32_t component, int32_t variant, int32_t dtype,
                            const void *bytes, size_t size, px_shim_error *error)
{
    if (!is_place(component, variant)) {
        return px_wire_fail(error, DGXP_ERR_INVALID_ARGUMENT, "no component %d", component);
    }
    int32_t status = open_there(model, error);
    if (status != DGXP_OK || model->loaded[component][variant]) {
        return status;
    }
    px_answer got;
    px_buffer request = {NULL, 0, 0, false};
    px_wire_put_i32(&request, component);
    px_wire_put_i32(&request, variant);
    px_wire_put_i32(&request, dtype);
    px_wire_put_bytes(&request, bytes, size);
    status = px_remote_call(model, PX_WIRE_LOAD, &request, &got, error);
    if (status == DGXP_OK) {
        status = get_parameters(model, component, &got, error);
    }
    status = px_remote_end(status, &got, error);
    model->loaded[component][variant] = status == DGXP_OK;
    return status;
}

static int32_t count_parameters(const px_shim_model *model, int32_t component)
{
    return component >= 0 && component < PX_COMPONENTS ? model->counts[component] : 0;
}

static const char *describe_parameter(const px_shim_model *model, int32_t component, int32_t index,
                                      int32_t *rank, int64_t *shape)
{
    if (index < 0 || index >= count_parameters(model, component)) {
        return NULL;
    }
    const px_remote_parameter *one = &model->parameters[component][index];
    *rank = one->rank;
    memcpy(shape, one->shape, sizeof one->shape);
    return one->name;
}

/* The place of a binding's file among those that are sent; -1: there are too many. */
static int add_file(int fd, int *fds, int *count)
{
    for (int i = 0; i < *count; i++) {
        if (fds[i] == fd) {
            return i;
        }
    }
    if (*count == PX_WIRE_FDS) {
        return -1;
    }
    fds[*count] = fd;
    return (*count)++;
}

static int32_t bind(px_shim_model *model, int32_t component, const px_binding *bindings,
                    int32_t count, px_shim_error *error)
{
    if (model->bound[component]) {
        return DGXP_OK;
    }
    px_answer got;
    px_buffer request = {NULL, 0, 0, false};
    int fds[PX_WIRE_FDS], fd_count = 0;
    px_wire_put_i32(&request, component);
    px_wire_put_i32(&request, count);
    for (int32_t i = 0; i < count; i++) {
        const px_binding *b = &bindings[i];
        const int file = b->fd < 0 ? -1 : add_file(b->fd, fds, &fd_count);
        if (file < 0) {
            px_mem_free(request.bytes);
            return px_wire_fail(
                error, DGXP_ERR_UNSUPPORTED,
                "these weights lie in more files than a resident engine takes, or in "
                "memory: paint without it");
        }
        px_wire_put_text(&request, b->parameter);
        px_wire_put_i32(&request, file);
        px_buffer_put(&request, &b->offset, sizeof b->offset);
        px_wire_put_i32(&request, b->dtype);
        px_wire_put_i32(&request, b->rank);
        px_buffer_put(&request, b->shape, sizeof b->shape);
        px_wire_put_i32(&request, b->transpose);
    }
    int32_t status =
        px_remote_ask(model->socket, PX_WIRE_BIND, &request, fds, fd_count, &got, error);
    status = px_remote_end(status, &got, error);
    model->bound[component] = status == DGXP_OK;
    return status;
}

/* --------------------------------------------------------------------------------------- the turn */

int32_t px_client_claim(px_shim_model *model, int32_t wait_ms, px_shim_error *error)
{
    px_answer got;
    if (!model->asked) {
        if (!px_wire_send(model->socket, PX_WIRE_CLAIM, NULL, NULL, 0)) {
            return px_remote_gone(error);
        }
        model->asked = true;
    }
    struct pollfd wait = {.fd = model->socket, .events = POLLIN};
    const int ready = poll(&wait, 1, wait_ms);
    if (ready == 0 || (ready < 0 && errno == EINTR)) {
        return px_wire_fail(error, DGXP_ERR_BUSY, "another program paints");
    }
    int32_t status = px_remote_receive(model->socket, &got, error);
    status = px_remote_end(status, &got, error);
    model->asked = false;
    model->holds = status == DGXP_OK;
    return status;
}

void px_client_release(px_shim_model *model)
{
    px_answer got;
    px_shim_error error = {""};
    if ((!model->asked && !model->holds) ||
        !px_wire_send(model->socket, PX_WIRE_RELEASE, NULL, NULL, 0)) {
        return;
    }
    if (model->asked) { /* the answer to the claim comes first, whichever it is */
        (void)px_remote_receive(model->socket, &got, &error);
        px_mem_free(got.bytes);
    }
    (void)px_remote_receive(model->socket, &got, &error);
    px_mem_free(got.bytes);
    model->asked = model->holds = false;
}

/* -------------------------------------------------------------------------------------- the table */

static void copy_text(char *to, size_t size, px_answer *from)
{
    const char *text = px_wire_get_text(&from->from);
    snprintf(to, size, "%s", text ? text : "");
}

/* On a second call the process keeps the engine that it has. */
dgxp_status px_client_open(const px_place *at, const px_shim **out)
{
    px_answer got;
    px_shim_error error = {""};
    const int socket = px_place_connect(at);
    if (socket < 0) {
        return px_error_set(DGXP_ERR_NOT_FOUND, "no resident engine listens at %s", at->socket);
    }
    int32_t status = px_remote_ask(socket, PX_WIRE_HELLO, NULL, NULL, 0, &got, &error);
    if (status == DGXP_OK) {
        copy_text(name, sizeof name, &got);
        copy_text(build, sizeof build, &got);
        copy_text(running, sizeof running, &got);
    }
    status = px_remote_end(status, &got, &error);
    const px_place copy = {px_mem_text(at->socket), px_mem_text(at->lock), px_mem_text(at->log)};
    if (status == DGXP_OK && (!copy.socket || !copy.lock || !copy.log)) {
        status = px_wire_fail(&error, DGXP_ERR_OUT_OF_MEMORY, "no memory for a path");
    }
    if (status != DGXP_OK) {
        close(socket);
        return px_error_set((dgxp_status)status, "%s", error.text);
    }
    px_place_free(&px_remote_place);
    px_remote_place = copy;
    control = socket;
    table = (px_shim){
        .version = PX_SHIM_VERSION,
        .name = name,
        .build = build,
        .running = running,
        .device_count = count_devices,
        .device_describe = describe_device,
        .preferred_dtype = prefer_dtype,
        .open = open_model,
        .close = close_model,
        .program_load = load_program,
        .parameter_count = count_parameters,
        .parameter_describe = describe_parameter,
        .bind = bind,
    };
    px_remote_paint(&table);
    *out = &table;
    return DGXP_OK;
}

bool px_client_is(const px_shim *shim)
{
    return shim == &table;
}
