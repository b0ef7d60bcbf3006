/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* WebP pictures and animations, through libwebp; upright. */
#include "image/picture.h"

#include "core/error.h"
#include "core/limits.h"
#include "image/exif.h"
#include "image/image.h"

#include <string.h>
#include <webp/decode.h>
#include <webp/demux.h>

bool px_webp_matches(const uint8_t *bytes, size_t size)
{
    return size >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0;
}

static dgxp_status refuse(const char *name)
{
    return px_error_set(DGXP_ERR_BAD_FORMAT,
                        "%s: not a sound WebP file: it ends early or is damaged; download or "
                        "export it again",
                        name);
}

static dgxp_status read_features(const char *name, const uint8_t *bytes, size_t size,
                                 WebPBitstreamFeatures *out)
{
    if (WebPGetFeatures(bytes, size, out) != VP8_STATUS_OK) {
        return refuse(name);
    }
    return px_image_check_header(name, out->width, out->height);
}

bool px_webp_is_animated(const uint8_t *bytes, size_t size)
{
    WebPBitstreamFeatures about;
    return px_webp_matches(bytes, size) && WebPGetFeatures(bytes, size, &about) == VP8_STATUS_OK &&
           about.has_animation;
}

static int32_t find_orientation(const uint8_t *bytes, size_t size)
{
    const WebPData data = {bytes, size};
    WebPChunkIterator chunk;
    int32_t orientation = 1;
    WebPDemuxer *demuxer = WebPDemux(&data);
    if (demuxer && WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk)) {
        const bool named = chunk.chunk.size > 6 && memcmp(chunk.chunk.bytes, "Exif\0\0", 6) == 0;
        const size_t skipped = named ? 6 : 0;
        orientation = px_exif_orientation(chunk.chunk.bytes + skipped, chunk.chunk.size - skipped);
        WebPDemuxReleaseChunkIterator(&chunk);
    }
    WebPDemuxDelete(demuxer);
    return orientation;
}

/* Frames as the animation shows them, drawn over each other; stops after `most`. */
static dgxp_status read_frames(const char *name, const uint8_t *bytes, size_t size, int32_t most,
                               dgxp_sheet *sheet)
{
    const WebPData data = {bytes, size};
    WebPAnimDecoderOptions options;
    WebPAnimInfo about;
    dgxp_status status = DGXP_OK;
    if (!WebPAnimDecoderOptionsInit(&options)) {
        return refuse(name);
    }
    options.color_mode = MODE_RGBA;
    WebPAnimDecoder *decoder = WebPAnimDecoderNew(&data, &options);
    if (!decoder || !WebPAnimDecoderGetInfo(decoder, &about)) {
        WebPAnimDecoderDelete(decoder);
        return refuse(name);
    }
    const uint64_t frames = (int64_t)about.frame_count < most ? about.frame_count : (uint64_t)most;
    int last = 0;
    status = px_limits_check_pixels(name, frames * about.canvas_width * about.canvas_height);
    for (uint64_t i = 0; i < frames && !status; i++) {
        dgxp_image *frame = NULL;
        uint8_t *pixels;
        int until;
        if (!WebPAnimDecoderGetNext(decoder, &pixels, &until)) {
            status = refuse(name);
            break;
        }
        status = px_image_blank(name, about.canvas_width, about.canvas_height, &frame);
        if (!status) {
            memcpy(frame->rgba, pixels, px_image_count(frame) * 4);
            status = dgxp_sheet_add_frame(sheet, frame, NULL, until > last ? until - last : 0);
        }
        last = until;
        dgxp_image_free(frame);
    }
    WebPAnimDecoderDelete(decoder);
    return status;
}

dgxp_status px_webp_decode_sheet(const char *name, const uint8_t *bytes, size_t size,
                                 dgxp_sheet **out)
{
    WebPBitstreamFeatures about;
    dgxp_sheet *sheet = NULL;
    dgxp_status status = read_features(name, bytes, size, &about);
    status = status ? status : dgxp_sheet_create(&sheet);
    status = status ? status : read_frames(name, bytes, size, INT32_MAX, sheet);
    if (status) {
        dgxp_sheet_free(sheet);
    } else {
        *out = sheet;
    }
    return status;
}

dgxp_status px_webp_decode(const char *name, const uint8_t *bytes, size_t size, dgxp_image **out)
{
    WebPBitstreamFeatures about;
    dgxp_image *image = NULL;
    dgxp_status status = read_features(name, bytes, size, &about);
    if (status) {
        return status;
    }
    if (about.has_animation) {
        dgxp_sheet *sheet = NULL;
        status = dgxp_sheet_create(&sheet);
        status = status ? status : read_frames(name, bytes, size, 1, sheet);
        status = status ? status : dgxp_image_copy(dgxp_sheet_frame(sheet, 0), out);
        dgxp_sheet_free(sheet);
        return status;
    }
    status = px_image_blank(name, about.width, about.height, &image);
    if (!status && !WebPDecodeRGBAInto(bytes, size, image->rgba, px_image_count(image) * 4,
                                       image->width * 4)) {
        status = refuse(name);
    }
    if (status) {
        dgxp_image_free(image);
        return status;
    }
    status = px_exif_apply(find_orientation(bytes, size), &image);
    *out = status ? *out : image;
    return status;
}
