/* See member.h. The packed form: version 1, fixed fields, then counted lists; big-endian. */
#include "coordinator/netmap/member.h"

#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/cursor.h"
#include "common/error.h"

enum { PACKED_VERSION = 1 };

static int tag_order(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorts TAGS, drops duplicates; returns how many are left. */
static size_t tags_normalise(const char **tags, size_t count)
{
        size_t kept = 0;
        if (count > 1)
                qsort(tags, count, sizeof(*tags), tag_order);
        for (size_t i = 0; i < count; i++)
                if (kept == 0 || strcmp(tags[kept - 1], tags[i]))
                        tags[kept++] = tags[i];
        return kept;
}

static bool text_fits(const char *text)
{
        return strnlen(text, LABEL_MAX + 1) <= LABEL_MAX;
}

struct member *member_new(const struct member *image)
{
        const char *tags[MEMBER_MAX_TAGS];
        size_t text_bytes = 0;
        if (image->tag_count > MEMBER_MAX_TAGS || image->endpoint_count > MEMBER_MAX_ENDPOINTS)
                return NULL;
        for (size_t i = 0; i < image->tag_count; i++)
                if (!text_fits(tags[i] = image->tags[i]))
                        return NULL;
        size_t tag_count = tags_normalise(tags, image->tag_count);
        for (size_t i = 0; i < tag_count; i++)
                text_bytes += strlen(tags[i]) + 1;

        /* One block: the value, its endpoints, its tag pointers, their text. */
        size_t endpoint_bytes = image->endpoint_count * sizeof(struct ip_endpoint);
        struct member *m =
                calloc(1, sizeof(*m) + tag_count * sizeof(char *) + endpoint_bytes + text_bytes);
        if (!m)
                return NULL;
        *m = *image;
        m->refs = 1;
        const char **own_tags = (const char **)(m + 1);
        struct ip_endpoint *own_endpoints = (struct ip_endpoint *)(own_tags + tag_count);
        char *text = (char *)(own_endpoints + image->endpoint_count);
        for (size_t i = 0; i < tag_count; i++) {
                size_t len = strlen(tags[i]) + 1;
                memcpy(text, tags[i], len);
                own_tags[i] = text;
                text += len;
        }
        if (endpoint_bytes)
                memcpy(own_endpoints, image->endpoints, endpoint_bytes);
        m->tags = own_tags;
        m->tag_count = tag_count;
        m->endpoints = own_endpoints;
        return m;
}

struct member *member_ref(const struct member *member)
{
        struct member *m = (struct member *)member;
        if (m)
                m->refs++;
        return m;
}

void member_unref(const struct member *member)
{
        struct member *m = (struct member *)member;
        if (m && --m->refs == 0)
                free(m);
}

bool member_equal(const struct member *a, const struct member *b)
{
        if (memcmp(a->id, b->id, sizeof(a->id)) ||
            memcmp(a->identity, b->identity, sizeof(a->identity)) ||
            memcmp(a->wireguard_key, b->wireguard_key, sizeof(a->wireguard_key)) ||
            memcmp(a->signal_key, b->signal_key, sizeof(a->signal_key)) ||
            memcmp(a->signal_key_signature, b->signal_key_signature,
                   sizeof(a->signal_key_signature)) ||
            ip_addr_compare(&a->v4, &b->v4) || ip_addr_compare(&a->v6, &b->v6) ||
            strcmp(a->name, b->name) || a->name_pending != b->name_pending ||
            a->recreate != b->recreate || a->tag_count != b->tag_count ||
            a->endpoint_count != b->endpoint_count)
                return false;
        for (size_t i = 0; i < a->tag_count; i++)
                if (strcmp(a->tags[i], b->tags[i]))
                        return false;
        for (size_t i = 0; i < a->endpoint_count; i++)
                if (ip_endpoint_compare(&a->endpoints[i], &b->endpoints[i]))
                        return false;
        return true;
}

static void put_text(struct buffer *out, const char *text)
{
        size_t len = strlen(text);
        buffer_put_u8(out, (uint8_t)len);
        buffer_put(out, text, len);
}

static void put_addr(struct buffer *out, const struct ip_addr *addr)
{
        buffer_put_u8(out, addr->len);
        buffer_put(out, addr->bytes, addr->len);
}

void member_pack(const struct member *m, struct buffer *out)
{
        buffer_put_u8(out, PACKED_VERSION);
        buffer_put(out, m->id, sizeof(m->id));
        buffer_put(out, m->identity, sizeof(m->identity));
        buffer_put(out, m->wireguard_key, sizeof(m->wireguard_key));
        buffer_put(out, m->signal_key, sizeof(m->signal_key));
        buffer_put(out, m->signal_key_signature, sizeof(m->signal_key_signature));
        put_addr(out, &m->v4);
        put_addr(out, &m->v6);
        put_text(out, m->name);
        buffer_put_u8(out, m->name_pending);
        buffer_put_be32(out, m->recreate);
        buffer_put_u8(out, (uint8_t)m->tag_count);
        for (size_t i = 0; i < m->tag_count; i++)
                put_text(out, m->tags[i]);
        buffer_put_u8(out, (uint8_t)m->endpoint_count);
        for (size_t i = 0; i < m->endpoint_count; i++) {
                put_addr(out, &m->endpoints[i].addr);
                buffer_put_be16(out, m->endpoints[i].port);
        }
}

static void take_text(struct cursor *c, char out[static LABEL_MAX + 1])
{
        size_t len = cursor_u8(c);
        if (len > LABEL_MAX)
                c->failed = true;
        else
                cursor_copy(c, out, len);
        out[c->failed ? 0 : len] = 0;
}

static struct ip_addr take_addr(struct cursor *c)
{
        struct ip_addr addr = { 0 };
        size_t len = cursor_u8(c);
        const uint8_t *bytes = cursor_take(c, len);
        if (bytes && len && ip_addr_from_bytes(bytes, len, &addr))
                c->failed = true;
        return addr;
}

int member_unpack(const void *bytes, size_t len, struct member **ret_member)
{
        struct cursor c = cursor_over(bytes, len);
        struct member m = { 0 };
        char text[MEMBER_MAX_TAGS][LABEL_MAX + 1];
        const char *tags[MEMBER_MAX_TAGS];
        struct ip_endpoint endpoints[MEMBER_MAX_ENDPOINTS] = { 0 };

        if (cursor_u8(&c) != PACKED_VERSION)
                return c.failed ? MESH_ETRUNCATED : MESH_EVERSION;
        cursor_copy(&c, m.id, sizeof(m.id));
        cursor_copy(&c, m.identity, sizeof(m.identity));
        cursor_copy(&c, m.wireguard_key, sizeof(m.wireguard_key));
        cursor_copy(&c, m.signal_key, sizeof(m.signal_key));
        cursor_copy(&c, m.signal_key_signature, sizeof(m.signal_key_signature));
        m.v4 = take_addr(&c);
        m.v6 = take_addr(&c);
        take_text(&c, m.name);
        m.name_pending = cursor_u8(&c) != 0;
        m.recreate = cursor_be32(&c);
        m.tag_count = cursor_u8(&c);
        if (m.tag_count > MEMBER_MAX_TAGS)
                return MESH_EFORMAT;
        for (size_t i = 0; i < m.tag_count; i++) {
                take_text(&c, text[i]);
                tags[i] = text[i];
        }
        m.endpoint_count = cursor_u8(&c);
        if (m.endpoint_count > MEMBER_MAX_ENDPOINTS)
                return MESH_EFORMAT;
        for (size_t i = 0; i < m.endpoint_count; i++) {
                endpoints[i].addr = take_addr(&c);
                endpoints[i].port = cursor_be16(&c);
        }
        int err = cursor_finish(&c);
        if (err)
                return err;
        m.tags = tags;
        m.endpoints = endpoints;
        *ret_member = member_new(&m);
        return *ret_member ? 0 : MESH_ENOMEM;
}
