/* Intervals over packets; see the header. */
#include "firewall/portset.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"

enum { PORTS = 0x10000 };

void portset_done(struct portset *set)
{
        free(set->spans);
        *set = (struct portset){ 0 };
}

void portset_clear(struct portset *set)
{
        set->count = 0;
}

static int add_span(struct portset *set, struct port_span span)
{
        if (set->count == set->capacity) {
                size_t capacity = set->capacity ? set->capacity * 2 : 4;
                struct port_span *spans = reallocarray(set->spans, capacity, sizeof(*spans));
                if (!spans)
                        return MESH_ENOMEM;
                set->spans = spans;
                set->capacity = capacity;
        }
        set->spans[set->count++] = span;
        return 0;
}

int portset_add_range(struct portset *set, uint16_t protocol, struct port_range ports)
{
        if (protocol == ACCESS_PROTOCOL_ANY)
                return add_span(set, (struct port_span){ 0, PORTSET_LAST });
        uint32_t base = (uint32_t)protocol * PORTS;
        if (!protocol_has_ports(protocol))
                return add_span(set, (struct port_span){ base, base + PORTS - 1 });
        return add_span(set, (struct port_span){ base + ports.low, base + ports.high });
}

int portset_add_spec(struct portset *set, const struct port_spec *spec)
{
        return portset_add_range(set, spec->protocol, spec->ports);
}

int portset_add_set(struct portset *set, const struct portset *other)
{
        int err = 0;
        for (size_t i = 0; i < other->count && !err; i++)
                err = add_span(set, other->spans[i]);
        return err;
}

static int compare_spans(const void *a, const void *b)
{
        const struct port_span *left = a, *right = b;
        return left->low < right->low ? -1 : left->low > right->low;
}

void portset_settle(struct portset *set)
{
        if (set->count < 2)
                return;
        qsort(set->spans, set->count, sizeof(set->spans[0]), compare_spans);
        size_t kept = 0;
        for (size_t i = 1; i < set->count; i++) {
                struct port_span *last = &set->spans[kept];
                if (set->spans[i].low > last->high + 1)
                        set->spans[++kept] = set->spans[i];
                else if (set->spans[i].high > last->high)
                        last->high = set->spans[i].high;
        }
        set->count = kept + 1;
}

uint32_t portset_number(uint16_t protocol, uint16_t port)
{
        if (protocol == IPPROTO_ICMPV6)
                protocol = ACCESS_PROTOCOL_ICMP;
        return (uint32_t)protocol * PORTS + (protocol_has_ports(protocol) ? port : 0);
}

bool portset_has(const struct portset *set, uint32_t number)
{
        for (size_t i = 0; i < set->count && set->spans[i].low <= number; i++)
                if (number <= set->spans[i].high)
                        return true;
        return false;
}

bool portset_equal(const struct portset *a, const struct portset *b)
{
        return a->count == b->count &&
               (a->count == 0 || memcmp(a->spans, b->spans, a->count * sizeof(a->spans[0])) == 0);
}
