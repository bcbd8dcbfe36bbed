/* The coordinator's learnt addresses; see the header. */
#include "agent/state/pins.h"

bool pin_is_demoted(const struct pin *pin)
{
        return pin->failing_since_ms != 0 && pin->failure_ms >= pin->failing_since_ms &&
               pin->failure_ms - pin->failing_since_ms >= PIN_DEMOTED_AFTER_MS;
}

static struct pin *find(struct pins *pins, const struct ip_endpoint *endpoint)
{
        for (size_t i = 0; i < pins->count; i++)
                if (ip_endpoint_compare(&pins->entries[i].endpoint, endpoint) == 0)
                        return &pins->entries[i];
        return NULL;
}

/* Working ones first, the latest success before all; equal ones keep the coordinator's order. */
static bool goes_before(const struct pin *a, const struct pin *b)
{
        bool a_demoted = pin_is_demoted(a), b_demoted = pin_is_demoted(b);
        if (a_demoted != b_demoted)
                return b_demoted;
        return a->success_ms > b->success_ms;
}

/* Insertion sort: stable, and there are at most PINS_MAX. */
static void sort(struct pins *pins)
{
        for (size_t i = 1; i < pins->count; i++) {
                struct pin moved = pins->entries[i];
                size_t at = i;
                for (; at > 0 && goes_before(&moved, &pins->entries[at - 1]); at--)
                        pins->entries[at] = pins->entries[at - 1];
                pins->entries[at] = moved;
        }
}

static void append(struct pins *pins, const struct pin *pin)
{
        if (pins->count < PINS_MAX && !find(pins, &pin->endpoint))
                pins->entries[pins->count++] = *pin;
}

void pins_renew(struct pins *pins, const struct ip_endpoint *endpoints, size_t count)
{
        struct pins renewed = { .count = 0 };
        for (size_t i = 0; i < count; i++) {
                const struct pin *known = find(pins, &endpoints[i]);
                struct pin fresh = { .endpoint = endpoints[i] };
                append(&renewed, known ? known : &fresh);
        }
        for (size_t i = 0; i < pins->count; i++)
                if (!pin_is_demoted(&pins->entries[i]))
                        append(&renewed, &pins->entries[i]);
        if (renewed.count == 0)
                return; /* nothing better than what is known: never forget the last */
        sort(&renewed);
        *pins = renewed;
}

void pins_succeeded(struct pins *pins, const struct ip_endpoint *endpoint, uint64_t now_ms)
{
        struct pin *pin = find(pins, endpoint);
        if (!pin) {
                if (pins->count == PINS_MAX)
                        pins->count--; /* the one that would be tried last */
                pin = &pins->entries[pins->count++];
                *pin = (struct pin){ .endpoint = *endpoint };
        }
        pin->success_ms = now_ms;
        pin->failure_ms = 0;
        pin->failing_since_ms = 0;
        sort(pins);
}

void pins_failed(struct pins *pins, const struct ip_endpoint *endpoint, uint64_t now_ms)
{
        struct pin *pin = find(pins, endpoint);
        if (!pin)
                return;
        if (pin->failing_since_ms == 0 || pin->failing_since_ms > now_ms)
                pin->failing_since_ms = now_ms; /* the first, or a clock that went back */
        pin->failure_ms = now_ms;
        sort(pins);
}
