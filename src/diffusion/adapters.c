/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Adapters in a model: fitted to its modules, merged into its weights. */
#include "diffusion/adapters.h"

#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "diffusion/backend.h"
#include "diffusion/resident.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ----------------------------------------------------------------------------------- the map */

/* The stub has no parameters: modules are what the files of a folder name. */
static dgxp_status list_tensors(const px_checkpoint *checkpoint, int32_t component,
                                px_parameter **list, int32_t *count)
{
    const px_checkpoint_part *part = &checkpoint->parts[component];
    *count = 0;
    if (part->set < 0 || part->original) {
        return DGXP_OK;
    }
    const px_safetensors *set = checkpoint->sets[part->set];
    const size_t length = strlen(part->prefix);
    *list = px_mem_zero((size_t)px_safetensors_count(set), sizeof **list);
    if (!*list) {
        return px_error_memory("a model's modules");
    }
    for (int32_t i = 0; i < px_safetensors_count(set); i++) {
        const px_tensor *tensor = px_safetensors_at(set, i);
        if (strncmp(tensor->name, part->prefix, length) == 0) {
            px_parameter *parameter = &(*list)[(*count)++];
            *parameter = (px_parameter){.name = tensor->name + length, .rank = tensor->rank};
            memcpy(parameter->shape, tensor->shape, sizeof parameter->shape);
        }
    }
    return DGXP_OK;
}

dgxp_status px_adapters_need(dgxp_model *model)
{
    px_lora_part parts[PX_COMPONENTS] = {{NULL, 0}};
    if (!model->adapters) {
        model->adapters = px_mem_zero(1, sizeof *model->adapters);
        if (!model->adapters) {
            return px_error_memory("a model's adapters");
        }
        model->adapters->keep = -1;
    }
    if (model->adapters->map) {
        return DGXP_OK;
    }
    for (int32_t c = 0; c <= PX_UNET; c++) {
        parts[c] = (px_lora_part){model->parameters[c], model->parameter_counts[c]};
        if (parts[c].count == 0 && !model->adapters->listed[c]) {
            const dgxp_status status =
                list_tensors(model->checkpoint, c, &model->adapters->listed[c], &parts[c].count);
            if (status != DGXP_OK) {
                return status;
            }
            parts[c].parameters = model->adapters->listed[c];
        }
    }
    return px_lora_map_create(parts, &model->adapters->map);
}

static void free_uses(px_use *uses, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        dgxp_lora_free(uses[i].lora);
    }
    px_mem_free(uses);
}

void px_adapters_free(px_adapters *adapters)
{
    if (!adapters) {
        return;
    }
    free_uses(adapters->uses, adapters->use_count);
    for (size_t i = 0; i < adapters->opened_count; i++) {
        dgxp_lora_free(adapters->opened[i]);
    }
    px_mem_free((void *)adapters->opened);
    for (int32_t c = 0; c < PX_COMPONENTS; c++) {
        px_mem_free(adapters->listed[c]);
    }
    px_lora_map_free(adapters->map);
    px_mem_free(adapters);
}

dgxp_status px_adapters_fit(const px_lora_map *map, const dgxp_lora *lora, px_fit **fits)
{
    *fits = px_mem_zero((size_t)lora->module_count, sizeof **fits);
    if (!*fits) {
        return px_error_memory("an adapter's places");
    }
    for (int32_t i = 0; i < lora->module_count; i++) {
        px_fit *fit = &(*fits)[i];
        fit->fit = px_lora_map_find(map, &lora->modules[i], &fit->place, fit->why, sizeof fit->why);
    }
    return DGXP_OK;
}

/* ------------------------------------------------------------------------------ shim's deltas */

static px_factor factor_of(const px_tensor *tensor)
{
    px_factor factor = {0};
    if (tensor) {
        factor = (px_factor){.data = tensor->data, .dtype = tensor->dtype, .rank = tensor->rank};
        memcpy(factor.shape, tensor->shape, sizeof factor.shape);
    }
    return factor;
}

