/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* dgxp_choices(): every room's enums with their names, for programs that list them. */
#include "diffusion/choices.h"
#include "core/choice.h"
#include "image/choices.h"

static const dgxp_choice metas[] = {
    {DGXP_META_NEAREST, "nearest", "Bevy's settings beside each PNG: nearest sampling"},
    {DGXP_META_NONE, "none", "no .meta, unless a tile set needs one"},
};
static const int32_t meta_count = sizeof metas / sizeof *metas;

static const px_choice_list own[] = {{"meta", metas, &meta_count}};

const dgxp_choice *dgxp_choices(const char *enum_name, int32_t *count)
{
    if (!enum_name || !count) {
        return NULL;
    }
    const dgxp_choice *found = px_choice_find(own, 1, enum_name, count);
    found = found ? found : px_diffusion_choices(enum_name, count);
    return found ? found : px_image_choices(enum_name, count);
}
