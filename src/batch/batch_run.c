/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The work of a batch: groups are claimed, painted, written, journalled; each exactly once. */
#include "batch/batch.h"

#include "core/cancel.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/params.h"
#include "job/request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { FAILURES = 100, SENTENCE = 1024 }; /* failures that a summary spells out */

typedef struct run {
    dgxp_batch *batch;
    dgxp_model *model;
    const dgxp_batch_run_params *params;
    pthread_mutex_t lock; /* guards all below, and the batch's journal and pictures */
    dgxp_status status;   /* why the run stops */
    char sentence[SENTENCE];
    bool stopped;  /* by the caller's callback */
    uint8_t *seen; /* [groups] nothing more to do there for us */
    int32_t cursor, pass, taken;
    int32_t painted, failed, kept;
    json_t *failures;
    double began;
} run;

/* One group on its way; arrays by position. */
typedef struct work {
    int32_t group, count;
    int32_t pictures[PX_MANIFEST_GROUP];
    px_wish wishes[PX_MANIFEST_GROUP];
    dgxp_job *jobs[PX_MANIFEST_GROUP];
    dgxp_status faults[PX_MANIFEST_GROUP];
    char *sentences[PX_MANIFEST_GROUP]; /* of the faults */
    bool wanted[PX_MANIFEST_GROUP];
} work;

/* -------------------------------------------------------------------------------- progress */

/* Called with the lock held. */
static void tell(run *r, const dgxp_batch_progress *about)
{
    if (r->params->progress && r->params->progress(about, r->params->user_data) != 0) {
        r->stopped = true;
    }
}

static dgxp_batch_progress describe(const run *r)
{
    const int32_t done = r->painted + r->failed;
    const int32_t pictures = px_manifest_pictures(r->batch->manifest);
    const double elapsed = px_clock_now() - r->began;
    const int32_t left = pictures - r->kept - done;
    return (dgxp_batch_progress){.struct_size = sizeof(dgxp_batch_progress),
                                 .pictures = pictures,
                                 .finished = r->kept + r->painted,
                                 .failed = r->failed,
                                 .elapsed = elapsed,
                                 .remaining = done ? elapsed / done * left : -1};
}

static int32_t on_progress(const dgxp_progress *progress, void *user_data)
{
    run *r = user_data;
    pthread_mutex_lock(&r->lock);
    dgxp_batch_progress about = describe(r);
    about.painting = progress;
    tell(r, &about);
    const bool stop = r->stopped || r->status != DGXP_OK;
    pthread_mutex_unlock(&r->lock);
    return stop;
}

/* ---------------------------------------------------------------------------------- claims */

/* The next group that is ours to paint, or -1.  Called with the lock held. */
static dgxp_status next_group(run *r, int32_t *group)
{
    dgxp_batch *b = r->batch;
    const int32_t groups = px_manifest_groups(b->manifest);
    *group = -1;
    while (r->status == DGXP_OK && !r->stopped && !px_cancel_fired(r->params->cancel)) {
        if (r->cursor >= groups) {
            if (r->pass > 0 || r->taken == 0) {
                return DGXP_OK;
            }
            r->pass++; /* whoever had taken them may be gone by now */
            r->cursor = 0;
        }
        const int32_t at = r->cursor++;
        px_claim claim = PX_CLAIM_DONE;
        if (r->seen[at] || (b->shards && at % b->shards != b->shard - 1)) {
            continue;
        }
        dgxp_status status = px_claims_try(b->claims, at, &claim);
        if (status == DGXP_OK && claim == PX_CLAIM_TAKEN) {
            r->taken++;
            continue;
        }
        r->seen[at] = 1;
        if (status == DGXP_OK && claim == PX_CLAIM_DONE) {
            continue;
        }
        if (status == DGXP_OK && claim == PX_CLAIM_DROPPED) {
            status = px_batch_refresh(b);
        }
        *group = status == DGXP_OK ? at : -1;
        return status;
    }
    return DGXP_OK;
}

/* ---------------------------------------------------------------------------------- a group */

static void set_fault(work *w, int32_t i, dgxp_status status)
{
    w->faults[i] = status;
    px_mem_free(w->sentences[i]);
    w->sentences[i] = px_mem_text(dgxp_last_error());
}

