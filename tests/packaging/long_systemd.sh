#!/bin/bash
# The README's quick start on two Debian machines with systemd as their first program.
#
#   askari 10.66.0.1 (coordinator, member) ---- veth ---- ubongo 10.66.0.2 (member)
#
# The machines are systemd-nspawn containers, copies of one debootstrap that stays in
# $BUILD/systemd for the next run. A container loads no module, so WireGuard runs outside the
# kernel, by mesh-wireguard-go.service. Five minutes, of which the watchdog is one.
tree=$(readlink -f "$(dirname "$0")/../..")
base=$(readlink -m "${BUILD:-$tree/build}")/systemd/base
. "$tree/netns-tests/lib.sh"

skip() {
        echo "1..0 # SKIP $1"
        exit 0
}

# A root of its own and the network of this machine: for what comes by apt-get.
in_base() { # COMMAND
        unshare --mount --pid --fork --kill-child sh -ec '
                mount --bind "$1" "$1"
                mount -t proc proc "$1/proc"
                mount --rbind /dev "$1/dev"
                exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root sh -ec "$2"' \
                sh "$base" "$1" </dev/null
}

base_prepare() {
        local mirror
        if ! [ -e "$base/complete" ]; then
                rm -rf --one-file-system "$base"
                mkdir -p "$base"
                mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Label: Debian' | head -n 1)
                debootstrap --variant=minbase \
                        --include=systemd,systemd-sysv,dbus,iproute2,iputils-ping,nftables,procps \
                        bookworm "$base" "${mirror:-http://deb.debian.org/debian}" || return 1
                touch "$base/complete"
        fi
        cp -L /etc/resolv.conf "$base/etc/" || return 1
        printf '127.0.0.1 localhost\n10.66.0.1 mesh.example.org\n' >"$base/etc/hosts"
        rm -rf "$base/root/mesh"
        mkdir "$base/root/mesh"
        tar -C "$tree" -c --exclude=./build --exclude='./build-*' --exclude=./.git . |
                tar -x -C "$base/root/mesh" || return 1
        in_base 'apt-get -q update
                apt-get -qy install --no-install-recommends git make wireguard-go
                cd /root/mesh
                tools/install-packages build
                make'
}

if [ -z "${LAB_INSIDE:-}" ]; then
        [ "$(id -u)" = 0 ] || skip "needs root"
        command -v systemd-nspawn >/dev/null || skip "systemd-nspawn is missing (package systemd-container)"
        command -v debootstrap >/dev/null || skip "debootstrap is missing"
        [ -c /dev/net/tun ] || skip "there is no /dev/net/tun"
        mkdir -p "$base"
        base_prepare >"$base.log" 2>&1 || {
                tail -n 30 "$base.log" | sed 's/^/# /'
                echo "not ok 1 - README: install-packages, make"
                echo "1..1"
                exit 1
        }
fi
lab_enter "$@"

# ---- machines ----------------------------------------------------------------------------------

# Their networks are new at each boot, as a machine's are.
networks_new() {
        local host number=0
        for host in askari ubongo; do
                ip netns del "$host" 2>/dev/null
                ip netns add "$host"
        done
        ip link add uplink netns askari type veth peer name uplink netns ubongo
        for host in askari ubongo; do
                number=$((number + 1))
                ip -n "$host" link set lo up
                ip -n "$host" link set uplink up
                ip -n "$host" addr add "10.66.0.$number/24" dev uplink
        done
}

# Two first programs must not share control groups: each would end the other's processes.
own_cgroup() { # HOST
        local top
        for top in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
                [ -e "$top/cgroup.procs" ] || continue
                mkdir -p "$top/mesh-test-$1"
                echo "$BASHPID" >"$top/mesh-test-$1/cgroup.procs"
        done
}

boot() { # HOST
        (
                own_cgroup "$1"
                exec systemd-nspawn -q --boot -D "$LAB/$1" --network-namespace-path="/run/netns/$1" \
                        --capability=CAP_NET_ADMIN,CAP_NET_RAW --bind="$LAB/tun:/dev/net/tun" \
                        --register=no --keep-unit --machine="$1" --console=pipe --link-journal=no \
                        --resolv-conf=off --timezone=off </dev/null >"$LAB/$1.console" 2>&1
        ) &
        NSPAWN[$1]=$!
        wait_for 60 on_machine "$1" '! systemctl is-system-running 2>&1 | grep -vx "running\|degraded"' ||
                { tail "$LAB/$1.console" && return 1; }
}

power_off() { # HOST
        on_machine "$1" 'systemctl poweroff' >/dev/null 2>&1
        wait "${NSPAWN[$1]}"
}

on_machine() { # HOST COMMAND
        local first
        first=$(pgrep -P "${NSPAWN[$1]}" | head -n 1)
        [ -n "$first" ] || return 1
        nsenter -t "$first" -m -u -i -n -p -C env -i HOME=/root \
                PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
                sh -c "cd /root && $2" </dev/null
}

shows() { # HOST COMMAND PATTERN
        on_machine "$1" "$2" 2>&1 | tee "$LAB/shown" | grep -q -- "$3" || { cat "$LAB/shown" && return 1; }
}

runs_as() { # HOST DAEMON
        shows "$1" "ps -o user:20=,args= -C $2" "^$2 "
}

declare -A NSPAWN=()
mkdir -p /run/netns
mount -t tmpfs netns /run/netns # the names of our networks stay ours
mknod -m 666 "$LAB/tun" c 10 200
chmod 666 "$LAB/tun" # as udev has it
for host in askari ubongo; do
        cp -a --reflink=auto "$base" "$LAB/$host"
        echo "$host" >"$LAB/$host/etc/hostname"
        : >"$LAB/$host/etc/machine-id"
