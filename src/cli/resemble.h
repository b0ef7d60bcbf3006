/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Whether the numbered pictures of a folder are the frames of one animation. */
#ifndef DGXP_CLI_RESEMBLE_H
#define DGXP_CLI_RESEMBLE_H

#include <stdbool.h>

/**
 * Whether neighbouring pictures show the same thing: most of what is not background lies in the
 * same place in the same colors.  Looks at no more than nine pictures, spread evenly.  False where
 * one cannot be read.
 */
bool cli_resemble(char *const *paths, int count);

#endif
