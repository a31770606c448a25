/* The C interface of a BasicAgent plugin, version 1.
 *
 * A plugin is a shared library named after its method: getinfo.kernel is libgetinfo_kernel.so.
 * It exports one object, getinfo_provider_v1; the host requires nothing else:
 *
 *     static int describe(getinfo_emit emit, void *sink)
 *     {
 *         static const char text[] = "{\"api\":1,\"method\":\"getinfo.hello\",\"summary\":\"says hello\"}";
 *         emit(sink, text, sizeof text - 1);
 *         return 0;
 *     }
 *
 *     static int call(const char *request, size_t len, getinfo_emit emit, void *sink)
 *     {
 *         (void)request; (void)len;
 *         emit(sink, "\"hello\"", 7);
 *         return 0;
 *     }
 *
 *     GETINFO_PROVIDER_EXPORT const struct getinfo_provider_v1 getinfo_provider_v1 = {
 *         sizeof(struct getinfo_provider_v1), GETINFO_ABI_MAJOR, GETINFO_ABI_MINOR, 0, describe, call
 *     };
 *
 *     cc -shared -fPIC -o libgetinfo_hello.so hello.c
 *
 * Plugin and host never free each other's memory: the plugin emits a reply in pieces, and the host
 * copies and counts them.
 */
#ifndef GETINFO_PROVIDER_H
#define GETINFO_PROVIDER_H

#include <stddef.h>
#include <stdint.h>

#define GETINFO_ABI_MAJOR 1
#define GETINFO_ABI_MINOR 0

#if defined(__GNUC__)
#define GETINFO_PROVIDER_EXPORT __attribute__((visibility("default")))
#else
#define GETINFO_PROVIDER_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Receives the next piece of the reply. Returns 0 to continue; another value if the reply has become
 * too long and the host ignores the rest. Call it only within the function that it was passed to. */
typedef int (*getinfo_emit)(void *sink, const char *piece, size_t len);

struct getinfo_provider_v1 {
    uint32_t size;      /* sizeof(struct getinfo_provider_v1) */
    uint16_t abi_major; /* GETINFO_ABI_MAJOR */
    uint16_t abi_minor; /* GETINFO_ABI_MINOR */
    uint32_t flags;     /* 0 */

    /* Emits {"api":1,"method":"getinfo.NAME","version":"…","summary":"…","usage":"…",
     * "args":[{"form":"-U NAME","help":"…"}],"needs_root":false,"examples":[{"args":"…","help":"…"}]},
     * where only "method" is required. Returns 0. */
    int (*describe)(getinfo_emit emit, void *sink);

    /* request: {"args":"-l 'a b'","ctx":{"api":1,"deadline_ms":5000,"caller_uid":0,
     * "max_reply":4194304},"words":["-l","a b"]}: len bytes of UTF-8, not NUL-terminated; ignore
     * unknown keys. words is args split as a shell splits it; use it instead of args.
     * Emits one JSON value in UTF-8 (no key twice in an object, no lone surrogates, no number beyond
     * a double, at most 29 levels) and returns 0; or emits {"code":"usage","message":"…"} and
     * returns 1 ("usage": the arguments are wrong; choose other codes for other errors). Where -h
     * or --help is a usage error, the host replies with the description instead; where --schema is
     * one, with {"schema":…}, the description's "output_schema".
     * The host makes one call at a time. */
    int (*call)(const char *request, size_t len, getinfo_emit emit, void *sink);
};

/* Defined by the plugin. */
extern GETINFO_PROVIDER_EXPORT const struct getinfo_provider_v1 getinfo_provider_v1;

#ifdef __cplusplus
}
#endif
#endif
