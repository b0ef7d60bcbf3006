/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The Bevy Remote Protocol: JSON-RPC 2.0 by HTTP POST. */
#ifndef DGXP_CLI_BRP_H
#define DGXP_CLI_BRP_H

#include <jansson.h>
#include <stdint.h>

typedef enum brp_outcome {
    BRP_OK,
    BRP_NO_APP,    /* nobody listens there */
    BRP_NO_METHOD, /* an app, but it does not know the method */
    BRP_FAILED     /* an app that answered with an error, or something that is no BRP */
} brp_outcome;

typedef struct brp_client brp_client;

/** A client of `url` ("http://127.0.0.1:15702/"), one connection; NULL when memory runs out. */
brp_client *brp_open(const char *url);
void brp_close(brp_client *client);

/**
 * Call a method.  `params` (or NULL) is taken over.  `*result` (yours) is set on BRP_OK; else the
 * reason is in brp_reason().
 */
brp_outcome brp_call(brp_client *client, const char *method, json_t *params, json_t **result);
/** Why the last call failed; may be empty. */
const char *brp_reason(const brp_client *client);

#endif
