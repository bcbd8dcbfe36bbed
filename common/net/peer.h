/* Who is at the other end of a byte stream, as a plain value. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "common/addr.h"

enum net_kind { NET_TCP, NET_UNIX };

struct net_peer {
        enum net_kind kind;
        bool tls;                         /* the stream is inside TLS (NET_TCP) */
        struct ip_endpoint local, remote; /* NET_TCP; else addr.len is 0 */
        uid_t uid;                        /* NET_UNIX: SO_PEERCRED; else (uid_t)-1 */
        gid_t gid;                        /* the same; else (gid_t)-1 */
        pid_t pid;                        /* the same; else 0. May be reused: only for logs */
};

enum { NET_PEER_TEXT_MAX = 96 };

/* "192.0.2.1:443" or "unix uid 0 pid 123", for log lines. Returns OUT. */
const char *net_peer_format(const struct net_peer *peer, char out[static NET_PEER_TEXT_MAX]);
