/* One unary call to a daemon's Unix socket, waited for.
 *
 * meshctl is a one-shot program: it opens a loop, makes the call, closes the loop. Errors are
 * printed here, once, with the next command to try. */
#pragma once
#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

#include "meshctl/verb.h"

struct arena;

enum rpc_daemon { RPC_AGENT, RPC_COORDINATOR };

enum { RPC_TIMEOUT_MS = 10000 };

struct rpc_reply {
        ProtobufCMessage *message; /* borrowed from the arena; NULL unless the call succeeded */
        struct arena *arena;       /* owned; freed by rpc_reply_done */
};

/* Calls METHOD ("/mesh.v1.Local/Status") at the daemon's socket and unpacks the reply as TYPE.
 * Returns EXIT_OK with ret->message set; or, after the error was printed (as JSON with --json),
 * the exit code that belongs to it. RET is to be freed either way. */
int rpc_call(const struct invocation *in, enum rpc_daemon daemon, const char *method,
             const ProtobufCMessage *request, const ProtobufCMessageDescriptor *type,
             uint64_t timeout_ms, struct rpc_reply *ret);

/* Frees the arena; a zeroed reply is fine. */
void rpc_reply_done(struct rpc_reply *reply);
