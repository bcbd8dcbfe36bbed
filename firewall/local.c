/* Values of the local firewall config: defaults and additions. */
#include "firewall/local.h"

#include <netinet/in.h>
#include <string.h>

#include "common/arena.h"
#include "common/error.h"

enum { ARENA_MAX_BYTES = 4 << 20, SSH_PORT = 22 };

static const char *const mode_names[FIREWALL_MODE_COUNT] = {
        [FIREWALL_MODE_MESH] = "mesh",
        [FIREWALL_MODE_HOST] = "host",
        [FIREWALL_MODE_OFF] = "off",
};

const char *firewall_mode_name(enum firewall_mode mode)
{
        return mode_names[mode];
}

int firewall_mode_parse(const char *text, enum firewall_mode *ret_mode)
{
        for (enum firewall_mode mode = 0; mode < FIREWALL_MODE_COUNT; mode++) {
                if (strcmp(text, mode_names[mode]) == 0) {
                        *ret_mode = mode;
                        return 0;
                }
        }
        return MESH_EFORMAT;
}

int local_firewall_init(enum firewall_mode mode, struct local_firewall *ret_local)
{
        struct local_firewall local = { .mode = mode, .arena = arena_new(ARENA_MAX_BYTES) };
        if (!local.arena)
                return MESH_ENOMEM;
        *ret_local = local;
        return 0;
}

void local_firewall_done(struct local_firewall *local)
{
        arena_free(local->arena);
        memset(local, 0, sizeof(*local));
}

int local_firewall_default(enum firewall_mode mode, const uint16_t *ssh_ports, size_t count,
                           struct local_firewall *ret_local)
{
        static const uint16_t usual[] = { SSH_PORT };
        struct local_firewall local;
        if (count == 0) {
                ssh_ports = usual;
                count = 1;
        }
        int err = local_firewall_init(mode, &local);
        if (err)
                return err;
        for (size_t i = 0; i < count && !err; i++) {
                struct port_spec port = { .protocol = IPPROTO_TCP,
                                          .ports = { ssh_ports[i], ssh_ports[i] } };
                err = local_firewall_add_break_glass(&local, &port, NULL, 0);
        }
        if (err) {
                local_firewall_done(&local);
                return err;
        }
        *ret_local = local;
        return 0;
}

/* A copy of COUNT items of SIZE bytes with room for one more, in the arena. */
static void *copy_with_room(struct arena *arena, const void *items, size_t count, size_t size)
{
        void *copy = arena_alloc(arena, (count + 1) * size);
        if (copy && count)
                memcpy(copy, items, count * size);
        return copy;
}

int local_firewall_add_break_glass(struct local_firewall *local, const struct port_spec *port,
                                   const struct ip_prefix *from, size_t from_count)
{
        if (local->break_glass_count >= LOCAL_RULES_MAX || from_count > LOCAL_PREFIXES_MAX)
                return MESH_ELIMIT;
        struct local_rule rule = { .port = *port, .from_count = from_count };
        if (from_count) {
                rule.from = arena_copy(local->arena, from, from_count * sizeof(*from));
                if (!rule.from)
                        return MESH_ENOMEM;
        }
        struct local_rule *rules = copy_with_room(local->arena, local->break_glass,
                                                  local->break_glass_count, sizeof(*rules));
        if (!rules)
                return MESH_ENOMEM;
        rules[local->break_glass_count++] = rule;
        local->break_glass = rules;
        return 0;
}

int local_firewall_add_control_plane(struct local_firewall *local, const struct port_spec *port)
{
        if (local->control_plane_count >= LOCAL_RULES_MAX)
                return MESH_ELIMIT;
        struct port_spec *ports = copy_with_room(local->arena, local->control_plane,
                                                 local->control_plane_count, sizeof(*ports));
        if (!ports)
                return MESH_ENOMEM;
        ports[local->control_plane_count++] = *port;
        local->control_plane = ports;
        return 0;
}

void local_firewall_clear_break_glass(struct local_firewall *local)
{
        local->break_glass = NULL;
        local->break_glass_count = 0;
}
