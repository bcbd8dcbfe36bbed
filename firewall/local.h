/* The host's own firewall config: mode, break-glass, local rules, control-plane ports.
 *
 * The `firewall:` and `control_plane:` sections of /etc/mesh/agent.yaml as plain values. What
 * stands here no policy and no coordinator can remove (04-firewall.md, "Break glass and local
 * rules"). No kernel: firewall/nft turns it into rules. Called by the agent and by
 * `meshctl enroll`, which writes the sections. */
#pragma once
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "firewall/port.h"

struct arena;
struct buffer;
struct yaml;
struct yaml_node;

enum firewall_mode {
        FIREWALL_MODE_MESH, /* only what enters on the mesh interface is judged */
        FIREWALL_MODE_HOST, /* what enters on any interface is denied unless allowed */
        FIREWALL_MODE_OFF,  /* no rules at all */
        FIREWALL_MODE_COUNT
};

enum {
        LOCAL_RULES_MAX = 256,    /* per list */
        LOCAL_PREFIXES_MAX = 256, /* per rule */
};

/* Lets something in. */
struct local_rule {
        struct port_spec port;
        bool on_mesh;             /* "interface: mesh": judged on the mesh interface, only there */
        char interface[IFNAMSIZ]; /* "eth0", "en*"; empty: every interface but the mesh */
        struct ip_prefix *from;   /* borrowed from the arena; none: from anywhere */
        size_t from_count;
};

struct local_firewall {
        enum firewall_mode mode;
        struct local_rule *break_glass;
        size_t break_glass_count;
        struct local_rule *allow;
        size_t allow_count;
        struct port_spec *control_plane; /* open on every interface and on the mesh */
        size_t control_plane_count;
        struct arena *arena; /* owned; holds the arrays above */
};

/* "mesh", "host", "off"; static. */
const char *firewall_mode_name(enum firewall_mode mode);

/* The reverse. MESH_EFORMAT. */
int firewall_mode_parse(const char *text, enum firewall_mode *ret_mode);

/* A config that lets nothing in. Returned owned. MESH_ENOMEM. */
int local_firewall_init(enum firewall_mode mode, struct local_firewall *ret_local);

/* What holds without a config: MODE, break-glass for the given TCP ports from anywhere (22 if
 * COUNT is 0), nothing else. Returned owned. MESH_ENOMEM, MESH_ELIMIT. */
int local_firewall_default(enum firewall_mode mode, const uint16_t *ssh_ports, size_t count,
                           struct local_firewall *ret_local);

/* Adds to a config made by the functions here; FROM is copied, none means anywhere. For enrolment.
 * MESH_ENOMEM, MESH_ELIMIT. */
int local_firewall_add_break_glass(struct local_firewall *local, const struct port_spec *port,
                                   const struct ip_prefix *from, size_t from_count);
int local_firewall_add_control_plane(struct local_firewall *local, const struct port_spec *port);

/* Forgets the break-glass rules. */
void local_firewall_clear_break_glass(struct local_firewall *local);

/* Reads the two sections of YAML; each node may be NULL (absent). Without `break_glass` (or without
 * `firewall`) the default of tcp/22 from anywhere holds; an empty list there means none. Without
 * `mode`, mesh. Returned owned; does not need YAML afterwards. MESH_EFORMAT with findings in the
 * list that YAML was parsed with, MESH_ENOMEM. */
int local_firewall_parse(struct yaml *yaml, const struct yaml_node *firewall,
                         const struct yaml_node *control_plane, struct local_firewall *ret_local);

/* Appends both sections as commented YAML that local_firewall_parse reads back to the same values.
 * The buffer's sticky error tells. */
void local_firewall_write(const struct local_firewall *local, struct buffer *out);

/* Frees; a zeroed struct is fine. */
void local_firewall_done(struct local_firewall *local);
