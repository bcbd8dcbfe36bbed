#!/bin/bash
# The first mesh: one coordinator, three members, from enrolment to leaving.
#
#   askari 10.77.0.1 (coordinator, member)   ubongo 10.77.0.2 (firewall host)   mamba 10.77.0.3
#        +----------------------------- switch --------------------------------------+
#
# Runs on kernel WireGuard where there is one, else on wireguard-go. `wg`, `ip` and `nft` are the
# independent readers.
. "$(dirname "$0")/lib.sh"
lab_enter "$@"

POLICY=$LAB/policy.yaml
write_policy() { # PORTS...: what admins may reach on servers
        local ports
        ports=$(IFS=,; echo "$*")
        cat >"$POLICY" <<EOF
version: 1
groups:
  admins: [mamba]
  servers: [ubongo, askari]
allow:
  - { from: admins, to: servers, ports: [$ports] }
EOF
        mctl askari policy apply "$POLICY"
}
key() { mctl askari setup-key create "$@" 2>/dev/null; }
enrol() { # HOST [FLAG...]
        local host=$1
        shift
        key --name "$host" >"$LAB/$host.key" && mctl "$host" enroll --setup-key-file "$LAB/$host.key" --name "$host" "$@"
}
address_of() { mctl askari node list | awk -v name="$1" '$1 == name { split($2, a, ","); print a[1] }'; }
address6_of() { mctl askari node list | awk -v name="$1" '$1 == name { split($2, a, ","); print a[2] }'; }
json() { # HOST VERB... EXPRESSION: python expression over j
        local expression=${*: -1}
        mctl "$1" "${@:2:$#-2}" --json | /usr/bin/python3 -c "import json,sys; j=json.load(sys.stdin); print($expression)"
}
exits() { # CODE COMMAND...
        local want=$1 code
        shift
        "$@"
        code=$?
        [ "$code" -eq "$want" ] || { echo "exit code $code instead of $want"; return 1; }
}
says() { # TEXT COMMAND...
        local text=$1
        shift
        "$@" 2>&1 | grep -q -- "$text"
}
tcp_open() { on "$1" timeout 2 nc -zw1 "$2" "$3"; }
ping_once() { on "$1" ping -c1 -W1 "$2"; }
peer_count() { [ "$(on "$1" wg show mesh0 peers | wc -l)" = "$2" ]; }

lab_switch
host_add askari 10.77.0.1/24
host_add ubongo 10.77.0.2/24
host_add mamba 10.77.0.3/24

# ---- enrolment ----
coordinator_start askari --listen 10.77.0.1:443 --public-name 10.77.0.1
check "the coordinator is well" wait_for 10 mctl askari health
for host in askari ubongo mamba; do
        check "the agent on $host answers" agent_start "$host"
done
check "status before enrolment says so" says "not enrolled" mctl mamba status
check "askari enrols" enrol askari
check "ubongo enrols with firewall host" enrol ubongo --firewall host --yes
check "mamba enrols" enrol mamba
check "enrolling again is unchanged" says "unchanged" mctl mamba enroll --setup-key-file "$LAB/mamba.key"
check "enrolling again exits 0" mctl mamba enroll --setup-key-file "$LAB/mamba.key"

check "a flag changes only what it says" mctl ubongo enroll --setup-key-file "$LAB/ubongo.key" --break-glass-from 10.77.0.0/24
check "the firewall mode stays" grep -q "mode: host" "$LAB/ubongo.agent.yaml"
check "and a later flag keeps the narrow break-glass" mctl ubongo enroll --setup-key-file "$LAB/ubongo.key" --firewall host --yes
check "as it was" grep -q "10.77.0.0/24" "$LAB/ubongo.agent.yaml"

# ---- the five ways a setup key can fail ----
host_add late 10.77.0.4/24
agent_start late
used=$(cat "$LAB/mamba.key")
revoked=$(key)
revoked_id=$(json askari setup-key list 'j["keys"][-1]["id"]')
mctl askari setup-key revoke "$revoked_id" >/dev/null
expired=$(key --expires 1s)
mistyped=${used%?}$([ "${used: -1}" = a ] && echo b || echo a)
expired_yet() { json askari setup-key list 'j["keys"][-1]["state"]' | grep -q expired; }
wait_for 5 expired_yet
for row in "mistyped 64 $mistyped" "used_up 4 $used" "revoked 4 $revoked" "expired 4 $expired"; do
        set -- $row
        check "a $1 key exits $2" exits "$2" mctl late enroll --setup-key "$3"
        check "a $1 key says so" says "\"reason\": \"$1\"" mctl late enroll --setup-key "$3" --json
done
check "a name that is no label exits 64" exits 64 mctl late enroll --setup-key "$used" --name Late.Example
check "break-glass is narrowed or left out, not both" exits 64 mctl late enroll --setup-key "$used" \
        --no-break-glass --break-glass-from 10.0.0.0/8
unknown=$("$LAB_ROOT/tests/interop/unknown_key.py" "$used")
check "an unknown key exits 4" exits 4 mctl late enroll --setup-key "$unknown"
check "an unknown key says so" says '"reason": "unknown"' mctl late enroll --setup-key "$unknown" --json
check "no failed attempt made a member" says '^3$' json askari node list 'len(j["nodes"])'

# ---- deny by default, then the policy ----
askari=$(address_of askari) ubongo=$(address_of ubongo) mamba=$(address_of mamba)
ubongo6=$(address6_of ubongo)
for port in 22 8080 9090; do
        start ubongo "listen$port" nc -lk "$port"
        check "ubongo listens on $port" wait_for 5 tcp_open ubongo 127.0.0.1 "$port"
