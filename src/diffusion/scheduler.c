/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Samplers: the model's noise schedule and a sampler's settings compiled to a table of steps. */
#include "diffusion/scheduler.h"

#include "core/error.h"
#include "core/log.h"
#include "core/mem.h"

#include <math.h>

/* A table on its way.  `sigma` is noise in units of x0, `abar` the share of x0's variance. */
typedef struct draft {
    const px_scheduler_params *params;
    int32_t train, steps, first;
    double *abar;   /* [train] */
    double *levels; /* [train]: sigma of each timestep of the training */
    double *times;  /* [steps] */
    double *sigmas; /* [steps + 1] */
    double eta;
} draft;

/* Euler's state grows with sigma; the others keep the variance that the model was trained on. */
static bool is_euler(const draft *d)
{
    return d->params->set.sampler == DGXP_SAMPLER_EULER ||
           d->params->set.sampler == DGXP_SAMPLER_EULER_A;
}

static bool is_dpm(const draft *d)
{
    return d->params->set.sampler == DGXP_SAMPLER_DPMPP_2M ||
           d->params->set.sampler == DGXP_SAMPLER_DPMPP_2M_SDE;
}

static bool is_on_grid(const draft *d)
{
    return d->params->set.sampler == DGXP_SAMPLER_LCM || d->params->set.sampler == DGXP_SAMPLER_TCD;
}

/* DDIM, LCM and TCD look alphas up at whole timesteps; the others work in sigmas. */
static bool is_whole(const draft *d)
{
    return d->params->set.sampler == DGXP_SAMPLER_DDIM || is_on_grid(d);
}

/* --------------------------------------------------------------------------------- checks */

static dgxp_status check_number(const char *name, double value, double low, double high)
{
    if (value >= low && value <= high) { /* false for NaN */
        return DGXP_OK;
    }
    return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "%s is %g: use %g to %g", name, value, low,
                        high);
}

static dgxp_status check_params(const draft *d)
{
    const px_scheduler_params *p = d->params;
    const px_bundle_settings *m = p->model;
    const struct {
        const char *name;
        double value, low, high;
    } ranges[] = {
        {"sampler", p->set.sampler, DGXP_SAMPLER_EULER, DGXP_SAMPLER_TCD},
        {"schedule", p->set.schedule, DGXP_SCHEDULE_NORMAL, DGXP_SCHEDULE_EXPONENTIAL},
        {"spacing", p->set.spacing, DGXP_SPACING_LEADING, DGXP_SPACING_LINSPACE},
        {"prediction", m->prediction, DGXP_PREDICTION_EPSILON, DGXP_PREDICTION_V},
        {"beta_schedule", m->betas, PX_BETAS_SCALED_LINEAR, PX_BETAS_SQUAREDCOS_CAP_V2},
        {"train_steps", m->train_steps, 2, 10000},
        {"steps_offset", m->steps_offset, 0, 1000},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        const dgxp_status status =
            check_number(ranges[i].name, ranges[i].value, ranges[i].low, ranges[i].high);
        if (status != DGXP_OK) {
            return status;
        }
    }
    px_setting_values numbers = p->set;
    numbers.eta = d->eta;
    numbers.strength = p->has_init ? numbers.strength : 1;
    numbers.best_of = 1; /* the table is of one candidate */
    return px_setting_check(&numbers);
}

