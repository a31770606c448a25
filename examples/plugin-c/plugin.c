/* getinfo.uptime: how long this machine has been up. */
#include "getinfo_provider.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int say(getinfo_emit emit, void *sink, const char *text)
{
    return emit(sink, text, strlen(text));
}

static int describe(getinfo_emit emit, void *sink)
{
    return say(emit, sink,
        "{\"api\":1,\"method\":\"getinfo.uptime\",\"version\":\"1.0.0\","
        "\"summary\":\"how long this machine has been up\","
        "\"args\":[{\"form\":\"-l\",\"help\":\"add the load averages\"}],"
        "\"examples\":[{\"args\":\"\",\"help\":\"the uptime\"},{\"args\":\"-l\",\"help\":\"the uptime and the load averages\"}],"
        "\"output_schema\":{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"uptime_seconds\",\"load\"],"
        "\"properties\":{"
        "\"uptime_seconds\":{\"type\":\"number\",\"description\":\"The time since boot.\"},"
        "\"load\":{\"type\":[\"object\",\"null\"],\"description\":\"The load averages; null without -l.\","
        "\"additionalProperties\":false,\"required\":[\"one\",\"five\",\"fifteen\"],\"properties\":{"
        "\"one\":{\"type\":\"number\",\"description\":\"Over the last minute.\"},"
        "\"five\":{\"type\":\"number\",\"description\":\"Over the last five minutes.\"},"
        "\"fifteen\":{\"type\":\"number\",\"description\":\"Over the last fifteen minutes.\"}}}}}}");
}

/* Emits an error. The message must not require escaping in JSON. */
static int failed(getinfo_emit emit, void *sink, const char *code, const char *message)
{
    char text[256];
    snprintf(text, sizeof text, "{\"code\":\"%s\",\"message\":\"%s\"}", code, message);
    say(emit, sink, text);
    return 1;
}

/* Reads the first words of a file, at most three. They are numbers that are valid in JSON. */
static int words(const char *path, char word[3][32])
{
    FILE *file = fopen(path, "re");
    int found;
    if (!file)
        return 0;
    found = fscanf(file, "%31[0-9.] %31[0-9.] %31[0-9.]", word[0], word[1], word[2]);
    fclose(file);
    return found;
}

/* Returns whether the request's arguments, split as a shell splits them, are these: a JSON list
 * without white space, as the host writes it. No JSON string can contain the text sought here. */
static int has_words(const char *request, size_t len, const char *list)
{
    char wanted[64];
    const int length = snprintf(wanted, sizeof wanted, ",\"words\":%s", list);
    const char *at = request;
    while (length > 0 && (at = memchr(at, ',', len - (size_t)(at - request))) != NULL) {
        if (len - (size_t)(at - request) < (size_t)length)
            return 0;
        if (memcmp(at, wanted, (size_t)length) == 0)
            return 1;
        at++;
    }
    return 0;
}

static int call(const char *request, size_t len, getinfo_emit emit, void *sink)
{
    char uptime[3][32], load[3][32], text[256];
    int with_load = has_words(request, len, "[\"-l\"]");

    /* The host replies to -h from the description, because it is a usage error here. */
    if (!with_load && !has_words(request, len, "[]"))
        return failed(emit, sink, "usage", "unknown argument; expected -l");
    if (words("/proc/uptime", uptime) < 1)
        return failed(emit, sink, "unreadable", "unexpected content in /proc/uptime");
    if (with_load) {
        if (words("/proc/loadavg", load) < 3)
            return failed(emit, sink, "unreadable", "unexpected content in /proc/loadavg");
        snprintf(text, sizeof text, "{\"uptime_seconds\":%s,\"load\":{\"one\":%s,\"five\":%s,\"fifteen\":%s}}",
                 uptime[0], load[0], load[1], load[2]);
    } else {
        snprintf(text, sizeof text, "{\"uptime_seconds\":%s,\"load\":null}", uptime[0]);
    }
    return say(emit, sink, text);
}

GETINFO_PROVIDER_EXPORT const struct getinfo_provider_v1 getinfo_provider_v1 = {
    sizeof(struct getinfo_provider_v1), GETINFO_ABI_MAJOR, GETINFO_ABI_MINOR, 0, describe, call
};
