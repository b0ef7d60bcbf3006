/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* All pictures of a batch on one sheet, a matrix by rows and columns. */
#include "batch/batch.h"

#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "core/mem.h"

#include <inttypes.h>
#include <stdio.h>

enum { FRAMES = 1024 }; /* more than this nobody looks at on one sheet */

static dgxp_status add(const dgxp_batch *batch, int32_t picture, dgxp_sheet *sheet)
{
    px_wish wish = {NULL, NULL, NULL};
    dgxp_image *image = NULL;
    dgxp_status status = px_manifest_wish(batch->manifest, picture, &wish);
    char *path = status == DGXP_OK ? px_file_join(batch->output, wish.name) : NULL;
    if (path && px_file_exists(path)) {
        status = dgxp_image_load(path, &image);
    } else if (status == DGXP_OK) { /* its line failed: the place stays empty */
        status = path ? dgxp_image_create(1, 1, NULL, &image) : px_error_memory("a path");
    }
    if (status == DGXP_OK) {
        status = dgxp_sheet_add_frame(sheet, image, *wish.label ? wish.label : wish.name, 0);
    }
    dgxp_image_free(image);
    px_mem_free(path);
    px_wish_free(&wish);
    return status;
}

static dgxp_status write(const dgxp_batch *batch, const dgxp_sheet *sheet)
{
    dgxp_image *image = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    dgxp_contact_params params = DGXP_CONTACT_PARAMS_INIT;
    params.columns = px_manifest_columns(batch->manifest);
    params.names = 1;
    char *path = px_file_join(batch->output, "contact.png");
    char *temporary = px_mem_format("%s/%014" PRIx64 "-contact", batch->temporary, batch->token);
    dgxp_status status =
        path && temporary ? dgxp_sheet_contact(sheet, &params, &image) : px_error_memory("a path");
    status = status == DGXP_OK ? dgxp_image_encode(image, NULL, &bytes, &size) : status;
    status = status == DGXP_OK ? px_file_replace(path, temporary, bytes, size) : status;
    dgxp_bytes_free(bytes);
    dgxp_image_free(image);
    px_mem_free(temporary);
    px_mem_free(path);
    return status;
}

dgxp_status px_batch_contact(dgxp_batch *batch, bool *written)
{
    const int32_t count = px_manifest_pictures(batch->manifest);
    dgxp_sheet *sheet = NULL;
    *written = false;
    if (count > FRAMES) {
        px_log(DGXP_LOG_WARNING, "no contact sheet: %d pictures are more than %d", count, FRAMES);
        return DGXP_OK;
    }
    dgxp_status status = dgxp_sheet_create(&sheet);
    for (int32_t i = 0; i < count && status == DGXP_OK; i++) {
        status = add(batch, i, sheet);
    }
    status = status == DGXP_OK ? write(batch, sheet) : status;
    *written = status == DGXP_OK;
    dgxp_sheet_free(sheet);
    return status;
}
