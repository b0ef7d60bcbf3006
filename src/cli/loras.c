/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* --lora FILE|NAME[:UNET[:TEXT]] of the commands that paint. */
#include "cli/inputs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ":0.8" at the end of text[0..*length]: its number; the rest is then shorter. */
static bool take_weight(const char *text, size_t *length, double *weight)
{
    size_t at = *length;
    while (at > 0 && text[at - 1] != ':') {
        at--;
    }
    char number[32];
    const size_t size = *length - at;
    if (at < 2 || size == 0 || size >= sizeof number) {
        return false;
    }
    memcpy(number, text + at, size);
    number[size] = '\0';
    if (dgxp_number_parse(number, weight) != DGXP_OK) {
        return false;
    }
    *length = at - 1;
    return true;
}

bool cli_parse_lora(const char *text, cli_lora_wish *wish)
{
    size_t length = strlen(text);
    double last = 1.0, first = 1.0;
    if (take_weight(text, &length, &last)) {
        first = last;
        (void)take_weight(text, &length, &first);
    }
    wish->unet = first;
    wish->text = last;
    if (length == 0 || length >= sizeof wish->name) {
        return false;
    }
    memcpy(wish->name, text, length);
    wish->name[length] = '\0';
    return true;
}

/* A comma stands between adapters, as in requests, unless it belongs to a file's name. */
static bool is_list(const char *text)
{
    cli_lora_wish wish;
    return strchr(text, ',') && cli_parse_lora(text, &wish) && access(wish.name, F_OK) != 0;
}

void cli_split_loras(cli_list *loras)
{
    size_t room = (size_t)loras->count + 1;
    for (int i = 0; i < loras->count; i++) {
        for (const char *at = loras->items[i]; (at = strchr(at, ',')); at++) {
            room++;
        }
    }
    const cli_list given = *loras;
    *loras = (cli_list){.items = cli_zero(room, sizeof(char *))};
    for (int i = 0; i < given.count; i++) {
        char *rest =
            (char *)(uintptr_t)given.items[i]; /* main()'s own word, which may be written */
        if (!is_list(rest)) {
            loras->items[loras->count++] = rest;
            continue;
        }
        for (char *word; (word = strsep(&rest, ","));) {
            loras->items[loras->count++] = word + strspn(word, " \t");
        }
    }
    free(given.items);
}

dgxp_status cli_set_partial_loras(dgxp_model *model, const cli_list *loras)
{
    enum { MOST = 64 };
    dgxp_lora_use uses[MOST] = {0};
    int count = 0;
    dgxp_status status = DGXP_OK;
    for (int i = 0; i < loras->count && i < MOST && status == DGXP_OK; i++) {
        cli_lora_wish wish;
        dgxp_lora *lora = NULL;
        if (!cli_parse_lora(loras->items[i], &wish)) {
            continue; /* was checked before */
        }
        status = dgxp_lora_load(wish.name, model, &lora);
        if (status == DGXP_OK) {
            uses[count++] = (dgxp_lora_use){
                .lora = lora, .unet = wish.unet, .text_1 = wish.text, .text_2 = wish.text};
        }
    }
    if (status == DGXP_OK) {
        status = dgxp_model_set_loras(model, uses, count, 1, NULL);
    }
    for (int i = 0; i < count; i++) {
        dgxp_lora_free((dgxp_lora *)(uintptr_t)uses[i].lora); /* it is ours */
    }
    return status;
}
