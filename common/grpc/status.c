/* Status codes and messages; see the header. */
#include "common/grpc/status.h"

#include <nghttp2/nghttp2.h>
#include <string.h>

#include "common/buffer.h"

static const char *const names[] = {
        [GRPC_OK] = "OK",
        [GRPC_CANCELLED] = "CANCELLED",
        [GRPC_UNKNOWN] = "UNKNOWN",
        [GRPC_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
        [GRPC_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
        [GRPC_NOT_FOUND] = "NOT_FOUND",
        [GRPC_ALREADY_EXISTS] = "ALREADY_EXISTS",
        [GRPC_PERMISSION_DENIED] = "PERMISSION_DENIED",
        [GRPC_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
        [GRPC_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
        [GRPC_ABORTED] = "ABORTED",
        [GRPC_OUT_OF_RANGE] = "OUT_OF_RANGE",
        [GRPC_UNIMPLEMENTED] = "UNIMPLEMENTED",
        [GRPC_INTERNAL] = "INTERNAL",
        [GRPC_UNAVAILABLE] = "UNAVAILABLE",
        [GRPC_DATA_LOSS] = "DATA_LOSS",
        [GRPC_UNAUTHENTICATED] = "UNAUTHENTICATED",
};

enum { STATUS_COUNT = sizeof(names) / sizeof(names[0]) };

const char *grpc_status_name(enum grpc_status status)
{
        return (unsigned)status < STATUS_COUNT ? names[status] : names[GRPC_UNKNOWN];
}

enum grpc_status grpc_status_parse(const char *text, size_t len)
{
        unsigned value = 0;
        if (len == 0 || len > 2 || (len == 2 && text[0] == '0'))
                return GRPC_UNKNOWN;
        for (size_t i = 0; i < len; i++) {
                if (text[i] < '0' || text[i] > '9')
                        return GRPC_UNKNOWN;
                value = value * 10 + (unsigned)(text[i] - '0');
        }
        return value < STATUS_COUNT ? (enum grpc_status)value : GRPC_UNKNOWN;
}

void grpc_message_encode(const char *message, struct buffer *out)
{
        static const char hex[] = "0123456789ABCDEF";
        for (const char *at = message; *at != '\0'; at++) {
                uint8_t byte = (uint8_t)*at;
                if (byte >= 0x20 && byte <= 0x7e && byte != '%') {
                        buffer_put_u8(out, byte);
                        continue;
                }
                const char escaped[3] = { '%', hex[byte >> 4], hex[byte & 15] };
                buffer_put(out, escaped, sizeof(escaped));
        }
}

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return -1;
}

void grpc_message_decode(const char *text, size_t len, struct buffer *out)
{
        for (size_t i = 0; i < len; i++) {
                int high = -1, low = -1;
                if (text[i] == '%' && len - i > 2) {
                        high = hex_digit(text[i + 1]);
                        low = hex_digit(text[i + 2]);
                }
                /* A NUL would hide what follows it from everyone who prints the text. */
                if (high < 0 || low < 0 || (high | low) == 0) {
                        buffer_put_u8(out, (uint8_t)text[i]);
                        continue;
                }
                buffer_put_u8(out, (uint8_t)(high << 4 | low));
                i += 2;
        }
}

enum grpc_status grpc_status_from_http(unsigned http_status)
{
        static const struct {
                unsigned http;
                enum grpc_status status;
        } table[] = {
                { 400, GRPC_INTERNAL },          { 401, GRPC_UNAUTHENTICATED },
                { 403, GRPC_PERMISSION_DENIED }, { 404, GRPC_UNIMPLEMENTED },
                { 429, GRPC_UNAVAILABLE },       { 431, GRPC_INTERNAL },
                { 502, GRPC_UNAVAILABLE },       { 503, GRPC_UNAVAILABLE },
                { 504, GRPC_UNAVAILABLE },
        };
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                if (table[i].http == http_status)
                        return table[i].status;
        }
        return GRPC_UNKNOWN;
}

enum grpc_status grpc_status_from_h2(uint32_t h2_error)
{
        static const struct {
                uint32_t h2;
                enum grpc_status status;
        } table[] = {
                { NGHTTP2_REFUSED_STREAM, GRPC_UNAVAILABLE },
                { NGHTTP2_CANCEL, GRPC_CANCELLED },
                { NGHTTP2_ENHANCE_YOUR_CALM, GRPC_RESOURCE_EXHAUSTED },
                { NGHTTP2_INADEQUATE_SECURITY, GRPC_PERMISSION_DENIED },
        };
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                if (table[i].h2 == h2_error)
                        return table[i].status;
        }
        return GRPC_INTERNAL;
}