static dgxp_status check_combination(const draft *d)
{
    const px_scheduler_params *p = d->params;
    const char *name = p->set.sampler == DGXP_SAMPLER_DDIM  ? "ddim"
                       : p->set.sampler == DGXP_SAMPLER_LCM ? "lcm"
                                                            : "tcd";
    if (is_whole(d) && p->set.schedule != DGXP_SCHEDULE_NORMAL) {
        return px_error_set(DGXP_ERR_UNSUPPORTED,
                            "schedule %s does not fit sampler %s, which walks whole timesteps: use "
                            "schedule normal, or sampler euler, euler-a, dpmpp-2m or dpmpp-2m-sde",
                            p->set.schedule == DGXP_SCHEDULE_KARRAS ? "karras" : "exponential",
                            name);
    }
    if (is_on_grid(d) &&
        (p->set.steps > PX_SCHEDULER_GRID_STEPS || d->train < PX_SCHEDULER_GRID_STEPS)) {
        return px_error_set(DGXP_ERR_UNSUPPORTED,
                            "steps is %d: sampler %s takes 1 to %d, on a model trained on at least "
                            "%d timesteps (this one: %d); use fewer, or sampler euler",
                            p->set.steps, name, PX_SCHEDULER_GRID_STEPS, PX_SCHEDULER_GRID_STEPS,
                            d->train);
    }
    if (p->set.steps > d->train) {
        return px_error_set(DGXP_ERR_UNSUPPORTED,
                            "steps is %d: this model was trained on %d timesteps; use at most as "
                            "many",
                            p->set.steps, d->train);
    }
    return DGXP_OK;
}

/* ------------------------------------------------------------------------ the model's noise */

static double cosine_share(double time)
{
    const double c = cos((time + 0.008) / 1.008 * 1.570796326794896619);
    return c * c;
}

static double beta_at(const px_bundle_settings *m, int32_t i)
{
    const double part = (double)i / (m->train_steps - 1);
    const double low = sqrt(m->beta_start), high = sqrt(m->beta_end);
    switch (m->betas) {
    case PX_BETAS_LINEAR:
        return m->beta_start + part * (m->beta_end - m->beta_start);
    case PX_BETAS_SQUAREDCOS_CAP_V2:
        return fmin(1.0 - cosine_share((i + 1.0) / m->train_steps) /
                              cosine_share((double)i / m->train_steps),
                    0.999);
    case PX_BETAS_SCALED_LINEAR:
    default:
        return (low + part * (high - low)) * (low + part * (high - low));
    }
}

/* Lin et al. 2023, algorithm 1: the square roots are shifted and scaled so that the last is 0. */
static void rescale_to_zero_snr(double *abar, int32_t count)
{
    const double first = sqrt(abar[0]), last = sqrt(abar[count - 1]);
    for (int32_t i = 0; i < count; i++) {
        const double root = (sqrt(abar[i]) - last) * first / (first - last);
        abar[i] = root * root;
    }
}

static dgxp_status fill_noise(draft *d)
{
    const px_bundle_settings *m = d->params->model;
    double share = 1.0;
    for (int32_t i = 0; i < d->train; i++) {
        const double beta = beta_at(m, i);
        if (!(beta >= 1e-9 && beta <= 0.9999)) {
            return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                                "the model's noise schedule has beta %g at timestep %d: betas lie "
                                "between 1e-9 and 0.9999; mend beta_start and beta_end",
                                beta, i);
        }
        share *= 1.0 - beta;
        d->abar[i] = share;
    }
    if (share < 1e-30) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "the model's noise schedule ends at alphas_cumprod %g: nothing of the "
                            "picture is left; mend beta_end",
                            share);
    }
    if (m->zero_terminal_snr) {
        rescale_to_zero_snr(d->abar, d->train);
        if (!is_whole(d)) {
            d->abar[d->train - 1] = 0x1p-24; /* sigma 4096 instead of infinity, as diffusers has */
        }
    }
    for (int32_t i = 0; i < d->train; i++) {
        d->levels[i] = sqrt((1.0 - d->abar[i]) / d->abar[i]);
    }
    return DGXP_OK;
}

/* -------------------------------------------------------------------------------- timesteps */

