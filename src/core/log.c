/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Messages for the application's log; the library itself never prints. */
#include "core/log.h"

#include "core/number.h"

#include <pthread.h>
#include <stdarg.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static dgxp_log_callback listener;
static void *listener_data;

void dgxp_set_log_callback(dgxp_log_callback callback, void *user_data)
{
    pthread_mutex_lock(&lock);
    listener = callback;
    listener_data = user_data;
    pthread_mutex_unlock(&lock);
}

void px_log(dgxp_log_level level, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    pthread_mutex_lock(&lock);
    if (listener) {
        va_start(arguments, format);
        px_number_vprint(text, sizeof text, format, arguments);
        va_end(arguments);
        listener(level, text, listener_data);
    }
    pthread_mutex_unlock(&lock);
}
