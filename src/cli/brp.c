/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The Bevy Remote Protocol: JSON-RPC 2.0 by HTTP POST. */
#include "cli/brp.h"

#include "cli/inputs.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_LIMIT = 16 << 20, TIMEOUT_MS = 3000, METHOD_NOT_FOUND = -32601 };

struct brp_client {
    CURL *curl;
    struct curl_slist *headers;
    char reason[512];
    char *answer;
    size_t size;
};

brp_client *brp_open(const char *url)
{
    brp_client *client = cli_zero(1, sizeof *client);
    client->curl = curl_easy_init();
    client->headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (!client->curl || !client->headers) {
        brp_close(client);
        return NULL;
    }
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

const char *brp_reason(const brp_client *client)
{
    return client->reason;
}

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

static brp_outcome read_answer(brp_client *client, json_t **result)
{
    json_error_t error;
    json_t *answer = json_loadb(client->answer ? client->answer : "", client->size, 0, &error);
    const json_t *failure = json_object_get(answer, "error");
    json_t *value = json_object_get(answer, "result");
    brp_outcome outcome = BRP_FAILED;
    if (failure) {
        const char *message = json_string_value(json_object_get(failure, "message"));
        const json_int_t code = json_integer_value(json_object_get(failure, "code"));
        snprintf(client->reason, sizeof client->reason, "%s", message ? message : "an error");
        outcome = code == METHOD_NOT_FOUND ? BRP_NO_METHOD : BRP_FAILED;
    } else if (value) {
        *result = json_incref(value);
        outcome = BRP_OK;
    } else {
        snprintf(client->reason, sizeof client->reason,
                 "what listens there does not speak the Bevy Remote Protocol");
    }
    json_decref(answer);
    return outcome;
}

brp_outcome brp_call(brp_client *client, const char *method, json_t *params, json_t **result)
{
    json_t *request = json_pack("{ss, si, ss, so?}", "jsonrpc", "2.0", "id", 1, "method", method,
                                "params", params);
    char *body = json_dumps(request, JSON_COMPACT);
    client->size = 0;
    client->reason[0] = '\0';
    curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, client);
    const CURLcode code = curl_easy_perform(client->curl);
    json_decref(request);
    free(body);
    if (code == CURLE_OK) {
        return read_answer(client, result);
    }
    snprintf(client->reason, sizeof client->reason, "%s", curl_easy_strerror(code));
    return code == CURLE_COULDNT_CONNECT ? BRP_NO_APP : BRP_FAILED;
}
