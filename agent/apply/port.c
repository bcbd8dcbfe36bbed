/* Trying ports by binding them; see the header. */
#include "agent/apply/port.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/error.h"

/* Whether PORT can be bound on one family's any-address. A family that the host lacks has every
 * port free. */
static int port_try(struct ip_addr any, uint16_t port)
{
        const struct ip_endpoint endpoint = { .addr = any, .port = port };
        struct sockaddr_storage address;
        socklen_t len = ip_endpoint_to_sockaddr(&endpoint, &address);
        int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return errno == EAFNOSUPPORT ? 0 : mesh_error_from_errno(errno);
        int on = 1, err = 0;
        if (any.len == 16)
                setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
        if (bind(fd, (const struct sockaddr *)&address, len) < 0 && errno != EADDRNOTAVAIL)
                err = mesh_error_from_errno(errno);
        close(fd);
        return err;
}

int port_find_free_udp(uint16_t start, unsigned int count, uint16_t *ret_port)
{
        const struct ip_addr any4 = { .len = 4 }, any6 = { .len = 16 };
        for (unsigned int i = 0; i < count && start + i <= UINT16_MAX; i++) {
                uint16_t port = (uint16_t)(start + i);
                int err = port_try(any4, port);
                if (!err)
                        err = port_try(any6, port);
                if (!err) {
                        *ret_port = port;
                        return 0;
                }
                if (err != MESH_EADDRINUSE && err != MESH_EPERM)
                        return err;
        }
        return MESH_EADDRINUSE;
}
