/* Any bytes from a client at the server engine, after a sound preface; the handlers echo. */
#include <stddef.h>
#include <stdint.h>

#include "common/grpc/connection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void echo(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        (void)grpc_call_reply(call, bytes, len % 2);
        if (len % 3 == 1)
                grpc_call_pause(call);
}

static const struct grpc_handler handler = { .message = echo };
static const struct grpc_method methods[] = { { "/U", GRPC_UNARY, &handler, 0 },
                                              { "/B", GRPC_BIDI, &handler, 100 } };
static const struct grpc_service service = { methods, 2, NULL };
static const struct grpc_service *const services[] = { &service };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
        struct grpc_engine engine = { .limits = grpc_limits_default(),
                                      .services = services,
                                      .service_count = 1 };
        struct net_peer peer = { .kind = NET_UNIX };
        struct grpc_connection *c;
        const uint8_t *out;
        size_t len, piece = size > 0 ? (size_t)data[0] + 1 : 1;
        if (grpc_connection_new(&engine, &peer, NULL, 0, &c) != 0)
                return 0;
        (void)grpc_connection_receive(c, (const uint8_t *)preface, sizeof(preface), 0);
        for (size_t at = 1; at < size; at += piece) {
                len = size - at < piece ? size - at : piece;
                (void)grpc_connection_receive(c, data + at, len, at);
                while (grpc_connection_send(c, &out, &len) == 0 && len > 0)
                        ;
                grpc_connection_tick(c, at * 10);
        }
        grpc_connection_free(c);
        return 0;
}
