#!/bin/bash
# How long a change takes to be in force everywhere, beside the promise of one second.
#
# A coordinator and three agents, of which mamba joins, loses a port, and is removed, ROUNDS times:
#   change_join     from `enroll` to being a peer on both other interfaces
#   change_policy   from `policy apply` to the last byte of a live stream on the port it takes away
#   change_remove   from `node remove` to being gone from both other interfaces
#   change_cut      from `node remove` to the last byte of a live stream with the removed member
# The clock starts before meshctl does. A stream is a byte each 2 ms; the last one's time is that of
# the file that it was written to.
. "$(dirname "$0")/../../netns-tests/lib.sh"
lab_enter "$@"

ROUNDS=${ROUNDS:-5}
PROMISE_MS=1000
PORT=9090

must() { "$@" >>"$LAB/must.log" 2>&1 || { echo "failed: $*" >&2; tail -n 5 "$LAB"/*.log >&2; exit 1; }; }
now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }
mtime_ms() { stat -c %.3Y "$1" | tr -d .,; }
note() { echo "$2" >>"$LAB/$1.ms"; } # NAME VALUE
bench() { # NAME
        sort -n "$LAB/$1.ms" | awk -v name="$1" -v ref="$PROMISE_MS" '{ value[NR] = $1 } END {
                median = value[int((NR + 1) / 2)]
                printf "BENCH %s %d ms ref=promise ref_value=%d ratio=%.3g\n", name, median, ref, median / ref }'
}

apply() { # PORTS: what mamba may reach
        cat >"$LAB/policy.yaml" <<END
version: 1
groups: { one: [mamba] }
allow:
  - { from: one, to: all, ports: [$1] }
END
        mctl askari policy apply "$LAB/policy.yaml"
}
both_have() { # PEERS: mamba is the only peer of either
        [ "$(on askari wg show mesh0 peers | wc -l)" = "$1" ] && [ "$(on ubongo wg show mesh0 peers | wc -l)" = "$1" ]
}
soon() { # COMMAND...: like wait_for, without a pause
        local end=$((SECONDS + 10 * ${LAB_SLOW:-1}))
        until "$@"; do [ "$SECONDS" -lt "$end" ] || return 1; done
}
enrol() {
        mctl askari setup-key create --name "$1" 2>/dev/null >"$LAB/$1.key"
        must mctl "$1" enroll --setup-key-file "$LAB/$1.key" --name "$1"
}
stream() { # FILE
        : >"$1"
        start ubongo sink sh -c "exec nc -l $PORT >$1"
        must wait_for 5 on ubongo sh -c "ss -ltn | grep -q :$PORT"
        start mamba source /usr/bin/python3 -c "
import socket, time
s = socket.create_connection(('$UBONGO', $PORT))
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
while True:
    s.send(b'x')
    time.sleep(0.002)"
        must wait_for 10 test -s "$1"
}
stream_end() {
        stop ubongo sink
        stop mamba source
}
quiet() { [ $(($(now_ms) - $(mtime_ms "$1"))) -gt 500 ]; } # FILE

round() {
        local began
        mctl askari setup-key create --name mamba 2>/dev/null >"$LAB/mamba.key"
        began=$(now_ms)
        must mctl mamba enroll --setup-key-file "$LAB/mamba.key" --name mamba
        must soon both_have 1
        note change_join $(($(now_ms) - began))

        stream "$LAB/policy.got"
        began=$(now_ms)
        must apply icmp
        must wait_for 10 quiet "$LAB/policy.got"
        note change_policy $(($(mtime_ms "$LAB/policy.got") - began))
        stream_end
        must apply "tcp/$PORT"

        stream "$LAB/remove.got"
        began=$(now_ms)
        must mctl askari node remove mamba
        must soon both_have 0
        note change_remove $(($(now_ms) - began))
        must wait_for 10 quiet "$LAB/remove.got"
        note change_cut $(($(mtime_ms "$LAB/remove.got") - began))
        stream_end
        must mctl mamba leave
        must mctl askari node release mamba
}

lab_switch
host_add askari 10.77.0.1/24
host_add ubongo 10.77.0.2/24
host_add mamba 10.77.0.3/24
coordinator_start askari --listen 10.77.0.1:443 --public-name 10.77.0.1
must wait_for 10 mctl askari health
must apply "tcp/$PORT"
for host in askari ubongo mamba; do
        must agent_start "$host"
done
enrol askari
enrol ubongo
UBONGO=$(mctl askari node list | awk '$1 == "ubongo" { split($2, a, ","); print a[1] }')
for ((i = 0; i < ROUNDS; i++)); do
        round
done
for name in change_join change_policy change_remove change_cut; do
        bench "$name"
done
