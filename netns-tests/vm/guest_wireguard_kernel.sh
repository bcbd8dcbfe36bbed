#!/bin/sh
# The agent's door to the network (agent/apply) with the kernel's own WireGuard: the same programs
# that run with wireguard-go on the host, here made to fail unless the kernel carries it.
set -eu
export MESH_TEST_BACKEND=kernel
for name in test_apply test_apply_live; do
        program=${BUILD:-build}/obj-$(basename "${CC:-gcc}")/tests/agent/apply/$name
        test -x "$program" || {
                echo "guest_wireguard_kernel: $program is not built (make unit-tests)" >&2
                exit 1
        }
        "$program"
done
