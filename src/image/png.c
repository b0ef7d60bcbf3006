/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* PNG bytes into a picture and back. */
#include "image/png.h"

#include "core/buffer.h"
#include "core/error.h"
#include "core/file.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/params.h"
#include "image/color_table.h"
#include "image/exif.h"
#include "image/foreign.h"
#include "image/image.h"

#include <limits.h>
#include <png.h>
#include <setjmp.h>
#include <string.h>

/* libpng reports a fault by longjmp(), so everything that must survive one lives in this struct,
 * owned by the caller of the function that calls setjmp(). */
typedef struct codec {
    const char *name;
    png_structp png;
    png_infop info;
    char fault[160];
    bool no_memory;
    size_t held; /* bytes that libpng holds: rows, its window, texts */

    const uint8_t *source; /* what is left to read */
    size_t left;
    dgxp_image *image;

    px_buffer file; /* what was written */
} codec;

/* Texts unpack a thousand to one, and a file may have hundreds: libpng bounds each, we their sum. */
enum { HELD_MAX = 64 << 20, PREFIX = 16 };

static png_voidp allocate(png_structp png, png_alloc_size_t size)
{
    codec *self = png_get_mem_ptr(png);
    if (size > HELD_MAX - self->held) {
        return NULL; /* libpng then calls it an error of the file */
    }
    uint8_t *block = px_mem_alloc(size + PREFIX);
    self->no_memory |= !block;
    if (!block) {
        return NULL;
    }
    memcpy(block, &size, sizeof size);
    self->held += size;
    return block + PREFIX;
}

static void release(png_structp png, png_voidp given)
{
    codec *self = png_get_mem_ptr(png);
    if (given) {
        uint8_t *block = (uint8_t *)given - PREFIX;
        png_alloc_size_t size;
        memcpy(&size, block, sizeof size);
        self->held -= size;
        px_mem_free(block);
    }
}

static void stop_on_error(png_structp png, png_const_charp text)
{
    codec *self = png_get_error_ptr(png);
    strncpy(self->fault, text, sizeof self->fault - 1);
    png_longjmp(png, 1);
}

static void log_warning(png_structp png, png_const_charp text)
{
    const codec *self = png_get_error_ptr(png);
    px_log(DGXP_LOG_DEBUG, "%s: %s", self->name, text);
}

static dgxp_status report_fault(const codec *self)
{
    if (self->no_memory) {
        return px_error_memory("a PNG file");
    }
    return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: not a sound PNG file: %s", self->name,
                        self->fault);
}

/* ------------------------------------------------------------------------------------ reading */

static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

bool px_png_matches(const void *bytes, size_t size)
{
    return size >= sizeof signature && memcmp(bytes, signature, sizeof signature) == 0;
}

static uint32_t read_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Everything that a header can promise is checked here, before libpng or anybody allocates. */
static dgxp_status check_header(const char *name, const uint8_t *bytes, size_t size)
{
    if (!px_png_matches(bytes, size)) {
        return px_foreign_refuse(name, bytes, size);
    }
    if (size < 33 || read_u32(bytes + 8) != 13 || memcmp(bytes + 12, "IHDR", 4) != 0) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: no IHDR chunk of 13 bytes at its begin",
                            name);
    }
    const uint32_t width = read_u32(bytes + 16), height = read_u32(bytes + 20);
    const dgxp_status status = px_image_check_header(name, width, height);
    if (status) {
        return status;
    }
    /* Deflate cannot pack better than 1032 : 1, so a small file cannot ask for a large picture. */
    static const uint8_t channels_of[7] = {1, 0, 3, 1, 2, 0, 4};
    const uint8_t depth = bytes[24], type = bytes[25];
    const uint64_t bits = type < 7 ? (uint64_t)channels_of[type] * depth : 0;
    const uint64_t raw = ((uint64_t)width * bits + 7) / 8 * height;
    if (raw / 1032 > size) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: %zu bytes cannot hold the %ux%u pixels that IHDR promises", name,
                            size, width, height);
    }
    return DGXP_OK;
}

static void read_bytes(png_structp png, png_bytep out, size_t count)
{
    codec *self = png_get_io_ptr(png);
    if (count > self->left) {
        png_error(png, "the file ends too early");
    }
    memcpy(out, self->source, count);
    self->source += count;
    self->left -= count;
}

/* Colour and time chunks have no say in sRGB bytes; a fault in one must not refuse the picture. */
static const png_byte ignored_chunks[] = "bKGD\0cHRM\0gAMA\0hIST\0iCCP\0oFFs\0pCAL\0pHYs\0sBIT\0"
                                         "sCAL\0sPLT\0sRGB\0tIME\0eXIf";

