/* Setup key text; see the header.
 *
 *   version(1) port(2) host length(1) host coordinator identity(32) key id(8) seed(32) checksum(4)
 *
 * The checksum ends the text in every version, so that "mistyped" and "newer" can be told apart. */
#include "proto/setup_key.h"

#include <assert.h>
#include <ctype.h>
#include <sodium.h>
#include <string.h>

#include "common/addr.h"
#include "common/buffer.h"
#include "common/cursor.h"
#include "common/error.h"
#include "proto/base32.h"
#include "proto/transcript.h"

enum {
        VERSION = 1,
        CHECKSUM_BYTES = 4,
        LABEL_MAX = 63,
        BYTES_MAX = 1 + 2 + 1 + SETUP_KEY_HOST_MAX + KEY_BYTES + SETUP_KEY_ID_BYTES + KEY_BYTES +
                    CHECKSUM_BYTES,
};

static const char text_prefix[] = "mesh-";

static_assert(sizeof(text_prefix) + (BYTES_MAX * 8 + 4) / 5 <= SETUP_KEY_TEXT_MAX, "text fits");

/* One label of a DNS name: letters, digits and inner hyphens. */
static bool label_valid(const char *label, size_t len)
{
        if (len == 0 || len > LABEL_MAX || label[0] == '-' || label[len - 1] == '-')
                return false;
        for (size_t i = 0; i < len; i++)
                if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-", label[i]))
                        return false;
        return true;
}

bool setup_key_host_valid(const char *host)
{
        struct ip_addr addr;
        if (strlen(host) > SETUP_KEY_HOST_MAX)
                return false;
        if (ip_addr_parse(host, &addr) == 0)
                return true;
        const char *label = host;
        for (;;) {
                size_t len = strcspn(label, ".");
                if (!label_valid(label, len))
                        return false;
                if (label[len] == '\0') /* "1.2.3.400" is a mistake, not a name */
                        return strspn(label, "0123456789") != len;
                label += len + 1;
        }
}

static void checksum(const uint8_t *bytes, size_t len, uint8_t ret_checksum[static CHECKSUM_BYTES])
{
        uint8_t hash[KEY_BYTES];
        struct transcript t = transcript_named("setup-key");
        transcript_add(&t, bytes, len);
        transcript_hash(&t, NULL, hash);
        memcpy(ret_checksum, hash, CHECKSUM_BYTES);
}

static int parse_bytes(const uint8_t *bytes, size_t len, struct setup_key *ret_key)
{
        struct cursor c = cursor_over(bytes, len);
        struct setup_key key = { .port = 0 };
        uint8_t version = cursor_u8(&c);
        key.port = cursor_be16(&c);
        uint8_t host_len = cursor_u8(&c);
        if (version > VERSION)
                return MESH_EVERSION;
        if (version != VERSION || host_len > SETUP_KEY_HOST_MAX)
                return MESH_EFORMAT;
        cursor_copy(&c, key.host, host_len);
        cursor_copy(&c, key.coordinator, sizeof(key.coordinator));
        cursor_copy(&c, key.id, sizeof(key.id));
        cursor_copy(&c, key.seed, sizeof(key.seed));
        int err = 0;
        if (cursor_finish(&c) != 0 || strlen(key.host) != host_len ||
            !setup_key_host_valid(key.host))
                err = MESH_EFORMAT;
        else if (key.port == 0)
                err = MESH_EBADPORT;
        else
                *ret_key = key;
        setup_key_done(&key);
        return err;
}

int setup_key_parse(const char *text, size_t len, struct setup_key *ret_key)
{
        const size_t prefix_len = strlen(text_prefix);
        for (; len > 0 && isspace((unsigned char)text[0]); text++)
                len--;
        while (len > 0 && isspace((unsigned char)text[len - 1]))
                len--;
        if (len < prefix_len || memcmp(text, text_prefix, prefix_len) != 0)
                return MESH_EFORMAT;
        text += prefix_len;
        len -= prefix_len;

        uint8_t bytes[BYTES_MAX], expected[CHECKSUM_BYTES];
        size_t bytes_len = base32_bytes_len(len);
        if (bytes_len > BYTES_MAX)
                return MESH_EFORMAT;
        int err = MESH_ECHECKSUM;
        if (base32_decode(text, len, bytes) != 0 || bytes_len < CHECKSUM_BYTES)
                goto out;
        bytes_len -= CHECKSUM_BYTES;
        checksum(bytes, bytes_len, expected);
        if (sodium_memcmp(bytes + bytes_len, expected, CHECKSUM_BYTES) != 0)
                goto out;
        err = parse_bytes(bytes, bytes_len, ret_key);
out:
        sodium_memzero(bytes, sizeof(bytes));
        return err;
}

int setup_key_format(const struct setup_key *key, char ret_text[static SETUP_KEY_TEXT_MAX])
{
        if (!setup_key_host_valid(key->host))
                return MESH_EFORMAT;
        if (key->port == 0)
                return MESH_EBADPORT;
        const size_t host_len = strlen(key->host);
        const struct {
                const void *bytes;
                size_t len;
        } parts[] = {
                { (uint8_t[]){ VERSION, (uint8_t)(key->port >> 8), (uint8_t)key->port,
                               (uint8_t)host_len },
                  4 },
                { key->host, host_len },
                { key->coordinator, sizeof(key->coordinator) },
                { key->id, sizeof(key->id) },
                { key->seed, sizeof(key->seed) },
        };
        uint8_t bytes[BYTES_MAX];
        size_t len = 0;
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
                memcpy(bytes + len, parts[i].bytes, parts[i].len);
                len += parts[i].len;
        }
        checksum(bytes, len, bytes + len);
        len += CHECKSUM_BYTES;

        const size_t prefix_len = strlen(text_prefix);
        memcpy(ret_text, text_prefix, prefix_len);
        base32_encode(bytes, len, ret_text + prefix_len);
        ret_text[prefix_len + base32_text_len(len)] = '\0';
        sodium_memzero(bytes, sizeof(bytes));
        return 0;
}

void setup_key_identity(const struct setup_key *key, struct identity *ret_identity)
{
        identity_from_seed(key->seed, ret_identity);
}

void setup_key_done(struct setup_key *key)
{
        sodium_memzero(key, sizeof(*key));
}
