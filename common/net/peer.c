/* Peers as text; see the header. */
#include "common/net/peer.h"

#include <stdio.h>

const char *net_peer_format(const struct net_peer *peer, char out[static NET_PEER_TEXT_MAX])
{
        char address[IP_TEXT_MAX];
        if (peer->kind == NET_UNIX)
                (void)snprintf(out, NET_PEER_TEXT_MAX, "unix uid %lu pid %ld",
                               (unsigned long)peer->uid, (long)peer->pid);
        else
                (void)snprintf(out, NET_PEER_TEXT_MAX, "%s",
                               ip_endpoint_format(&peer->remote, address));
        return out;
}
