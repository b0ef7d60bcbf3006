/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* JPEG pictures, through libjpeg-turbo: baseline, progressive, grey, CMYK; upright. */
#include "image/picture.h"

#include "core/error.h"
#include "core/log.h"
#include "image/exif.h"
#include "image/image.h"

#include <jerror.h>
#include <stdio.h>

#include <jpeglib.h>
#include <setjmp.h>
#include <string.h>

/* A progressive file of a few kilobytes may ask for its picture to be gone over without end. */
enum { SCANS_MAX = 100 };

typedef struct codec {
    struct jpeg_error_mgr errors; /* first: libjpeg knows it by this address */
    struct jpeg_progress_mgr progress;
    struct jpeg_decompress_struct jpeg;
    jmp_buf back;
    const char *name;
    char fault[JMSG_LENGTH_MAX];
    dgxp_image *image;
    int32_t orientation;
    dgxp_status status; /* of what is not libjpeg's */
} codec;

static void stop_on_error(j_common_ptr jpeg)
{
    codec *self = (codec *)jpeg->err;
    jpeg->err->format_message(jpeg, self->fault);
    longjmp(self->back, 1);
}

/* Files that end early are refused, as a PNG is; other doubts go to the log. */
static void hear_message(j_common_ptr jpeg, int level)
{
    codec *self = (codec *)jpeg->err;
    if (level >= 0) {
        return;
    }
    if (jpeg->err->msg_code == JWRN_JPEG_EOF || jpeg->err->msg_code == JWRN_HIT_MARKER) {
        stop_on_error(jpeg);
    }
    jpeg->err->format_message(jpeg, self->fault);
    px_log(DGXP_LOG_DEBUG, "%s: %s", self->name, self->fault);
    jpeg->err->num_warnings++;
}

static void count_scans(j_common_ptr jpeg)
{
    codec *self = (codec *)jpeg->err;
    if (jpeg->is_decompressor && self->jpeg.input_scan_number > SCANS_MAX) {
        snprintf(self->fault, sizeof self->fault, "it has more than %d scans", SCANS_MAX);
        longjmp(self->back, 1);
    }
}

static int32_t find_orientation(const struct jpeg_decompress_struct *jpeg)
{
    for (jpeg_saved_marker_ptr at = jpeg->marker_list; at; at = at->next) {
        if (at->marker == JPEG_APP0 + 1 && at->data_length > 6 &&
            memcmp(at->data, "Exif\0\0", 6) == 0) {
            return px_exif_orientation(at->data + 6, at->data_length - 6);
        }
    }
    return 1;
}

/* Adobe's programs store the ink inverted, and say so by their marker; nobody else writes CMYK. */
static void mix_inks(uint8_t *row, int32_t width, bool inverted)
{
    for (int32_t x = 0; x < width; x++, row += 4) {
        const int32_t key = inverted ? row[3] : 255 - row[3];
        for (int c = 0; c < 3; c++) {
            row[c] = (uint8_t)((inverted ? row[c] : 255 - row[c]) * key / 255);
        }
        row[3] = 255;
    }
}

/* Everything that may jump. */
static bool decode(codec *self, const uint8_t *bytes, size_t size)
{
    struct jpeg_decompress_struct *jpeg = &self->jpeg;
    if (setjmp(self->back)) {
        return false;
    }
    jpeg_create_decompress(jpeg);
    jpeg->progress = &self->progress;
    jpeg_mem_src(jpeg, bytes, (unsigned long)size);
    jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xFFFF);
    jpeg_read_header(jpeg, TRUE);
    self->status = px_image_check_header(self->name, jpeg->image_width, jpeg->image_height);
    if (!self->status) {
        self->status =
            px_image_blank(self->name, jpeg->image_width, jpeg->image_height, &self->image);
    }
    if (self->status) {
        return false;
    }
    const bool inks = jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
    jpeg->out_color_space = inks ? JCS_CMYK : JCS_EXT_RGBA;
    self->orientation = find_orientation(jpeg);
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = px_image_at(self->image, 0, (int32_t)jpeg->output_scanline);
        jpeg_read_scanlines(jpeg, &row, 1);
        if (inks) {
            mix_inks(row, self->image->width, jpeg->saw_Adobe_marker);
        }
    }
    jpeg_finish_decompress(jpeg);
    return true;
}

bool px_jpeg_matches(const uint8_t *bytes, size_t size)
{
    return size >= 3 && memcmp(bytes, "\xff\xd8\xff", 3) == 0;
}

dgxp_status px_jpeg_decode(const char *name, const uint8_t *bytes, size_t size, dgxp_image **out)
{
    codec self = {.name = name, .orientation = 1};
    self.jpeg.err = jpeg_std_error(&self.errors);
    self.errors.error_exit = stop_on_error;
    self.errors.emit_message = hear_message;
    self.progress.progress_monitor = count_scans;
    const bool decoded = decode(&self, bytes, size);
    jpeg_destroy_decompress(&self.jpeg);
    if (decoded) {
        const dgxp_status status = px_exif_apply(self.orientation, &self.image);
        *out = status ? *out : self.image;
        return status;
    }
    dgxp_image_free(self.image);
    return self.status ? self.status
                       : px_error_set(DGXP_ERR_BAD_FORMAT, "%s: not a sound JPEG file: %s", name,
                                      self.fault);
}
