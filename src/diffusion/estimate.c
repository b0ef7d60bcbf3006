/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How long a job takes and how much memory: measured on this machine, else a rough guess. */
#include "diffusion/estimate.h"

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_LIMIT = 1 << 20, ENTRIES_LIMIT = 256 };

static const char file_name[] = "timings.json";

int32_t px_estimate_passes(const px_plan *plan)
{
    return plan->table.count + plan->table.guided;
}

/* A plan is of one candidate; so many are painted. */
static double count_candidates(const px_plan *plan)
{
    return plan->set.best_of > 1 ? plan->set.best_of : 1;
}

/* ------------------------------------------------------------------------------------ measured */

/* "starter 32x32 x1": what must agree for a time to be comparable. */
static char *make_key(const dgxp_model *model, const px_plan *plan)
{
    return px_mem_format("%s %dx%d x%d", model->bundle->architecture, plan->width, plan->height,
                         plan->count);
}

static json_t *read_timings(const char *path)
{
    json_t *document = NULL;
    if (px_file_exists(path) && px_json_load(path, FILE_LIMIT, &document) != DGXP_OK) {
        px_error_clear(); /* a broken cache is an empty one */
    }
    if (!json_is_object(document)) {
        json_decref(document);
        document = json_object();
    }
    return document;
}

/* The most that this process ever held, mapped pages of the model included. */
static int64_t peak_mebibytes(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss >> 10 : 0;
}

static void write_timings(const char *path, const json_t *document)
{
    char *folder = px_mem_textn(path, (size_t)(px_file_name(path) - path));
    char *text = px_json_print(document);
    for (char *slash = folder ? folder + 1 : NULL; slash && text;) { /* ~/.cache may be new too */
        slash = strchr(slash, '/');
        if (slash) {
            *slash = '\0';
            mkdir(folder, 0777);
            *slash++ = '/';
        }
    }
    if (text) {
        px_file_write(path, text, strlen(text));
    }
    px_error_clear();
    px_mem_free(folder);
    px_mem_free(text);
}

void px_estimate_note(dgxp_model *model, const px_plan *plan, double denoise, double whole)
{
    char *path = px_search_cache(file_name), *key = make_key(model, plan);
    json_t *document = path ? read_timings(path) : NULL;
    if (!model->timed && document && key && json_object_size(document) < ENTRIES_LIMIT) {
        json_t *devices = json_object_get(document, key), *entry = json_object();
        if (!json_is_object(devices)) {
            px_json_put(document, key, json_object());
            devices = json_object_get(document, key);
        }
        px_json_put_number(entry, "pass", denoise / px_estimate_passes(plan) / plan->count);
        px_json_put_number(entry, "rest", (whole - denoise) / plan->count);
        px_json_put_integer(entry, "mib", peak_mebibytes());
        px_json_put(devices, model->device, entry);
        write_timings(path, document);
        model->timed = true;
    }
    json_decref(document);
    px_mem_free(path);
    px_mem_free(key);
}

/* --------------------------------------------------------------------------------------- guess */

static double count_parameters(const dgxp_model *model, px_component component)
{
    const px_checkpoint_part *part = &model->checkpoint->parts[component];
    double count = 0;
    if (part->set < 0) {
        return 0;
    }
    const px_safetensors *set = model->checkpoint->sets[part->set];
    for (int32_t i = 0; i < px_safetensors_count(set); i++) {
        const px_tensor *tensor = px_safetensors_at(set, i);
        if (!part->prefix || strncmp(tensor->name, part->prefix, strlen(part->prefix)) == 0) {
            count += (double)(tensor->size / px_safetensors_dtype_size(tensor->dtype));
        }
    }
    return count;
}

/*
 * SDXL's own figures (docs/performance.md: 6.76 TFLOP a pass and 10.47 a decode at 1024 x 1024),
 * scaled by parameters and pixels; 25 GFLOP/s a core is what torch reached on the machine there.
 */
static json_t *guess(const dgxp_model *model, const px_plan *plan)
{
    static const double pass_flop = 0.16, decode_flop = 0.2, core_flops = 25e9;
    const double positions = (double)plan->latent_width * plan->latent_height;
    const double pixels = (double)plan->width * plan->height;
    const double unet = count_parameters(model, PX_UNET);
    const double vae = count_parameters(model, PX_VAE_DECODER);
    const double text = count_parameters(model, PX_TEXT_1) + count_parameters(model, PX_TEXT_2);
    const double flop =
        unet * positions * pass_flop * px_estimate_passes(plan) + vae * pixels * decode_flop;
    const double cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
    json_t *entry = json_object();
    px_json_put_text(entry, "device", "cpu");
    px_json_put_number(entry, "seconds", count_candidates(plan) * flop / (core_flops * cores));
    px_json_put_integer(entry, "memory_mib",
                        (int64_t)(((unet + vae + text) * 4 + pixels * 2048) / (1 << 20)) + 300);
    px_json_put_text(entry, "basis",
                     "a rough guess from the model's size, f32: nothing was painted at this size "
                     "here yet");
    return entry;
}

/* ------------------------------------------------------------------------------------ estimate */

static double number_of(const json_t *entry, const char *key)
{
    const double value = json_number_value(json_object_get(entry, key));
    return isfinite(value) && value >= 0 ? value : 0;
}

json_t *px_estimate(const dgxp_model *model, const px_plan *plan)
{
    json_t *list = json_array(), *entry;
    char *path = px_search_cache(file_name), *key = make_key(model, plan);
    json_t *document = path ? read_timings(path) : NULL;
    const char *device;
    json_object_foreach(json_object_get(document, key ? key : ""), device, entry)
    {
        json_t *found = json_object();
        px_json_put_text(found, "device", device);
        px_json_put_number(
            found, "seconds",
            count_candidates(plan) *
                (number_of(entry, "pass") * px_estimate_passes(plan) + number_of(entry, "rest")));
        px_json_put_integer(found, "memory_mib", (int64_t)number_of(entry, "mib"));
        px_json_put_text(found, "basis", "measured here when such a picture was last painted");
        px_json_append(list, found);
    }
    if (json_array_size(list) == 0) {
        px_json_append(list, guess(model, plan));
    }
    json_decref(document);
    px_mem_free(path);
    px_mem_free(key);
    return list;
}
