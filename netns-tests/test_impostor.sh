#!/bin/bash
# An impostor at the coordinator's address learns nothing and is refused, whatever its certificate.
#
#   askari 10.77.0.1 (coordinator, member)   ubongo 10.77.0.2, mamba 10.77.0.3 (members)
#        |                                         |
#        +----------------- switch ----------------+
#        |                                         |
#   eve 10.77.0.9 (impostor)                 nyoka 10.77.0.4 (wants to enrol)
#
# Every host has an /etc/hosts of its own, which is how the name leads to the impostor; nyoka and
# mamba trust a certificate authority that signed eve's second certificate. What eve was told is
# searched for secrets. 02-protocol.md, "TLS is the transport, the identity is the trust".
. "$(dirname "$0")/lib.sh"
lab_enter "$@"

NAME=coordinator.lab
key() { mctl askari setup-key create "$@" 2>/dev/null; }
name_is() { printf '127.0.0.1 localhost\n%s %s\n' "$2" "$NAME" >"$(own "$1" /etc/hosts)"; } # HOST ADDRESS
json() { # HOST EXPRESSION: python expression over j, its status
        mctl "$1" status --json | /usr/bin/python3 -c "import json,sys; j=json.load(sys.stdin); print($2)"
}
is() { # VALUE COMMAND...
        local want=$1 value
        shift
        value=$("$@")
        [ "$value" = "$want" ] || { echo "'$value' instead of '$want'"; return 1; }
}
ping_once() { on "$1" ping -c1 -W1 "$2"; }
coordinator_start_here() { coordinator_start askari --listen 10.77.0.1:443 --public-name "$NAME"; }
behave() { echo "$1" >"$LAB/behaviour"; }
impostor_start() { # HOST ADDRESS CERTIFICATE
        rm -f "$LAB/$1.impostor.log"
        start "$1" impostor "$LAB_ROOT/tests/interop/impostor.py" --address "$2" --certificate "$LAB/$3.crt" \
                --key "$LAB/$3.pem" --behaviour "$LAB/behaviour" --log "$LAB/told" --stubs "$LAB/stubs" \
                --real 10.77.0.1:443 --hear "$LAB/eve.key" --heard "$LAB/heard"
        wait_for 20 grep -q listening "$LAB/$1.impostor.log"
}
learnt_nothing() {
        local host arguments=()
        for host in askari ubongo mamba nyoka; do
                arguments+=(--keys "$LAB/$host.agent/keys" --setup-key "$LAB/$host.key" --word "$host")
        done
        "$LAB_ROOT/tests/interop/search_secrets.py" "$LAB/told" "${arguments[@]}"
}

# ---- certificates: one that nobody trusts, one that nyoka and mamba do ----
certificates() {
        local ec="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes" name="subjectAltName=DNS:$NAME"
        openssl req -x509 $ec -days 2 -subj "/CN=eve" -addext "$name" -keyout "$LAB/self.pem" -out "$LAB/self.crt" &&
        openssl req -x509 $ec -days 2 -subj "/CN=An authority" -keyout "$LAB/ca.pem" -out "$LAB/ca.crt" &&
        openssl req $ec -subj "/CN=$NAME" -addext "$name" -keyout "$LAB/valid.pem" -out "$LAB/valid.csr" &&
        openssl x509 -req -in "$LAB/valid.csr" -CA "$LAB/ca.crt" -CAkey "$LAB/ca.pem" -CAcreateserial -days 2 \
                -copy_extensions copy -out "$LAB/valid.crt"
}
trusts() { # HOST, as openssl sees it
        on "$1" openssl s_client -connect "$NAME:443" -CApath /etc/ssl/certs -verify_return_error \
                -verify_hostname "$NAME" -alpn h2 </dev/null
}

lab_switch
number=1
for host in askari ubongo mamba nyoka; do
        host_add "$host" "10.77.0.$number/24"
        host_own "$host" /etc/hosts
        name_is "$host" 10.77.0.1
        number=$((number + 1))
done
host_add eve 10.77.0.9/24
check "certificates are made" certificates
for host in nyoka mamba; do
        host_own "$host" /etc/ssl/certs
        cp "$LAB/ca.crt" "$(own "$host" /etc/ssl/certs)/$(openssl x509 -hash -noout -in "$LAB/ca.crt").0"
done

# ---- a mesh of three ----
coordinator_start_here
check "the coordinator is well" wait_for 10 mctl askari health || { lab_done; exit 1; }
for host in askari ubongo mamba nyoka; do
        agent_start "$host"
        key --name "$host" >"$LAB/$host.key"
done
for host in askari ubongo mamba; do
        check "$host enrols" mctl "$host" enroll --setup-key-file "$LAB/$host.key" --name "$host"
done
printf 'version: 1\nallow:\n  - { from: all, to: all, ports: any }\n' >"$LAB/policy.yaml"
check "a policy lets all talk to all" mctl askari policy apply "$LAB/policy.yaml"
ubongo=$(json ubongo 'j["addresses"][0]')
check "mamba reaches ubongo" wait_for 20 ping_once mamba "$ubongo"
key --name eve >"$LAB/eve.key"

