/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An adapter file: its tensors by module, each module's kind checked whole. */
#include "diffusion/lora.h"

#include "core/error.h"
#include "core/mem.h"
#include "diffusion/family.h"
#include "diffusion/values.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------ values */

/* Whether all of a tensor's values are numbers: a float is not when all bits of its exponent are
 * set (F8 E4M3 has no infinity; all ones are its NaN). */
static bool is_finite(const px_tensor *tensor)
{
    const uint64_t count = tensor->size / px_safetensors_dtype_size(tensor->dtype);
    const uint8_t *at = tensor->data;
    bool bad = false;
    switch (tensor->dtype) {
    case PX_F16:
    case PX_BF16: {
        const uint16_t mask = tensor->dtype == PX_F16 ? 0x7c00 : 0x7f80;
        for (uint64_t i = 0; i < count; i++, at += 2) {
            uint16_t bits;
            memcpy(&bits, at, sizeof bits);
            bad |= (bits & mask) == mask;
        }
        break;
    }
    case PX_F32:
        for (uint64_t i = 0; i < count; i++, at += 4) {
            uint32_t bits;
            memcpy(&bits, at, sizeof bits);
            bad |= (bits & 0x7f800000u) == 0x7f800000u;
        }
        break;
    case PX_F64:
        for (uint64_t i = 0; i < count; i++, at += 8) {
            double value;
            memcpy(&value, at, sizeof value);
            bad |= !(fabs(value) <= 3.4e38); /* it becomes an f32 */
        }
        break;
    case PX_F8_E4M3:
        for (uint64_t i = 0; i < count; i++) {
            bad |= (at[i] & 0x7f) == 0x7f;
        }
        break;
    case PX_F8_E5M2:
        for (uint64_t i = 0; i < count; i++) {
            bad |= (at[i] & 0x7c) == 0x7c;
        }
        break;
    default: /* integers */
        break;
    }
    return !bad;
}

/* The one number of an alpha or a scalar; trainers store it in any type. */
static bool read_number(const px_tensor *tensor, double *out)
{
    return tensor->size == px_safetensors_dtype_size(tensor->dtype) &&
           px_values_read(tensor, 0, out);
}

static dgxp_status check_tensor(const px_safetensors *set, const px_tensor *tensor,
                                px_lora_role role)
{
    const char *path = px_safetensors_path(set);
    const bool number = role == PX_LORA_ALPHA || role == PX_LORA_SCALAR;
    if (!number && !px_safetensors_is_float(tensor->dtype)) {
        return px_error_set(DGXP_ERR_UNSUPPORTED,
                            "%s: tensor '%.200s' is %s; adapters must be F32, F16, BF16, F64 or F8",
                            path, tensor->name, px_safetensors_dtype_name(tensor->dtype));
    }
    if (!is_finite(tensor)) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: tensor '%.200s' holds values that are not finite: its training "
                            "broke down, or the file is damaged",
                            path, tensor->name);
    }
    return DGXP_OK;
}

/* ------------------------------------------------------------------------- shapes of a module */

static int64_t product(const px_tensor *tensor, int32_t from)
{
    int64_t total = 1;
    for (int32_t i = from; i < tensor->rank; i++) {
        total *= tensor->shape[i]; /* fits: all of them are bytes of a file */
    }
    return total;
}

/* What is larger than any layer becomes a size that none has. */
static int64_t times(int64_t a, int64_t b)
{
    return a > INT32_MAX || b > INT32_MAX ? INT64_MAX : a * b;
}

static dgxp_status refuse(const px_safetensors *set, const px_lora_module *module,
                          const char *sentence)
{
    return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: module '%.200s' %s", px_safetensors_path(set),
                        module->key, sentence);
}

static dgxp_status refuse_pair(const px_safetensors *set, const px_lora_module *module,
                               px_lora_role a, px_lora_role b)
{
    const px_tensor *one = module->roles[a], *two = module->roles[b];
    const px_lora_role missing = one ? b : a;
    char left[96], right[96];
    if (!one || !two) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: module '%.200s' has %s but no %s: the file is incomplete",
                            px_safetensors_path(set), module->key, px_lora_role_name(one ? a : b),
                            px_lora_role_name(missing));
    }
    px_safetensors_shape_text(one->rank, one->shape, left, sizeof left);
    px_safetensors_shape_text(two->rank, two->shape, right, sizeof right);
    return px_error_set(DGXP_ERR_BAD_FORMAT,
                        "%s: module '%.200s': %s %s and %s %s do not go together",
                        px_safetensors_path(set), module->key, px_lora_role_name(a), left,
                        px_lora_role_name(b), right);
}

