#!/bin/bash
# A1 of 10-performance.md: what an agent with 100 and with 1,000 peers holds in memory, and how
# often it wakes up when nothing happens.
#
# Memory is what smaps_rollup says; beside it wireguard-go alone, idle, with no peer. Wake-ups are
# the returns from epoll that strace sees in MINUTES; beside them what is needed: a heartbeat each
# 10 s, and a word for the watchdog each 30 s, as the unit has it. WireGuard is the machine's; the
# kernel's: netns-tests/vm/run --kernel 6.1 --timeout 900 -- tests/bench/bench_agent_idle.sh
. "$(dirname "$0")/../../netns-tests/lib.sh"
lab_enter "$@"

MINUTES=${MINUTES:-1}
BEATS_PER_MINUTE=6
WATCHDOG_PER_MINUTE=2

must() { "$@" >>"$LAB/must.log" 2>&1 || { echo "failed: $*" >&2; tail -n 5 "$LAB"/*.log >&2; exit 1; }; }
bench() { # NAME VALUE UNIT REFERENCE REFERENCE_VALUE
        awk -v name="$1" -v value="$2" -v unit="$3" -v ref="$4" -v ref_value="$5" 'BEGIN {
                printf "BENCH %s %.4g %s ref=%s ref_value=%.4g ratio=%.3g\n",
                       name, value, unit, ref, ref_value, value / ref_value }'
}
memory_mib() { awk -v field="$2:" '$1 == field { print $2 / 1024 }' "/proc/$1/smaps_rollup"; }
private_mib() { memory_mib "$1" Private_Dirty; }
resident_mib() { memory_mib "$1" Rss; }
peers_are() { [ "$(on "$1" wg show mesh0 peers | wc -l)" = "$2" ]; } # HOST COUNT

started_long_ago() { [ "$(ps -o etimes= -p "$AGENT")" -gt 20 ]; } # and has settled

crowd() { # FIRST LAST
        must on askari "$LAB_ROOT/tests/bench/crowd.py" 10.77.0.1 443 "$1" "$2" "$LAB/stubs" <"$LAB/crowd.key"
        must wait_for 60 peers_are mamba "$2"
}

reference_start() {
        must host_add other 10.77.0.9/24
        [ -e /dev/net/tun ] || modprobe tun
        start other wireguard wireguard-go -f wgref
        must wait_for 10 on other ip link show wgref
        on other ip link set wgref up
        REFERENCE=${DAEMON_PID[other.wireguard]}
}

wakeups() { # LABEL: of mamba's agent in a minute, into $WAKEUPS
        local seconds=$((MINUTES * 60))
        timeout -s INT "$seconds" strace -f -qq -e trace=epoll_wait,epoll_pwait,epoll_pwait2 \
                -o "$LAB/$1.strace" -p "$AGENT"
        WAKEUPS=$(grep -c 'epoll.*= [0-9]' "$LAB/$1.strace" | awk -v m="$MINUTES" '{ print $1 / m }')
}

memory() { # LABEL PID
        bench "agent_private_$1" "$(private_mib "$2")" MiB wireguard-go-idle "$(private_mib "$REFERENCE")"
        bench "agent_resident_$1" "$(resident_mib "$2")" MiB wireguard-go-idle "$(resident_mib "$REFERENCE")"
}

measure() { # PEERS
        memory "$1_peers" "$AGENT"
        wakeups "$1"
        bench "agent_wakeups_$1_peers" "$WAKEUPS" /min heartbeats+watchdog "$((BEATS_PER_MINUTE + WATCHDOG_PER_MINUTE))"
}

lab_switch
host_add askari 10.77.0.1/24
host_add mamba 10.77.0.3/24
coordinator_start askari --listen 10.77.0.1:443 --public-name 10.77.0.1
must wait_for 10 mctl askari health
cat >"$LAB/policy.yaml" <<'END'
version: 1
allow:
  - { from: all, to: all, ports: [icmp] }
END
must mctl askari policy apply "$LAB/policy.yaml"
start mamba manager nc -lukU "$LAB/notify"
must wait_for 5 test -S "$LAB/notify"
NOTIFY_SOCKET=$LAB/notify WATCHDOG_USEC=60000000 agent_start mamba
AGENT=${DAEMON_PID[mamba.agent]}
mctl askari setup-key create --reusable 2>/dev/null >"$LAB/crowd.key"
must mctl mamba enroll --setup-key-file "$LAB/crowd.key" --name mamba
must wait_for 10 is_connected mamba
reference_start

crowd 1 100
must wait_for 60 started_long_ago
measure 100
crowd 101 1000
measure 1000

# who comes when the others are there gets a snapshot
must host_add late 10.77.0.4/24
must agent_start late
must mctl late enroll --setup-key-file "$LAB/crowd.key" --name late
must wait_for 60 peers_are late 1001
memory 1000_peers_at_once "${DAEMON_PID[late.agent]}"
