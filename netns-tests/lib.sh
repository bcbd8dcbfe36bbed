# Several hosts on one machine: namespaces, a switch between them, daemons, checks.
#
# Source this from a bash script and call `lab_enter "$@"` first: the script then runs again as root
# in network, mount and PID namespaces of its own. When it ends, however it ends, the kernel removes
# every process, interface and mount that it made; only files under $LAB (in build/) stay.
#
#   lab_enter "$@"                    once, at the top
#   lab_switch                        a bridge; hosts that are added get a port of it
#   host_add NAME ADDRESS/BITS...     a host: own network, own /run, eth0 at the switch
#   host_own NAME PATH                a PATH of its own (a copy; a directory: empty) at $(own NAME PATH)
#   on NAME COMMAND...                run there
#   start NAME LABEL COMMAND...       run there in the background; log in $LAB/NAME.LABEL.log
#   stop NAME LABEL [SIGNAL]          end it and wait until it is gone
#   coordinator_start NAME [FLAG...]  mesh-coordinator with its state in $LAB
#   agent_start NAME [FLAG...]        mesh-agent, likewise
#   mctl NAME VERB...                 meshctl there
#   connect NAME                      starts its agent; CONNECT_MS: until it was connected
#   second NAME                       starts its agent anew; SECOND_MS: what a second is here
#   wait_for SECONDS COMMAND...       until the command succeeds; false at the deadline
#   check TEXT COMMAND...             one test; `check_not` for one that must fail
#   lab_done                          the plan line; false if a test failed

set -u
LAB_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
LAB_BUILD=$(readlink -m "${BUILD:-$LAB_ROOT/build}") # absolute: a host's mount namespace is entered at /
MESH_BIN=${MESH_BIN:-$LAB_BUILD/bin}
LAB_ENV=BUILD,MESH_BIN,LAB_SLOW,DEMO_BREAK,KEEP # what sudo hands on
declare -A HOST_PID=() DAEMON_PID=()
LAB_COUNT=0
LAB_FAILED=0

lab_enter() {
        LAB=${LAB:-$LAB_BUILD/lab/$(basename "$0" .sh)}
        if [ -z "${LAB_INSIDE:-}" ]; then
                if [ "$(id -u)" -ne 0 ]; then
                        exec sudo --preserve-env="$LAB_ENV" "$0" "$@"
                fi
                rm -rf "$LAB"
                mkdir -p "$LAB"
                # unshare holds signals back, and its child, as PID 1, is deaf to most of them: so
                # this shell listens, and whatever ends it, kill -9 too, ends all of it.
                LAB_INSIDE=1 setpriv --pdeathsig KILL \
                        unshare --net --mount --pid --fork --kill-child --mount-proc "$0" "$@" &
                trap 'lab_leave 130' INT
                trap 'lab_leave 143' TERM HUP
                wait "$!"
                lab_leave "$?"
        fi
        unset LAB_INSIDE
        ip link set lo up
}

lab_leave() { # CODE
        trap - INT TERM HUP
        kill -KILL %1 2>/dev/null
        wait
        # The files belong to who called sudo, so that a later `make clean` works.
        [ -z "${SUDO_UID:-}" ] || chown -R "$SUDO_UID:$SUDO_GID" "$LAB_BUILD"/lab "$LAB" 2>/dev/null
        exit "$1"
}

lab_switch() {
        ip link add switch type bridge
        ip link set switch up
}

host_add() {
        local name=$1 address
        shift
        rm -f "$LAB/$name.ready"
        # Its own /run (sockets, wireguard-go's too) on a tmpfs; the rest of the tree is shared.
        unshare --net --mount --propagation private sh -c '
                mount -t tmpfs -o mode=0755 host /run && mkdir -p /run/wireguard &&
                ip link set lo up && : >"$1" && exec sleep infinity' sh "$LAB/$name.ready" &
        HOST_PID[$name]=$!
        wait_for 5 test -e "$LAB/$name.ready" || { echo "host $name did not start" >&2; exit 1; }
        rm -f "$LAB/$name.ready"
        ip link add "sw-$name" type veth peer name eth0 netns "${HOST_PID[$name]}"
        ip link set "sw-$name" master switch up
        on "$name" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad' 2>/dev/null
        for address in "$@"; do
                on "$name" ip address add "$address" dev eth0
        done
        on "$name" ip link set eth0 up
}

