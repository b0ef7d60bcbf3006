/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Prints where each module of an adapter goes: dump_lora_map PARAMETERS FILE, where PARAMETERS has
 * lines "component name size size …".  For tests/python/test_lora_keys.py. */
#include "core/mem.h"
#include "diffusion/lora_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 4096 };

static void read_parameters(const char *path, px_parameter *parameters, px_lora_part *parts)
{
    static const char *const names[] = {"text_1", "text_2", "unet"};
    char line[1024];
    int count = 0;
    FILE *file = fopen(path, "r");
    while (file && count < MOST && fgets(line, sizeof line, file)) {
        char *rest = line;
        const char *component = strsep(&rest, " "), *name = strsep(&rest, " ");
        px_parameter *parameter = &parameters[count];
        parameter->name = px_mem_text(name);
        for (char *size; (size = strsep(&rest, " ")) && parameter->rank < 8;) {
            parameter->shape[parameter->rank++] = atoll(size);
        }
        for (int c = 0; c <= PX_UNET; c++) {
            if (strcmp(component, names[c]) == 0) {
                parts[c].parameters = parts[c].count ? parts[c].parameters : parameter;
                parts[c].count++;
            }
        }
        count++;
    }
    if (file) {
        fclose(file);
    }
}

int main(int argc, char **argv)
{
    static px_parameter parameters[MOST];
    static const char *const components[] = {"text_1", "text_2", "unet"};
    px_lora_part parts[PX_COMPONENTS] = {{NULL, 0}};
    px_lora_map *map = NULL;
    dgxp_lora *lora = NULL;
    if (argc != 3) {
        return 2;
    }
    read_parameters(argv[1], parameters, parts);
    if (px_lora_map_create(parts, &map) != DGXP_OK ||
        px_lora_open(argv[2], false, &lora) != DGXP_OK) {
        fprintf(stderr, "%s\n", dgxp_last_error());
        return 1;
    }
    for (int32_t i = 0; i < lora->module_count; i++) {
        const px_lora_place *place = NULL;
        char why[192];
        const px_lora_fit fit = px_lora_map_find(map, &lora->modules[i], &place, why, sizeof why);
        if (fit == PX_LORA_FITS) {
            printf("%s\t%s\t%s\n", lora->modules[i].key, components[place->component],
                   place->weight->name);
        } else {
            printf("%s\t%s\t%s\n", lora->modules[i].key,
                   fit == PX_LORA_FITS_IGNORED ? "ignored" : "-", why);
        }
    }
    dgxp_lora_free(lora);
    px_lora_map_free(map);
    return 0;
}
