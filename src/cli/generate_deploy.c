/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `generate --deploy`: what was painted goes straight into the game. */
#include "cli/generate.h"

#include "cli/deploy.h"
#include "cli/inputs.h"

#include <stdlib.h>
#include <string.h>

enum { PATH_ROOM = 1280 };

/* The same subject is the same file, so that painting again replaces it in the running game. */
static void make_name(const cli_generate_settings *s, int index, char *name, size_t room)
{
    char slug[DGXP_SLUG_SIZE];
    dgxp_slug(s->subject, slug);
    if (s->count == 1) {
        snprintf(name, room, "%s.png", slug);
    } else {
        snprintf(name, room, "%s-%d.png", slug, index + 1);
    }
}

static dgxp_status encode(const dgxp_image *image, uint8_t **bytes, size_t *size)
{
    dgxp_image *blank = NULL;
    dgxp_status status = image ? DGXP_OK : dgxp_image_create(1, 1, NULL, &blank);
    if (status == DGXP_OK) {
        status = dgxp_image_encode(image ? image : blank, NULL, bytes, size);
    }
    dgxp_image_free(blank);
    return status;
}

dgxp_status cli_generate_deploy(const cli_generate_settings *s, int index, const dgxp_image *image,
                                json_t **report, bool *confirmed)
{
    char name[PATH_ROOM], panel[PATH_ROOM], folder[PATH_ROOM];
    dgxp_deploy_params params = s->deploy;
    dgxp_deploy_file files[2] = {{0}};
    uint8_t *picture = NULL, *slices = NULL;
    int32_t count = 1;
    make_name(s, index, name, sizeof name);
    snprintf(folder, sizeof folder, "%s", params.to ? params.to : "sprites");
    if (s->count == 1 && cli_has_suffix(folder, ".png")) { /* a panel's JSON goes beside it */
        snprintf(name, sizeof name, "%s", cli_base(folder));
        folder[strlen(folder) - strlen(name)] = '\0';
    }
    params.to = folder;
    params.force = s->force;
    params.dry_run = image == NULL;
    files[0].path = name;
    dgxp_status status = encode(image, &picture, &files[0].size);
    files[0].bytes = picture;
    if (status == DGXP_OK && image) {
        status = dgxp_panel_describe(image, name, &slices, &files[1].size);
    }
    if (slices) {
        snprintf(panel, sizeof panel, "%.*s.json", (int)strlen(name) - 4, name);
        files[1].path = panel;
        files[1].bytes = slices;
        count = 2;
    }
    if (status == DGXP_OK) {
        status = report ? cli_deploy_files(files, count, &params, s->confirm ? s->brp : NULL,
                                           report, confirmed)
                        : dgxp_deploy(files, count, &params, NULL);
    }
    dgxp_bytes_free(picture);
    dgxp_bytes_free(slices);
    return status;
}
