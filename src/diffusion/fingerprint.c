/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a model's weights are, whatever they are called: their SHA-256, taken once. */
#include "diffusion/fingerprint.h"

#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/search.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct px_fingerprint {
    const px_checkpoint *checkpoint;
    pthread_t thread;
    pthread_mutex_t lock; /* guards `joined` */
    bool joined;
    dgxp_cancel *cancel;
    char hex[PX_HASH_HEX];
};

/* Where the hash of exactly this state of a file is kept; NULL without a home. */
static char *cache_path(const char *path)
{
    struct stat about;
    char name[160];
    if (stat(path, &about) != 0) {
        return NULL;
    }
    snprintf(name, sizeof name, "hashes/%llx-%llx-%llx-%llx.%09ld",
             (unsigned long long)about.st_dev, (unsigned long long)about.st_ino,
             (unsigned long long)about.st_size, (unsigned long long)about.st_mtim.tv_sec,
             about.st_mtim.tv_nsec);
    return px_search_cache(name);
}

static bool read_cache(const char *path, char hex[PX_HASH_HEX])
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    bool good = px_file_read(path, PX_HASH_HEX, &bytes, &size) == DGXP_OK &&
                size == PX_HASH_HEX - 1 && strspn((char *)bytes, "0123456789abcdef") == size;
    if (good) {
        memcpy(hex, bytes, PX_HASH_HEX);
    }
    px_mem_free(bytes);
    return good;
}

/* A cache that cannot be written costs time, nothing else. */
static void write_cache(const char *path, const char hex[PX_HASH_HEX])
{
    char *folder = px_mem_textn(path, (size_t)(px_file_name(path) - path));
    for (char *slash = folder ? strchr(folder + 1, '/') : NULL; slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(folder, 0777);
        *slash = '/';
    }
    px_mem_free(folder);
    px_file_write(path, hex, PX_HASH_HEX - 1);
}

dgxp_status px_fingerprint_file(const char *path, const dgxp_cancel *cancel, char hex[PX_HASH_HEX])
{
    char *cached = cache_path(path);
    dgxp_status status = DGXP_OK;
    if (!cached || !read_cache(cached, hex)) {
        status = px_hash_file(path, cancel, hex);
        if (status == DGXP_OK && cached) {
            write_cache(cached, hex);
        }
    }
    px_mem_free(cached);
    if (status == DGXP_OK) {
        px_error_clear(); /* the cache's troubles are nobody's */
    }
    return status;
}

static void *work(void *pointer)
{
    px_fingerprint *self = pointer;
    px_hash all;
    char hex[PX_HASH_HEX] = "";
    int32_t files = 0;
    uint8_t digest[32];
    px_hash_begin(&all);
    for (int32_t i = 0; i < self->checkpoint->set_count; i++) {
        const px_safetensors *set = self->checkpoint->sets[i];
        for (int32_t j = 0; j < px_safetensors_file_count(set); j++, files++) {
            if (px_fingerprint_file(px_safetensors_file_path(set, j), self->cancel, hex) !=
                DGXP_OK) {
                return NULL; /* nothing is better than the hash of a half */
            }
            px_hash_add(&all, hex, strlen(hex));
        }
    }
    px_hash_end(&all, digest);
    if (files == 1) {
        memcpy(self->hex, hex, sizeof self->hex);
    } else if (files > 1) {
        px_hash_hex(digest, self->hex);
    }
    return NULL;
}

px_fingerprint *px_fingerprint_begin(const px_checkpoint *checkpoint)
{
    px_fingerprint *self = px_mem_zero(1, sizeof *self);
    if (!self || dgxp_cancel_create(&self->cancel) != DGXP_OK) {
        px_mem_free(self);
        return NULL;
    }
    self->checkpoint = checkpoint;
    pthread_mutex_init(&self->lock, NULL);
    self->joined = pthread_create(&self->thread, NULL, work, self) != 0;
    return self;
}

const char *px_fingerprint_wait(px_fingerprint *self)
{
    if (!self) {
        return "";
    }
    pthread_mutex_lock(&self->lock);
    if (!self->joined) {
        pthread_join(self->thread, NULL);
        self->joined = true;
    }
    pthread_mutex_unlock(&self->lock);
    return self->hex;
}

void px_fingerprint_free(px_fingerprint *self)
{
    if (!self) {
        return;
    }
    dgxp_cancel_fire(self->cancel);
    px_fingerprint_wait(self);
    pthread_mutex_destroy(&self->lock);
    dgxp_cancel_free(self->cancel);
    px_mem_free(self);
}
