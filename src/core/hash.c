/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* SHA-256 (FIPS 180-4); with the processor's own instructions where it has them. */
#include "core/hash.h"

#include "core/error.h"
#include "core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t x, int by)
{
    return x >> by | x << (32 - by);
}

static void mix_portable(uint32_t state[8], const uint8_t *bytes, size_t blocks)
{
    for (; blocks > 0; blocks--, bytes += 64) {
        uint32_t w[64], v[8];
        for (int i = 0; i < 16; i++) {
            w[i] = (uint32_t)bytes[4 * i] << 24 | (uint32_t)bytes[4 * i + 1] << 16 |
                   (uint32_t)bytes[4 * i + 2] << 8 | bytes[4 * i + 3];
        }
        for (int i = 16; i < 64; i++) {
            const uint32_t a = w[i - 15], b = w[i - 2];
            w[i] = w[i - 16] + w[i - 7] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) +
                   (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
        }
        memcpy(v, state, sizeof v);
        for (int i = 0; i < 64; i++) {
            const uint32_t a = v[0], e = v[4];
            const uint32_t one = v[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
                                 ((e & v[5]) ^ (~e & v[6])) + constants[i] + w[i];
            const uint32_t two = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
                                 ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
            memmove(v + 1, v, 7 * sizeof *v);
            v[4] += one;
            v[0] = one + two;
        }
        for (int i = 0; i < 8; i++) {
            state[i] += v[i];
        }
    }
}

#if defined(__x86_64__)
/* Intel's SHA extensions keep the state as ABEF and CDGH: four rounds are two instructions. */
__attribute__((target("sha,sse4.1,ssse3"))) static void
mix_sha_ni(uint32_t state[8], const uint8_t *bytes, size_t blocks)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    const __m128i dcba = _mm_loadu_si128((const __m128i *)(const void *)state);
    const __m128i hgfe = _mm_loadu_si128((const __m128i *)(const void *)(state + 4));
    const __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1), efgh = _mm_shuffle_epi32(hgfe, 0x1b);
    __m128i abef = _mm_alignr_epi8(cdab, efgh, 8), cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
    for (; blocks > 0; blocks--, bytes += 64) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i w[4];
        for (int i = 0; i < 4; i++) {
            w[i] =
                _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)bytes + i), swap);
        }
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            const __m128i k = _mm_loadu_si128((const __m128i *)(const void *)constants + i);
            const __m128i now = w[i % 4], sum = _mm_add_epi32(now, k);
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
            if (i < 12) { /* the words of four groups later */
                const __m128i last = w[(i + 3) % 4];
                const __m128i part = _mm_sha256msg1_epu32(now, w[(i + 1) % 4]);
                const __m128i back = _mm_alignr_epi8(last, w[(i + 2) % 4], 4);
                w[i % 4] = _mm_sha256msg2_epu32(_mm_add_epi32(part, back), last);
            }
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    const __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}
#endif

static void mix(uint32_t state[8], const uint8_t *bytes, size_t blocks)
{
#if defined(__x86_64__)
    static int fast = -1; /* every thread finds the same answer */
    int known = __atomic_load_n(&fast, __ATOMIC_RELAXED);
    if (known < 0) {
        unsigned a, b = 0, c, d;
        known = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & 1u << 29) &&
                __builtin_cpu_supports("sse4.1");
        __atomic_store_n(&fast, known, __ATOMIC_RELAXED);
    }
    if (known) {
        mix_sha_ni(state, bytes, blocks);
        return;
    }
#endif
    mix_portable(state, bytes, blocks);
}

void px_hash_begin(px_hash *hash)
{
    *hash = (px_hash){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                                0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void px_hash_add(px_hash *hash, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    const size_t held = hash->size % 64;
    hash->size += size;
    if (size == 0) {
        return;
    }
    if (held) {
        const size_t take = size < 64 - held ? size : 64 - held;
        memcpy(hash->block + held, at, take);
        at += take;
        size -= take;
        if (held + take < 64) {
            return;
        }
        mix(hash->state, hash->block, 1);
    }
    mix(hash->state, at, size / 64);
    memcpy(hash->block, at + size / 64 * 64, size % 64);
}

void px_hash_end(px_hash *hash, uint8_t digest[32])
{
    const uint64_t bits = hash->size * 8;
    const size_t held = hash->size % 64;
    uint8_t tail[72] = {0x80};
    const size_t pad = held < 56 ? 56 - held : 120 - held;
    for (int i = 0; i < 8; i++) {
        tail[pad + (size_t)i] = (uint8_t)(bits >> (56 - 8 * i));
    }
    px_hash_add(hash, tail, pad + 8);
    for (int i = 0; i < 32; i++) {
        digest[i] = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
    }
}

void px_hash_hex(const uint8_t digest[32], char hex[PX_HASH_HEX])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[64] = '\0';
}

void px_hash_bytes(const void *bytes, size_t size, char hex[PX_HASH_HEX])
{
    px_hash hash;
    uint8_t digest[32];
    px_hash_begin(&hash);
    px_hash_add(&hash, bytes, size);
    px_hash_end(&hash, digest);
    px_hash_hex(digest, hex);
}

/* read() and not the mapping: a file cut short meanwhile is then an error, not a SIGBUS. */
static dgxp_status add_file(px_hash *hash, const char *path, int fd, const dgxp_cancel *cancel,
                            uint8_t *piece, size_t size)
{
    for (;;) {
        if (cancel && dgxp_cancel_fired(cancel)) {
            return px_error_set(DGXP_ERR_CANCELLED, "%s: hashing was cancelled", path);
        }
        const ssize_t got = read(fd, piece, size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return px_error_set(DGXP_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
        }
        if (got == 0) {
            return DGXP_OK;
        }
        px_hash_add(hash, piece, (size_t)got);
    }
}

dgxp_status px_hash_file(const char *path, const dgxp_cancel *cancel, char hex[PX_HASH_HEX])
{
    const size_t size = 1 << 20;
    dgxp_status status;
    struct stat about;
    px_hash hash;
    uint8_t digest[32], *piece = NULL;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return px_error_set(errno == ENOENT ? DGXP_ERR_NOT_FOUND : DGXP_ERR_IO,
                            "%s: cannot open: %s", path, strerror(errno));
    }
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
        status = px_error_set(DGXP_ERR_INVALID_ARGUMENT, "%s: is not a regular file", path);
        goto done;
    }
    piece = px_mem_alloc(size);
    if (!piece) {
        status = px_error_memory("a reading buffer");
        goto done;
    }
    px_hash_begin(&hash);
    status = add_file(&hash, path, fd, cancel, piece, size);
    if (status == DGXP_OK) {
        px_hash_end(&hash, digest);
        px_hash_hex(digest, hex);
    }
done:
    px_mem_free(piece);
    close(fd);
    return status;
}