static dgxp_status make_job(const run *r, work *w, int32_t i)
{
    const px_manifest *m = r->batch->manifest;
    char *where = px_manifest_where(m, w->pictures[i]);
    dgxp_status status =
        where ? px_manifest_wish(m, w->pictures[i], &w->wishes[i]) : px_error_memory("a line");
    if (status == DGXP_OK) {
        status = px_request_job(where, w->wishes[i].request, r->model, px_manifest_folder(m), NULL,
                                &w->jobs[i]);
    }
    px_mem_free(where);
    return status;
}

static dgxp_status make_jobs(const run *r, work *w)
{
    for (int32_t i = 0; i < w->count; i++) {
        const dgxp_status status = make_job(r, w, i);
        if (status != DGXP_OK) {
            px_batch_name_line(r->batch, w->pictures[i], status);
            set_fault(w, i, status);
            if (!r->batch->tolerant) {
                return status;
            }
        }
    }
    return DGXP_OK;
}

/* After a batch failed: which of its jobs fail alone too?  False when none is to blame. */
static bool find_culprits(run *r, work *w)
{
    bool found = false;
    dgxp_generate_params params = DGXP_GENERATE_PARAMS_INIT;
    params.progress = on_progress;
    params.user_data = r;
    params.cancel = r->params->cancel;
    for (int32_t i = 0; i < w->count; i++) {
        dgxp_result *result = NULL;
        if (w->faults[i] == DGXP_OK) {
            const dgxp_job *job = w->jobs[i];
            const dgxp_status status = dgxp_generate(r->model, &job, 1, &params, &result);
            if (status != DGXP_OK) {
                px_batch_name_line(r->batch, w->pictures[i], status);
                set_fault(w, i, status);
                found = true;
            }
            dgxp_result_free(result);
        }
    }
    return found;
}

/* A picture that fails leaves its place to another one, so that the others keep theirs: pictures
 * depend on how many are painted at once. */
static dgxp_status paint(run *r, work *w, dgxp_result **out)
{
    const dgxp_job *jobs[PX_MANIFEST_GROUP];
    const dgxp_job *standing = NULL;
    for (int32_t i = 0; i < w->count; i++) {
        standing = !standing && w->faults[i] == DGXP_OK ? w->jobs[i] : standing;
    }
    if (!standing) {
        return DGXP_OK;
    }
    for (int32_t i = 0; i < w->count; i++) {
        jobs[i] = w->faults[i] == DGXP_OK ? w->jobs[i] : standing;
    }
    dgxp_generate_params params = DGXP_GENERATE_PARAMS_INIT;
    params.progress = on_progress;
    params.user_data = r;
    params.cancel = r->params->cancel;
    return dgxp_generate(r->model, jobs, w->count, &params, out);
}

/* Out of memory, a prompt that cannot be, values that are not finite: the next group may do. */
static bool is_survivable(dgxp_status status)
{
    return status != DGXP_ERR_CANCELLED && status != DGXP_ERR_DEVICE_LOST &&
           status != DGXP_ERR_IO && status != DGXP_ERR_INTERNAL;
}

static dgxp_status paint_tolerantly(run *r, work *w, dgxp_result **out)
{
    dgxp_status status = paint(r, w, out);
    while (status != DGXP_OK && is_survivable(status)) {
        char sentence[SENTENCE];
        snprintf(sentence, sizeof sentence, "%s", dgxp_last_error());
        /* Out of memory is nobody's own fault: the batch is too large. */
        const bool found = status != DGXP_ERR_OUT_OF_MEMORY && find_culprits(r, w);
        if (found && r->batch->tolerant) {
            status = paint(r, w, out);
            continue;
        }
        if (!r->batch->tolerant) {
            for (int32_t i = 0; i < w->count; i++) {
                if (w->faults[i] != DGXP_OK && w->sentences[i]) {
                    return px_error_set(w->faults[i], "%s", w->sentences[i]);
                }
            }
            return px_error_set(status, "%s", sentence);
        }
        px_error_set(status, "%s", sentence);
        for (int32_t i = 0; i < w->count; i++) {
            if (w->faults[i] == DGXP_OK) {
                set_fault(w, i, status);
            }
        }
        return DGXP_OK;
    }
    return status;
}

