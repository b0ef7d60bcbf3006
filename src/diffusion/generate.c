/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* dgxp_generate(): a batch of jobs, or of each the best of several candidates. */
#include "core/clock.h"
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/params.h"
#include "core/rng.h"
#include "diffusion/finish.h"
#include "diffusion/model.h"
#include "diffusion/pipeline.h"
#include "diffusion/plan.h"
#include "diffusion/result.h"

#include <string.h>

/* Candidate k of job i is number k * count + i: every job's first comes before any second one. */
typedef struct contest {
    dgxp_model *model;
    const dgxp_job *const *jobs;
    const dgxp_generate_params *params;
    dgxp_result *best; /* a picture for each job; empty until its first candidate is there */
    double *scores;    /* [count], of those */
    uint64_t *seeds;   /* [count], of the first candidates */
    int32_t count, candidates, at_once;
    int32_t done, painting; /* candidates before this round's, and in it */
    double began;
} contest;

/* -------------------------------------------------------------------------------- candidates */

/* The first has the job's own seed; the others lie far from those of its neighbours. */
static uint64_t derive_seed(uint64_t seed, int32_t candidate)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t counter[4] = {(uint32_t)candidate, 0, 0, 0x62657374}; /* "best" */
    uint32_t words[4];
    if (candidate == 0) {
        return seed;
    }
    px_rng_philox(key, counter, words);
    return ((uint64_t)words[0] << 32 | words[1]) & PX_JOB_SEED_LIMIT;
}

static dgxp_status begin(contest *c)
{
    c->scores = px_mem_array((size_t)c->count, sizeof *c->scores);
    c->seeds = px_mem_array((size_t)c->count, sizeof *c->seeds);
    dgxp_status status = c->scores && c->seeds ? DGXP_OK : px_error_memory("the candidates");
    status = status == DGXP_OK ? px_result_create(c->count, &c->best) : status;
    for (int32_t i = 0; i < c->count && status == DGXP_OK; i++) {
        c->scores[i] = -1;
        c->seeds[i] = c->jobs[i]->seed;
        status = c->jobs[i]->has_seed ? DGXP_OK : px_rng_seed(&c->seeds[i]);
    }
    return status;
}

/* The caller sees one call: steps of all rounds, seconds since its beginning. */
static int32_t report_round(const dgxp_progress *round, void *user_data)
{
    const contest *c = user_data;
    const int32_t all = c->count * c->candidates;
    dgxp_progress told = *round;
    told.elapsed = px_clock_now() - c->began;
    if (round->phase != DGXP_PHASE_QUEUED && round->step_count > 0) {
        /* All in one unit: a candidate's steps, by which each round counts as many as it paints. */
        told.step = c->done * round->step_count + c->painting * round->step;
        told.step_count = all * round->step_count;
    }
    if (round->phase == DGXP_PHASE_DENOISE && told.step > 0) {
        told.remaining = told.elapsed / told.step * (told.step_count - told.step);
    }
    return c->params->progress ? c->params->progress(&told, c->params->user_data) : 0;
}

/* --------------------------------------------------------------------------------- the choice */

static dgxp_status score(const dgxp_image *image, bool tile, double *out)
{
    dgxp_quality_params params = DGXP_QUALITY_PARAMS_INIT;
    dgxp_document *report = NULL;
    json_t *root = NULL;
    params.tile = tile;
    dgxp_status status = dgxp_quality(&image, 1, &params, &report);
    if (status == DGXP_OK) {
        const char *text = dgxp_document_text(report);
        status = px_json_parse("the quality report", text, strlen(text), &root);
        *out = json_number_value(json_object_get(root, "score"));
    }
    json_decref(root);
    dgxp_document_free(report);
    return status;
}

/* What joins at its edges is judged by its seams, everything else by its framing. */
static dgxp_status judge(contest *c, dgxp_result *round, int32_t first)
{
    dgxp_status status = DGXP_OK;
    for (int32_t i = 0; i < round->count && status == DGXP_OK; i++) {
        const int32_t job = (first + i) % c->count;
        double found = 0;
        status =
            score(round->pictures[i].image, c->jobs[job]->set.tiling != DGXP_TILING_NONE, &found);
        if (status == DGXP_OK && found > c->scores[job]) {
            const px_picture worse = c->best->pictures[job];
            c->best->pictures[job] = round->pictures[i];
            round->pictures[i] = worse; /* is freed with the round */
            c->scores[job] = found;
        }
    }
    memcpy(c->best->latent_shape, round->latent_shape, sizeof round->latent_shape);
    return status;
}

