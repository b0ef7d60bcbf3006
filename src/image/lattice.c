/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where each cell lies: the local phase of the edges, a lattice that bends with the picture. */
#include "image/lattice.h"

#include "core/error.h"
#include "core/mem.h"

#include <complex.h>
#include <math.h>
#include <string.h>

#define STEADY 8        /* how steeply an axis loses its say with its spread */
#define SIGMA 1.5       /* cells over which edges agree on a phase; wider bridges drift, badly */
#define SEED_ERROR 0.06 /* the period that is measured stays this near to the one searched */
#define INHERIT 0.05f   /* weight of the whole picture's phase, so that flat areas follow it */

/* CMPLXF(), which glibc's older headers give to gcc alone. */
static float complex complex_of(float re, float im)
{
    float complex z;
    memcpy(&z, (const float[2]){re, im}, sizeof z);
    return z;
}

/* Edges of one axis multiplied by exp(-2 pi i position / period) and summed in bins. */
typedef struct phasors {
    int32_t nx, ny;        /* along the axis and across it */
    double step_x, step_y; /* pixels */
    float complex *z;      /* [ny, nx] */
    float complex *spare;  /* as large */
} phasors;

static void free_phasors(phasors *field)
{
    px_mem_free(field->z);
    px_mem_free(field->spare);
}

/* `map` is [rows, length], each row PX_EDGES_FOLD pixels high. */
static bool allocate_phasors(int32_t rows, int32_t length, double period, phasors *field)
{
    const int32_t bin = (int32_t)period < 2 ? 2 : (int32_t)period;
    const int32_t fold = bin < PX_EDGES_FOLD ? 1 : bin / PX_EDGES_FOLD;
    *field = (phasors){.nx = (length + bin - 1) / bin,
                       .ny = (rows + fold - 1) / fold,
                       .step_x = bin,
                       .step_y = (double)fold * PX_EDGES_FOLD};
    const size_t count = (size_t)field->nx * (size_t)field->ny;
    field->z = px_mem_array(count, sizeof *field->z);
    field->spare = px_mem_array(count, sizeof *field->spare);
    return field->z && field->spare;
}

static bool demodulate(const float *map, int32_t rows, int32_t length, double period,
                       phasors *field)
{
    const size_t n = (size_t)length;
    float *wave = px_mem_array(n, 3 * sizeof *wave);
    if (!wave) {
        return false;
    }
    float *cosine = wave, *sine = wave + n, *sum = wave + 2 * n;
    for (int32_t x = 0; x < length; x++) {
        const double turns = x / period;
        cosine[x] = (float)cos(2 * M_PI * (turns - floor(turns)));
        sine[x] = (float)-sin(2 * M_PI * (turns - floor(turns)));
    }
    const int32_t bin = (int32_t)field->step_x;
    const int32_t fold = (int32_t)field->step_y / PX_EDGES_FOLD;
    for (int32_t j = 0; j < field->ny; j++) {
        const int32_t last = (j + 1) * fold < rows ? (j + 1) * fold : rows;
        memcpy(sum, map + (size_t)(j * fold) * n, n * sizeof *sum);
        for (int32_t y = j * fold + 1; y < last; y++) {
            const float *row = map + (size_t)y * n;
            for (size_t x = 0; x < n; x++) {
                sum[x] += row[x];
            }
        }
        float complex *to = field->z + (size_t)j * (size_t)field->nx;
        for (int32_t i = 0; i < field->nx; i++) {
            const int32_t end = (i + 1) * bin < length ? (i + 1) * bin : length;
            float re = 0, im = 0;
            for (int32_t x = i * bin; x < end; x++) {
                re += sum[x] * cosine[x];
                im += sum[x] * sine[x];
            }
            to[i] = complex_of(re, im);
        }
    }
    px_mem_free(wave);
    return true;
}

