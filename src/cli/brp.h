/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A running game that is asked by HTTP POST. */
#ifndef DGXP_CLI_BRP_H
#define DGXP_CLI_BRP_H

#include "dgxpixels.h"

typedef struct brp_client brp_client;

/** A client of `url` ("http://127.0.0.1:15702/"), one connection; ends the program without memory. */
brp_client *brp_open(const char *url);
/** NULL is fine. */
void brp_close(brp_client *client);
/** For dgxp_deploy_params and dgxp_build_params; lives as long as the client. */
const dgxp_game *brp_game(const brp_client *client);

#endif