static px_product product_of(const px_lora_module *module, px_lora_role whole, px_lora_role a,
                             px_lora_role b, px_lora_role core)
{
    px_product product = {.whole = factor_of(whole < PX_LORA_ROLES ? module->roles[whole] : NULL),
                          .core = factor_of(core < PX_LORA_ROLES ? module->roles[core] : NULL)};
    if (!product.whole.data && a < PX_LORA_ROLES) {
        product.a = factor_of(module->roles[a]);
        product.b = factor_of(module->roles[b]);
    }
    return product;
}

/* What the module does to the weight; false when it only changes the bias. */
static bool delta_of_weight(const px_lora_module *module, const px_lora_place *place,
                            px_delta *delta)
{
    const px_lora_role none = PX_LORA_ROLES;
    const px_tensor *dora = module->roles[PX_LORA_DORA];
    switch (module->kind) {
    case PX_LORA_KIND_LOHA:
        delta->kind = PX_DELTA_HADAMARD;
        delta->x = product_of(module, none, PX_LORA_HADA_1A, PX_LORA_HADA_1B, PX_LORA_HADA_T1);
        delta->y = product_of(module, none, PX_LORA_HADA_2A, PX_LORA_HADA_2B, PX_LORA_HADA_T2);
        break;
    case PX_LORA_KIND_LOKR:
        delta->kind = PX_DELTA_KRONECKER;
        delta->x = product_of(module, PX_LORA_KRON_1, PX_LORA_KRON_1A, PX_LORA_KRON_1B, none);
        delta->y =
            product_of(module, PX_LORA_KRON_2, PX_LORA_KRON_2A, PX_LORA_KRON_2B, PX_LORA_KRON_T2);
        break;
    case PX_LORA_KIND_FULL:
        delta->x = product_of(module, PX_LORA_DIFF, none, none, none);
        break;
    case PX_LORA_KIND_NORM:
        delta->x = product_of(module, PX_LORA_W_NORM, none, none, none);
        break;
    default:
        delta->x = product_of(module, none, PX_LORA_UP, PX_LORA_DOWN, PX_LORA_MID);
        delta->x.a_first = 1;
        break;
    }
    if (module->roles[PX_LORA_MAGNITUDE]) {
        delta->norm = PX_NORM_ROWS;
        delta->magnitude = factor_of(module->roles[PX_LORA_MAGNITUDE]);
    } else if (dora) {
        /* [1, in, 1, 1] is LyCORIS' "on input"; one number an output is anything else. */
        const bool inputs = dora->rank >= 2 && dora->shape[0] == 1 && place->weight->rank >= 2 &&
                            dora->shape[1] == place->weight->shape[1];
        delta->norm = inputs ? PX_NORM_COLUMNS : PX_NORM_ROWS;
        delta->magnitude = factor_of(dora);
    }
    delta->factor = module->factor;
    return module->rows > 0;
}

static bool delta_of_bias(const px_lora_module *module, px_delta *delta)
{
    const px_lora_role role = module->roles[PX_LORA_DIFF_B] ? PX_LORA_DIFF_B : PX_LORA_B_NORM;
    delta->x = product_of(module, role, PX_LORA_ROLES, PX_LORA_ROLES, PX_LORA_ROLES);
    delta->factor = 1.0;
    return module->roles[role] != NULL;
}

/* --------------------------------------------------------------------------------- the merges */

/* A delta and the parameter that it goes to, before they are sorted by parameter. */
typedef struct addition {
    int32_t component;
    const px_parameter *parameter;
    int32_t order; /* of its making: sums are made in the order of the adapters */
    px_delta delta;
} addition;

typedef struct additions {
    addition *items;
    size_t count, capacity;
} additions;

