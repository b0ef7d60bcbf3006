/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The tensor backend: found, opened once a process, checked. */
#include "diffusion/backend.h"

#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/search.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const px_shim *opened;
static char *opened_path, *torch_folder;

dgxp_status px_backend_status(int32_t status, const px_shim_error *error)
{
    if (status == DGXP_ERR_OUT_OF_MEMORY) {
        return px_error_set(DGXP_ERR_OUT_OF_MEMORY,
                            "not enough memory: use a smaller canvas, fewer pictures at once or a "
                            "16-bit dtype, or free other models (%s)",
                            error->text);
    }
    return status == DGXP_OK ? DGXP_OK : px_error_set((dgxp_status)status, "%s", error->text);
}

char *px_backend_find(const char **name)
{
    const char *wanted = getenv("DGX_PIXELS_BACKEND");
    const char *kind = "torch";
    if (wanted && strchr(wanted, '/')) {
        *name = px_file_name(wanted);
        if (!px_file_is_folder(wanted)) {
            return px_mem_text(wanted);
        }
    } else if (wanted && *wanted) {
        kind = wanted;
    }
    char *file = px_mem_format("libdgxpixels_%s.so", kind);
    char *path = file ? px_search_find(PX_SEARCH_BACKENDS, file) : NULL;
    px_mem_free(file);
    *name = kind;
    return path;
}

dgxp_status px_backend_find_torch(char **out)
{
    const char *variable = getenv("DGX_PIXELS_TORCH_DIR");
    if (variable && *variable) {
        *out = px_mem_text(variable);
        return *out ? DGXP_OK : px_error_memory("a path");
    }
    char *file = px_search_find(PX_SEARCH_BACKENDS, "torch.path");
    if (!file) {
        return px_error_set(DGXP_ERR_BACKEND,
                            "no torch.path beside the library says where torch is: run 'make "
                            "setup', or set DGX_PIXELS_TORCH_DIR to the folder 'torch' of an "
                            "installed wheel");
    }
    uint8_t *bytes = NULL;
    size_t size;
    const dgxp_status status = px_file_read(file, 4096, &bytes, &size);
    px_mem_free(file);
    if (status == DGXP_OK) {
        bytes[strcspn((char *)bytes, "\r\n")] = '\0';
        *out = (char *)bytes;
    }
    return status;
}

/* The wheel's own version: "2.11.0+cu130"; empty when it cannot be told. */
static void read_torch_version(const char *folder, char *version, size_t capacity)
{
    char *path = px_file_join(folder, "version.py");
    uint8_t *bytes = NULL;
    size_t size;
    version[0] = '\0';
    if (path && px_file_read(path, 1 << 16, &bytes, &size) == DGXP_OK) {
        const char *text = strstr((char *)bytes, "__version__ = '");
        if (text) {
            text += strlen("__version__ = '");
            snprintf(version, capacity, "%.*s", (int)strcspn(text, "'"), text);
        }
    }
    px_error_clear();
    px_mem_free(bytes);
    px_mem_free(path);
}

/*
 * Loaded before the backend and for everybody, because its rpath names no machine.
 *
 * MKL rounds differently when a matrix is aligned differently, and weights lie in their files where
 * they lie: without strict reproducibility one model in two forms would give two pictures.  And
 * torch's threads spin while they wait, which on a busy machine made a picture of 0.3 s take 87 s.
 * Both are read when the libraries start, so they are set before that; a user's own setting stays.
 */
static dgxp_status preload_torch(const char *folder)
{
    setenv("MKL_CBWR", "AUTO,STRICT", 0);
    setenv("OMP_WAIT_POLICY", "PASSIVE", 0);
    static const char *const libraries[] = {"lib/libc10.so", "lib/libtorch_cpu.so"};
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        char *path = px_file_join(folder, libraries[i]);
        if (!path) {
            return px_error_memory("a path");
        }
        const dgxp_status status =
            dlopen(path, RTLD_NOW | RTLD_GLOBAL)
                ? DGXP_OK
                : px_error_set(DGXP_ERR_BACKEND,
                               "cannot load torch: %s; check "
                               "DGX_PIXELS_TORCH_DIR or run 'make setup' again",
                               dlerror());
        px_mem_free(path);
        if (status != DGXP_OK) {
            return status;
        }
    }
    return DGXP_OK;
}

/* "2.11" of "2.11.0+cu130": libtorch's C++ ABI holds within one minor version. */
static size_t minor_length(const char *version)
{
    const size_t major = strcspn(version, ".");
    return version[major] ? major + 1 + strcspn(version + major + 1, ".+") : major;
}

static dgxp_status check_shim(const px_shim *shim, const char *path, const char *version)
{
    if (shim->version != PX_SHIM_VERSION) {
        return px_error_set(DGXP_ERR_BACKEND,
                            "%s: speaks backend interface %d, this library needs %d: build both "
                            "from one version",
                            path, shim->version, PX_SHIM_VERSION);
    }
    const size_t length = minor_length(shim->build);
    if (version[0] && (minor_length(version) != length || strncmp(version, shim->build, length))) {
        return px_error_set(DGXP_ERR_BACKEND,
                            "%s: was built for torch %s, but torch %s is installed: build again "
                            "against it, or install torch==%s",
                            path, shim->build, version, shim->build);
    }
    return DGXP_OK;
}

static dgxp_status open_at(const char *path)
{
    char version[64] = "";
    if (strstr(px_file_name(path), "torch")) {
        px_mem_free(torch_folder);
        torch_folder = NULL;
        dgxp_status status = px_backend_find_torch(&torch_folder);
        if (status == DGXP_OK) {
            read_torch_version(torch_folder, version, sizeof version);
            status = preload_torch(torch_folder);
        }
        if (status != DGXP_OK) {
            return status;
        }
    }
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        return px_error_set(DGXP_ERR_BACKEND,
                            "cannot load the backend: %s%s%s%s: build it again for this torch, or "
                            "install the one that it was built for (2.11)",
                            dlerror(), version[0] ? " (torch " : "", version,
                            version[0] ? " is installed)" : "");
    }
    const px_shim *(*entry)(void);
    *(void **)&entry = dlsym(handle, "px_shim_entry");
    if (!entry) {
        dlclose(handle);
        return px_error_set(DGXP_ERR_BACKEND, "%s: is no backend of this library", path);
    }
    const px_shim *shim = entry();
    const dgxp_status status = check_shim(shim, path, version);
    if (status == DGXP_OK) {
        opened = shim;
        px_log(DGXP_LOG_INFO, "backend %s (torch %s) from %s", shim->name, version, path);
    }
    return status;
}

dgxp_status px_backend_open(const px_shim **out)
{
    dgxp_status status = DGXP_OK;
    pthread_mutex_lock(&lock);
    if (!opened) {
        const char *name = "torch";
        char *path = px_backend_find(&name);
        if (!path) {
            char *folders = px_search_describe(PX_SEARCH_BACKENDS);
            status = px_error_set(DGXP_ERR_BACKEND,
                                  "no backend '%s': libdgxpixels_%s.so is in none of %s; build it "
                                  "with 'make build' or set DGX_PIXELS_BACKEND",
                                  name, name, folders ? folders : "the folders searched");
            px_mem_free(folders);
        } else {
            status = open_at(path);
        }
        if (status == DGXP_OK) {
            opened_path = path;
        } else {
            px_mem_free(path);
        }
    }
    *out = opened;
    pthread_mutex_unlock(&lock);
    return status;
}

const char *px_backend_path(void)
{
    return opened_path;
}

const char *px_backend_torch_folder(void)
{
    return torch_folder;
}
