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

/* Finds the value of "args" in the request and its length. The host writes it first, without white space. */
static const char *arguments(const char *request, size_t len, size_t *length)
{
    static const char key[] = "{\"args\":\"";
    const size_t skip = sizeof key - 1;
    const char *end;
    if (len < skip || memcmp(request, key, skip) != 0)
        return NULL;
    end = memchr(request + skip, '"', len - skip);
    if (!end)
        return NULL;
    *length = (size_t)(end - request) - skip;
    return request + skip;
}

static int call(const char *request, size_t len, getinfo_emit emit, void *sink)
{
    char uptime[3][32], load[3][32], text[256];
    size_t length = 0;
    const char *args = arguments(request, len, &length);
    int with_load = args && length == 2 && memcmp(args, "-l", 2) == 0;

    if (!args || (length != 0 && !with_load))
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
