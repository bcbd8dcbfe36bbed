#!/usr/bin/python3
"""Opens with python3-nacl what the C code made: the other direction of tests/proto/test_vectors.c.

usage: test_vectors.py             of test_vectors_from_c, which it builds
       test_vectors.py FILE.txt    of a file, for example tests/proto/vectors.txt
Speaks TAP; exit code 0 if all hold.
"""
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "../../proto/vectors"))
import mesh_crypto as mc  # noqa: E402

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=300,
                          encoding="ascii").stdout


def from_c():
    make = "make", "-s", "BUILD=" + os.environ.get("BUILD", "build")
    program = next(p for p in run(*make, "list-unit-tests").split()
                   if p.endswith("/tests/interop/test_vectors_from_c"))
    run(*make, program)
    return run(program)


def load(text):
    pairs = (line.split(" = ") for line in text.splitlines() if " = " in line)
    return {name: bytes.fromhex(value) for name, value in pairs}


def fields(data):
    """A protobuf message as {number: last value}; lengths-delimited and varints only."""
    out, at = {}, 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        tag = varint()
        if tag & 7 == 0:
            out[tag >> 3] = varint()
        else:
            assert tag & 7 == 2, "wire type"
            size = varint()
            assert at + size <= len(data), "cut"
            out[tag >> 3] = data[at:at + size]
            at += size
    return out


def refused(function, *arguments):
    try:
        function(*arguments)
    except Exception:  # nacl raises several kinds; each of them is a refusal
        return
    raise AssertionError("was accepted")


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


@check
def keys(v):
    for name in "coordinator", "node", "setup":
        assert mc.Identity(v[name + "_seed"]).public == v[name + "_public"], name
    assert mc.x_public(v["wireguard_secret"]) == v["wireguard_public"]


@check
def setup_key(v):
    text = v["setup_key_text"].decode()
    key = mc.SetupKey.parse(text)
    assert key.host.encode() == v["setup_key_host"]
    assert key.port == int.from_bytes(v["setup_key_port"], "big")
    assert key.coordinator == v["coordinator_public"]
    assert key.key_id == v["setup_key_id"]
    assert mc.Identity(key.seed).public == v["setup_public"]
    assert key.text() == text
    refused(mc.SetupKey.parse, text[:-1] + ("a" if text[-1] != "a" else "b"))


@check
def enroll_request(v):
    c = mc.Identity(v["coordinator_seed"])
    claim = fields(mc.unseal(c, fields(v["enroll_request"])[1]))
    body = fields(claim[1])
    assert body[1] == v["setup_key_id"]
    assert body[2] == v["node_public"]
    assert body[3] == v["wireguard_public"]
    t = mc.enroll_transcript(c.public, claim[1])
    mc.verify(v["setup_public"], t, claim[2])
    mc.verify(v["node_public"], t, claim[3])
    refused(mc.verify, v["node_public"], t, claim[2])
    mc.verify(body[2], mc.transcript("signal-key", c.public, body[4]), body[5])
    shared = mc.wireguard_shared(c.x_secret, body[3])
    assert shared == mc.wireguard_shared(v["wireguard_secret"], mc.x_form(c.public))
    assert claim[4] == mc.wireguard_mac(shared, c.public, body[3], claim[1])
    assert claim[4] != mc.wireguard_mac(shared, c.public, body[4], claim[1])


@check
def enroll_reply(v):
    node = mc.Identity(v["node_seed"])
    grant = fields(mc.unseal(node, fields(v["enroll_reply"])[1]))
    assert grant[1] == v["grant_body"]
    sealed = fields(v["enroll_request"])[1]
    mc.verify(v["coordinator_public"], mc.grant_transcript(sealed, grant[1]), grant[2])
    refused(mc.verify, v["coordinator_public"],
            mc.grant_transcript(flipped(sealed, 0), grant[1]), grant[2])


def open_sync(v, role):
    """The frames of the other end, opened as ROLE."""
    c = v["coordinator_public"]
    hello, agent_hello = (fields(v[n])[1] for n in ("sync_hello_frame", "sync_agent_hello_frame"))
    mc.verify(c, mc.ephemeral_transcript(fields(hello)[1]), fields(hello)[2])
    peer = fields(agent_hello if role == "coordinator" else hello)[1]
    stream = mc.Stream(role, v[f"sync_{role}_ephemeral_secret"], peer, c, hello, agent_hello)
    return stream, hello, agent_hello


def proof_of(v):
    stream, hello, agent_hello = open_sync(v, "coordinator")
    proof = fields(stream.open(fields(v["sync_proof_frame"])[1]))
    return stream, hello, agent_hello, proof


@check
def sync_as_coordinator(v):
    stream, hello, agent_hello, proof = proof_of(v)
    mc.verify(v["node_public"],
              mc.proof_transcript(v["coordinator_public"], hello, agent_hello, proof[1]), proof[2])
    assert len(fields(proof[1])[2]) == 32
    for i in range(2):
        assert stream.open(fields(v[f"sync_agent_frame_{i}"])[1]) == b"from the agent %d" % i
    refused(stream.open, fields(v["sync_agent_frame_1"])[1])


@check
def sync_as_agent(v):
    stream, hello, agent_hello = open_sync(v, "agent")
    proof_body = proof_of(v)[3][1]
    welcome = fields(stream.open(fields(v["sync_welcome_frame"])[1]))
    mc.verify(v["coordinator_public"],
              mc.welcome_transcript(v["coordinator_public"], hello, agent_hello, proof_body,
                                    welcome[1]), welcome[2])
    for i in range(2):
        data = fields(v[f"sync_coordinator_frame_{i}"])[1]
        assert stream.open(data) == b"from the coordinator %d" % i


@check
def position(v):
    first = mc.change_log_hash(bytes(32), 1, b"first change")
    second = mc.change_log_hash(first, 2, b"")
    assert first == v["log_hash_1"] and second == v["log_hash_2"]
    start, random, generation = (int.from_bytes(v["position_" + n], "big")
                                 for n in ("start_ms", "random", "generation"))
    key = mc.position_key(v["coordinator_seed"])
    assert mc.position_mac(key, start, random, generation, second) == v["position_mac"]


def main():
    if len(sys.argv) > 1:
        with open(sys.argv[1], encoding="ascii") as file:
            values = load(file.read())
    else:
        values = load(from_c())
    print(f"1..{len(CHECKS)}")
    failed = 0
    for number, function in enumerate(CHECKS, 1):
        try:
            function(values)
            print(f"ok {number} - {function.__name__}")
        except Exception as error:
            failed += 1
            print(f"not ok {number} - {function.__name__}\n# {error!r}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
