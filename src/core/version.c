/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The version of the library that runs. */
#include "dgxpixels.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

int32_t dgxp_version(void)
{
    return DGXP_VERSION;
}

const char *dgxp_version_text(void)
{
    return TEXT(DGXP_VERSION_MAJOR) "." TEXT(DGXP_VERSION_MINOR) "." TEXT(DGXP_VERSION_PATCH);
}
