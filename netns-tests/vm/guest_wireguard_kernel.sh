#!/bin/sh
# The agent's door to the network (agent/apply) with the kernel's own WireGuard: the same program
# that runs with wireguard-go on the host, here made to fail unless the kernel carries it.
set -eu
program=${BUILD:-build}/obj-$(basename "${CC:-gcc}")/tests/agent/apply/test_apply
test -x "$program" || {
        echo "guest_wireguard_kernel: $program is not built (make unit-tests)" >&2
        exit 1
}
MESH_TEST_BACKEND=kernel exec "$program"