static dgxp_status paint_round(contest *c, int32_t count)
{
    dgxp_job copies[PX_PLAN_JOBS]; /* which borrow all but the seed */
    const dgxp_job *jobs[PX_PLAN_JOBS];
    dgxp_generate_params params = *c->params;
    dgxp_result *round = NULL;
    params.progress = report_round;
    params.user_data = c;
    for (int32_t i = 0; i < count; i++) {
        const int32_t number = c->done + i, job = number % c->count;
        copies[i] = *c->jobs[job];
        copies[i].has_seed = true;
        copies[i].seed = derive_seed(c->seeds[job], number / c->count);
        copies[i].set.best_of = 1;
        jobs[i] = &copies[i];
    }
    c->painting = count;
    dgxp_status status = px_pipeline_paint(c->model, jobs, count, &params, &round);
    status = status == DGXP_OK ? judge(c, round, c->done) : status;
    dgxp_result_free(round);
    return status;
}

/* The recipe paints the candidate that was kept, and tells how it was found. */
static dgxp_status tell_choice(px_picture *picture, int32_t candidates, double score)
{
    json_t *recipe = NULL, *chosen = json_object();
    dgxp_status status =
        px_json_parse("the recipe", picture->recipe, strlen(picture->recipe), &recipe);
    const bool fits = status == DGXP_OK && px_json_put_integer(chosen, "of", candidates) &&
                      px_json_put_number(chosen, "quality", score) &&
                      px_json_put(recipe, "chosen", json_incref(chosen));
    char *text = fits ? px_json_print(recipe) : NULL;
    status = status == DGXP_OK && !text ? px_error_memory("a recipe") : status;
    status = status == DGXP_OK ? px_finish_recipe(picture->image, text) : status;
    if (status == DGXP_OK) {
        px_mem_free(picture->recipe);
        picture->recipe = text;
    } else {
        px_mem_free(text);
    }
    json_decref(chosen);
    json_decref(recipe);
    return status;
}

static dgxp_status paint_best(contest *c, dgxp_result **out)
{
    const int32_t all = c->count * c->candidates;
    const int32_t room = c->at_once > c->count ? c->at_once : c->count;
    dgxp_status status = begin(c);
    for (; c->done < all && status == DGXP_OK; c->done += c->painting) {
        status = paint_round(c, all - c->done < room ? all - c->done : room);
    }
    for (int32_t i = 0; i < c->count && status == DGXP_OK; i++) {
        status = tell_choice(&c->best->pictures[i], c->candidates, c->scores[i]);
    }
    if (status == DGXP_OK) {
        *out = c->best;
    } else {
        dgxp_result_free(c->best);
    }
    px_mem_free(c->scores);
    px_mem_free(c->seeds);
    return status;
}

/* -------------------------------------------------------------------------------------- entry */

static dgxp_status check_call(const dgxp_model *model, const dgxp_job *const *jobs, int32_t count,
                              const dgxp_generate_params *params)
{
    if (!model || !jobs || count < 1 || count > PX_PLAN_JOBS) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_generate: needs a model and 1 to %d jobs, not %d", PX_PLAN_JOBS,
                            count);
    }
    if (!model->shim) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_generate: this model was opened with describe_only");
    }
    if (params->at_once < 0 || params->at_once > PX_PLAN_JOBS) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_generate: at_once is %d: 1 to %d, or 0 for as many as jobs",
                            params->at_once, PX_PLAN_JOBS);
    }
    for (int32_t i = 0; i < count; i++) {
        if (!jobs[i]) {
            return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_generate: job %d is NULL", i);
        }
    }
    return DGXP_OK;
}

dgxp_status dgxp_generate(dgxp_model *model, const dgxp_job *const *jobs, int32_t count,
                          const dgxp_generate_params *given, dgxp_result **out)
{
    dgxp_generate_params params;
    px_error_clear();
    dgxp_status status = px_params_read("dgxp_generate", given, &params, sizeof params);
    status = status == DGXP_OK ? check_call(model, jobs, count, &params) : status;
    if (status != DGXP_OK) {
        return status;
    }
    contest c = {.model = model,
                 .jobs = jobs,
                 .params = &params,
                 .count = count,
                 .candidates = jobs[0]->set.best_of,
                 .at_once = params.at_once,
                 .began = px_clock_now()};
    for (int32_t i = 1; i < count; i++) { /* or the plan says in what they differ */
        c.candidates = jobs[i]->set.best_of == c.candidates ? c.candidates : 0;
    }
    return c.candidates > 1 ? paint_best(&c, out)
                            : px_pipeline_paint(model, jobs, count, &params, out);
}
