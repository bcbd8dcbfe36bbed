#!/bin/bash
# What `make install` puts where, and what systemd thinks of the units: `systemd-analyze verify`,
# and its security figures, which may only fall.
set -u
cd "$(dirname "$0")/../.." || exit 1
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
count=0 failed=0

check() { # TEXT COMMAND...
        local text=$1 output
        shift
        count=$((count + 1))
        if output=$("$@" 2>&1); then
                echo "ok $count - $text"
        else
                printf '%s\n' "$output" | sed 's/^/# /'
                echo "not ok $count - $text"
                failed=$((failed + 1))
        fi
}

quiet() { # COMMAND...: succeeds without a word
        local output
        output=$("$@" 2>&1) && [ -z "$output" ] || { printf '%s\n' "$output"; return 1; }
}

# Units name programs by absolute path: verify sees ours and the system's in one tree.
verify() {
        local unit=$root/usr/lib/systemd/system/$1
        sed -i "s|=/usr/local/sbin/|=$root/usr/local/sbin/|" "$unit"
        quiet systemd-analyze verify --man=no "$unit"
}

env -u MAKEFLAGS -u MAKELEVEL make -s BUILD="${BUILD:-build}" install DESTDIR="$root" >/dev/null || exit 1
for file in usr/local/sbin/mesh-agent usr/local/sbin/mesh-coordinator usr/local/bin/meshctl \
        usr/lib/sysusers.d/mesh.conf usr/lib/modules-load.d/mesh.conf \
        usr/lib/systemd/network/05-mesh.network usr/lib/NetworkManager/conf.d/90-mesh.conf \
        usr/lib/systemd/system/mesh-agent.service; do
        check "installs /$file" test -s "$root/$file"
done
for daemon in agent coordinator; do
        check "mesh-$daemon can be reloaded" grep -q '^ExecReload=.*-HUP' "$root/usr/lib/systemd/system/mesh-$daemon.service"
done
# ConfigurationDirectory= would give a folder that it makes to the daemon's user, whose own limits
# are written there.
check "/etc/mesh can be read by the daemons" test "$(stat -c %a "$root/etc/mesh")" = 755
check "no daemon owns its config" sh -c "! grep -r '^ConfigurationDirectory=' '$root/usr/lib'"
check "no place-holder is left" sh -c "! grep -r '@[a-z]*dir@' '$root/usr/lib'"

if ! command -v systemd-analyze >/dev/null; then
        echo "ok $((count + 1)) - systemd-analyze # SKIP systemd is not installed"
        echo "1..$((count + 1))"
        exit $((failed > 0))
fi
mkdir -p "$root/etc"
check "the users are as sysusers.d wants them" systemd-sysusers --root="$root" \
        "$root/usr/lib/sysusers.d/mesh.conf"
check "the agent's user is in the group mesh" grep -q '^mesh:.*mesh-agent' "$root/etc/group"

# UNIT EXPOSURE: ten times systemd-analyze's figure at most.
while read -r unit exposure; do
        check "$unit verifies" verify "$unit"
        check "$unit is exposed at most ${exposure}/100" systemd-analyze security --no-pager \
                --offline=true --threshold="$exposure" "$root/usr/lib/systemd/system/$unit"
done <<LIMITS
mesh-agent.service 20
mesh-coordinator.service 16
mesh-firewall.service 34
mesh-wireguard-go.service 20
LIMITS
echo "1..$count"
exit $((failed > 0))