/* a [p, r] (with a core [r, p]) times b [r, q]; the core is [r, r, kh, kw].  `*rows` p, `*cols` q
 * times the kernel. */
static dgxp_status measure_pair(const px_safetensors *set, const px_lora_module *module,
                                px_lora_role a_role, px_lora_role b_role, px_lora_role core_role,
                                int64_t *rows, int64_t *cols, int64_t *rank)
{
    const px_tensor *a = module->roles[a_role], *b = module->roles[b_role];
    const px_tensor *core = core_role < PX_LORA_ROLES ? module->roles[core_role] : NULL;
    if (!a || !b || a->rank != 2 || b->rank != 2 || a->size == 0 || b->size == 0 ||
        a->shape[core ? 0 : 1] != (core ? core->shape[0] : b->shape[0])) {
        return refuse_pair(set, module, a_role, b_role);
    }
    if (core && (core->rank < 3 || core->size == 0 || core->shape[1] != b->shape[0])) {
        return refuse_pair(set, module, core_role, b_role);
    }
    *rows = a->shape[core ? 1 : 0];
    *cols = times(b->shape[1], core ? product(core, 2) : 1);
    *rank = b->shape[0];
    return DGXP_OK;
}

static dgxp_status measure_lora(const px_safetensors *set, px_lora_module *module)
{
    const px_tensor *down = module->roles[PX_LORA_DOWN], *up = module->roles[PX_LORA_UP];
    const px_tensor *mid = module->roles[PX_LORA_MID];
    if (!down || !up || down->rank < 2 || up->rank < 2 || product(up, 2) != 1 || down->size == 0 ||
        up->size == 0 || (!mid && up->shape[1] != down->shape[0])) {
        return refuse_pair(set, module, PX_LORA_DOWN, PX_LORA_UP);
    }
    if (mid && (mid->rank < 3 || mid->size == 0 || mid->shape[0] != up->shape[1] ||
                mid->shape[1] != down->shape[0] || product(down, 2) != 1)) {
        return refuse_pair(set, module, PX_LORA_MID, PX_LORA_DOWN);
    }
    module->rows = up->shape[0];
    module->cols = times(product(down, 1), mid ? product(mid, 2) : 1);
    module->rank = down->shape[0];
    module->kind = mid || product(down, 2) > 1 ? PX_LORA_KIND_LOCON : PX_LORA_KIND_LORA;
    return DGXP_OK;
}

static dgxp_status measure_loha(const px_safetensors *set, px_lora_module *module)
{
    int64_t rows, cols, rank;
    dgxp_status status = measure_pair(set, module, PX_LORA_HADA_1A, PX_LORA_HADA_1B,
                                      PX_LORA_HADA_T1, &module->rows, &module->cols, &module->rank);
    if (status == DGXP_OK) {
        status = measure_pair(set, module, PX_LORA_HADA_2A, PX_LORA_HADA_2B, PX_LORA_HADA_T2, &rows,
                              &cols, &rank);
    }
    if (status == DGXP_OK && (rows != module->rows || cols != module->cols)) {
        status = refuse_pair(set, module, PX_LORA_HADA_1A, PX_LORA_HADA_2A);
    }
    module->kind = PX_LORA_KIND_LOHA;
    return status;
}

/* One factor of a Kronecker product, whole or decomposed; `*rank` stays when it is whole. */
static dgxp_status measure_kron(const px_safetensors *set, const px_lora_module *module,
                                px_lora_role whole, px_lora_role a, px_lora_role b,
                                px_lora_role core, int64_t *rows, int64_t *cols, int64_t *rank)
{
    const px_tensor *full = module->roles[whole];
    if (!full) {
        return measure_pair(set, module, a, b, core, rows, cols, rank);
    }
    if (full->rank < 2 || full->size == 0 || module->roles[a] || module->roles[b]) {
        return refuse_pair(set, module, whole, a);
    }
    *rows = full->shape[0];
    *cols = product(full, 1);
    return DGXP_OK;
}