own() { echo "$LAB/$1.own$(echo "$2" | tr / -)"; }

host_own() {
        local name=$1 path=$2 copy
        copy=$(own "$name" "$path")
        if [ -d "$path" ]; then mkdir -p "$copy"; else cat "$path" >"$copy" 2>/dev/null; fi
        # a link may lead into /run, where the host has nothing yet
        on "$name" sh -c '
                to=$(readlink -m "$1")
                [ -e "$to" ] || { mkdir -p "${to%/*}" && : >"$to"; }
                mount --bind "$2" "$to"' sh "$path" "$copy"
}

on() {
        local name=$1
        shift
        nsenter -t "${HOST_PID[$name]}" -n -m -- "$@"
}

start() {
        local name=$1 label=$2
        shift 2
        # not by `on`: the process must be the daemon itself, for `stop`
        nsenter -t "${HOST_PID[$name]}" -n -m -- "$@" >>"$LAB/$name.$label.log" 2>&1 </dev/null &
        DAEMON_PID[$name.$label]=$!
}

stop() {
        local pid=${DAEMON_PID[$1.$2]}
        kill -"${3:-TERM}" "$pid"
        wait "$pid" 2>/dev/null
        unset "DAEMON_PID[$1.$2]"
}

coordinator_start() {
        local name=$1
        shift
        : >>"$LAB/$name.coordinator.yaml" # a scenario may have written one
        start "$name" coordinator "$MESH_BIN/mesh-coordinator" --config "$LAB/$name.coordinator.yaml" \
                --state-dir "$LAB/$name.coordinator" "$@"
}

agent_start() {
        local name=$1
        shift
        start "$name" agent "$MESH_BIN/mesh-agent" --config "$LAB/$name.agent.yaml" \
                --state-dir "$LAB/$name.agent" "$@"
        wait_for 10 mctl "$name" status >/dev/null 2>&1
}

mctl() {
        local name=$1
        shift
        on "$name" "$MESH_BIN/meshctl" "$@"
}

is_connected() { mctl "$1" status --json | grep -q '"state": "connected"'; }

connect() {
        local began=${EPOCHREALTIME/[.,]/}
        agent_start "$1" && wait_for 30 is_connected "$1" || return 1
        CONNECT_MS=$(((${EPOCHREALTIME/[.,]/} - began) / 1000))
}

# Emulated, the start of a process alone takes seconds: then a start with nothing wrong is the measure.
second() {
        SECOND_MS=1000
        [ "${LAB_SLOW:-1}" -gt 1 ] || return 0
        stop "$1" agent && connect "$1" || return 1
        SECOND_MS=$((1000 * LAB_SLOW + 2 * CONNECT_MS))
}

wait_for() {
        local end=$((SECONDS + $1 * ${LAB_SLOW:-1}))
        shift
        until "$@" >/dev/null 2>&1; do
                [ "$SECONDS" -lt "$end" ] || return 1
                sleep 0.05 # between two looks, not instead of one
        done
}

_result() {
        LAB_COUNT=$((LAB_COUNT + 1))
        if [ "$1" -eq 0 ]; then
                echo "ok $LAB_COUNT - $2"
        else
                echo "not ok $LAB_COUNT - $2"
                LAB_FAILED=$((LAB_FAILED + 1))
        fi
        return "$1"
}

check() {
        local text=$1
        shift
        "$@" >"$LAB/check.log" 2>&1
        local code=$?
        [ "$code" -eq 0 ] || sed 's/^/# /' "$LAB/check.log"
        _result "$code" "$text"
}

check_not() {
        local text=$1
        shift
        if "$@" >"$LAB/check.log" 2>&1; then
                sed 's/^/# /' "$LAB/check.log"
                _result 1 "$text"
        else
                _result 0 "$text"
        fi
}

lab_done() {
        echo "1..$LAB_COUNT"
        if [ "$LAB_FAILED" -gt 0 ]; then
                local log
                for log in "$LAB"/*.log; do
                        echo "# --- $log"
                        tail -n 30 "$log" | sed 's/^/# /'
                done
                return 1
        fi
}
