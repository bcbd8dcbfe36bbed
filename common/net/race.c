/* Racing of addresses; see the header. */
#include "common/net/race.h"

const char *race_via_name(enum race_via via)
{
        return via == RACE_VIA_PIN ? "pin" : "resolver";
}

void race_init(struct race *race, bool resolving, uint64_t now_ms)
{
        *race = (struct race){ .resolving = resolving, .next_at_ms = now_ms };
}

void race_add(struct race *race, const struct ip_endpoint *address, enum race_via via)
{
        for (size_t i = 0; i < race->count; i++) {
                if (ip_endpoint_compare(&race->candidates[i].address, address) == 0)
                        return;
        }
        if (race->count == RACE_CANDIDATES_MAX)
                return;
        race->candidates[race->count++] =
                (struct race_candidate){ .address = *address, .via = via };
}

void race_resolved(struct race *race)
{
        race->resolving = false;
}

void race_connected(struct race *race, size_t index, uint64_t now_ms)
{
        race->candidates[index].state = RACE_CONNECTED;
        if (race->next_at_ms < now_ms + RACE_PROOF_MS)
                race->next_at_ms = now_ms + RACE_PROOF_MS;
}

/* Whether somebody else is being waited for: then a failure does not hurry the race. */
static bool is_proving(const struct race *race)
{
        for (size_t i = 0; i < race->count; i++) {
                if (race->candidates[i].state == RACE_CONNECTED)
                        return true;
        }
        return false;
}

void race_failed(struct race *race, size_t index, uint64_t now_ms)
{
        race->candidates[index].state = RACE_FAILED;
        if (!is_proving(race))
                race->next_at_ms = now_ms;
}

/* The first waiting candidate of a source; race->count if there is none. */
static size_t first_waiting(const struct race *race, enum race_via via)
{
        size_t i = 0;
        while (i < race->count &&
               (race->candidates[i].via != via || race->candidates[i].state != RACE_WAITING))
                i++;
        return i;
}

/* Sources take turns; the pins begin. */
static size_t pick(const struct race *race)
{
        bool pin_turn = !race->began || race->last == RACE_VIA_RESOLVER;
        enum race_via turn = pin_turn ? RACE_VIA_PIN : RACE_VIA_RESOLVER;
        enum race_via other = pin_turn ? RACE_VIA_RESOLVER : RACE_VIA_PIN;
        size_t index = first_waiting(race, turn);
        return index < race->count ? index : first_waiting(race, other);
}

bool race_start_next(struct race *race, uint64_t now_ms, size_t *ret_index)
{
        size_t index = pick(race);
        if (index == race->count || now_ms < race->next_at_ms)
                return false;
        race->candidates[index].state = RACE_CONNECTING;
        race->began = true;
        race->last = race->candidates[index].via;
        race->next_at_ms = now_ms + RACE_STAGGER_MS;
        *ret_index = index;
        return true;
}

uint64_t race_next_ms(const struct race *race)
{
        return pick(race) < race->count ? race->next_at_ms : UINT64_MAX;
}

bool race_is_lost(const struct race *race)
{
        if (race->resolving)
                return false;
        for (size_t i = 0; i < race->count; i++) {
                if (race->candidates[i].state != RACE_FAILED)
                        return false;
        }
        return true;
}
