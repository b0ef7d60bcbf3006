/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Programs and bytes of the engine's models: from the files that a program sends along. */
#include "resident/session.h"

#include "core/mem.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int32_t px_session_load(px_engine *engine, px_session *session, px_wire_reader *from,
                        px_buffer *answer, px_shim_error *error)
{
    px_kept *model = session->model;
    size_t size;
    const int32_t component = px_wire_get_i32(from), variant = px_wire_get_i32(from);
    const int32_t dtype = px_wire_get_i32(from);
    const void *bytes = px_wire_get_bytes(from, &size);
    if (from->bad || component < 0 || component >= PX_COMPONENTS || variant < 0 ||
        variant >= PX_WIRE_VARIANTS) {
        return px_wire_fail(error, DGXP_ERR_INVALID_ARGUMENT, "no such program");
    }
    if (!model->loaded[component][variant]) { /* another program may have been faster */
        const int32_t status = engine->options->shim->program_load(
            model->backend, component, variant, dtype, bytes, size, error);
        if (status != DGXP_OK) {
            return status;
        }
        model->loaded[component][variant] = true;
    }
    px_kept_put_parameters(engine->options->shim, model, component, answer);
    return DGXP_OK;
}

/* The mapping of a file that came along; its own, whoever sent it. */
static const px_kept_file *keep_file(px_kept *model, int fd, px_shim_error *error)
{
    struct stat about;
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode) || about.st_size <= 0) {
        px_wire_fail(error, DGXP_ERR_IO, "a file of weights cannot be read");
        return NULL;
    }
    for (size_t i = 0; i < model->file_count; i++) {
        if (model->files[i].device == about.st_dev && model->files[i].inode == about.st_ino) {
            return &model->files[i];
        }
    }
    if (!px_mem_grow((void **)&model->files, &model->file_capacity, model->file_count,
                     sizeof *model->files)) {
        px_wire_fail(error, DGXP_ERR_OUT_OF_MEMORY, "no memory for a table of files");
        return NULL;
    }
    px_kept_file *file = &model->files[model->file_count];
    *file = (px_kept_file){.device = about.st_dev,
                           .inode = about.st_ino,
                           .size = (size_t)about.st_size,
                           .fd = fcntl(fd, F_DUPFD_CLOEXEC, 0)};
    file->data = mmap(NULL, file->size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (file->fd < 0 || file->data == MAP_FAILED) {
        if (file->fd >= 0) {
            close(file->fd);
        }
        px_wire_fail(error, DGXP_ERR_IO, "a file of weights cannot be mapped");
        return NULL;
    }
    model->file_count++;
    return file;
}

/* The place of a parameter, -1 without; bindings usually come in the order of the parameters, so
 * `first` is tried first. */
static int32_t find_place(const px_shim *shim, const px_kept *model, int32_t component,
                          int32_t first, const char *name)
{
    const int32_t count = shim->parameter_count(model->backend, component);
    for (int32_t k = 0; k < count; k++) {
        int32_t rank;
        int64_t shape[8];
        const int32_t i = (first + k) % count;
        const char *own = shim->parameter_describe(model->backend, component, i, &rank, shape);
        if (own && strcmp(own, name) == 0) {
            return i;
        }
    }
    return -1;
}

size_t px_kept_parameter_size(const px_shim *shim, const px_kept *model, int32_t component,
                              const char *name)
{
    int32_t rank = 0;
    int64_t shape[8];
    size_t size = 1;
    const int32_t at = find_place(shim, model, component, 0, name);
    if (at < 0) {
        return 0;
    }
    shim->parameter_describe(model->backend, component, at, &rank, shape);
    for (int32_t i = 0; i < rank; i++) {
        size *= (size_t)shape[i];
    }
    return size;
}

static int32_t read_binding(const px_shim *shim, px_session *session, int32_t component,
                            int32_t place, px_wire_reader *from, px_binding *out,
                            px_shim_error *error)
{
    const char *name = px_wire_get_text(from);
    const int32_t index = px_wire_get_i32(from);
    uint64_t offset;
    px_wire_get(from, &offset, sizeof offset);
    *out = (px_binding){.offset = offset, .dtype = px_wire_get_i32(from)};
    out->rank = px_wire_get_i32(from);
    px_wire_get(from, out->shape, sizeof out->shape);
    out->transpose = px_wire_get_i32(from);
    if (from->bad || index < 0 || index >= session->fd_count || out->dtype < 0 ||
        out->dtype >= PX_DTYPES || out->rank < 0 || out->rank > 8) {
        return px_wire_fail(error, DGXP_ERR_INVALID_ARGUMENT, "a binding makes no sense");
    }
    const px_kept_file *file = keep_file(session->model, session->fds[index], error);
    if (!file) {
        return DGXP_ERR_IO;
    }
    uint64_t size = px_wire_dtype_size(out->dtype);
    for (int32_t i = 0; i < out->rank; i++) {
        if (out->shape[i] < 0 || (out->shape[i] && size > file->size / (uint64_t)out->shape[i])) {
            size = UINT64_MAX;
            break;
        }
        size *= (uint64_t)out->shape[i];
    }
    if (offset > file->size || size > file->size - offset) {
        return px_wire_fail(error, DGXP_ERR_BAD_FORMAT, "parameter '%s' lies outside of its file",
                            name ? name : "");
    }
    out->data = (const uint8_t *)file->data + offset;
    out->fd = file->fd;
    int32_t rank;
    int64_t shape[8];
    const int32_t at = find_place(shim, session->model, component, place, name ? name : "");
    if (at < 0) {
        return px_wire_fail(error, DGXP_ERR_MISMATCH, "no parameter '%s'", name ? name : "");
    }
    /* The backend's own name, which lives as long as the model. */
    out->parameter = shim->parameter_describe(session->model->backend, component, at, &rank, shape);
    return DGXP_OK;
}

int32_t px_session_bind(px_engine *engine, px_session *session, px_wire_reader *from,
                        px_shim_error *error)
{
    px_kept *model = session->model;
    const px_shim *shim = engine->options->shim;
    const int32_t component = px_wire_get_i32(from), count = px_wire_get_i32(from);
    if (from->bad || component < 0 || component >= PX_COMPONENTS || count < 0 || count > 1 << 20) {
        return px_wire_fail(error, DGXP_ERR_INVALID_ARGUMENT, "no such component");
    }
    if (model->bound[component]) {
        return DGXP_OK;
    }
    px_binding *bindings = px_mem_zero((size_t)count, sizeof *bindings);
    int32_t status = bindings ? DGXP_OK
                              : px_wire_fail(error, DGXP_ERR_OUT_OF_MEMORY,
                                             "no memory for a model's parameters");
    for (int32_t i = 0; i < count && status == DGXP_OK; i++) {
        status = read_binding(shim, session, component, i, from, &bindings[i], error);
    }
    if (status == DGXP_OK) {
        status = shim->bind(model->backend, component, bindings, count, error);
    }
    if (status != DGXP_OK) {
        px_mem_free(bindings);
        return status;
    }
    model->bindings[component] = bindings;
    model->binding_counts[component] = count;
    model->bound[component] = true;
    return DGXP_OK;
}
