/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Messages for the application's log; the library itself never prints. */
#include "core/log.h"

#include "core/number.h"
#include "core/text.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>

static pthread_mutex_t lock;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static dgxp_log_callback listener;
static void *listener_data;

/* Recursive: a listener may put another in its place. */
static void make_lock(void)
{
    pthread_mutexattr_t recursive;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&lock, &recursive);
    pthread_mutexattr_destroy(&recursive);
}

void dgxp_set_log_callback(dgxp_log_callback callback, void *user_data)
{
    pthread_once(&once, make_lock);
    pthread_mutex_lock(&lock);
    listener = callback;
    listener_data = user_data;
    pthread_mutex_unlock(&lock);
}

void px_log(dgxp_log_level level, const char *format, ...)
{
    static _Thread_local bool inside;
    char text[1024], shown[1024];
    va_list arguments;
    if (inside) {
        return; /* a listener that calls the library is not told what that says */
    }
    pthread_once(&once, make_lock);
    pthread_mutex_lock(&lock);
    if (listener) {
        va_start(arguments, format);
        px_number_vprint(text, sizeof text, format, arguments);
        va_end(arguments);
        px_text_repair(shown, sizeof shown, text);
        inside = true;
        listener(level, shown, listener_data);
        inside = false;
    }
    pthread_mutex_unlock(&lock);
}