/* A file of that name that this batch did not write is never replaced. */
static dgxp_status check_target(const char *path, const uint8_t *bytes, size_t size, bool *there)
{
    uint8_t *found = NULL;
    size_t found_size = 0;
    *there = px_file_exists(path);
    if (!*there) {
        return DGXP_OK;
    }
    const dgxp_status status = px_file_read(path, size, &found, &found_size);
    const bool equal = status == DGXP_OK && found_size == size && memcmp(found, bytes, size) == 0;
    px_mem_free(found);
    return equal ? DGXP_OK
                 : px_error_set(DGXP_ERR_IO,
                                "%s: is there already and was not painted by this batch; move it "
                                "away or take another folder",
                                path);
}

/* Written beside the folder's state, then renamed in: nobody ever sees half a picture. */
static dgxp_status save(const run *r, const work *w, int32_t i, const dgxp_image *image,
                        json_t **entry)
{
    const dgxp_batch *b = r->batch;
    const int32_t picture = w->pictures[i];
    dgxp_png_params png = DGXP_PNG_PARAMS_INIT;
    png.scale = b->scale;
    uint8_t *bytes = NULL;
    size_t size = 0;
    bool there = false;
    char *path = px_file_join(b->output, w->wishes[i].name);
    char *temporary = px_mem_format("%s/%014" PRIx64 "-%d", b->temporary, b->token, picture);
    dgxp_status status = path && temporary ? dgxp_image_encode(image, &png, &bytes, &size)
                                           : px_error_memory("a path");
    if (status == DGXP_OK && b->pictures[picture] != PX_BATCH_DAMAGED) {
        status = check_target(path, bytes, size, &there);
    }
    if (status == DGXP_OK && !there) {
        status = px_file_replace(path, temporary, bytes, size);
    }
    if (status == DGXP_OK) {
        char hex[PX_HASH_HEX], request[PX_HASH_HEX];
        px_hash_bytes(bytes, size, hex);
        status = px_wish_hash(&w->wishes[i], request);
        *entry = json_pack("{si, sI, ss, sI, ss, ss, sO}", "picture", picture + 1, "line",
                           (json_int_t)px_manifest_line(b->manifest, picture), "name",
                           w->wishes[i].name, "bytes", (json_int_t)size, "sha256", hex, "request",
                           request, "seed", json_object_get(w->wishes[i].request, "seed"));
        status = *entry || status != DGXP_OK ? status : px_error_memory("a record");
    }
    dgxp_bytes_free(bytes);
    px_mem_free(temporary);
    px_mem_free(path);
    return status;
}

static json_t *describe_fault(const run *r, const work *w, int32_t i)
{
    return px_batch_fault(r->batch, w->pictures[i], w->faults[i], w->sentences[i]);
}

static dgxp_status append(run *r, const work *w, json_t *pictures, json_t *failed)
{
    dgxp_batch *b = r->batch;
    json_t *record = json_pack("{ss, si, sO, sO}", "list", px_manifest_hash(b->manifest), "group",
                               w->group, "pictures", pictures, "failed", failed);
    dgxp_status status = record ? DGXP_OK : px_error_memory("a record");
    if (status == DGXP_OK && !b->journal) {
        status = px_journal_create(b->state, &b->journal);
    }
    status = status == DGXP_OK ? px_journal_append(b->journal, record) : status;
    json_decref(record);
    return status;
}

/* Called with the lock held, when all of it is on disk. */
static void count(run *r, const work *w)
{
    for (int32_t i = 0; i < w->count; i++) {
        if (!w->wanted[i]) {
            continue;
        }
        if (w->faults[i] != DGXP_OK) {
            r->failed++;
            if (json_array_size(r->failures) < FAILURES) {
                px_json_append(r->failures, describe_fault(r, w, i));
            }
        } else {
            r->batch->pictures[w->pictures[i]] = PX_BATCH_FINISHED;
            r->batch->finished++;
            r->painted++;
        }
        dgxp_batch_progress about = describe(r);
        about.line = px_manifest_line(r->batch->manifest, w->pictures[i]);
        about.name = w->wishes[i].name;
        about.error = w->faults[i] != DGXP_OK ? w->sentences[i] : NULL;
        tell(r, &about);
    }
}

