/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* --best-of: which of several candidates the quality report likes best. */
#include "cli/generate.h"

#include <jansson.h>

#include <string.h>

/* What joins at its edges is judged by its seams, everything else by its framing. */
static bool is_tile(const char *recipe)
{
    json_t *root = json_loads(recipe, 0, NULL);
    const char *tiling = json_string_value(json_object_get(root, "tiling"));
    const bool tile = tiling && strcmp(tiling, "none") != 0;
    json_decref(root);
    return tile;
}

static dgxp_status score(const dgxp_result *result, int32_t index, double *out)
{
    const dgxp_image *image = dgxp_result_image(result, index);
    dgxp_quality_params params = DGXP_QUALITY_PARAMS_INIT;
    dgxp_document *report = NULL;
    params.tile = is_tile(dgxp_result_recipe(result, index));
    const dgxp_status status = dgxp_quality(&image, 1, &params, &report);
    if (status == DGXP_OK) {
        json_t *root = json_loads(dgxp_document_text(report), 0, NULL);
        *out = json_number_value(json_object_get(root, "score"));
        json_decref(root);
    }
    dgxp_document_free(report);
    return status;
}

dgxp_status cli_generate_prefer(dgxp_result *result, uint64_t first, cli_generate_best *best)
{
    bool kept = false;
    dgxp_status status = DGXP_OK;
    for (int32_t i = 0; i < dgxp_result_count(result) && status == DGXP_OK; i++) {
        double found = 0;
        status = score(result, i, &found);
        if (status == DGXP_OK && found > best->score) {
            if (!kept) {
                dgxp_result_free(best->result);
            }
            *best = (cli_generate_best){result, i, first + (uint64_t)i, found};
            kept = true;
        }
    }
    if (!kept) {
        dgxp_result_free(result);
    }
    return status;
}