/* to[i] = sum of kernel[|d|] * from[i + d] over `count` entries `stride` apart. */
static void blur_line(const float complex *from, float complex *to, int32_t count, size_t stride,
                      const float *kernel, int32_t radius)
{
    for (int32_t i = 0; i < count; i++) {
        float re = 0, im = 0;
        const int32_t first = i < radius ? -i : -radius;
        const int32_t last = count - 1 - i < radius ? count - 1 - i : radius;
        for (int32_t d = first; d <= last; d++) {
            const float complex value = from[(size_t)(i + d) * stride];
            const float weight = kernel[d < 0 ? -d : d];
            re += weight * crealf(value);
            im += weight * cimagf(value);
        }
        to[(size_t)i * stride] = complex_of(re, im);
    }
}

/* Blurs by `sigma` pixels. */
static bool blur(phasors *field, double sigma)
{
    const double sigma_x = sigma / field->step_x;
    const double sigma_y = sigma / field->step_y;
    const int32_t radius_x = (int32_t)ceil(2.5 * sigma_x);
    const int32_t radius_y = (int32_t)ceil(2.5 * sigma_y);
    float *kernel = px_mem_array((size_t)radius_x + (size_t)radius_y + 2, sizeof *kernel);
    if (!kernel) {
        return false;
    }
    float *kernel_y = kernel + radius_x + 1;
    for (int32_t i = 0; i <= radius_x; i++) {
        kernel[i] = (float)exp(-0.5 * i * i / (sigma_x * sigma_x));
    }
    for (int32_t i = 0; i <= radius_y; i++) {
        kernel_y[i] = (float)exp(-0.5 * i * i / (sigma_y * sigma_y));
    }
    const size_t nx = (size_t)field->nx;
    for (int32_t y = 0; y < field->ny; y++) {
        blur_line(field->z + (size_t)y * nx, field->spare + (size_t)y * nx, field->nx, 1, kernel,
                  radius_x);
    }
    for (int32_t x = 0; x < field->nx; x++) {
        blur_line(field->spare + x, field->z + x, field->ny, nx, kernel_y, radius_y);
    }
    px_mem_free(kernel);
    return true;
}

/* A heap of samples by strength, strongest first; each enters once. */
typedef struct frontier {
    int32_t *heap; /* sample indices */
    int32_t count;
    const float *strength;
} frontier;