static bool add(additions *all, const px_lora_place *place, const px_parameter *parameter,
                const px_delta *delta)
{
    if (!px_mem_grow((void **)&all->items, &all->capacity, all->count, sizeof *all->items)) {
        return false;
    }
    all->items[all->count] = (addition){.component = place->component,
                                        .parameter = parameter,
                                        .order = (int32_t)all->count,
                                        .delta = *delta};
    all->count++;
    return true;
}

static bool add_use(additions *all, const px_use *use, const px_fit *fits)
{
    for (int32_t i = 0; i < use->lora->module_count; i++) {
        const px_lora_module *module = &use->lora->modules[i];
        const px_lora_place *place = fits[i].place;
        const double weight = fits[i].fit == PX_LORA_FITS ? use->weights[place->component] : 0.0;
        if (weight == 0.0) {
            continue;
        }
        px_delta delta = {.weight = weight};
        /* DoRA with alpha 0 still sets the magnitude; anything else then does nothing. */
        if (delta_of_weight(module, place, &delta) &&
            (delta.factor != 0.0 || delta.norm != PX_NORM_NONE) &&
            !add(all, place, place->weight, &delta)) {
            return false;
        }
        delta = (px_delta){.weight = weight};
        if (delta_of_bias(module, &delta) && !add(all, place, place->bias, &delta)) {
            return false;
        }
    }
    return true;
}

static int compare_additions(const void *left, const void *right)
{
    const addition *a = left, *b = right;
    if (a->component != b->component) {
        return a->component - b->component;
    }
    if (a->parameter != b->parameter) {
        return a->parameter < b->parameter ? -1 : 1;
    }
    return a->order - b->order;
}

static px_binding binding_of(const dgxp_model *model, const addition *first)
{
    const int32_t c = first->component;
    px_binding binding = {.parameter = first->parameter->name, .rank = first->parameter->rank};
    if (model->bindings[c]) {
        binding = model->bindings[c][first->parameter - model->parameters[c]];
    }
    return binding;
}

/* A quarter of what is free: somebody else may want the rest. */
static uint64_t bytes_to_keep(const dgxp_model *model)
{
    px_shim_error error;
    px_shim_device device;
    if (model->adapters->keep >= 0) {
        return (uint64_t)model->adapters->keep;
    }
    if (strcmp(model->device, "cpu") != 0) {
        int32_t count = 0;
        (void)model->shim->device_count(&count, &error);
        for (int32_t i = 0; i < count; i++) {
            if (model->shim->device_describe(i, &device, &error) == DGXP_OK &&
                strcmp(device.id, model->device) == 0) {
                return device.memory_free / 4;
            }
        }
        return 0;
    }
    uint64_t total, available;
    px_mem_measure(&total, &available);
    return available / 4;
}

static dgxp_status send(dgxp_model *model, const char *set, additions *all)
{
    px_shim_error error = {""};
    px_merge *merges = px_mem_zero(all->count, sizeof *merges);
    px_delta *deltas = px_mem_zero(all->count, sizeof *deltas);
    int32_t count = 0;
    dgxp_status status = merges && deltas ? DGXP_OK : px_error_memory("a set of adapters");
    if (status == DGXP_OK && all->count > 0) {
        qsort(all->items, all->count, sizeof *all->items, compare_additions);
    }
    for (size_t i = 0; i < all->count && status == DGXP_OK; i++) {
        const addition *item = &all->items[i];
        deltas[i] = item->delta;
        if (i == 0 || item->parameter != all->items[i - 1].parameter) {
            merges[count++] = (px_merge){.component = item->component,
                                         .base = binding_of(model, item),
                                         .deltas = &deltas[i]};
        }
        merges[count - 1].delta_count++;
    }
    if (status == DGXP_OK) {
        status = px_backend_status(
            model->shim->merge(model->backend, set, merges, count, bytes_to_keep(model), &error),
            &error);
    }
    px_mem_free(deltas);
    px_mem_free(merges);
    return status;
}

