/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every sized struct of the public header at every size: short, exact, long, long with a one. */
#include "core/error.h"
#include "core/mem.h"
#include "core/params.h"
#include "px_check.h"

/* The scene of each call: a picture with a square on it, a sheet of it, its grid and atlas. */
static dgxp_image *picture;
static dgxp_sheet *sheet;
static dgxp_atlas *atlas;
static dgxp_grid *grid;
static dgxp_palette *palette;
static const dgxp_deploy_file nothing = {.path = "/nowhere/at/all.png"};

static void set_up(void)
{
    uint8_t rgba[16 * 16 * 4];
    for (int32_t i = 0; i < 16 * 16; i++) {
        const bool inside = i % 16 > 3 && i % 16 < 12 && i / 16 > 3 && i / 16 < 12;
        memcpy(rgba + (size_t)i * 4, inside ? "\xff\x20\x10\xff" : "\0\0\0\0", 4);
    }
    const dgxp_tag tag = {.struct_size = sizeof tag, .to = 0, .name = "walk", .repeat = 3};
    const dgxp_slice slice = {
        .struct_size = sizeof slice, .x = 2, .width = 4, .height = 4, .name = "middle"};
    ck_assert_ok(dgxp_image_create(16, 16, rgba, &picture));
    ck_assert_ok(dgxp_sheet_create(&sheet));
    ck_assert_ok(dgxp_sheet_add_frame(sheet, picture, "one", 0));
    ck_assert_ok(dgxp_sheet_add_tag(sheet, &tag));
    ck_assert_ok(dgxp_sheet_add_slice(sheet, &slice));
    ck_assert_ok(dgxp_sheet_pack(sheet, NULL, &atlas));
    ck_assert_ok(dgxp_grid_detect(picture, NULL, &grid));
    ck_assert_ok(dgxp_palette_load("pico-8", &palette));
}

static void tear_down(void)
{
    dgxp_palette_free(palette);
    dgxp_grid_free(grid);
    dgxp_atlas_free(atlas);
    dgxp_sheet_free(sheet);
    dgxp_image_free(picture);
}

/* ------------------------------------------------------------------------ what the caller gives */

/* One function a struct: it hands `given` to a public call that reads it. */
#define READER(name, ...)                                                                          \
    static dgxp_status read_##name(const void *given)                                              \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

