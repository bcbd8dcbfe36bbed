/* Addresses of the coordinator that this host has learnt: the pin (06-boot.md, point 3).
 *
 * A plain value: which addresses are known, when each last worked, and in which order to try them.
 * Not the config's `pin:` addresses (those are always tried) and not the identity: whichever
 * address answers must still prove that. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

enum {
        PINS_MAX = 16,
        PIN_DEMOTED_AFTER_MS = 24 * 3600 * 1000, /* of failing */
};

struct pin {
        struct ip_endpoint endpoint;
        uint64_t success_ms;       /* Unix time it last proved the coordinator; 0: never */
        uint64_t failure_ms;       /* Unix time it last failed since; 0: not since */
        uint64_t failing_since_ms; /* the first of those failures; 0: none */
};

/* In the order in which they are tried. */
struct pins {
        struct pin entries[PINS_MAX];
        size_t count;
};

/* An authenticated coordinator said: these are my addresses. Known ones keep their record; ones it
 * no longer names stay, behind, until they have failed for a day. At most PINS_MAX are kept. */
void pins_renew(struct pins *pins, const struct ip_endpoint *endpoints, size_t count);

/* ENDPOINT led to the authenticated coordinator at NOW_MS: it is added if new, and tried first. */
void pins_succeeded(struct pins *pins, const struct ip_endpoint *endpoint, uint64_t now_ms);

/* ENDPOINT did not answer, or not as the coordinator. After a day of it the pin goes behind the
 * others; it is never forgotten here. An unknown endpoint is ignored. */
void pins_failed(struct pins *pins, const struct ip_endpoint *endpoint, uint64_t now_ms);

/* Whether the pin has failed for a day. */
bool pin_is_demoted(const struct pin *pin);