/* The file as it is on disk and its weights, an adapter; one whose weights are all 0 is not there.
 * Files and not handles, for the resident engine keeps sets from program to program. */
static char *name_set(const px_use *uses, int32_t count)
{
    char *name = px_mem_text("");
    for (int32_t i = 0; i < count && name; i++) {
        const double *w = uses[i].weights;
        if (w[PX_TEXT_1] == 0 && w[PX_TEXT_2] == 0 && w[PX_UNET] == 0) {
            continue;
        }
        const struct stat *file = &uses[i].lora->file;
        char *longer = px_mem_format(
            "%s%llx-%llx-%llx-%llx.%09ld-%llx.%09ld:%.17g:%.17g:%.17g;", name,
            (unsigned long long)file->st_dev, (unsigned long long)file->st_ino,
            (unsigned long long)file->st_size, (unsigned long long)file->st_mtim.tv_sec,
            file->st_mtim.tv_nsec, (unsigned long long)file->st_ctim.tv_sec, file->st_ctim.tv_nsec,
            w[PX_UNET], w[PX_TEXT_1], w[PX_TEXT_2]);
        px_mem_free(name);
        name = longer;
    }
    return name;
}

static dgxp_status merge_uses(dgxp_model *model, const char *set, const px_use *uses, int32_t count,
                              json_t *reports)
{
    const px_lora_map *map = model->adapters->map;
    additions all = {0};
    dgxp_status status = DGXP_OK;
    for (int32_t i = 0; i < count && status == DGXP_OK; i++) {
        px_fit *fits = NULL;
        status = px_adapters_fit(map, uses[i].lora, &fits);
        if (status == DGXP_OK) {
            status = px_adapters_judge(model, map, uses[i].lora, fits, uses[i].partial);
        }
        if (status == DGXP_OK &&
            (!add_use(&all, &uses[i], fits) ||
             (reports && !px_json_append(reports, px_adapters_report(&uses[i], fits))))) {
            status = px_error_memory("a set of adapters");
        }
        px_mem_free(fits);
    }
    if (status == DGXP_OK) {
        status = send(model, set, &all);
    }
    px_mem_free(all.items);
    return status;
}

dgxp_status px_adapters_merge(dgxp_model *model, const px_use *uses, int32_t count, json_t *reports)
{
    px_shim_error error = {""};
    if (count == 0 && !model->adapters) {
        return DGXP_OK;
    }
    dgxp_status status = px_adapters_need(model);
    if (status != DGXP_OK) {
        return status;
    }
    char *set = name_set(uses, count);
    if (!set) {
        return px_error_memory("a set of adapters");
    }
    if (!reports && model->shim->merged(model->backend, set)) { /* it was judged when it was made */
        status = px_backend_status(
            model->shim->merge(model->backend, set, NULL, 0, bytes_to_keep(model), &error), &error);
    } else {
        status = merge_uses(model, set, uses, count, reports);
    }
    px_mem_free(set);
    return status;
}

/* ------------------------------------------------------------------------------------- public */

static dgxp_status check_uses(const dgxp_model *model, const dgxp_lora_use *uses, int32_t count)
{
    if (!model || count < 0 || count > PX_JOB_LORAS || (count > 0 && !uses)) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_model_set_loras: needs a model and 0 to %d adapters, not %d",
                            PX_JOB_LORAS, count);
    }
    if (!model->backend) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_model_set_loras: this model was opened with describe_only");
    }
    for (int32_t i = 0; i < count; i++) {
        /* Written so that NaN is refused too. */
        if (!uses[i].lora || !(fabs(uses[i].unet) <= 100.0) || !(fabs(uses[i].text_1) <= 100.0) ||
            !(fabs(uses[i].text_2) <= 100.0)) {
            return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                                "dgxp_model_set_loras: adapter %d needs a handle, and weights from "
                                "-100 to 100",
                                i);
        }
    }
    return DGXP_OK;
}