static void set_limits(codec *self)
{
    png_set_read_fn(self->png, self, read_bytes);
    png_set_user_limits(self->png, PX_IMAGE_SIDE_MAX, PX_IMAGE_SIDE_MAX);
    png_set_chunk_malloc_max(self->png, PX_IMAGE_TEXT_MAX);
    png_set_chunk_cache_max(self->png, PX_IMAGE_TEXTS_MAX);
    png_set_crc_action(self->png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_benign_errors(self->png, 0);
    png_set_keep_unknown_chunks(self->png, PNG_HANDLE_CHUNK_NEVER, ignored_chunks,
                                sizeof ignored_chunks / 5);
}

/* Up to the first chunk of pixels. */
static bool decode_info(codec *self)
{
    if (setjmp(png_jmpbuf(self->png))) {
        return false;
    }
    set_limits(self);
    png_read_info(self->png, self->info);
    return true;
}

static bool decode_pixels(codec *self)
{
    if (setjmp(png_jmpbuf(self->png))) {
        return false;
    }
    set_limits(self);
    png_read_info(self->png, self->info);

    png_set_expand(self->png); /* palette, 1-2-4-bit grey and tRNS */
    png_set_strip_16(self->png);
    png_set_gray_to_rgb(self->png);
    png_set_add_alpha(self->png, 255, PNG_FILLER_AFTER);
    const int passes = png_set_interlace_handling(self->png);
    png_read_update_info(self->png, self->info);
    const size_t stride = (size_t)self->image->width * 4;
    if (png_get_rowbytes(self->png, self->info) != stride) {
        png_error(self->png, "rows do not come out as RGBA");
    }
    for (int pass = 0; pass < passes; pass++) {
        for (int32_t y = 0; y < self->image->height; y++) {
            png_read_row(self->png, self->image->rgba + (size_t)y * stride, NULL);
        }
    }
    png_read_end(self->png, self->info);
    return true;
}

/* tEXt is Latin-1 by the book, but several painters write UTF-8 into it; so whatever is valid
 * UTF-8 is taken as that. */
static char *decode_text(const char *text)
{
    if (px_image_is_utf8(text)) {
        return px_mem_text(text);
    }
    char *out = px_mem_array(strlen(text) + 1, 2);
    if (out) {
        char *to = out;
        for (; *text; text++) {
            const unsigned char c = (unsigned char)*text;
            if (c < 0x80) {
                *to++ = (char)c;
            } else {
                *to++ = (char)(0xc0 | c >> 6);
                *to++ = (char)(0x80 | (c & 0x3f));
            }
        }
        *to = '\0';
    }
    return out;
}

static dgxp_status take_texts(codec *self)
{
    png_textp texts = NULL;
    const int count = png_get_text(self->png, self->info, &texts, NULL);
    for (int i = 0; i < count; i++) {
        char *text = decode_text(texts[i].text ? texts[i].text : "");
        if (!text) {
            return px_error_memory("the texts of a PNG file");
        }
        const dgxp_status status = px_image_set_text(self->image, texts[i].key, text);
        px_mem_free(text);
        if (status == DGXP_ERR_OUT_OF_MEMORY) {
            return status;
        }
        if (status) {
            px_log(DGXP_LOG_WARNING, "%s: a text was left out: %s", self->name, dgxp_last_error());
            px_error_clear();
        }
    }
    return DGXP_OK;
}

static dgxp_status create_reader(codec *self)
{
    self->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, self, stop_on_error, log_warning,
                                         self, allocate, release);
    self->info = self->png ? png_create_info_struct(self->png) : NULL;
    return self->info ? DGXP_OK : px_error_memory("a PNG reader");
}

dgxp_status px_png_decode(const char *name, const void *bytes, size_t size, dgxp_image **out)
{
    codec self = {.name = name, .source = bytes, .left = size};
    dgxp_status status = check_header(name, bytes, size);
    if (status) {
        return status;
    }
    status =
        px_image_create(name, read_u32(self.source + 16), read_u32(self.source + 20), &self.image);
    if (status) {
        return status;
    }
    status = create_reader(&self);
    if (!status) {
        status = decode_pixels(&self) ? take_texts(&self) : report_fault(&self);
    }
    if (!status) {
        status = px_exif_apply(px_exif_of_png(bytes, size), &self.image);
    }
    png_destroy_read_struct(&self.png, &self.info, NULL);
    if (status) {
        dgxp_image_free(self.image);
    } else {
        *out = self.image;
    }
    return status;
}

