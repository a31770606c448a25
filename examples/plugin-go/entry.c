/* The object that the interface requires; cgo itself exports only functions. */
#include "getinfo_provider.h"

int describe(getinfo_emit emit, void *sink);
int call(char *request, size_t len, getinfo_emit emit, void *sink);

static int called(const char *request, size_t len, getinfo_emit emit, void *sink)
{
    return call((char *)request, len, emit, sink);
}

GETINFO_PROVIDER_EXPORT const struct getinfo_provider_v1 getinfo_provider_v1 = {
    sizeof(struct getinfo_provider_v1), GETINFO_ABI_MAJOR, GETINFO_ABI_MINOR, 0, describe, called
};
