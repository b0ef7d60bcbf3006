/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Keys of an adapter file: which module a tensor belongs to, and what it is there. */
#ifndef PX_LORA_KEYS_H
#define PX_LORA_KEYS_H

#include <stddef.h>

typedef enum px_lora_role {
    PX_LORA_DOWN, /* [r, in] or [r, in, kh, kw] */
    PX_LORA_UP,   /* [out, r] or [out, r, 1, 1] */
    PX_LORA_MID,  /* [r, r, kh, kw] */
    PX_LORA_ALPHA,
    PX_LORA_SCALAR,    /* LyCORIS' trained factor */
    PX_LORA_DORA,      /* LyCORIS' dora_scale: its shape says which axis */
    PX_LORA_MAGNITUDE, /* PEFT's: always by output */
    PX_LORA_HADA_1A,   /* LoHa: (1a 1b) o (2a 2b), with Tucker cores t1, t2 for convolutions */
    PX_LORA_HADA_1B,
    PX_LORA_HADA_T1,
    PX_LORA_HADA_2A,
    PX_LORA_HADA_2B,
    PX_LORA_HADA_T2,
    PX_LORA_KRON_1, /* LoKr: kron(1, 2), each whole or a product */
    PX_LORA_KRON_1A,
    PX_LORA_KRON_1B,
    PX_LORA_KRON_2,
    PX_LORA_KRON_2A,
    PX_LORA_KRON_2B,
    PX_LORA_KRON_T2,
    PX_LORA_DIFF,   /* added to the weight */
    PX_LORA_DIFF_B, /* added to the bias */
    PX_LORA_W_NORM, /* the same for norms */
    PX_LORA_B_NORM,
    PX_LORA_ROLES
} px_lora_role;

/**
 * Split a tensor's name into the module's key (its first `*length` bytes) and the role.  The
 * spellings of one role are alike afterwards: "x.to_q.lora_A.weight", "x.to_q.lora.down.weight" and
 * "x.processor.to_q_lora.down.weight" are PX_LORA_DOWN of "x.to_q" (the last of
 * "x.processor.to_q").  PX_LORA_ROLES when no adapter of a supported kind writes such a name.
 */
px_lora_role px_lora_key(const char *name, size_t *length);

/** The ending that kohya or LyCORIS write for a role, ".lora_down.weight"; for sentences. */
const char *px_lora_role_name(px_lora_role role);

/** What a name that is no supported role belongs to, for sentences: "OFT", "an embedding" … */
const char *px_lora_foreign(const char *name);

#endif