dgxp_status px_png_decode_texts(const char *name, const uint8_t *chunks, size_t size,
                                dgxp_image **out)
{
    /* A grey pixel's header before the chunks, and the begin of its data behind them. */
    static const uint8_t before[33] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0,   0, 0, 13,
                                       'I',  'H', 'D', 'R', 0,    0,    0,    1,    0,   0, 0, 1,
                                       8,    0,   0,   0,   0,    0x3a, 0x7e, 0x9b, 0x55};
    static const uint8_t behind[8] = {0, 0, 0, 0, 'I', 'D', 'A', 'T'};
    codec self = {.name = name};
    uint8_t *whole = px_mem_alloc(sizeof before + size + sizeof behind);
    dgxp_status status = whole ? px_image_create(name, 1, 1, &self.image)
                               : px_error_memory("the texts of a PNG file");
    status = status ? status : create_reader(&self);
    if (!status) {
        memcpy(whole, before, sizeof before);
        memcpy(whole + sizeof before, chunks, size);
        memcpy(whole + sizeof before + size, behind, sizeof behind);
        self.source = whole;
        self.left = sizeof before + size + sizeof behind;
        status = decode_info(&self) ? take_texts(&self) : report_fault(&self);
    }
    png_destroy_read_struct(&self.png, &self.info, NULL);
    px_mem_free(whole);
    if (status) {
        dgxp_image_free(self.image);
    } else {
        *out = self.image;
    }
    return status;
}

/* ------------------------------------------------------------------------------------ writing */

enum { COLOR_SLOTS = 1024 }; /* four times the colors of an indexed file */

typedef struct color_table {
    png_color colors[256];
    png_byte alphas[256];
    int count, translucent;
    px_color_slot slots[COLOR_SLOTS]; /* the entry + 1 of each color */
} color_table;

static px_color_slot *find_entry(color_table *table, const uint8_t *rgba)
{
    return px_color_find(table->slots, COLOR_SLOTS, px_color_word(rgba));
}

/* Entries in order of first appearance, but what tRNS must list stands first: alpha 0, then the
 * translucent ones.  False when there are more than 256. */
static bool collect_colors(const dgxp_image *image, color_table *table)
{
    uint8_t found[256][4];
    const size_t count = px_image_count(image);
    memset(table, 0, sizeof *table);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *pixel = image->rgba + i * 4;
        if (i && px_color_word(pixel) == px_color_word(pixel - 4)) {
            continue;
        }
        px_color_slot *entry = find_entry(table, pixel);
        if (!entry->value) {
            if (table->count == 256) {
                return false;
            }
            memcpy(found[table->count], pixel, 4);
            entry->value = (uint64_t)++table->count;
        }
    }
    int next = 0;
    for (int turn = 0; turn < 3; turn++) {
        for (int i = 0; i < table->count; i++) {
            const uint8_t alpha = found[i][3];
            if ((alpha == 0 ? 0 : alpha < 255 ? 1 : 2) == turn) {
                table->colors[next] = (png_color){found[i][0], found[i][1], found[i][2]};
                table->alphas[next] = alpha;
                find_entry(table, found[i])->value = (uint64_t)++next;
            }
        }
        if (turn == 1) {
            table->translucent = next;
        }
    }
    return true;
}

static void write_bytes(png_structp png, png_bytep bytes, size_t count)
{
    codec *self = png_get_io_ptr(png);
    px_buffer_put(&self->file, bytes, count);
    if (self->file.no_memory) {
        self->no_memory = true;
        png_error(png, "out of memory");
    }
}

static void flush_nothing(png_structp png)
{
    (void)png;
}

/* tEXt where every reader understands it; iTXt for what is not ASCII and for our own JSON. */
static void write_texts(const codec *self)
{
    for (size_t i = 0; i < self->image->text_count; i++) {
        const px_image_entry *entry = &self->image->texts[i];
        bool plain = strcmp(entry->key, "dgx_pixels") != 0;
        for (const char *at = entry->text; *at && plain; at++) {
            plain = (unsigned char)*at < 0x80;
        }
        png_text text = {.compression =
                             plain ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE,
                         .key = (char *)(uintptr_t)entry->key,
                         .text = entry->text};
        png_set_text(self->png, self->info, &text, 1);
    }
}

static int choose_depth(const color_table *table)
{
    return table->count <= 2 ? 1 : table->count <= 4 ? 2 : table->count <= 16 ? 4 : 8;
}