static dgxp_status measure_lokr(const px_safetensors *set, px_lora_module *module)
{
    int64_t rows[2], cols[2], rank = 0;
    /* The first factor never has a core: the kernel belongs to the second. */
    dgxp_status status = measure_kron(set, module, PX_LORA_KRON_1, PX_LORA_KRON_1A, PX_LORA_KRON_1B,
                                      PX_LORA_ROLES, &rows[0], &cols[0], &rank);
    if (status == DGXP_OK) {
        status = measure_kron(set, module, PX_LORA_KRON_2, PX_LORA_KRON_2A, PX_LORA_KRON_2B,
                              PX_LORA_KRON_T2, &rows[1], &cols[1], &rank);
    }
    if (status != DGXP_OK) {
        return status;
    }
    module->rows = times(rows[0], rows[1]);
    module->cols = times(cols[0], cols[1]);
    module->rank = rank;
    module->kind = PX_LORA_KIND_LOKR;
    return DGXP_OK;
}

static bool has_any(const px_lora_module *module, px_lora_role from, px_lora_role to)
{
    for (int role = from; role <= (int)to; role++) {
        if (module->roles[role]) {
            return true;
        }
    }
    return false;
}

static dgxp_status measure_module(const px_safetensors *set, px_lora_module *module)
{
    const bool lora = has_any(module, PX_LORA_DOWN, PX_LORA_MID);
    const bool loha = has_any(module, PX_LORA_HADA_1A, PX_LORA_HADA_T2);
    const bool lokr = has_any(module, PX_LORA_KRON_1, PX_LORA_KRON_T2);
    const px_tensor *whole =
        module->roles[PX_LORA_DIFF] ? module->roles[PX_LORA_DIFF] : module->roles[PX_LORA_W_NORM];
    if (lora + loha + lokr + (whole != NULL) > 1) {
        return refuse(set, module, "has tensors of several kinds of adapter");
    }
    if (lora) {
        return measure_lora(set, module);
    }
    if (loha) {
        return measure_loha(set, module);
    }
    if (lokr) {
        return measure_lokr(set, module);
    }
    if (!whole && !has_any(module, PX_LORA_DIFF_B, PX_LORA_DIFF_B) &&
        !has_any(module, PX_LORA_B_NORM, PX_LORA_B_NORM)) {
        return refuse(set, module,
                      "has an alpha or a scale but nothing to scale: the file is incomplete");
    }
    module->rows = whole ? (whole->rank ? whole->shape[0] : 1) : 0;
    module->cols = whole ? product(whole, 1) : 0;
    module->kind = module->roles[PX_LORA_W_NORM] || module->roles[PX_LORA_B_NORM]
                       ? PX_LORA_KIND_NORM
                       : PX_LORA_KIND_FULL;
    return DGXP_OK;
}

/* ------------------------------------------------------------------------------------- scale */

/* alpha / rank where a rank is; 1 without an alpha; a trained scalar on top.  Of LoKr only what is
 * decomposed is scaled. */
static dgxp_status find_factor(const px_safetensors *set, const json_t *config,
                               px_lora_module *module)
{
    const px_tensor *alpha = module->roles[PX_LORA_ALPHA];
    const px_tensor *scalar = module->roles[PX_LORA_SCALAR];
    double number = 1.0;
    module->alpha = NAN;
    module->factor = 1.0;
    if (alpha && !read_number(alpha, &module->alpha)) {
        return refuse(set, module, "has an alpha that is not one number");
    }
    if (scalar && !read_number(scalar, &number)) {
        return refuse(set, module, "has a scalar that is not one number");
    }
    if (module->rank > 0 && alpha) {
        module->factor = module->alpha / (double)module->rank;
    } else if (config && (module->rank > 0 || module->kind == PX_LORA_KIND_LOKR)) {
        const dgxp_status status =
            px_lora_config_factor(config, module, &module->alpha, &module->factor);
        if (status != DGXP_OK) {
            return status;
        }
    }
    module->factor *= number;
    if (!isfinite(module->factor) || fabs(module->factor) > 1e6) {
        return refuse(set, module, "has an alpha that is out of all proportion");
    }
    return DGXP_OK;
}

static dgxp_status check_dora(const px_safetensors *set, const px_lora_module *module)
{
    const px_tensor *peft = module->roles[PX_LORA_MAGNITUDE];
    const px_tensor *scale = module->roles[PX_LORA_DORA];
    if (!peft && !scale) {
        return DGXP_OK;
    }
    const bool scaled = module->rank > 0 || module->kind == PX_LORA_KIND_LOKR;
    if ((peft && scale) || !scaled) {
        return refuse(set, module, "has a DoRA magnitude that belongs to nothing");
    }
    /* Inputs without the kernel are not known here: what is not one number an output is checked
     * against the layer. */
    if (peft && product(peft, 0) != module->rows) {
        return refuse(set, module, "has a DoRA magnitude of another size than its outputs");
    }
    return DGXP_OK;
}