static dgxp_status set_uses(dgxp_model *model, px_use *mine, int32_t count, json_t *reports)
{
    pthread_mutex_lock(&model->lock);
    dgxp_status status =
        model->lost ? px_error_set(DGXP_ERR_DEVICE_LOST, "the device failed earlier; restart the "
                                                         "process to use it again")
                    : px_adapters_need(model);
    if (status == DGXP_OK) {
        status = px_resident_wait(model->shim, model->backend);
    }
    if (status == DGXP_OK) {
        status = px_adapters_merge(model, mine, count, reports);
        model->lost = status == DGXP_ERR_DEVICE_LOST;
        px_resident_end(model->shim, model->backend);
    }
    if (status == DGXP_OK) {
        free_uses(model->adapters->uses, model->adapters->use_count);
        model->adapters->uses = mine;
        model->adapters->use_count = count;
    }
    pthread_mutex_unlock(&model->lock);
    return status;
}

dgxp_status dgxp_model_set_loras(dgxp_model *model, const dgxp_lora_use *uses, int32_t count,
                                 int32_t partial, dgxp_document **report)
{
    px_error_clear();
    dgxp_status status = check_uses(model, uses, count);
    if (status != DGXP_OK) {
        return status;
    }
    px_use *mine = px_mem_zero((size_t)count, sizeof *mine);
    json_t *reports = report ? json_array() : NULL;
    if (!mine || (report && !reports)) {
        px_mem_free(mine);
        json_decref(reports);
        return px_error_memory("a set of adapters");
    }
    for (int32_t i = 0; i < count; i++) {
        mine[i] = (px_use){.lora = px_lora_keep(uses[i].lora), .partial = partial != 0};
        mine[i].weights[PX_UNET] = uses[i].unet;
        mine[i].weights[PX_TEXT_1] = uses[i].text_1;
        mine[i].weights[PX_TEXT_2] = uses[i].text_2;
    }
    status = set_uses(model, mine, count, reports);
    if (status != DGXP_OK) {
        free_uses(mine, count);
        json_decref(reports);
        return status;
    }
    return report ? px_json_document(reports, report) : DGXP_OK;
}

dgxp_status dgxp_model_keep_loras(dgxp_model *model, int64_t bytes)
{
    px_error_clear();
    if (!model || !model->backend) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_model_keep_loras: needs a model that is open for painting");
    }
    pthread_mutex_lock(&model->lock);
    const dgxp_status status = px_adapters_need(model);
    if (status == DGXP_OK) {
        model->adapters->keep = bytes;
    }
    pthread_mutex_unlock(&model->lock);
    return status;
}

dgxp_status dgxp_model_read_weight(dgxp_model *model, const char *component, const char *parameter,
                                   float *values, size_t count)
{
    px_shim_error error = {""};
    px_error_clear();
    if (!model || !model->backend || !component || !parameter || !values) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_model_read_weight: needs an open model, names and room");
    }
    for (int32_t c = 0; c <= PX_UNET; c++) {
        if (strcmp(component, px_bundle_component(c)) == 0) {
            pthread_mutex_lock(&model->lock);
            dgxp_status status = px_resident_wait(model->shim, model->backend);
            if (status == DGXP_OK && model->adapters) { /* others may have merged theirs since */
                status = px_adapters_merge(model, model->adapters->uses, model->adapters->use_count,
                                           NULL);
            }
            if (status == DGXP_OK) {
                status = px_backend_status(model->shim->parameter_read(model->backend, c, parameter,
                                                                       values, count, &error),
                                           &error);
            }
            px_resident_end(model->shim, model->backend);
            pthread_mutex_unlock(&model->lock);
            return status;
        }
    }
    return px_error_set(DGXP_ERR_NOT_FOUND, "no component '%s'; there are text_1, text_2 and unet",
                        component);
}
