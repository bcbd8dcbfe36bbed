#!/bin/bash
# The pin: a host whose DNS is dead, or lies, is connected within a second of its agent's start.
#
#   askari 10.77.0.1, later .11 (coordinator)   mamba 10.77.0.3 (member)   eve 10.77.0.9 (impostor),
#        |                                           |                     .66 (silent), .67 (refuses)
#        +------------------------------ switch -------------------------------+
#
# mamba has files of its own under /etc: hosts (the name's only source), resolv.conf (a server that
# drops every packet) and nsswitch.conf. 06-boot.md, point 3.
. "$(dirname "$0")/lib.sh"
lab_enter "$@"

NAME=coordinator.lab
key() { mctl askari setup-key create "$@" 2>/dev/null; }
name_is() { # HOST [ADDRESS]: what its hosts file says of the coordinator
        { echo "127.0.0.1 localhost"; [ -z "${2:-}" ] || echo "$2 $NAME"; } >"$(own "$1" /etc/hosts)"
}
session() { # WORD: of mamba's status
        mctl mamba status --json | /usr/bin/python3 -c "import json,sys; print(json.load(sys.stdin)['session']['$1'])"
}
session_is() { [ "$(session "$1")" = "$2" ] || { session "$1"; return 1; }; }
connects_in_time() {
        connect mamba || { mctl mamba status; return 1; }
        echo "connected after $CONNECT_MS ms" | tee -a "$LAB/times.log"
        [ "$CONNECT_MS" -lt "$SECOND_MS" ]
}
stops_in_time() { # also with a look-up under way that nothing will answer
        local began=${EPOCHREALTIME/[.,]/}
        stop mamba agent
        local ms=$(((${EPOCHREALTIME/[.,]/} - began) / 1000))
        echo "stopped after $ms ms" | tee -a "$LAB/times.log"
        [ "$ms" -lt "$SECOND_MS" ]
}
resolves() { on mamba timeout "${LAB_SLOW:-1}" getent ahosts "$NAME"; }
coordinator_at() { coordinator_start askari --listen "$1:443" --public-name "$NAME"; }

lab_switch
host_add askari 10.77.0.1/24
host_add mamba 10.77.0.3/24
host_add eve 10.77.0.9/24 10.77.0.66/24 10.77.0.67/24
for host in askari mamba; do
        host_own "$host" /etc/hosts
        name_is "$host" 10.77.0.1
done
for file in resolv.conf nsswitch.conf; do
        host_own mamba "/etc/$file"
done
echo "nameserver 10.77.0.66" >"$(own mamba /etc/resolv.conf)"
echo "hosts: files dns" >"$(own mamba /etc/nsswitch.conf)"
on eve nft 'add table inet silent; add chain inet silent input { type filter hook input priority 0; };
        add rule inet silent input ip daddr 10.77.0.66 drop'

# ---- enrolment: the name resolves ----
coordinator_at 10.77.0.1
check "the coordinator is well" wait_for 10 mctl askari health
check "mamba's agent answers" agent_start mamba
key --name mamba >"$LAB/mamba.key"
key >"$LAB/eve.key"
check "mamba enrols by the coordinator's name" mctl mamba enroll --setup-key-file "$LAB/mamba.key" --name mamba
check "and is connected" wait_for 10 is_connected mamba
second mamba
check "the agent stops" stops_in_time

# ---- DNS dead ----
name_is mamba
check_not "the name does not resolve any more" resolves
check "with DNS dead it connects within a second" connects_in_time
check "by the pin" session_is via pin
check "while its look-up hangs, the agent stops as fast as ever" stops_in_time

# ---- DNS lying ----
on eve openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$NAME" \
        -addext "subjectAltName=DNS:$NAME" -keyout "$LAB/eve.pem" -out "$LAB/eve.crt" 2>/dev/null
echo own >"$LAB/eve.behaviour"
start eve impostor "$LAB_ROOT/tests/interop/impostor.py" --address 10.77.0.9 --certificate "$LAB/eve.crt" \
        --key "$LAB/eve.pem" --behaviour "$LAB/eve.behaviour" --log "$LAB/eve.told" --stubs "$LAB/stubs" \
        --real 10.77.0.1:443 --hear "$LAB/eve.key" --heard "$LAB/heard"
check "the impostor listens" wait_for 20 grep -q listening "$LAB/eve.impostor.log"
for lie in "an impostor,10.77.0.9" "a black hole,10.77.0.66" "a closed port,10.77.0.67"; do
        name_is mamba "${lie#*,}"
        check "the name leads to ${lie%,*}" resolves
        check "it connects within a second nevertheless" connects_in_time
        check "to the coordinator" session_is connected_to 10.77.0.1:443
        check "by the pin" session_is via pin
        check "the agent stops" stops_in_time
done

# ---- the coordinator moves, and its name follows ----
stop askari coordinator
on askari ip address add 10.77.0.11/24 dev eth0
on askari ip address delete 10.77.0.1/24 dev eth0
on askari ip address add 10.77.0.11/24 dev eth0 2>/dev/null # it went with the first, if that was primary
name_is askari 10.77.0.11
name_is mamba 10.77.0.11
coordinator_at 10.77.0.11
check "the coordinator is well at its new address" wait_for 10 mctl askari health
check "it is found there within a second" connects_in_time
check "by the resolver" session_is via resolver
check "the agent stops" stops_in_time
name_is mamba
check "with DNS dead again it connects within a second" connects_in_time
check "to the new address" session_is connected_to 10.77.0.11:443
check "by the new pin" session_is via pin
sed 's/^/# /' "$LAB/times.log"
lab_done
