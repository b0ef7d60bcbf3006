/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Engines seen from outside: started as programs of their own, asked, and stopped. */
#include "resident/spawn.h"

#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/search.h"
#include "resident/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOG_LIMIT ((size_t)1 << 20)
#define STOP_SECONDS 30.0

/* --------------------------------------------------------------------------------------- starting */

/* This program if it is the one, else $DGX_PIXELS_PROGRAM, beside the library, or in the path. */
static char *find_program(void)
{
    char self[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length > 0) {
        self[length] = '\0';
        if (strcmp(px_file_name(self), "dgx-pixels") == 0) {
            return px_mem_text(self);
        }
    }
    const char *named = getenv("DGX_PIXELS_PROGRAM");
    if (named && *named) {
        return px_mem_text(named);
    }
    const char *folder = px_search_library_folder();
    char *beside = folder ? px_mem_format("%s/../bin/dgx-pixels", folder) : NULL;
    if (beside && access(beside, X_OK) == 0) {
        return beside;
    }
    px_mem_free(beside);
    return px_mem_text("dgx-pixels");
}

/* In the child, where only what is async-signal-safe may be called. */
_Noreturn static void become_engine(const char *const *words, int log, int ready)
{
    setsid();
    const pid_t again = fork(); /* so that it is nobody's child who would have to wait for it */
    if (again != 0) {
        _exit(again < 0);
    }
    const int nothing = open("/dev/null", O_RDONLY);
    dup2(nothing, 0);
    dup2(ready, 1);
    dup2(log, 2);
    for (int fd = 3; fd < 1024; fd++) {
        close(fd);
    }
    execvp(words[0], (char *const *)(uintptr_t)words);
    static const char sentence[] = "cannot run dgx-pixels: set DGX_PIXELS_PROGRAM to its path\n";
    (void)!write(2, sentence, sizeof sentence - 1);
    _exit(127);
}

/* Whether it said "ready" before it closed its standard output. */
static bool wait_until_ready(int fd)
{
    char text[8];
    size_t got = 0;
    while (got < sizeof text) {
        const ssize_t more = read(fd, text + got, sizeof text - got);
        if (more == 0 || (more < 0 && errno != EINTR)) {
            break;
        }
        got += more > 0 ? (size_t)more : 0;
        if (got >= 5) {
            break;
        }
    }
    return got >= 5 && memcmp(text, "ready", 5) == 0;
}

static dgxp_status fail_start(const px_place *place)
{
    uint8_t *log = NULL;
    size_t size = 0;
    const char *last = "";
    if (px_file_read(place->log, LOG_LIMIT, &log, &size) == DGXP_OK && size > 1) {
        log[size - 1] = '\0'; /* the last line's end */
        last = strrchr((char *)log, '\n');
        last = last ? last + 1 : (char *)log;
    }
    const dgxp_status status = px_error_set(
        DGXP_ERR_BACKEND, "the resident engine did not start: %s (%s)", last, place->log);
    px_mem_free(log);
    return status;
}

dgxp_status px_spawn_engine(const px_place *place, int32_t idle_seconds)
{
    int ready[2];
    char seconds[16];
    char *program = find_program();
    snprintf(seconds, sizeof seconds, "%d", idle_seconds);
    const char *const words[] = {program, "resident", "serve", seconds, NULL};
    const int log = open(place->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (!program || log < 0 || pipe2(ready, O_CLOEXEC) != 0) {
        const int reason = errno;
        px_mem_free(program);
        if (log >= 0) {
            close(log);
        }
        return px_error_set(DGXP_ERR_IO, "%s: a resident engine cannot be started: %s", place->log,
                            strerror(reason));
    }
    const pid_t child = fork();
    if (child == 0) {
        become_engine(words, log, ready[1]);
    }
    close(ready[1]);
    close(log);
    bool good = child > 0 && wait_until_ready(ready[0]);
    close(ready[0]);
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    px_mem_free(program);
    if (!good) { /* another program may have started one at the same moment */
        const int there = px_place_connect(place);
        good = there >= 0;
        if (good) {
            close(there);
        }
    }
    return good ? DGXP_OK : fail_start(place);
}

/* ------------------------------------------------------------------------------------ asking, stopping */

static json_t *ask_status(int socket)
{
    px_answer got;
    px_shim_error error = {""};
    json_t *about = NULL;
    const char *text = NULL;
    if (px_remote_ask(socket, PX_WIRE_STATUS, NULL, NULL, 0, &got, &error) == DGXP_OK) {
        text = px_wire_get_text(&got.from);
    }
    if (text && px_json_parse("an engine's answer", text, strlen(text), &about) != DGXP_OK) {
        px_error_clear();
    }
    px_mem_free(got.bytes);
    return about;
}

/* Calls `visit` with a connection to each live engine. */
static dgxp_status visit_all(void (*visit)(int socket, void *user_data), void *user_data)
{
    char **names;
    int32_t count;
    dgxp_status status = px_place_list(&names, &count);
    for (int32_t i = 0; i < count && status == DGXP_OK; i++) {
        px_place place;
        status = px_place_find(names[i], &place);
        const int socket = status == DGXP_OK ? px_place_connect(&place) : -1;
        if (socket >= 0) {
            visit(socket, user_data);
            close(socket);
        }
        px_place_free(&place);
    }
    for (int32_t i = 0; i < count; i++) {
        px_mem_free(names[i]);
    }
    px_mem_free((void *)names);
    return status;
}

static void describe(int socket, void *engines)
{
    json_t *about = ask_status(socket);
    if (about) {
        px_json_append(engines, about);
    }
}

dgxp_status px_spawn_describe(json_t *engines)
{
    return visit_all(describe, engines);
}

static void tell_to_stop(int socket, void *count)
{
    char nothing[sizeof(px_wire_head)];
    int fds[PX_WIRE_FDS], fd_count = 0;
    if (px_wire_send(socket, PX_WIRE_STOP, NULL, NULL, 0)) {
        ++*(int32_t *)count;
        while (px_wire_receive(socket, nothing, sizeof nothing, fds, &fd_count) > 0) {
        } /* until it has closed its end */
    }
}

dgxp_status px_spawn_stop(int32_t *count)
{
    *count = 0;
    dgxp_status status = visit_all(tell_to_stop, count);
    for (const double began = px_clock_now(); status == DGXP_OK;) {
        char **names;
        int32_t left;
        status = px_place_list(&names, &left);
        for (int32_t i = 0; i < left; i++) {
            px_mem_free(names[i]);
        }
        px_mem_free((void *)names);
        if (left == 0) {
            break;
        }
        if (px_clock_now() - began > STOP_SECONDS) {
            return px_error_set(DGXP_ERR_BUSY, "a resident engine still paints; try again");
        }
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
    return status;
}