/* `table` NULL writes RGBA; `row` holds one enlarged row. */
static bool encode_pixels(codec *self, color_table *table, uint8_t *row, int32_t scale, bool texts)
{
    if (setjmp(png_jmpbuf(self->png))) {
        return false;
    }
    const dgxp_image *image = self->image;
    png_set_write_fn(self->png, self, write_bytes, flush_nothing);
    png_set_IHDR(self->png, self->info, (uint32_t)(image->width * scale),
                 (uint32_t)(image->height * scale), table ? choose_depth(table) : 8,
                 table ? PNG_COLOR_TYPE_PALETTE : PNG_COLOR_TYPE_RGB_ALPHA, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (table) {
        png_set_filter(self->png, PNG_FILTER_TYPE_BASE, PNG_FILTER_NONE);
        png_set_PLTE(self->png, self->info, table->colors, table->count);
        if (table->translucent) {
            png_set_tRNS(self->png, self->info, table->alphas, table->translucent, NULL);
        }
    }
    if (texts) {
        write_texts(self);
    }
    png_write_info(self->png, self->info);
    png_set_packing(self->png);
    for (int32_t y = 0; y < image->height; y++) {
        uint8_t *to = row;
        const uint8_t *from = px_image_at(image, 0, y);
        for (int32_t x = 0; x < image->width; x++, from += 4) {
            const uint8_t entry = table ? (uint8_t)(find_entry(table, from)->value - 1) : 0;
            for (int32_t i = 0; i < scale; i++) {
                memcpy(to, table ? &entry : from, table ? 1 : 4);
                to += table ? 1 : 4;
            }
        }
        for (int32_t i = 0; i < scale; i++) {
            png_write_row(self->png, row);
        }
    }
    png_write_end(self->png, self->info);
    return true;
}

dgxp_status px_png_encode(const char *name, const dgxp_image *image, const dgxp_png_params *params,
                          uint8_t **bytes, size_t *size)
{
    codec self = {.name = name, .image = (dgxp_image *)(uintptr_t)image};
    uint8_t *row = NULL;
    color_table *table = NULL;
    if (params->scale < 0 || params->scale > 64) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "%s: scale %d is not 1 to 64", name,
                            params->scale);
    }
    const int32_t scale = params->scale ? params->scale : 1;
    dgxp_status status =
        px_image_check_size(name, (int64_t)image->width * scale, (int64_t)image->height * scale);
    if (status) {
        return status;
    }
    row = px_mem_array((size_t)image->width * (size_t)scale, 4);
    table = params->truecolor ? NULL : px_mem_alloc(sizeof *table);
    self.png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &self, stop_on_error, log_warning,
                                         &self, allocate, release);
    self.info = self.png ? png_create_info_struct(self.png) : NULL;
    if (!row || (!table && !params->truecolor) || !self.info) {
        status = px_error_memory("a PNG writer");
        goto done;
    }
    const bool indexed = table && collect_colors(image, table);
    if (!encode_pixels(&self, indexed ? table : NULL, row, scale, !params->strip_text)) {
        status = report_fault(&self);
    }
done:
    png_destroy_write_struct(&self.png, &self.info);
    px_mem_free(table);
    px_mem_free(row);
    if (status) {
        px_mem_free(self.file.bytes);
    } else {
        *bytes = self.file.bytes;
        *size = self.file.size;
    }
    return status;
}

dgxp_status dgxp_image_encode(const dgxp_image *image, const dgxp_png_params *params,
                              uint8_t **bytes, size_t *size)
{
    px_error_clear();
    dgxp_png_params known;
    if (!image || !bytes || !size) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_image_encode: %s is NULL",
                            !image ? "image" : "bytes or size");
    }
    const dgxp_status status = px_params_read("dgxp_image_encode", params, &known, sizeof known);
    return status ? status : px_png_encode("dgxp_image_encode", image, &known, bytes, size);
}

/* A PNG that is called .jpg opens nowhere that goes by names. */
static dgxp_status check_name(const char *path)
{
    static const char *const others[] = {"jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff",
                                         "tga", "avif", "heic", "jxl", "ico", "dds", "psd"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (px_file_has_suffix(path, others[i])) {
            return px_error_set(DGXP_ERR_UNSUPPORTED, "%s: what is written is PNG; name it .png",
                                path);
        }
    }
    return DGXP_OK;
}

dgxp_status dgxp_image_save(const dgxp_image *image, const char *path,
                            const dgxp_png_params *params)
{
    px_error_clear();
    dgxp_png_params known;
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (!image || !path) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_image_save: %s is NULL",
                            image ? "path" : "image");
    }
    dgxp_status status = px_params_read("dgxp_image_save", params, &known, sizeof known);
    status = status ? status : check_name(path);
    if (!status) {
        status = px_png_encode(path, image, &known, &bytes, &size);
    }
    if (!status) {
        status = px_file_write(path, bytes, size);
    }
    px_mem_free(bytes);
    return status;
}

void dgxp_bytes_free(uint8_t *bytes)
{
    px_mem_free(bytes);
}
