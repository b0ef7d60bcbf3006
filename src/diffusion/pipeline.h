/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One batch of jobs: orders the steps, reports progress, looks for cancel. */
#ifndef PX_PIPELINE_H
#define PX_PIPELINE_H

#include "dgxpixels.h"

/** Paint `count` jobs, 1 to PX_PLAN_JOBS, as dgxp_generate() does; `params` are whole. */
dgxp_status px_pipeline_paint(dgxp_model *model, const dgxp_job *const *jobs, int32_t count,
                              const dgxp_generate_params *params, dgxp_result **out);

#endif
