#!/bin/bash
# A policy edit ends live streams for good, even if the server goes on pushing: for SECONDS (the
# argument; 600) nothing more comes through a port that was taken away.
#
#   askari 10.77.0.1 (coordinator, member)   ubongo 10.77.0.2 (servers)   mamba 10.77.0.3 (client)
#
# On 9090 the server's retransmissions keep the flow in connection tracking: they go on for 15
# minutes, and it forgets after 5 without any. On 9091 it is made to forget at once: what the server
# sends then looks like a flow that the server began. 22 stays allowed and must not notice anything.
# 04-firewall.md, "Chain output". Called by tests/run: 20 s in `make check`.
. "$(dirname "$0")/lib.sh"
lab_enter "$@"

PROMISED=${1:-600}
write_policy() { # PORTS: what mamba may reach on ubongo
        cat >"$LAB/policy.yaml" <<END
version: 1
allow:
  - { from: mamba, to: ubongo, ports: [$1] }
END
        mctl askari policy apply "$LAB/policy.yaml"
}
enrol() {
        mctl askari setup-key create --name "$1" 2>/dev/null >"$LAB/$1.key"
        mctl "$1" enroll --setup-key-file "$LAB/$1.key" --name "$1"
}
push() { # PORT: a server that sends as much as it can, to the first that asks
        start ubongo "server$1" /usr/bin/python3 -c "
import socket, time
server = socket.create_server(('', $1))
client = server.accept()[0]
while True:
    client.sendall(b'x' * 500)
    time.sleep(0.01)"
        wait_for 10 on ubongo sh -c "ss -Hltn | grep -q ':$1 '" || return 1
        start mamba "client$1" sh -c "exec nc -d $UBONGO $1 >$LAB/$1.got"
        wait_for 10 test -s "$LAB/$1.got"
}
size() { stat -c %s "$LAB/$1.got"; }
grows() { # PORT
        local before
        before=$(size "$1")
        wait_for 2 sh -c "[ \$(stat -c %s '$LAB/$1.got') -gt $before ]"
}
unsent() { # PORT: the server's side is open, and full of what nobody confirms
        on ubongo ss -Hto state established "sport = :$1" | awk '{ print } $2 > 0 && /timer:\(on/ { found = 1 } END { exit !found }'
}
was_reset() { grep -q ConnectionResetError "$LAB/ubongo.server$1.log"; }
forgotten() { ! on ubongo conntrack -L -p tcp --orig-port-dst "$1" 2>/dev/null | grep -q .; }
begun_by_server() { on ubongo conntrack -L -p tcp --orig-port-src "$1" 2>/dev/null | grep .; }

lab_switch
host_add askari 10.77.0.1/24
host_add ubongo 10.77.0.2/24
host_add mamba 10.77.0.3/24
coordinator_start askari --listen 10.77.0.1:443 --public-name 10.77.0.1
check "the coordinator is well" wait_for 10 mctl askari health
for host in ubongo mamba; do
        agent_start "$host"
        check "$host enrols" enrol "$host"
done
UBONGO=$(mctl askari node list | awk '$1 == "ubongo" { split($2, a, ","); print a[1] }')
check "the policy is applied" write_policy tcp/22,tcp/9090,tcp/9091
for port in 22 9090 9091; do
        check "a server pushes on $port" push "$port"
done

check "the policy takes 9090 and 9091 away" write_policy tcp/22
sleep 1 # the promise: within one second
declare -A AT_END
for port in 9090 9091; do
        AT_END[$port]=$(size "$port")
done
BEGAN=$SECONDS
check "the stream on 22 goes on" grows 22
for port in 9090 9091; do
        check "the server on $port sends on, and nobody confirms" unsent "$port"
done
check "connection tracking forgets the flow on 9091" on ubongo conntrack -D -p tcp --orig-port-dst 9091
check "then its server is reset" wait_for 30 was_reset 9091
check "then the flow on 9091 stays forgotten" forgotten 9091

while [ $((SECONDS - BEGAN)) -lt "$PROMISED" ]; do
        sleep 1 # the time itself is the test
done
for port in 9090 9091; do
        check "nothing more has come through $port" test "$(size "$port")" -eq "${AT_END[$port]}"
        check_not "no flow on $port counts as begun by the server" begun_by_server "$port"
done
check "the server on 9090 has not given up" unsent 9090
check "the stream on 22 still goes on" grows 22
lab_done
