/* From an engine to its transport; see the header. */
#include "common/grpc/pump.h"

#include <string.h>

#include "common/net/transport.h"

enum { CHUNK_BYTES = 16 * 1024 };

struct chunk {
        struct transport *transport;
        size_t used;
        uint8_t bytes[CHUNK_BYTES];
};

static int write_out(struct chunk *chunk)
{
        size_t len = chunk->used;
        chunk->used = 0;
        return len > 0 ? transport_write(chunk->transport, chunk->bytes, len) : 0;
}

static int collect(struct chunk *chunk, const uint8_t *bytes, size_t len)
{
        int err = 0;
        if (len > sizeof(chunk->bytes) - chunk->used)
                err = write_out(chunk);
        if (!err && len > sizeof(chunk->bytes))
                return transport_write(chunk->transport, bytes, len);
        if (!err) {
                memcpy(chunk->bytes + chunk->used, bytes, len);
                chunk->used += len;
        }
        return err;
}

int grpc_pump(struct transport *transport, grpc_pump_next *next, void *engine)
{
        struct chunk chunk;
        const uint8_t *bytes;
        size_t len = 1;
        int err = 0, write_err = 0;
        chunk.transport = transport;
        chunk.used = 0;
        while (!err && !write_err && len > 0 && !transport_is_full(transport)) {
                err = next(engine, &bytes, &len);
                if (!err && len > 0)
                        write_err = collect(&chunk, bytes, len);
        }
        if (!write_err)
                write_err = write_out(&chunk);
        return err ? err : write_err;
}