static void push_sample(frontier *f, int32_t sample)
{
    int32_t at = f->count++;
    while (at && f->strength[f->heap[(at - 1) / 2]] < f->strength[sample]) {
        f->heap[at] = f->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    f->heap[at] = sample;
}

static int32_t pop_sample(frontier *f)
{
    const int32_t top = f->heap[0], last = f->heap[--f->count];
    int32_t at = 0;
    for (int32_t child; (child = 2 * at + 1) < f->count; at = child) {
        if (child + 1 < f->count && f->strength[f->heap[child + 1]] > f->strength[f->heap[child]]) {
            child++;
        }
        if (f->strength[f->heap[child]] <= f->strength[last]) {
            break;
        }
        f->heap[at] = f->heap[child];
    }
    f->heap[at] = last;
    return top;
}

/*
 * Turns wrapped phases into continuous ones.  It grows from the strongest sample over its strongest
 * neighbours, so that weak, unreliable samples come last and mislead nobody.
 */
static bool unwrap_phases(float *phase, const float *strength, int32_t nx, int32_t ny)
{
    const int32_t count = nx * ny;
    int32_t *heap = px_mem_array((size_t)count, sizeof *heap);
    uint8_t *seen = px_mem_zero((size_t)count, 1);
    if (heap && seen) {
        frontier f = {.heap = heap, .strength = strength};
        int32_t first = 0;
        for (int32_t i = 1; i < count; i++) {
            first = strength[i] > strength[first] ? i : first;
        }
        seen[first] = 1;
        push_sample(&f, first);
        while (f.count) {
            const int32_t at = pop_sample(&f), x = at % nx, y = at / nx;
            const int32_t near[4] = {x > 0 ? at - 1 : -1, x < nx - 1 ? at + 1 : -1,
                                     y > 0 ? at - nx : -1, y < ny - 1 ? at + nx : -1};
            for (int i = 0; i < 4; i++) {
                if (near[i] >= 0 && !seen[near[i]]) {
                    const float step = phase[near[i]] - phase[at];
                    phase[near[i]] = phase[at] + step - rintf(step);
                    seen[near[i]] = 1;
                    push_sample(&f, near[i]);
                }
            }
        }
    }
    const bool enough = heap && seen;
    px_mem_free(heap);
    px_mem_free(seen);
    return enough;
}

/* Solves the 3 x 3 normal equations of a weighted plane by elimination; a flat direction gets 0. */
static void solve_plane(double m[3][4], double plane[3])
{
    for (int i = 0; i < 3; i++) {
        for (int j = i + 1; j < 3; j++) {
            const double share = m[i][i] > 1e-12 ? m[j][i] / m[i][i] : 0;
            for (int k = i; k < 4; k++) {
                m[j][k] -= share * m[i][k];
            }
        }
    }
    for (int i = 2; i >= 0; i--) {
        double rest = m[i][3];
        for (int k = i + 1; k < 3; k++) {
            rest -= m[i][k] * plane[k];
        }
        plane[i] = m[i][i] > 1e-12 ? rest / m[i][i] : 0;
    }
}

/* Fits phase = plane[0] + plane[1] * along + plane[2] * across, -1..1 each; returns the rms. */
static double fit_plane(const float *phase, const float *strength, int32_t nx, int32_t ny,
                        double plane[3])
{
    double m[3][4] = {{0}}, squares = 0, weights = 0;
    for (int turn = 0; turn < 2; turn++) {
        for (int32_t y = 0; y < ny; y++) {
            for (int32_t x = 0; x < nx; x++) {
                const double basis[3] = {1, (2 * x + 1.0) / nx - 1, (2 * y + 1.0) / ny - 1};
                const double value = phase[(size_t)y * (size_t)nx + (size_t)x];
                const double weight = strength[(size_t)y * (size_t)nx + (size_t)x];
                if (turn == 0) {
                    for (int i = 0; i < 3; i++) {
                        for (int k = 0; k < 3; k++) {
                            m[i][k] += weight * basis[i] * basis[k];
                        }
                        m[i][3] += weight * basis[i] * value;
                    }
                } else {
                    const double off = value - plane[0] - plane[1] * basis[1] - plane[2] * basis[2];
                    squares += weight * off * off;
                    weights += weight;
                }
            }
        }
        if (turn == 0) {
            solve_plane(m, plane);
        }
    }
    return weights > 0 ? sqrt(squares / weights) : 0;
}

/* Reads period, phase and local deviations out of blurred phasors. */
static bool read_phases(const phasors *field, double seed, int32_t length, px_lattice_axis *out)
{
    const int32_t count = field->nx * field->ny;
    float *strength = px_mem_array((size_t)count, sizeof *strength);
    out->bend = px_mem_array((size_t)count, sizeof *out->bend);
    if (!strength || !out->bend) {
        px_mem_free(strength);
        return false;
    }
    double complex sum = 0;
    float strongest = 0;
    for (int32_t i = 0; i < count; i++) {
        strength[i] = cabsf(field->z[i]);
        strongest = fmaxf(strongest, strength[i]);
        sum += field->z[i];
    }
    const double size = cabs(sum);
    const float complex whole = size > 0 ? (float complex)(sum / size) : 1;
    for (int32_t i = 0; i < count; i++) {
        const float complex z = field->z[i] + INHERIT * strongest * whole;
        out->bend[i] = cargf(z) * (float)(-1 / (2 * M_PI));
        out->weight += strength[i];
    }
    bool enough = unwrap_phases(out->bend, strength, field->nx, field->ny);
    double plane[3] = {0};
    out->spread = enough ? fit_plane(out->bend, strength, field->nx, field->ny, plane) : 0;
    px_mem_free(strength);
    if (enough) {
        /* the plane's slope along the axis spans two units over all bins */
        const double slope = 2 * plane[1] / (field->nx * field->step_x);
        out->period = seed;
        /* a correction beyond what the search leaves open is noise */
        const double most = SEED_ERROR / seed;
        out->measured = 1 / (1 / seed - fmin(fmax(slope, -most), most));
        out->middle = length / 2.0;
        out->phase = plane[0] + slope * (out->middle - field->nx * field->step_x / 2);
        for (int32_t i = 0; i < count; i++) {
            out->bend[i] -= (float)out->phase;
        }
    }
    return enough;
}

dgxp_status px_lattice_measure(const px_edges *edges, bool vertical, double seed,
                               px_lattice_axis *out)
{
    const float *map = vertical ? edges->down : edges->across;
    const int32_t rows = vertical ? edges->cols : edges->rows;
    const int32_t length = vertical ? edges->height : edges->width;
    phasors field;
    px_lattice_axis axis = {.period = seed};
    const bool enough = allocate_phasors(rows, length, seed, &field) &&
                        demodulate(map, rows, length, seed, &field) && blur(&field, SIGMA * seed) &&
                        read_phases(&field, seed, length, &axis);
    axis.nx = field.nx;
    axis.ny = field.ny;
    axis.step_x = field.step_x;
    axis.step_y = field.step_y;
    free_phasors(&field);
    if (!enough) {
        px_lattice_free(&axis);
        return px_error_memory("the lattice of an image");
    }
    *out = axis;
    return DGXP_OK;
}

void px_lattice_set_period(px_lattice_axis *axis, double period)
{
    /* position / old - phase - bend = position / new - phase' - bend', equal at the middle */
    const double slope = 1 / period - 1 / axis->period;
    for (int32_t i = 0; i < axis->nx; i++) {
        const float change = (float)(slope * ((i + 0.5) * axis->step_x - axis->middle));
        for (int32_t j = 0; j < axis->ny; j++) {
            axis->bend[(size_t)j * (size_t)axis->nx + (size_t)i] += change;
        }
    }
    axis->phase += slope * axis->middle;
    axis->period = period;
}

void px_lattice_free(px_lattice_axis *axis)
{
    px_mem_free(axis->bend);
    axis->bend = NULL;
}

static double place(double position, double step, int32_t count, int32_t *first)
{
    const double at = fmin(fmax(position / step - 0.5, 0), count - 1);
    *first = at >= count - 1 ? (count > 1 ? count - 2 : 0) : (int32_t)at;
    return at - *first;
}

double px_lattice_bend(const px_lattice_axis *axis, double along, double across)
{
    int32_t i, j;
    const double fx = place(along, axis->step_x, axis->nx, &i);
    const double fy = place(across, axis->step_y, axis->ny, &j);
    const float *at = axis->bend + (size_t)j * (size_t)axis->nx + i;
    const int32_t right = axis->nx > 1 ? 1 : 0;
    const float *below = axis->ny > 1 ? at + axis->nx : at;
    return (1 - fy) * ((1 - fx) * at[0] + fx * at[right]) +
           fy * ((1 - fx) * below[0] + fx * below[right]);
}

double px_lattice_share(const px_lattice_axis axis[2])
{
    double share[2];
    for (int i = 0; i < 2; i++) {
        share[i] = (axis[i].weight + 1e-9) / pow(axis[i].spread + 0.02, STEADY);
    }
    return (share[0] + share[1]) / (share[0] / axis[0].measured + share[1] / axis[1].measured);
}

double px_lattice_origin(const px_lattice_axis *axis, int32_t length, int32_t count)
{
    const double left = -axis->phase, right = length / axis->period - axis->phase;
    return ceil((left + right - count) / 2 - 0.5);
}

int32_t px_lattice_snap(double count)
{
    static const int32_t usual[] = {16, 24, 32, 48, 64, 96, 128, 192, 256};
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        if (fabs(count - usual[i]) < 0.025 * usual[i]) {
            return usual[i];
        }
    }
    return (int32_t)rint(count);
}