done
check "without a policy nobody is a peer" peer_count mamba 0
check_not "without a policy a ping is stopped" ping_once mamba "$ubongo"
check "the policy is applied" write_policy tcp/22 tcp/9090 icmp
check "mamba gets two peers" wait_for 5 peer_count mamba 2
check "ubongo gets one peer" wait_for 5 peer_count ubongo 1
check "an allowed ping passes" wait_for 10 ping_once mamba "$ubongo"
check "an allowed ping passes over IPv6" wait_for 5 ping_once mamba "$ubongo6"
check "an allowed port is open" wait_for 5 tcp_open mamba "$ubongo" 22
check_not "another port is closed" tcp_open mamba "$ubongo" 8080
check_not "the other direction is closed" ping_once ubongo "$mamba"
check_not "mode host closes a port to the LAN" tcp_open mamba 10.77.0.2 8080
check "break-glass keeps ssh open to the LAN" tcp_open mamba 10.77.0.2 22

# ---- status agrees with wg, ip and nft ----
status_agrees() { # HOST
        local host=$1
        on "$host" wg show mesh0 dump | tail -n +2 | cut -f1,4 | tr ',' '\n' | sort >"$LAB/wg.txt"
        json "$host" status '"\n".join(sorted(p["wireguard_key"] for p in j["peers"]))' >"$LAB/status.txt"
        on "$host" wg show mesh0 peers | sort | diff - "$LAB/status.txt" || return 1
        [ "$(on "$host" wg show mesh0 listen-port)" = "$(json "$host" status 'j["wireguard_port"]')" ] || return 1
        json "$host" status '"\n".join(sorted(j["addresses"]))' | diff - <(on "$host" ip -br address show dev mesh0 | awk '{ for (i = 3; i <= NF; i++) print $i }' | grep -v '^fe80' | sed 's|/.*||' | sort) || return 1
        json "$host" status '"\n".join(sorted(j["mesh_prefixes"]))' | diff - <( (on "$host" ip -4 route show dev mesh0; on "$host" ip -6 route show dev mesh0 proto 190) | awk '/\// { print $1 }' | sort) || return 1
        on "$host" nft list table inet mesh >/dev/null
}
for host in askari ubongo mamba; do
        check "wg, ip and nft agree with status on $host" status_agrees "$host"
done
check "the policy runs everywhere as wanted" says '^0$' json askari node list 'sum(n["access_hash"] != n["wanted_access_hash"] for n in j["nodes"])'

# ---- a policy edit acts on live streams, and only on those ----
stream() { # LABEL PORT: a line each 0.1 s for as long as the connection lives
        start ubongo "sink$2" sh -c "exec nc -l $2 >$LAB/$1.got"
        wait_for 5 on ubongo sh -c "ss -ltn | grep -q :$2\$"
        start mamba "$1" sh -c "while echo x; do sleep 0.1; done | nc $ubongo $2"
        wait_for 5 test -s "$LAB/$1.got"
}
grows() { # FILE
        local before
        before=$(stat -c %s "$1")
        wait_for 2 sh -c "[ \$(stat -c %s '$1') -gt $before ]"
}
stop ubongo listen22 && stop ubongo listen9090
check "a stream on 22 runs" stream live22 22
check "a stream on 9090 runs" stream live9090 9090
check "the policy takes 9090 away" write_policy tcp/22 icmp
sleep 1 # the promise: within one second
check_not "the stream on 9090 has stopped" grows "$LAB/live9090.got"
check "the stream on 22 goes on" grows "$LAB/live22.got"

# ---- kill -9 and restart: nothing is dropped ----
start mamba longping ping -i 0.1 -c 60 "$ubongo"
wait_for 5 grep -q "icmp_seq=5" "$LAB/mamba.longping.log"
stop mamba agent KILL
check "the agent starts again" agent_start mamba
wait "${DAEMON_PID[mamba.longping]}"
check "a long ping over a killed and restarted agent loses none of 60 packets" grep -q "60 received" "$LAB/mamba.longping.log"
check "same peers after the restart" status_agrees mamba
stop askari coordinator KILL
check "traffic flows without the coordinator" ping_once mamba "$ubongo"
stop ubongo agent KILL
on ubongo ip link delete mesh0 2>/dev/null
check "an agent restarts from its disk without the coordinator" agent_start ubongo
# mamba still has session keys that the new interface lacks: WireGuard notices after 15 s
# (KEEPALIVE_TIMEOUT + REKEY_TIMEOUT) and makes new ones.
check "and is reached again" wait_for 25 ping_once mamba "$ubongo"
coordinator_start askari --listen 10.77.0.1:443 --public-name 10.77.0.1
check "the coordinator is back" wait_for 10 mctl askari health
connected() { json askari node list 'sum(n["connected"] for n in j["nodes"])' | grep -qx "$1"; }
check "all members are back" wait_for 30 connected 3
check "same addresses as before" says "^$mamba\$" address_of mamba

# ---- removal ----
stop mamba live22 KILL
stop ubongo sink22 KILL
check "a second stream on 22 runs" stream second22 22
check "mamba is removed" mctl askari node remove mamba
check "ubongo lost the peer within a second" wait_for 1 peer_count ubongo 0
check_not "its stream has stopped" grows "$LAB/second22.got"
check "a removed host cannot come back" exits 4 mctl late enroll --setup-key "$used"

# ---- leaving ----
check "ubongo leaves" mctl ubongo leave
check_not "its interface is gone" on ubongo ip link show mesh0
check_not "its firewall table is gone" on ubongo nft list table inet mesh
check "leaving again is unchanged" says unchanged mctl ubongo leave
check "the coordinator knows" says '^1$' json askari node list 'len(j["nodes"])'
lab_done
