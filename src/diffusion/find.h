/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Models and programs by name: what lies in the models folders. */
#ifndef PX_FIND_H
#define PX_FIND_H

#include "diffusion/checkpoint.h"

/** The model that is painted with when none is named. */
#define PX_FIND_DEFAULT "starter"

/**
 * The path of a model: `name` itself when it exists or has a slash, else what the models folders
 * hold under it: a folder, or `checkpoints/NAME[.safetensors]`, there also in folders below.  A name
 * that two of those have is refused.  NULL is the default model.  A new string.
 */
dgxp_status px_find_model(const char *name, char **path);
/**
 * The path of a part of a model, "vae" or "text_encoders": `name` itself when it exists or has a
 * slash, else `KIND/NAME[.safetensors]` of the models folders.  A new string.
 */
dgxp_status px_find_part(const char *kind, const char *name, char **path);
/** The same for a name that a prompt gives, "embeddings": never a path, so nothing else is opened. */
dgxp_status px_find_named(const char *kind, const char *name, char **path);

/**
 * The programs that run a checkpoint: its own bundle's, else the first folder of programs whose key
 * shapes fit.  The bundle is yours unless `*own` says that it is the checkpoint's.
 */
dgxp_status px_find_programs(const px_checkpoint *checkpoint, px_bundle **bundle, bool *own);

typedef bool (*px_find_visit)(const char *path, void *user_data);
/** Visits every entry of a folder that is not hidden, by name; true when a visit ended it. */
bool px_find_entries(const char *folder, px_find_visit visit, void *user_data);

#endif
