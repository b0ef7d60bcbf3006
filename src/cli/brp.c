/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A running game that is asked by HTTP POST. */
#include "cli/brp.h"

#include "cli/cli.h"
#include "cli/inputs.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_LIMIT = 16 << 20, TIMEOUT_MS = 3000 };

struct brp_client {
    CURL *curl;
    struct curl_slist *headers;
    dgxp_game game;
    char *answer;
    size_t size;
};

/* libcurl's callback: 0 stops the transfer. */
static size_t take_answer(char *data, size_t size, size_t count, void *user_data)
{
    brp_client *client = user_data;
    const size_t length = size * count;
    if (length > ANSWER_LIMIT - client->size) {
        return 0;
    }
    client->answer = cli_grow(client->answer, client->size + length + 1, 1);
    memcpy(client->answer + client->size, data, length);
    client->size += length;
    client->answer[client->size] = '\0';
    return length;
}

/* dgxp_game_callback */
static void post(const char *request, dgxp_game_answer *answer, void *user_data)
{
    brp_client *client = user_data;
    client->size = 0;
    client->answer = cli_grow(client->answer, 1, 1);
    client->answer[0] = '\0';
    curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, request);
    curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, client);
    const CURLcode code = curl_easy_perform(client->curl);
    answer->nobody = code == CURLE_COULDNT_CONNECT;
    if (code == CURLE_OK) {
        answer->text = client->answer;
        answer->size = client->size;
    } else {
        answer->reason = curl_easy_strerror(code);
    }
}

brp_client *brp_open(const char *url)
{
    brp_client *client = cli_zero(1, sizeof *client);
    client->curl = curl_easy_init();
    client->headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (!client->curl || !client->headers) {
        fprintf(stderr, "dgx-pixels: out of memory\n");
        exit(CLI_MEMORY);
    }
    client->game = (dgxp_game){.struct_size = sizeof client->game,
                               .ask = post,
                               .user_data = client,
                               .cancel = cli_cancel()};
    curl_easy_setopt(client->curl, CURLOPT_URL, url);
    curl_easy_setopt(client->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(client->curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(client->curl, CURLOPT_PROXY,
                     ""); /* the game runs here, whatever http_proxy says */
    curl_easy_setopt(client->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(client->curl, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, client->headers);
    return client;
}

void brp_close(brp_client *client)
{
    if (client) {
        curl_slist_free_all(client->headers);
        curl_easy_cleanup(client->curl);
        free(client->answer);
        free(client);
    }
}

const dgxp_game *brp_game(const brp_client *client)
{
    return client ? &client->game : NULL;
}