# ---- enrolment ----
refused() { # EXIT REASON TEXT
        local code
        mctl nyoka enroll --setup-key-file "$LAB/nyoka.key" --name nyoka --json >"$LAB/answer" 2>"$LAB/said"
        code=$?
        cat "$LAB/answer" "$LAB/said"
        [ "$code" -eq "$1" ] && grep -q "\"reason\": \"$2\"" "$LAB/answer" && grep -q "$3" "$LAB/said"
}
no_member() {
        [ ! -e "$LAB/nyoka.agent/membership" ] && is False json nyoka 'j["enrolled"]' &&
                ! mctl askari node list | grep nyoka
}
plain_text() { [ "$(wc -l <"$LAB/said")" -eq 1 ] && ! grep -q '[[:cntrl:]]' "$LAB/said"; }
name_is nyoka 10.77.0.9
for certificate in self valid; do
        behave own
        check "the impostor has its $certificate certificate" impostor_start eve 10.77.0.9 "$certificate"
        if [ "$certificate" = valid ]; then
                check "nyoka's trust store holds it for valid" trusts nyoka
        else
                check_not "nyoka's trust store refuses it" trusts nyoka
        fi
        while read -r behaviour code reason text; do
                behave "$behaviour"
                check "$behaviour: enrolment is refused" refused "$code" "$reason" "$text"
                check "$behaviour: in plain text" plain_text
                check "$behaviour: there is no member" no_member
        done <<END
own 4 impostor is not the coordinator that the setup key names
replay 4 impostor is not the coordinator that the setup key names
garbage 4 impostor is not the coordinator that the setup key names
deny 4 barred was removed from the mesh
END
        [ "$certificate" = valid ] || stop eve impostor
done
check "the impostor learnt nothing" learnt_nothing
behave relay
check "a curious proxy cannot keep nyoka out" mctl nyoka enroll --setup-key-file "$LAB/nyoka.key" --name nyoka
check "nyoka is connected" wait_for 10 is_connected nyoka
check "through the proxy" is 10.77.0.9:443 json nyoka 'j["session"]["connected_to"]'
check "whose certificate is valid" is valid json nyoka 'j["session"]["certificate"]'
check "nyoka sees its peers" wait_for 10 is 4 json nyoka 'len(j["peers"])'
check "the proxy learnt nothing" learnt_nothing
cat "$LAB/told" "$LAB/nyoka.agent/keys" >"$LAB/told.all"
check_not "the search would have found a key" "$LAB_ROOT/tests/interop/search_secrets.py" "$LAB/told.all" \
        --keys "$LAB/nyoka.agent/keys"

# ---- both answer: the pin is right and the resolver lies, or the other way round ----
connects_in_time() { # WHERE THE LIE IS, MILLISECONDS
        connect mamba || { mctl mamba status; return 1; }
        echo "$behaviour, $1: connected after $CONNECT_MS ms" | tee -a "$LAB/times.log"
        [ "$CONNECT_MS" -lt "$2" ] && is 10.77.0.1:443 json mamba 'j["session"]["connected_to"]'
}
second mamba
cp "$LAB/mamba.agent.yaml" "$LAB/mamba.agent.yaml.before" # what enroll wrote
for behaviour in own replay deny garbage silent noise; do
        behave "$behaviour"
        name_is mamba 10.77.0.9
        stop mamba agent
        check "$behaviour at the name, the pin is right: connected within a second" connects_in_time "false name" "$SECOND_MS"
        name_is mamba 10.77.0.1
        echo 'pin: { addresses: [10.77.0.9] }' >>"$LAB/mamba.agent.yaml"
        stop mamba agent
        # A replayed Hello takes a turn with Proof, which ends after SESSION_PROOF_MS.
        limit=$([ "$behaviour" = replay ] && echo 6 || echo 1)
        check "$behaviour at the first pin, another is right: connected within $limit s" \
                connects_in_time "false pin" $((limit * SECOND_MS))
        cp "$LAB/mamba.agent.yaml.before" "$LAB/mamba.agent.yaml"
done

# ---- the impostor takes the coordinator's place ----
fails_with() { # TEXT: in the status of mamba
        mctl mamba status --json >"$LAB/status" && ! grep -q '"state": "connected"' "$LAB/status" &&
                grep -q "\"error\": \".*$1" "$LAB/status"
}
stop eve impostor
start mamba longping ping -i 0.2 "$ubongo"
cp "$LAB/mamba.agent/map" "$LAB/map.before"
number=30
peers=$(json mamba '[p["name"] for p in j["peers"]]')
for certificate in self valid; do
        stop askari coordinator KILL
        behave own
        check "the impostor has the coordinator's address, and its $certificate certificate" \
                impostor_start askari 10.77.0.1 "$certificate"
        while read -r behaviour text; do
                behave "$behaviour"
                number=$((number + 1))
                on mamba ip address add "10.77.0.$number/32" dev eth0 # the agent tries at once
                check "$behaviour: Sync is refused, and status says so" wait_for 20 fails_with "$text"
                check "$behaviour: the peers are the same" is "$peers" json mamba '[p["name"] for p in j["peers"]]'
        done <<'END'
deny this node was removed
garbage not this mesh's coordinator
replay timed out
silent timed out
noise 10.77.0.1:443
own not this mesh's coordinator
END
        check "what is on disk is the same" cmp "$LAB/map.before" "$LAB/mamba.agent/map"
        stop askari impostor
        coordinator_start_here
        check "the coordinator is back" wait_for 10 mctl askari health
        check "mamba is connected again by itself" wait_for 20 is_connected mamba
        cp "$LAB/mamba.agent/map" "$LAB/map.before"
done
stop mamba longping INT
check "a ping between members lost nothing all the time" grep -q " 0% packet loss" "$LAB/mamba.longping.log"
check "the impostor learnt nothing" learnt_nothing
sed 's/^/# /' "$LAB/times.log"
lab_done