/* ----------------------------------------------------------------------------------- the file */

typedef struct entry {
    const px_tensor *tensor;
    size_t length; /* of the key */
    px_lora_role role;
} entry;

static int compare_entries(const void *left, const void *right)
{
    const entry *a = left, *b = right;
    const size_t shorter = a->length < b->length ? a->length : b->length;
    const int order = memcmp(a->tensor->name, b->tensor->name, shorter);
    if (order != 0 || a->length != b->length) {
        return order ? order : a->length < b->length ? -1 : 1;
    }
    return (int)a->role - (int)b->role;
}

static bool same_key(const entry *a, const entry *b)
{
    return a->length == b->length && memcmp(a->tensor->name, b->tensor->name, a->length) == 0;
}

/* Entries are sorted: those of a module lie beside each other. */
static dgxp_status gather(dgxp_lora *lora, const entry *entries, int32_t count)
{
    const px_safetensors *set = lora->set;
    for (int32_t i = 0; i < count; i++) {
        const entry *e = &entries[i];
        if (i == 0 || !same_key(e, &entries[i - 1])) {
            char *key = px_mem_textn(e->tensor->name, e->length);
            if (!key) {
                return px_error_memory("an adapter's modules");
            }
            lora->modules[lora->module_count++].key = key;
        }
        px_lora_module *module = &lora->modules[lora->module_count - 1];
        if (module->roles[e->role]) {
            return px_error_set(DGXP_ERR_BAD_FORMAT,
                                "%s: tensors '%.150s' and '%.150s' are the same part of one module",
                                px_safetensors_path(set), module->roles[e->role]->name,
                                e->tensor->name);
        }
        module->roles[e->role] = e->tensor;
        const dgxp_status status = check_tensor(set, e->tensor, e->role);
        if (status != DGXP_OK) {
            return status;
        }
    }
    return DGXP_OK;
}

/* An alpha alone is what is left of a module whose other tensors are of a method that we do not
 * know: it is named, not called broken. */
static dgxp_status refuse_method(const dgxp_lora *lora, const px_lora_module *module)
{
    const size_t length = strlen(module->key);
    for (int role = 0; role < PX_LORA_ROLES; role++) {
        if (module->roles[role] && role != PX_LORA_ALPHA && role != PX_LORA_SCALAR &&
            role != PX_LORA_DORA) {
            return DGXP_OK;
        }
    }
    for (int32_t i = 0; i < lora->foreign_count; i++) {
        const char *name = lora->foreign[i]->name;
        if (strncmp(name, module->key, length) == 0 && name[length] == '.') {
            return px_error_set(DGXP_ERR_UNSUPPORTED, "%s: tensor '%.200s' is %s",
                                px_safetensors_path(lora->set), name, px_lora_foreign(name));
        }
    }
    return DGXP_OK;
}

static dgxp_status read_modules(dgxp_lora *lora, const json_t *config)
{
    const int32_t count = px_safetensors_count(lora->set);
    entry *entries = px_mem_zero((size_t)count, sizeof *entries);
    lora->modules = px_mem_zero((size_t)count, sizeof *lora->modules);
    lora->foreign = px_mem_zero((size_t)count, sizeof *lora->foreign);
    int32_t known = 0;
    dgxp_status status = entries && lora->modules && lora->foreign
                             ? DGXP_OK
                             : px_error_memory("an adapter's modules");
    for (int32_t i = 0; i < count && status == DGXP_OK; i++) {
        const px_tensor *tensor = px_safetensors_at(lora->set, i);
        entries[known] = (entry){.tensor = tensor};
        entries[known].role = px_lora_key(tensor->name, &entries[known].length);
        if (entries[known].role == PX_LORA_ROLES) {
            lora->foreign[lora->foreign_count++] = tensor;
        } else {
            known++;
        }
    }
    if (status == DGXP_OK) {
        qsort(entries, (size_t)known, sizeof *entries, compare_entries);
        status = gather(lora, entries, known);
    }
    for (int32_t i = 0; i < lora->module_count && status == DGXP_OK; i++) {
        px_lora_module *module = &lora->modules[i];
        status = refuse_method(lora, module);
        status = status == DGXP_OK ? measure_module(lora->set, module) : status;
        status = status == DGXP_OK ? find_factor(lora->set, config, module) : status;
        status = status == DGXP_OK ? check_dora(lora->set, module) : status;
    }
    px_mem_free(entries);
    return status;
}

