/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Single numbers out of tensors of any type. */
#include "diffusion/values.h"

#include <math.h>
#include <string.h>

static double half_value(uint16_t bits)
{
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const double size = exponent == 31 ? (fraction ? NAN : INFINITY)
                        : exponent     ? ldexp(1024 + fraction, exponent - 25)
                                       : ldexp(fraction, -24);
    return bits & 0x8000 ? -size : size;
}

bool px_values_read(const px_tensor *tensor, uint64_t index, double *out)
{
    union {
        double f64;
        float f32;
        int64_t i64;
        int32_t i32;
        int16_t i16;
        uint16_t u16;
        uint32_t u32;
    } value = {0};
    const size_t size = px_safetensors_dtype_size(tensor->dtype);
    memcpy(&value, tensor->data + index * size, size);
    switch (tensor->dtype) {
    case PX_F64:
        *out = value.f64;
        return true;
    case PX_F32:
        *out = (double)value.f32;
        return true;
    case PX_F16:
        *out = half_value(value.u16);
        return true;
    case PX_BF16: {
        const uint32_t wide = (uint32_t)value.u16 << 16;
        value.u32 = wide;
        *out = (double)value.f32;
        return true;
    }
    case PX_I64:
        *out = (double)value.i64;
        return true;
    case PX_I32:
        *out = value.i32;
        return true;
    case PX_I16:
        *out = value.i16;
        return true;
    default:
        return false;
    }
}
