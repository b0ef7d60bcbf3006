/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where resident engines are met: a folder of the user's own, and three files for each engine. */
#ifndef PX_PLACE_H
#define PX_PLACE_H

#include "dgxpixels.h"

#include <stdbool.h>

/** The files of the engine of one name: NAME.sock, NAME.lock, NAME.log. */
typedef struct px_place {
    char *socket, *lock, *log;
} px_place;

/**
 * $XDG_RUNTIME_DIR/dgx-pixels, else /tmp/dgx-pixels-UID: made for this user alone (0700), and
 * refused (DGXP_ERR_UNTRUSTED) where somebody else could reach into it.
 */
dgxp_status px_place_find(const char *name, px_place *out);
void px_place_free(px_place *place);

/**
 * Become the engine of this place: the lock is held until `*fd` is closed.  DGXP_ERR_BUSY: another
 * one is.  What an engine that was killed left behind goes away.
 */
dgxp_status px_place_take(const px_place *place, int *fd);
/** Remove the socket and the lock, and close the lock. */
void px_place_leave(const px_place *place, int lock);

/** Listen on the place's socket (0600, non-blocking, close-on-exec); -1 after a failure. */
dgxp_status px_place_listen(const px_place *place, int *fd);
/** A connection to the engine of this place, whose user is checked; -1 where none listens. */
int px_place_connect(const px_place *place);
/** Whether the other end of a connection belongs to this process's user. */
bool px_place_is_mine(int socket);

/** The names of this user's live engines, `count` of them; free each and the list. */
dgxp_status px_place_list(char ***names, int32_t *count);

#endif
