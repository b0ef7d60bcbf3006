/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Old names and places in a folder: told, or brought to today's. */
#ifndef PX_UPGRADE_H
#define PX_UPGRADE_H

#include "dgxpixels.h"

#include <jansson.h>

/** What is old in and below `folder`, as entries of dgxp_upgrade()'s "files"; nothing is changed. */
dgxp_status px_upgrade_look(const char *folder, json_t *files);

#endif
