/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A handful of threads that take one item after the other. */
#include "cli/cli.h"
#include "cli/inputs.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct pool {
    pthread_mutex_t lock;
    int count, next, done;
    bool quiet;
    const char *label;
    double last_drawn;
    void (*work)(void *context, int index);
    void *context;
} pool;

int cli_cores(void)
{
    cpu_set_t allowed;
    const int count = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
    return count < 1 ? 1 : count;
}

/* Called with the lock held. */
static void draw_progress(pool *self)
{
    const double now = cli_now();
    if (self->quiet || (self->done < self->count && now - self->last_drawn < 0.1)) {
        return;
    }
    self->last_drawn = now;
    cli_erase_line();
    fprintf(stderr, "%s %d/%d", self->label, self->done, self->count);
    if (self->done == self->count) {
        cli_erase_line();
    }
    fflush(stderr);
}

static void *run_worker(void *pointer)
{
    pool *self = pointer;
    pthread_mutex_lock(&self->lock);
    while (self->next < self->count && !dgxp_cancel_fired(cli_cancel())) {
        const int index = self->next++;
        pthread_mutex_unlock(&self->lock);
        self->work(self->context, index);
        pthread_mutex_lock(&self->lock);
        self->done++;
        draw_progress(self);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

void cli_work(int count, int threads, bool quiet, const char *label,
              void (*work)(void *context, int index), void *context)
{
    pool self = {.count = count,
                 .quiet = quiet || count < 2 || !isatty(STDERR_FILENO),
                 .label = label,
                 .work = work,
                 .context = context};
    pthread_t *others = cli_zero((size_t)threads, sizeof *others);
    int started = 0;
    cli_cancel(); /* installs the handler before there are threads */
    pthread_mutex_init(&self.lock, NULL);
    while (started < threads - 1 && started < count - 1 &&
           pthread_create(&others[started], NULL, run_worker, &self) == 0) {
        started++;
    }
    run_worker(&self);
    for (int i = 0; i < started; i++) {
        pthread_join(others[i], NULL);
    }
    pthread_mutex_destroy(&self.lock);
    free(others);
}