/* Round half to even and accumulate like numpy, because ties decide which timestep is taken. */
static void fill_times(draft *d)
{
    const int32_t n = d->steps, train = d->train;
    /* DPM++ counts the end as a point of its own, so that it never comes near timestep 0. */
    const int32_t points = is_dpm(d) ? n + 1 : n;
    const double ratio = (double)train / n, grid = (double)PX_SCHEDULER_GRID_STEPS / n;
    const double stride = (train - ratio) - train; /* numpy.arange's own rounding */
    for (int32_t i = 0; i < n; i++) {
        const int32_t left = points - 1 - i; /* points to the end */
        double t;
        if (is_on_grid(d)) {
            t = (PX_SCHEDULER_GRID_STEPS - floor(i * grid)) *
                    (double)(train / PX_SCHEDULER_GRID_STEPS) -
                1.0;
        } else if (d->params->set.spacing == DGXP_SPACING_LEADING) {
            t = (double)left * (train / points) + d->params->model->steps_offset;
        } else if (d->params->set.spacing == DGXP_SPACING_TRAILING) {
            t = rint(train + i * stride) - 1.0;
        } else {
            t = points == 1 ? 0.0 : left * ((train - 1.0) / (points - 1));
            t = left > 0 && left == points - 1 ? train - 1.0 : t;
            t = is_euler(d) ? t : rint(t);
        }
        d->times[i] = fmin(fmax(t, 0.0), train - 1.0);
    }
}