done
networks_new

# ---- the README --------------------------------------------------------------------------------

for host in askari ubongo; do
        check "$host boots" boot "$host"
        check "$host: make install" on_machine "$host" \
                'cd mesh && make install && systemd-sysusers && systemctl daemon-reload'
        check "$host: wireguard-go" on_machine "$host" 'systemctl enable --now mesh-wireguard-go'
done
check "askari: starts" on_machine askari "
        echo 'public_name: mesh.example.org' >/etc/mesh/coordinator.yaml
        systemctl enable --now mesh-coordinator mesh-agent"
check "askari: health" on_machine askari 'meshctl health'
check "askari: keys" on_machine askari '
        meshctl setup-key create --name askari >askari.key
        meshctl setup-key create --name ubongo >ubongo.key'
check "askari: joins" on_machine askari 'meshctl enroll --setup-key-file askari.key --name askari'
cp "$LAB/askari/root/ubongo.key" "$LAB/ubongo/root/"
check "ubongo: starts" on_machine ubongo 'systemctl enable --now mesh-agent'
check "ubongo: joins" on_machine ubongo 'meshctl enroll --setup-key-file ubongo.key --name ubongo'
sed -n '/^    cat >policy.yaml/,/^    meshctl node list/s/^    //p' "$tree/README.md" >"$LAB/askari/root/policy.sh"
check "askari: the README's policy" on_machine askari 'sh -e policy.sh'
peer=$(on_machine askari 'meshctl status --json' |
        /usr/bin/python3 -c 'import json,sys; print(json.load(sys.stdin)["addresses"][0].split("/")[0])')
check "ubongo: pings askari, $peer" wait_for 15 on_machine ubongo "ping -c1 -W1 $peer"

# ---- what systemd sees -------------------------------------------------------------------------

check "the agent runs as its user" runs_as ubongo mesh-agent
# ps shows 15 letters of a name.
check "the coordinator runs as its user" shows askari 'ps -eo user:20=,args=' \
        '^mesh-coordinator .*/mesh-coordinator'
check "the agent tells how it is" wait_for 10 shows ubongo 'systemctl show -P StatusText mesh-agent' \
        '^ubongo, 1 peers, coordinator: connected$'
check "the coordinator tells how it is" wait_for 10 shows askari \
        'systemctl show -P StatusText mesh-coordinator' '^2 members$'
check "no unit failed" shows askari 'systemctl is-system-running' '^running$'
on_machine ubongo 'useradd -G mesh viewer && useradd stranger'
check "the group mesh may look" shows ubongo 'setpriv --reuid viewer --regid viewer --init-groups meshctl status' ubongo
check "it may change nothing" shows ubongo 'setpriv --reuid viewer --regid viewer --init-groups meshctl leave' 'needs root'
check "others may not look" shows ubongo 'setpriv --reuid stranger --regid stranger --init-groups meshctl status' 'permission denied'
on_machine ubongo "ping -q -i0.1 -W1 -w5 $peer" >"$LAB/ping" &
pinging=$!
check "the agent restarts" on_machine ubongo 'systemctl restart mesh-agent'
check "the agent reloads" on_machine ubongo 'systemctl reload mesh-agent'
check "the coordinator reloads" on_machine askari 'systemctl reload mesh-coordinator'
wait "$pinging"
check "no packet was lost meanwhile" grep -q ' 0% packet loss' "$LAB/ping"
on_machine ubongo 'kill -STOP $(systemctl show -P MainPID mesh-agent)'
check "the watchdog ends an agent that hangs" wait_for 90 shows ubongo \
        'systemctl show -P NRestarts mesh-agent' '^1$'

# ---- a reboot without the coordinator ----------------------------------------------------------

on_machine askari 'systemctl disable --now mesh-coordinator' 2>/dev/null
for host in askari ubongo; do
        power_off "$host"
done
networks_new
for host in askari ubongo; do
        check "$host boots again" boot "$host"
        check "$host: the firewall is from disk" shows "$host" 'journalctl -b -u mesh-firewall' \
                'loaded from disk'
        check "$host: the firewall is there" shows "$host" 'nft list tables' 'inet mesh'
done
check_not "the coordinator is away" on_machine askari 'systemctl is-active mesh-coordinator'
check "packets flow without it" wait_for 20 on_machine ubongo "ping -c1 -W1 $peer"

# ---- leaving -----------------------------------------------------------------------------------

on_machine askari 'systemctl start mesh-coordinator'
check "ubongo hears the coordinator again" wait_for 60 shows ubongo 'meshctl status' 'connected to'
check "ubongo leaves" on_machine ubongo 'meshctl leave'
check "its firewall is gone" on_machine ubongo '! nft list tables | grep -q mesh'
check "the agent tells so" shows ubongo 'systemctl show -P StatusText mesh-agent' '^not enrolled$'
sed -n '/^## Uninstall/,/^The users/s/^    //p' "$tree/README.md" | grep -v '^meshctl leave' >"$LAB/ubongo/root/mesh/uninstall.sh"
check "the README's uninstall" on_machine ubongo 'cd mesh && sh -e uninstall.sh'
check "no unit is left" shows ubongo "systemctl list-units --all 'mesh-*' --no-legend | wc -l" '^0$'
check "no interface is left" on_machine ubongo '! ip link show mesh0'
check "no file is left" shows ubongo "find /etc /usr/lib /usr/local /var/lib -name '*mesh*' | wc -l" '^0$'
for host in askari ubongo; do
        power_off "$host"
        rm -rf --one-file-system "${LAB:?}/$host"
        find /sys/fs/cgroup/{,systemd/,unified/}"mesh-test-$host" -depth -type d \
                -exec rmdir {} \; 2>/dev/null
done
lab_done