/* Files first, then the folder, then the journal: what is journalled is there. */
static dgxp_status store(run *r, work *w, const dgxp_result *result)
{
    json_t *pictures = json_array(), *failed = json_array();
    dgxp_status status = pictures && failed ? DGXP_OK : px_error_memory("a record");
    for (int32_t i = 0; i < w->count && status == DGXP_OK; i++) {
        if (!w->wanted[i]) {
            continue;
        }
        json_t *entry = NULL;
        if (w->faults[i] == DGXP_OK) {
            status = save(r, w, i, dgxp_result_image(result, i), &entry);
            status = status == DGXP_OK && !px_json_append(pictures, entry)
                         ? px_error_memory("a record")
                         : status;
        } else if (!px_json_append(failed, describe_fault(r, w, i))) {
            status = px_error_memory("a record");
        }
    }
    if (status == DGXP_OK && json_array_size(pictures)) {
        status = px_file_sync_folder(r->batch->output);
    }
    if (status == DGXP_OK) {
        pthread_mutex_lock(&r->lock);
        status = append(r, w, pictures, failed);
        if (status == DGXP_OK) {
            count(r, w);
        }
        pthread_mutex_unlock(&r->lock);
    }
    json_decref(pictures);
    json_decref(failed);
    return status;
}

static dgxp_status do_group(run *r, int32_t group)
{
    dgxp_result *result = NULL;
    work *w = px_mem_zero(1, sizeof *w);
    if (!w) {
        return px_error_memory("a batch");
    }
    w->group = group;
    w->count = px_manifest_group(r->batch->manifest, group, w->pictures);
    bool any = false;
    pthread_mutex_lock(&r->lock); /* others may look into the journals meanwhile */
    for (int32_t i = 0; i < w->count; i++) {
        w->wanted[i] = r->batch->pictures[w->pictures[i]] != PX_BATCH_FINISHED;
        any = any || w->wanted[i];
    }
    pthread_mutex_unlock(&r->lock);
    dgxp_status status = any ? make_jobs(r, w) : DGXP_OK;
    if (status == DGXP_OK && any) {
        status = paint_tolerantly(r, w, &result);
    }
    if (status == DGXP_OK && any) {
        status = store(r, w, result);
    }
    dgxp_result_free(result);
    for (int32_t i = 0; i < w->count; i++) {
        px_wish_free(&w->wishes[i]);
        dgxp_job_free(w->jobs[i]);
        px_mem_free(w->sentences[i]);
    }
    px_mem_free(w);
    return status;
}

/* ---------------------------------------------------------------------------------- the run */

/* The first fault is what the run ends with. */
static void stop(run *r, dgxp_status status)
{
    pthread_mutex_lock(&r->lock);
    if (r->status == DGXP_OK) {
        r->status = status;
        snprintf(r->sentence, sizeof r->sentence, "%s", dgxp_last_error());
    }
    pthread_mutex_unlock(&r->lock);
}

static void *work_on(void *pointer)
{
    run *r = pointer;
    for (;;) {
        int32_t group = -1;
        pthread_mutex_lock(&r->lock);
        dgxp_status status = next_group(r, &group);
        pthread_mutex_unlock(&r->lock);
        if (status == DGXP_OK && group < 0) {
            return NULL;
        }
        if (status == DGXP_OK) {
            status = do_group(r, group);
            /* A cancelled group is for whoever comes next, a failed one for the next run. */
            const bool done = status == DGXP_OK;
            const dgxp_status released =
                px_claims_release(r->batch->claims, group, done || is_survivable(status));
            status = done ? released : status;
        }
        if (status != DGXP_OK) {
            stop(r, status);
            return NULL;
        }
    }
}

static dgxp_status summarize(const run *r, bool contact, dgxp_document **out)
{
    const px_manifest *m = r->batch->manifest;
    const int32_t pictures = px_manifest_pictures(m);
    const int32_t rest = pictures - r->kept - r->painted - r->failed;
    json_t *about = json_object();
    const bool fine = px_json_put_text(about, "output", r->batch->output) &&
                      px_json_put_integer(about, "lines", px_manifest_lines(m)) &&
                      px_json_put_integer(about, "pictures", pictures) &&
                      px_json_put_integer(about, "painted", r->painted) &&
                      px_json_put_integer(about, "kept", r->kept) &&
                      px_json_put_integer(about, "failed", r->failed) &&
                      px_json_put_integer(about, "left_to_others", rest) &&
                      px_json_put_integer(about, "spoiled_records", (int64_t)r->batch->broken) &&
                      px_json_put_number(about, "seconds", px_clock_now() - r->began) &&
                      (!contact || px_json_put_text(about, "contact", "contact.png")) &&
                      px_json_put(about, "failures", json_incref(r->failures));
    if (!fine) {
        json_decref(about);
        return px_error_memory("a summary");
    }
    return px_json_document(about, out);
}