/* A call whose result is one handle. */
#define READER_OF(name, type, call)                                                                \
    READER(name, dgxp_##type *made = NULL; const dgxp_status status = call;                        \
           dgxp_##type##_free(made); return status;)

READER(png_params, uint8_t *bytes = NULL; size_t size = 0;
       const dgxp_status status = dgxp_image_encode(picture, given, &bytes, &size);
       dgxp_bytes_free(bytes); return status;)
READER(sheet_params, uint8_t *bytes = NULL; size_t size = 0;
       const dgxp_status status = dgxp_sheet_encode(sheet, given, &bytes, &size);
       dgxp_bytes_free(bytes); return status;)
READER_OF(grid_params, grid, dgxp_grid_detect(picture, given, &made))
READER_OF(downscale_params, image, dgxp_downscale(picture, grid, given, &made))
READER_OF(palette_params, palette, dgxp_palette_extract(picture, given, &made))
READER_OF(quantize_params, image, dgxp_quantize(picture, palette, given, &made))
READER_OF(matte_params, image, dgxp_matte(picture, given, NULL, &made))
READER_OF(outline_params, image, dgxp_cleanup_outline(picture, given, NULL, &made))
READER_OF(trim_params, image, dgxp_cleanup_trim(picture, given, NULL, &made))
READER(quality_params, const dgxp_image *frame = picture; dgxp_document *made = NULL;
       const dgxp_status status = dgxp_quality(&frame, 1, given, &made); dgxp_document_free(made);
       return status;)
READER_OF(fix_params, image, dgxp_fix(picture, given, NULL, &made))
READER(tag, return dgxp_sheet_add_tag(sheet, given);)
READER(slice, return dgxp_sheet_add_slice(sheet, given);)
READER_OF(pack_params, atlas, dgxp_sheet_pack(sheet, given, &made))
READER_OF(cut_params, sheet, dgxp_sheet_cut(picture, given, &made))
READER_OF(contact_params, image, dgxp_sheet_contact(sheet, given, &made))
READER_OF(motion_params, sheet, dgxp_motion(picture, given, NULL, &made))
READER_OF(recolor_params, image, dgxp_recolor(picture, given, NULL, &made))
READER_OF(normal_params, image, dgxp_normal(picture, given, NULL, &made))
READER_OF(autotile_params, sheet, dgxp_autotile(picture, NULL, given, &made))
READER_OF(model_params, model, dgxp_model_open("/nowhere/at/all", given, &made))
READER_OF(request_params, job, dgxp_job_request(NULL, "{}", given, &made))
READER_OF(generate_params, result, dgxp_generate(NULL, NULL, 1, given, &made))
READER_OF(deploy_params, document, dgxp_deploy(&nothing, 1, given, &made))
READER(game, dgxp_document *made = NULL; dgxp_deploy_params params = DGXP_DEPLOY_PARAMS_INIT;
       params.game = given; return dgxp_deploy(&nothing, 1, &params, &made);)
READER_OF(build_params, document, dgxp_build(given, &made))
READER_OF(regen_params, image, dgxp_regen(NULL, NULL, given, NULL, &made))
READER_OF(batch_params, batch, dgxp_batch_open(given, &made))
READER_OF(batch_run_params, document, dgxp_batch_run(NULL, NULL, given, &made))
READER(limits, return dgxp_set_limits(given);)
READER_OF(workflow_params, document, dgxp_workflow_run(NULL, NULL, given, &made))

/* The allocator's table is refused without a word: what it lacks shows in who is asked for memory. */
static int32_t asked;

static void *count_resize(void *block, size_t size, void *user_data)
{
    (void)user_data;
    asked++;
    return realloc(block, size);
}

static void count_free(void *block, void *user_data)
{
    (void)user_data;
    free(block);
}

static dgxp_status read_allocator(const void *given)
{
    dgxp_allocator table;
    uint32_t size;
    memcpy(&size, given, sizeof size);
    uint8_t *copy = malloc(size < sizeof table ? sizeof table : size);
    memcpy(copy, given, size < sizeof size ? sizeof size : size);
    table = (dgxp_allocator){size, count_resize, count_free, NULL};
    memcpy(copy, &table, sizeof table);
    asked = 0;
    dgxp_set_allocator((const dgxp_allocator *)(const void *)copy);
    px_mem_free(px_mem_alloc(1));
    free(copy);
    const dgxp_status status = *dgxp_last_error() ? DGXP_ERR_INVALID_ARGUMENT : DGXP_OK;
    const bool both = size >= offsetof(dgxp_allocator, user_data) && status == DGXP_OK;
    ck_assert_int_eq(asked, both); /* without both functions it is the system's memory */
    char said[256];
    snprintf(said, sizeof said, "%s", dgxp_last_error());
    px_host_begin();
    return px_error_set(status, "%s", said);
}

#define GIVEN(name) {#name, sizeof(dgxp_##name), read_##name}
static const struct {
    const char *name;
    size_t size;
    dgxp_status (*read)(const void *given);
} given_structs[] = {GIVEN(limits),
                     GIVEN(allocator),
                     GIVEN(png_params),
                     GIVEN(grid_params),
                     GIVEN(downscale_params),
                     GIVEN(palette_params),
                     GIVEN(quantize_params),
                     GIVEN(matte_params),
                     GIVEN(outline_params),
                     GIVEN(trim_params),
                     GIVEN(quality_params),
                     GIVEN(fix_params),
                     GIVEN(tag),
                     GIVEN(slice),
                     GIVEN(sheet_params),
                     GIVEN(pack_params),
                     GIVEN(cut_params),
                     GIVEN(contact_params),
                     GIVEN(autotile_params),
                     GIVEN(motion_params),
                     GIVEN(recolor_params),
                     GIVEN(normal_params),
                     GIVEN(model_params),
                     GIVEN(request_params),
                     GIVEN(generate_params),
                     GIVEN(deploy_params),
                     GIVEN(game),
                     GIVEN(build_params),
                     GIVEN(regen_params),
                     GIVEN(batch_params),
                     GIVEN(batch_run_params),
                     GIVEN(workflow_params)};

/* The call with a struct of exactly `size` bytes of memory, zero but for the size and the last. */
static void call_sized(size_t index, size_t size, uint8_t last, const char *refused)
{
    uint8_t *bytes = calloc(1, size);
    const uint32_t told = (uint32_t)size;
    memcpy(bytes, &told, sizeof told);
    if (size > sizeof told) {
        bytes[size - 1] = last;
    }
    px_error_clear();
    const dgxp_status status = given_structs[index].read(bytes);
    const char *text = dgxp_last_error();
    const bool about_size = strstr(text, "struct_size") || strstr(text, "of the struct");
    ck_assert_msg(refused ? status == DGXP_ERR_INVALID_ARGUMENT && strstr(text, refused)
                          : !about_size,
                  "dgxp_%s of %zu bytes (%zu known): %s", given_structs[index].name, size,
                  given_structs[index].size, text);
    free(bytes);
}

START_TEST(every_given_struct_is_read_at_every_size)
{
    set_up();
    for (size_t i = 0; i < sizeof given_structs / sizeof *given_structs; i++) {
        const size_t size = given_structs[i].size;
        call_sized(i, sizeof(uint32_t), 0, NULL); /* older than every field */
        call_sized(i, size - 4, 0, NULL);
        call_sized(i, size, 0, NULL);
        call_sized(i, size + 8, 0, NULL); /* newer, and asks for nothing new */
        call_sized(i, size + 8, 1, "use a newer library");
        uint32_t none[64] = {0}; /* whoever forgot the _INIT macro */
        px_error_clear();
        given_structs[i].read(none);
        ck_assert_msg(strstr(dgxp_last_error(), "start from the _INIT macro"), "dgxp_%s: %s",
                      given_structs[i].name, dgxp_last_error());
    }
    tear_down();
}
END_TEST

/* -------------------------------------------------------------------------- what the caller gets */

#define FILLER(name, ...)                                                                          \
    static dgxp_status fill_##name(void *out)                                                      \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
FILLER(grid_info, return dgxp_grid_describe(grid, out);)
FILLER(matte_report, dgxp_image *made = NULL;
       const dgxp_status status = dgxp_matte(picture, NULL, out, &made); dgxp_image_free(made);
       return status;)
FILLER(trim_report, dgxp_image *made = NULL;
       const dgxp_status status = dgxp_cleanup_trim(picture, NULL, out, &made);
       dgxp_image_free(made); return status;)
FILLER(tag, return dgxp_sheet_tag(sheet, 0, out);)
FILLER(slice, return dgxp_sheet_slice(sheet, 0, out);)
FILLER(place, return dgxp_atlas_place(atlas, 0, out);)
FILLER(device_info, return dgxp_device_describe(0, out);)

#define FILLED(name) {#name, sizeof(dgxp_##name), fill_##name}
static const struct {
    const char *name;
    size_t size;
    dgxp_status (*fill)(void *out);
} filled_structs[] = {FILLED(grid_info), FILLED(matte_report), FILLED(trim_report), FILLED(tag),
                      FILLED(slice),     FILLED(place),        FILLED(device_info)};

START_TEST(every_filled_struct_is_filled_as_far_as_it_reaches)
{
    set_up();
    for (size_t i = 0; i < sizeof filled_structs / sizeof *filled_structs; i++) {
        const size_t size = filled_structs[i].size;
        const size_t sizes[] = {sizeof(uint32_t), size - 4, size, size + 8};
        uint8_t *full = calloc(1, size + 8);
        const uint32_t exact = (uint32_t)size;
        memcpy(full, &exact, sizeof exact);
        ck_assert_ok(filled_structs[i].fill(full));
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            uint8_t *bytes = malloc(sizes[k]); /* exactly: the sanitizer sees a byte too many */
            const uint32_t told = (uint32_t)sizes[k];
            memset(bytes, 0xa5, sizes[k]);
            memcpy(bytes, &told, sizeof told);
            ck_assert_ok(filled_structs[i].fill(bytes));
            ck_assert_int_eq(memcmp(bytes, &told, sizeof told), 0);
            const size_t common = sizes[k] < size ? sizes[k] : size;
            ck_assert_msg(!memcmp(bytes + 4, full + 4, common - 4), "dgxp_%s of %zu bytes",
                          filled_structs[i].name, sizes[k]);
            for (size_t at = size; at < sizes[k]; at++) {
                ck_assert_msg(bytes[at] == 0xa5, "dgxp_%s: byte %zu", filled_structs[i].name, at);
            }
            free(bytes);
        }
        memset(full, 0, size);
        ck_assert_refused(filled_structs[i].fill(full), DGXP_ERR_INVALID_ARGUMENT,
                          "start from the _INIT macro");
        free(full);
    }
    tear_down();
}
END_TEST

int main(void)
{
    setenv("DGX_PIXELS_BACKEND", PX_STUB, 1);
    Suite *suite = suite_create("params");
    TCase *core = tcase_create("core");
    tcase_add_test(core, every_given_struct_is_read_at_every_size);
    tcase_add_test(core, every_filled_struct_is_filled_as_far_as_it_reaches);
    tcase_set_timeout(core, 60);
    suite_add_tcase(suite, core);
    return px_check_run(suite);
}
