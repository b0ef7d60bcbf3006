/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The starter on the stub backend, for suites that paint: its pictures are deterministic. */
#ifndef PX_STUB_H
#define PX_STUB_H

#include "core/mem.h"
#include "px_check.h"

/** Make models, presets and the stub of this checkout the ones that are found. */
static inline void px_stub_find(void)
{
    static const struct {
        const char *name, *folder;
    } places[] = {{"DGX_PIXELS_MODELS", "models"}, {"DGX_PIXELS_PRESETS", "presets"}};
    const char *source = getenv("DGXP_SOURCE_DIR");
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char *path = px_mem_format("%s/%s", source ? source : ".", places[i].folder);
        setenv(places[i].name, path, 1);
        px_mem_free(path);
    }
    setenv("DGX_PIXELS_BACKEND", PX_STUB, 1);
}

static inline dgxp_model *px_stub_open(void)
{
    dgxp_model *model = NULL;
    px_stub_find();
    ck_assert_ok(dgxp_model_open("starter", NULL, &model));
    return model;
}

#endif
