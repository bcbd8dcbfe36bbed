#!/usr/bin/python3
"""Writes tests/proto/vectors.txt: what an independent program makes of proto/TRANSCRIPTS.md.

Run from the root of the tree: proto/vectors/make_vectors.py > tests/proto/vectors.txt
Keys come from fixed seeds; sealed boxes and stream headers are random, so each run gives another
file. Lines are `name = hex`; a text is the hex of its bytes, a number that of its 8 bytes.
"""
import hashlib
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mesh_crypto as mc  # noqa: E402


def fixed(label, size=32):
    """Bytes that everybody can see are no secret."""
    return hashlib.shake_256(b"mesh test vector " + label.encode()).digest(size)


def varint(value):
    out = b""
    while value > 0x7f:
        out += bytes([value & 0x7f | 0x80])
        value >>= 7
    return out + bytes([value])


def message(**fields):
    """A protobuf message: f1=b"..." is a bytes, text or message field, f1=7 a varint."""
    out = b""
    for name, value in fields.items():
        number = int(name[1:])
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


values = {}


def put(**named):
    for name, value in named.items():
        if isinstance(value, int):
            value = value.to_bytes(8, "big")
        values[name] = value.encode() if isinstance(value, str) else value


def keys():
    coordinator, node, setup = (mc.Identity(fixed(n)) for n in ("coordinator", "node", "setup"))
    wireguard, signal = fixed("wireguard"), fixed("signal")
    put(coordinator_seed=coordinator.seed, coordinator_public=coordinator.public,
        coordinator_x25519=mc.x_form(coordinator.public), node_seed=node.seed,
        node_public=node.public, setup_seed=setup.seed, setup_public=setup.public,
        wireguard_secret=wireguard, wireguard_public=mc.x_public(wireguard), signal_secret=signal,
        signal_public=mc.x_public(signal))
    return coordinator, node, setup, wireguard, signal


def setup_key(coordinator, setup):
    key = mc.SetupKey("vpn.example.org", 8443, coordinator.public, fixed("key id", 8), setup.seed)
    put(setup_key_host=key.host, setup_key_port=key.port, setup_key_id=key.key_id,
        setup_key_text=key.text())
    return key


def enrolment(coordinator, node, setup, wireguard, signal, key):
    c = coordinator.public
    w = mc.x_public(wireguard)
    signal_signature = mc.signal_key_signature(node, c, mc.x_public(signal))
    body = message(f1=key.key_id, f2=node.public, f3=w, f4=mc.x_public(signal),
                   f5=signal_signature, f6=b"alpha", f7=b"web",
                   f8=message(f1=b"alpha.example.org", f2="Debian GNU/Linux 12".encode()))
    t = mc.enroll_transcript(c, body)
    claim = dict(f1=body, f2=setup.sign(t), f3=node.sign(t),
                 f4=mc.wireguard_mac(mc.wireguard_shared(wireguard, mc.x_form(c)), c, w, body))
    sealed = mc.seal(c, message(**claim))
    put(enroll_body=body, signal_key_signature=signal_signature,
        enroll_setup_key_signature=claim["f2"], enroll_node_signature=claim["f3"],
        enroll_wireguard_mac=claim["f4"], enroll_request=message(f1=sealed),
        enroll_request_hash=mc.blake(sealed))
    grant = message(f1=fixed("node id", 16), f2=b"alpha-2", f3=1,
                    f4=message(f1=bytes([100, 64, 0, 7]), f2=32), f7=8443)
    signature = coordinator.sign(mc.grant_transcript(sealed, grant))
    put(grant_body=grant, grant_signature=signature,
        enroll_reply=message(f1=mc.seal(node.public, message(f1=grant, f2=signature))))


def sync(coordinator, node):
    c = coordinator.public
    cs, as_ = fixed("coordinator ephemeral"), fixed("agent ephemeral")
    ephemeral_signature = coordinator.sign(mc.ephemeral_transcript(mc.x_public(cs)))
    hello = message(f1=mc.x_public(cs), f2=ephemeral_signature, f3=fixed("hello random"))
    agent_hello = message(f1=mc.x_public(as_))
    agent = mc.Stream("agent", as_, mc.x_public(cs), c, hello, agent_hello)
    other = mc.Stream("coordinator", cs, mc.x_public(as_), c, hello, agent_hello)
    proof = message(f1=fixed("node id", 16), f2=fixed("nonce"))
    proof_signature = node.sign(mc.proof_transcript(c, hello, agent_hello, proof))
    welcome = message(f1=1767225600000, f4=fixed("token", 16), f6=b"alpha-2")
    welcome_signature = coordinator.sign(
        mc.welcome_transcript(c, hello, agent_hello, proof, welcome))
    put(sync_coordinator_ephemeral_secret=cs, sync_agent_ephemeral_secret=as_,
        sync_ephemeral_signature=ephemeral_signature, sync_hello_random=fixed("hello random"),
        sync_nonce=fixed("nonce"), sync_node_id=fixed("node id", 16), sync_hello=hello,
        sync_agent_hello=agent_hello, sync_proof_body=proof, sync_proof_signature=proof_signature,
        sync_welcome_body=welcome, sync_welcome_signature=welcome_signature)
    frames = {
        "sync_hello_frame": hello,
        "sync_agent_hello_frame": agent_hello,
        "sync_proof_frame": agent.seal(message(f1=proof, f2=proof_signature)),
        "sync_welcome_frame": other.seal(message(f1=welcome, f2=welcome_signature)),
    }
    for i in range(2):
        frames[f"sync_agent_frame_{i}"] = agent.seal(b"from the agent %d" % i)
        frames[f"sync_coordinator_frame_{i}"] = other.seal(b"from the coordinator %d" % i)
    put(**{name: message(f1=data) for name, data in frames.items()})


def positions(coordinator):
    first = mc.change_log_hash(bytes(32), 1, b"first change")
    second = mc.change_log_hash(first, 2, b"")
    key = mc.position_key(coordinator.seed)
    put(log_hash_1=first, log_hash_2=second, position_key=key, position_start_ms=1767225600000,
        position_random=0xfedcba9876543210, position_generation=2,
        position_mac=mc.position_mac(key, 1767225600000, 0xfedcba9876543210, 2, second))


def main():
    coordinator, node, setup, wireguard, signal = keys()
    put(transcript_x_ab_7=mc.transcript("x", b"ab", 7, b""))
    key = setup_key(coordinator, setup)
    enrolment(coordinator, node, setup, wireguard, signal, key)
    sync(coordinator, node)
    positions(coordinator)
    print("# Made by proto/vectors/make_vectors.py; what the names mean: proto/TRANSCRIPTS.md.")
    for name, value in values.items():
        print(f"{name} = {value.hex()}")


if __name__ == "__main__":
    main()