/* The timestep of a sigma, between whole ones by its logarithm. */
static double time_of(const draft *d, double sigma)
{
    int32_t low = 0, high = d->train - 1; /* levels[low] <= sigma, unless below all */
    while (high - low > 1) {
        const int32_t middle = low + (high - low) / 2;
        if (log(d->levels[middle]) <= log(sigma)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    const double from = log(d->levels[low]), to = log(d->levels[high]);
    const double part = fmin(fmax((log(sigma) - from) / (to - from), 0.0), 1.0);
    return (1.0 - part) * low + part * high;
}

/* Karras et al. 2022, equation 5 with rho 7, or equal ratios. */
static double ramp(const draft *d, int32_t i, double high, double low)
{
    const int32_t last = d->steps - 1;
    if (i == 0) { /* also when it is the only one */
        return high;
    }
    const double part = i == last ? 1.0 : i * (1.0 / last);
    if (d->params->set.schedule == DGXP_SCHEDULE_KARRAS) {
        const double a = pow(high, 1.0 / 7), b = pow(low, 1.0 / 7);
        return pow(a + part * (b - a), 7);
    }
    return i == last ? low : exp(log(high) + i * ((log(low) - log(high)) / last));
}

static void fill_sigmas(draft *d)
{
    const int32_t n = d->steps;
    for (int32_t i = 0; i < n; i++) {
        const int32_t whole = (int32_t)fmin(d->times[i], d->train - 2.0);
        const double part = d->times[i] - whole;
        d->sigmas[i] = part == 0.0 ? d->levels[whole]
                       : part == 1.0
                           ? d->levels[whole + 1]
                           : d->levels[whole] + part * (d->levels[whole + 1] - d->levels[whole]);
    }
    d->sigmas[n] = d->params->final_sigma_min && !is_whole(d) ? d->levels[0] : 0.0;
    if (d->params->set.schedule == DGXP_SCHEDULE_NORMAL) {
        return;
    }
    const double high = is_dpm(d) ? d->levels[d->train - 1] : d->sigmas[0];
    const double low = is_dpm(d) ? d->levels[0] : d->sigmas[n - 1];
    const bool rounded = d->params->set.schedule == DGXP_SCHEDULE_KARRAS &&
                         d->params->model->betas != PX_BETAS_SQUAREDCOS_CAP_V2;
    for (int32_t i = 0; i < n; i++) {
        d->sigmas[i] = ramp(d, i, high, low);
        d->times[i] = time_of(d, d->sigmas[i]);
        if (is_dpm(d)) {
            /* A timestep that is whole but for rounding errors must not lose 1. */
            d->times[i] = rounded ? rint(d->times[i]) : floor(d->times[i] + 1e-9);
        }
    }
}

/* ------------------------------------------------------------------------------------- rows */

typedef struct level {
    double known, noise; /* x = known x0 + noise n */
} level;

static level level_of_sigma(double sigma)
{
    const double alpha = 1.0 / sqrt(sigma * sigma + 1.0);
    return (level){alpha, sigma * alpha};
}

static level level_of_abar(double abar)
{
    return (level){sqrt(abar), sqrt(1.0 - abar)};
}

/* The sampler's state before row i; behind the last one it is the picture. */
static level level_before(const draft *d, int32_t i)
{
    if (i == d->steps) {
        return (level){1.0, 0.0};
    }
    if (is_euler(d)) {
        return (level){1.0, d->sigmas[i]};
    }
    return is_whole(d) ? level_of_abar(d->abar[(int32_t)d->times[i]])
                       : level_of_sigma(d->sigmas[i]);
}

static void set_estimate(const draft *d, level now, px_step *row)
{
    const bool epsilon = d->params->model->prediction == DGXP_PREDICTION_EPSILON;
    row->c_in = 1.0;
    row->a_x = epsilon ? 1.0 / now.known : now.known;
    row->a_m = epsilon ? -now.noise / now.known : -now.noise;
}

static void set_euler(const draft *d, int32_t i, px_step *row)
{
    const double from = d->sigmas[i], to = d->sigmas[i + 1];
    const bool ancestral = d->params->set.sampler == DGXP_SAMPLER_EULER_A;
    const double fresh =
        ancestral ? sqrt(fmax(to * to * (from * from - to * to), 0.0)) / from : 0.0;
    const double down = sqrt(fmax(to * to - fresh * fresh, 0.0));
    /* x is 1 / c_in of what the variance-preserving formulas are written for. */
    const level now = level_of_sigma(from);
    set_estimate(d, now, row);
    row->c_in = now.known;
    row->a_x *= now.known;
    row->b_x = down / from;
    row->b_0 = 1.0 - down / from;
    row->b_n = fresh;
}

/* Lu et al. 2022, DPM-Solver++ (2M and SDE of order two, midpoint); e^-h is the sigmas' ratio. */
static void set_dpm(const draft *d, int32_t i, px_step *row)
{
    const bool noisy = d->params->set.sampler == DGXP_SAMPLER_DPMPP_2M_SDE;
    const double from = d->sigmas[i], to = d->sigmas[i + 1], decay = to / from;
    const level now = level_of_sigma(from), next = level_of_sigma(to);
    const double gain = noisy ? 1.0 - decay * decay : 1.0 - decay;
    /* The first order where there is no step before and at an end that would overshoot. */
    bool second = i > d->first && to > 0.0 && d->sigmas[i - 1] > from;
    if (i == d->steps - 1 && d->steps < 15) {
        second = false;
    }
    const double lean = second ? 0.5 * gain * log(from / to) / log(d->sigmas[i - 1] / from) : 0.0;
    set_estimate(d, now, row);
    row->b_x = next.noise / now.noise * (noisy ? decay : 1.0);
    row->b_0 = next.known * (gain + lean);
    row->b_p = -next.known * lean;
    row->b_n = noisy ? next.noise * sqrt(fmax(gain, 0.0)) : 0.0;
}

/* x_next = next.known x0 + direction epsilon, with epsilon = (x - now.known x0) / now.noise. */
static void set_direction(level now, double known, double direction, px_step *row)
{
    row->b_x = direction / now.noise;
    row->b_0 = known - direction * now.known / now.noise;
}

/* Song et al. 2020, equations 12 and 16. */
static void set_ddim(const draft *d, int32_t i, px_step *row)
{
    const int32_t time = (int32_t)d->times[i], before = time - d->train / d->steps;
    const double abar = d->abar[time];
    const double end = d->params->alpha_to_one ? 1.0 : d->abar[0];
    const double next = before >= 0 ? d->abar[before] : end;
    const double variance = (1.0 - next) / (1.0 - abar) * (1.0 - abar / next);
    const double fresh = d->eta * sqrt(fmax(variance, 0.0));
    const level now = level_of_abar(abar);
    set_estimate(d, now, row);
    set_direction(now, sqrt(next), sqrt(fmax(1.0 - next - fresh * fresh, 0.0)), row);
    row->b_n = fresh;
}

/* Luo et al. 2023: jump to x0 by way of the boundary condition, then noise it anew. */
static void set_lcm(const draft *d, int32_t i, px_step *row)
{
    const double scaled = 10.0 * d->times[i], squared = scaled * scaled + 0.25;
    const level next = level_before(d, i + 1);
    set_estimate(d, level_before(d, i), row);
    row->b_x = next.known * 0.25 / squared;
    row->b_0 = next.known * scaled / sqrt(squared);
    row->b_n = next.noise;
}

/* Zheng et al. 2024: go below the next timestep, deeper with more eta (gamma), then noise up. */
static void set_tcd(const draft *d, int32_t i, px_step *row)
{
    const bool last = i == d->steps - 1;
    const int32_t next = last ? 0 : (int32_t)d->times[i + 1];
    /* In single precision, as torch multiplies an integer: it decides which timestep is taken. */
    const int32_t below = (int32_t)floorf((float)(1.0 - d->eta) * (float)next);
    const level now = level_before(d, i), deep = level_of_abar(d->abar[below]);
    const double share = last ? 1.0 : d->abar[next] / d->abar[below];
    set_estimate(d, now, row);
    set_direction(now, deep.known, deep.noise, row);
    row->b_x *= sqrt(share);
    row->b_0 *= sqrt(share);
    row->b_n = sqrt(fmax(1.0 - share, 0.0));
}

/*
 * Every step puts the same share of its noise back, the old that it keeps and the fresh, so that
 * `steps` of them leave the temperature, however many they are.  A model that is given less noise
 * than it expects takes away what it half believes: surfaces come out smooth.  It is the low
 * temperature of other generative models (Kingma and Dhariwal 2018, section 6), and for the fresh
 * noise alone k-diffusion's s_noise.
 */
static void set_temperature(const draft *d, int32_t i, px_step *row)
{
    const double share = pow(d->params->set.temperature, 1.0 / d->steps);
    const double known = is_euler(d) ? 1.0 : level_before(d, i).known; /* x0's part in x */
    row->b_0 += (1.0 - share) * row->b_x * known;
    row->b_x *= share;
    row->b_n *= share;
}

static void set_row(const draft *d, int32_t i, px_step *row)
{
    const level next = level_before(d, i + 1);
    *row = (px_step){.timestep = d->times[i], .k_0 = next.known, .k_n = next.noise};
    switch (d->params->set.sampler) {
    case DGXP_SAMPLER_DPMPP_2M:
    case DGXP_SAMPLER_DPMPP_2M_SDE:
        set_dpm(d, i, row);
        break;
    case DGXP_SAMPLER_DDIM:
        set_ddim(d, i, row);
        break;
    case DGXP_SAMPLER_LCM:
        set_lcm(d, i, row);
        break;
    case DGXP_SAMPLER_TCD:
        set_tcd(d, i, row);
        break;
    default:
        set_euler(d, i, row);
        break;
    }
    if (d->params->set.temperature < 1.0) {
        set_temperature(d, i, row);
    }
}

/* -------------------------------------------------------------------------------------- build */

/* As diffusers' image-to-image pipelines count. */
static dgxp_status find_first(draft *d)
{
    const double strength = d->params->has_init ? d->params->set.strength : 1.0;
    const int32_t painted = (int32_t)(d->steps * strength);
    if (painted < 1) {
        return px_error_set(
            DGXP_ERR_INVALID_ARGUMENT,
            "strength %g of %d steps paints none: use a strength of at least %g, or "
            "more steps",
            strength, d->steps, 1.0 / d->steps);
    }
    d->first = d->steps - painted;
    return DGXP_OK;
}

static void set_start(const draft *d, px_schedule *table)
{
    const px_scheduler_params *p = d->params;
    if (p->has_init && !(p->has_mask && p->set.strength >= 1.0)) {
        const level start = level_before(d, d->first);
        table->start_known = start.known;
        table->start_noise = start.noise;
        return;
    }
    const double sigma = d->sigmas[0];
    const bool leading = p->set.spacing == DGXP_SPACING_LEADING;
    table->start_known = 0.0;
    table->start_noise = !is_euler(d) ? 1.0 : leading ? sqrt(sigma * sigma + 1.0) : sigma;
}

static void set_guidance(const draft *d, px_schedule *table)
{
    const double guidance = d->params->set.guidance;
    for (int32_t i = 0; i < table->count; i++) {
        /* The small number forgives shares like 0.7 that are no binary fractions. */
        const double at = i + 1e-9;
        const bool on = guidance > 1.0 && at >= d->params->set.cfg_start * table->count &&
                        at < d->params->set.cfg_stop * table->count;
        table->steps[i].guidance = on ? guidance : fmin(guidance, 1.0);
        table->guided += on;
    }
}

static dgxp_status compile(draft *d, px_schedule *table)
{
    dgxp_status status = fill_noise(d);
    if (status != DGXP_OK) {
        return status;
    }
    fill_times(d);
    fill_sigmas(d);
    const int32_t time = (int32_t)d->times[d->first];
    if (is_whole(d) && d->params->model->prediction == DGXP_PREDICTION_EPSILON &&
        !(d->abar[time] > 0.0)) {
        return px_error_set(DGXP_ERR_UNSUPPORTED,
                            "timestep %d is noise alone (zero terminal SNR), from which a model "
                            "that predicts epsilon cannot tell the picture: use sampler euler or "
                            "dpmpp-2m, or prediction v",
                            time);
    }
    if (d->steps == 1 && d->times[0] < 0.5 * d->train) {
        px_log(DGXP_LOG_WARNING,
               "one step at timestep %g, where a picture is all but finished: use spacing trailing",
               d->times[0]);
    }
    table->first = d->first;
    table->count = d->steps - d->first;
    for (int32_t i = 0; i < table->count; i++) {
        set_row(d, d->first + i, &table->steps[i]);
        table->sigmas[i] = d->sigmas[d->first + i];
        table->noisy += table->steps[i].b_n != 0.0;
    }
    table->sigmas[table->count] = d->sigmas[d->steps];
    set_start(d, table);
    set_guidance(d, table);
    return DGXP_OK;
}

dgxp_status px_scheduler_build(const px_scheduler_params *params, px_schedule *out)
{
    const double eta = params->set.sampler == DGXP_SAMPLER_TCD ? 0.3 : 0.0;
    draft d = {.params = params,
               .train = params->model->train_steps,
               .steps = params->set.steps,
               .eta = params->set.eta < 0.0 ? eta : params->set.eta};
    px_schedule table = {.steps = NULL};
    dgxp_status status = check_params(&d);
    if (status == DGXP_OK) {
        status = check_combination(&d);
    }
    if (status == DGXP_OK) {
        status = find_first(&d);
    }
    if (status != DGXP_OK) {
        return status;
    }
    d.abar = px_mem_array((size_t)d.train, sizeof *d.abar);
    d.levels = px_mem_array((size_t)d.train, sizeof *d.levels);
    d.times = px_mem_array((size_t)d.steps, sizeof *d.times);
    d.sigmas = px_mem_array((size_t)d.steps + 1, sizeof *d.sigmas);
    table.steps = px_mem_array((size_t)d.steps, sizeof *table.steps);
    table.sigmas = px_mem_array((size_t)d.steps + 1, sizeof *table.sigmas);
    const bool ok = d.abar && d.levels && d.times && d.sigmas && table.steps && table.sigmas;
    status = ok ? compile(&d, &table) : px_error_memory("the table of steps");
    px_mem_free(d.abar);
    px_mem_free(d.levels);
    px_mem_free(d.times);
    px_mem_free(d.sigmas);
    if (status != DGXP_OK) {
        px_scheduler_free(&table);
        return status;
    }
    *out = table;
    return DGXP_OK;
}

void px_scheduler_free(px_schedule *table)
{
    px_mem_free(table->steps);
    px_mem_free(table->sigmas);
    *table = (px_schedule){.steps = NULL};
}
