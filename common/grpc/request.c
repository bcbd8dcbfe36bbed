/* Request heads; see the header. */
#include "common/grpc/request.h"

#include <string.h>

#include "common/grpc/timeout.h"

void grpc_request_head_init(struct grpc_request_head *head)
{
        *head = (struct grpc_request_head){ .metadata = grpc_metadata_empty() };
}

void grpc_request_head_done(struct grpc_request_head *head)
{
        grpc_metadata_done(&head->metadata);
}

static void refuse(struct grpc_request_head *head, enum grpc_status status, const char *why)
{
        if (head->refusal)
                return;
        head->refused = status;
        head->refusal = why;
}

static bool is_text(const char *text, size_t len, const char *other)
{
        return strlen(other) == len && memcmp(text, other, len) == 0;
}

static void take_method(struct grpc_request_head *head, const char *value, size_t len)
{
        head->post = is_text(value, len, "POST");
}

static void take_path(struct grpc_request_head *head, const char *value, size_t len)
{
        if (len >= sizeof(head->path)) {
                refuse(head, GRPC_UNIMPLEMENTED, "unknown method");
                return;
        }
        memcpy(head->path, value, len);
        head->path[len] = '\0';
}

/* "application/grpc", alone or with parameters, or with "+proto": other encodings are not ours. */
static void take_content_type(struct grpc_request_head *head, const char *value, size_t len)
{
        static const char type[] = "application/grpc", suffix[] = "+proto";
        size_t type_len = sizeof(type) - 1, suffix_len = sizeof(suffix) - 1;
        if (len < type_len || memcmp(value, type, type_len) != 0)
                return;
        value += type_len;
        len -= type_len;
        if (len >= suffix_len && memcmp(value, suffix, suffix_len) == 0) {
                value += suffix_len;
                len -= suffix_len;
        }
        head->grpc = len == 0 || value[0] == ';' || value[0] == ' ';
}

static void take_timeout(struct grpc_request_head *head, const char *value, size_t len)
{
        head->has_timeout = grpc_timeout_parse(value, len, &head->timeout_ms) == 0;
        if (!head->has_timeout)
                refuse(head, GRPC_INVALID_ARGUMENT, "malformed grpc-timeout");
}

static void take_encoding(struct grpc_request_head *head, const char *value, size_t len)
{
        head->compressed = !is_text(value, len, "identity");
}

static const struct {
        const char *name;
        void (*take)(struct grpc_request_head *head, const char *value, size_t len);
} known[] = {
        { ":method", take_method },
        { ":path", take_path },
        { "content-type", take_content_type },
        { "grpc-timeout", take_timeout },
        { "grpc-encoding", take_encoding },
};

void grpc_request_head_field(struct grpc_request_head *head, const char *name, size_t name_len,
                             const char *value, size_t value_len, size_t max_bytes)
{
        head->bytes += name_len + value_len + 32; /* RFC 9113, section 10.5.1 */
        if (head->bytes > max_bytes) {
                head->too_large = true;
                refuse(head, GRPC_RESOURCE_EXHAUSTED, "request headers too large");
                return;
        }
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
                if (is_text(name, name_len, known[i].name)) {
                        known[i].take(head, value, value_len);
                        return;
                }
        }
        if (grpc_metadata_is_reserved(name, name_len))
                return;
        if (grpc_metadata_add_wire(&head->metadata, name, name_len, value, value_len) != 0)
                refuse(head, GRPC_INVALID_ARGUMENT, "malformed or too much metadata");
}

unsigned grpc_request_head_http_status(const struct grpc_request_head *head)
{
        if (head->too_large && !head->grpc)
                return 431;
        if (!head->post)
                return 405;
        return head->grpc ? 200 : 415;
}