/* What the file is when nothing in it is an adapter's. */
static dgxp_status refuse_file(const dgxp_lora *lora)
{
    const char *path = px_safetensors_path(lora->set);
    const px_family family = px_family_of(lora->set);
    if (lora->foreign_count == 0) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: holds no tensors", path);
    }
    if (family == PX_FAMILY_UNKNOWN || family == PX_FAMILY_LORA) {
        return px_error_set(DGXP_ERR_UNSUPPORTED, "%s: is no adapter: tensor '%.200s' is %s", path,
                            lora->foreign[0]->name, px_lora_foreign(lora->foreign[0]->name));
    }
    return px_error_set(DGXP_ERR_UNSUPPORTED, "%s: is %s, not a LoRA; %s", path,
                        px_family_title(family), px_family_advice(family));
}

dgxp_status px_lora_open(const char *path, bool copy, dgxp_lora **out)
{
    static atomic_uint_fast64_t serials;
    json_t *config = NULL;
    dgxp_status status = px_family_check_file(path);
    dgxp_lora *lora = status == DGXP_OK ? px_mem_zero(1, sizeof *lora) : NULL;
    if (!lora) {
        return status == DGXP_OK ? px_error_memory("an adapter") : status;
    }
    atomic_init(&lora->references, 1);
    lora->serial = (uint64_t)atomic_fetch_add(&serials, 1) + 1;
    lora->name = px_mem_text(px_file_name(path));
    if (lora->name && px_file_has_suffix(lora->name, "safetensors")) {
        *strrchr(lora->name, '.') = '\0';
    }
    const px_safetensors_options options = {.copy = copy};
    status = lora->name ? px_safetensors_open(path, &options, &lora->set)
                        : px_error_memory("an adapter");
    if (status == DGXP_OK) {
        fstat(px_safetensors_map(lora->set, 0)->fd, &lora->file);
        status = px_lora_config(lora->set, &config);
    }
    if (status == DGXP_OK) {
        status = px_lora_config_check(lora->set, config);
    }
    if (status == DGXP_OK) {
        status = read_modules(lora, config);
    }
    if (status == DGXP_OK && lora->module_count == 0) {
        status = refuse_file(lora);
    }
    json_decref(config);
    if (status != DGXP_OK) {
        dgxp_lora_free(lora);
        return status;
    }
    lora->base = px_lora_find_base(lora->set, lora->modules, lora->module_count);
    *out = lora;
    return DGXP_OK;
}

dgxp_lora *px_lora_keep(const dgxp_lora *lora)
{
    dgxp_lora *mine = (dgxp_lora *)(uintptr_t)lora;
    atomic_fetch_add(&mine->references, 1);
    return mine;
}

void dgxp_lora_free(dgxp_lora *lora)
{
    if (!lora || atomic_fetch_sub(&lora->references, 1) > 1) {
        return;
    }
    for (int32_t i = 0; i < lora->module_count; i++) {
        px_mem_free((char *)(uintptr_t)lora->modules[i].key);
    }
    px_mem_free(lora->modules);
    px_mem_free((void *)(uintptr_t)lora->foreign);
    px_mem_free(lora->name);
    px_safetensors_free(lora->set);
    px_mem_free(lora);
}

bool px_lora_is_current(const dgxp_lora *lora)
{
    struct stat now;
    return stat(px_safetensors_path(lora->set), &now) == 0 && now.st_dev == lora->file.st_dev &&
           now.st_ino == lora->file.st_ino && now.st_size == lora->file.st_size &&
           now.st_mtim.tv_sec == lora->file.st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == lora->file.st_mtim.tv_nsec;
}

void px_lora_hash(dgxp_lora *lora)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    if (!*lora->sha256) {
        const px_map *map = px_safetensors_map(lora->set, 0);
        px_hash_bytes(map->data, map->size, lora->sha256);
    }
    pthread_mutex_unlock(&lock);
}

const char *px_lora_kind_name(px_lora_kind kind)
{
    static const char *const names[PX_LORA_KINDS] = {"lora", "locon", "loha",
                                                     "lokr", "full",  "norm"};
    return names[kind];
}

bool px_lora_is_dora(const px_lora_module *module)
{
    return module->roles[PX_LORA_DORA] || module->roles[PX_LORA_MAGNITUDE];
}