static bool go_on(void *user_data)
{
    run *r = user_data;
    const dgxp_batch_progress about = describe(r);
    tell(r, &about);
    return !r->stopped && !px_cancel_fired(r->params->cancel);
}

/* A fault in the last line is told before the first is painted. */
static dgxp_status check(run *r)
{
    const dgxp_status status =
        px_batch_check(r->batch, r->model, go_on, r, r->failures, &r->failed);
    if (r->failed > 1 || (r->failed && r->params->check_only)) {
        char *sentence = px_mem_text(dgxp_last_error());
        size_t i;
        json_t *fault;
        json_array_foreach(r->failures, i, fault)
        {
            dgxp_batch_progress about = describe(r);
            about.line = json_integer_value(json_object_get(fault, "line"));
            about.error = json_string_value(json_object_get(fault, "error"));
            tell(r, &about);
        }
        px_error_set(status, "%s", sentence ? sentence : "");
        px_mem_free(sentence);
    }
    return status == DGXP_OK && (r->stopped || px_cancel_fired(r->params->cancel))
               ? px_error_set(DGXP_ERR_CANCELLED, "cancelled; `resume` goes on")
               : status;
}

static dgxp_status run_threads(run *r)
{
    pthread_t others[16];
    int32_t started = 0;
    while (started < r->batch->threads - 1 &&
           pthread_create(&others[started], NULL, work_on, r) == 0) {
        started++;
    }
    work_on(r);
    for (int32_t i = 0; i < started; i++) {
        pthread_join(others[i], NULL);
    }
    if (r->status != DGXP_OK && r->status != DGXP_ERR_CANCELLED) {
        return px_error_set(r->status, "%s", r->sentence);
    }
    return r->status != DGXP_OK || r->stopped || px_cancel_fired(r->params->cancel)
               ? px_error_set(DGXP_ERR_CANCELLED, "cancelled; `resume` goes on")
               : DGXP_OK;
}

dgxp_status dgxp_batch_run(dgxp_batch *batch, dgxp_model *model,
                           const dgxp_batch_run_params *params, dgxp_document **out)
{
    dgxp_batch_run_params p;
    px_error_clear();
    run r = {.batch = batch, .model = model, .params = &p};
    dgxp_status status = px_params_read("dgxp_batch_run", params, &p, sizeof p);
    if (status != DGXP_OK) {
        return status;
    }
    const bool paints = !p.check_only && batch && dgxp_batch_left(batch) > 0;
    if (!batch || (!batch->claims && !p.check_only) || (!model && paints) || !out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_batch_run: needs a batch (opened without dry_run), a model, and "
                            "a place for the summary");
    }
    r.began = px_clock_now();
    r.kept = batch->finished;
    r.failures = json_array();
    r.seen = px_mem_zero((size_t)px_manifest_groups(batch->manifest), 1);
    bool contact = false;
    status = r.failures && r.seen ? DGXP_OK : px_error_memory("a batch");
    pthread_mutex_init(&r.lock, NULL);
    if (status == DGXP_OK && (p.check_only || (paints && !batch->tolerant))) {
        status = check(&r);
    }
    if (status == DGXP_OK && paints) {
        status = run_threads(&r);
    }
    if (status == DGXP_OK && batch->contact && !p.check_only) {
        status = px_batch_contact(batch, &contact);
    }
    char *sentence = px_mem_text(dgxp_last_error());
    const dgxp_status told = summarize(&r, contact, out); /* also of a run that failed */
    if (told == DGXP_OK && status != DGXP_OK) {
        px_error_set(status, "%s", sentence ? sentence : "");
    }
    px_mem_free(sentence);
    pthread_mutex_destroy(&r.lock);
    px_mem_free(r.seen);
    json_decref(r.failures);
    return status == DGXP_OK ? told : status;
}
