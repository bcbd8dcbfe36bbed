/* Two gRPC engines joined in memory; see the header. */
#include "tests/support/grpc_pair.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

void grpc_pair_init(struct grpc_pair *pair, const struct grpc_service *service,
                    const struct grpc_limits *limits)
{
        struct net_peer peer = { .kind = NET_UNIX, .uid = 0 };
        *pair = (struct grpc_pair){ .now_ms = 1000 };
        pair->services[0] = service;
        pair->engine = (struct grpc_engine){
                .limits = limits ? *limits : grpc_limits_default(),
                .services = pair->services,
                .service_count = service ? 1 : 0,
        };
        assert_int_equal(
                grpc_connection_new(&pair->engine, &peer, pair, pair->now_ms, &pair->server), 0);
        assert_int_equal(grpc_client_new(limits, "localhost", false, NULL, NULL, pair->now_ms,
                                         &pair->client),
                         0);
}

void grpc_pair_done(struct grpc_pair *pair)
{
        grpc_client_free(pair->client);
        grpc_connection_free(pair->server);
        *pair = (struct grpc_pair){ 0 };
}

static size_t piece_of(const struct grpc_pair *pair, size_t len)
{
        return pair->chunk > 0 && pair->chunk < len ? pair->chunk : len;
}

static bool client_to_server(struct grpc_pair *pair)
{
        const uint8_t *bytes;
        size_t len;
        if (grpc_client_send_bytes(pair->client, &bytes, &len) != 0 || len == 0)
                return false;
        while (len > 0 && !pair->server_error) {
                size_t piece = piece_of(pair, len);
                pair->server_error =
                        grpc_connection_receive(pair->server, bytes, piece, pair->now_ms);
                bytes += piece;
                len -= piece;
        }
        return true;
}

static bool server_to_client(struct grpc_pair *pair)
{
        const uint8_t *bytes;
        size_t len;
        if (grpc_connection_send(pair->server, &bytes, &len) != 0 || len == 0)
                return false;
        while (len > 0 && !pair->client_error) {
                size_t piece = piece_of(pair, len);
                pair->client_error = grpc_client_receive(pair->client, bytes, piece, pair->now_ms);
                bytes += piece;
                len -= piece;
        }
        return true;
}

void grpc_pair_run(struct grpc_pair *pair)
{
        bool busy = true;
        while (busy) {
                busy = client_to_server(pair);
                busy = server_to_client(pair) || busy;
        }
}

void grpc_pair_wait(struct grpc_pair *pair, uint64_t ms)
{
        pair->now_ms += ms;
        grpc_client_tick(pair->client, pair->now_ms);
        grpc_connection_tick(pair->server, pair->now_ms);
        grpc_pair_run(pair);
}

int grpc_pair_feed(struct grpc_pair *pair, const void *bytes, size_t len)
{
        const uint8_t *out;
        size_t out_len;
        int err = grpc_connection_receive(pair->server, bytes, len, pair->now_ms);
        while (grpc_connection_send(pair->server, &out, &out_len) == 0 && out_len > 0)
                ;
        return err;
}

static void copy_text(char *out, size_t size, const struct grpc_metadata *metadata,
                      const char *name)
{
        const struct grpc_field *field = grpc_metadata_find(metadata, name);
        if (field)
                (void)snprintf(out, size, "%.*s", (int)field->len, (const char *)field->value);
}

static void on_headers(void *user, struct grpc_client_call *call,
                       const struct grpc_metadata *headers)
{
        struct seen *seen = user;
        (void)call;
        seen->headers++;
        copy_text(seen->header, sizeof(seen->header), headers, "x-echo");
}

static void on_message(void *user, struct grpc_client_call *call, const uint8_t *bytes, size_t len)
{
        struct seen *seen = user;
        seen->messages++;
        seen->bytes += len;
        buffer_clear(&seen->last);
        buffer_put(&seen->last, bytes, len);
        if (seen->pause)
                grpc_client_call_pause(call);
}

static void on_writable(void *user, struct grpc_client_call *call)
{
        struct seen *seen = user;
        (void)call;
        seen->writable++;
}

static void on_finished(void *user, struct grpc_client_call *call,
                        const struct grpc_outcome *outcome)
{
        struct seen *seen = user;
        (void)call;
        seen->finished++;
        seen->status = outcome->status;
        (void)snprintf(seen->text, sizeof(seen->text), "%s", outcome->message);
        copy_text(seen->trailer, sizeof(seen->trailer), outcome->trailers, "x-echo-bin");
}

static const struct grpc_client_events seen_events = {
        .headers = on_headers,
        .message = on_message,
        .writable = on_writable,
        .finished = on_finished,
};

struct grpc_client_call *grpc_pair_call(struct grpc_pair *pair, const char *path,
                                        enum grpc_kind kind, uint64_t timeout_ms, struct seen *seen)
{
        static const struct grpc_field metadata[] = {
                { .name = "x-echo", .value = "hello", .len = 5 },
                { .name = "x-echo-bin", .value = "\x01\x02\xff", .len = 3 },
        };
        const struct grpc_client_request request = {
                .path = path,
                .kind = kind,
                .timeout_ms = timeout_ms,
                .metadata = metadata,
                .metadata_count = 2,
                .events = &seen_events,
                .user = seen,
        };
        struct grpc_client_call *call;
        seen->last = buffer_with_max(16 * 1024 * 1024);
        assert_int_equal(grpc_client_call(pair->client, &request, pair->now_ms, &call), 0);
        return call;
}

void seen_done(struct seen *seen)
{
        buffer_done(&seen->last);
}
