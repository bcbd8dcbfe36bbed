"""Transcripts, seals and derived keys of mesh in Python, from proto/TRANSCRIPTS.md alone.

Shares no code with the C sources: this is the second implementation that the vectors and the
interoperability tests hold against them. Needs python3-nacl. Knows bytes only, no protobuf.
"""
import hashlib
import hmac

from nacl import bindings as na

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def transcript(name, *fields):
    out = b"mesh/v1/" + name.encode() + b"\0"
    for field in fields:
        if isinstance(field, int):
            field = field.to_bytes(8, "big")
        out += len(field).to_bytes(4, "big") + field
    return out


def blake(data, key=b""):
    return hashlib.blake2b(data, digest_size=32, key=key).digest()


class Identity:
    """An Ed25519 pair and its X25519 form."""

    def __init__(self, seed):
        self.seed = seed
        self.public, self.secret = na.crypto_sign_seed_keypair(seed)

    def sign(self, data):
        return na.crypto_sign(data, self.secret)[:64]

    @property
    def x_secret(self):
        return na.crypto_sign_ed25519_sk_to_curve25519(self.secret)


def x_form(public):
    return na.crypto_sign_ed25519_pk_to_curve25519(public)


def verify(public, data, signature):
    """Raises nacl.exceptions.BadSignatureError."""
    na.crypto_sign_open(signature + data, public)


def x_public(secret):
    return na.crypto_scalarmult_base(secret)


def seal(identity_public, data):
    return na.crypto_box_seal(data, x_form(identity_public))


def unseal(identity, sealed):
    return na.crypto_box_seal_open(sealed, x_form(identity.public), identity.x_secret)


# ---- setup key ----


def base32_encode(data):
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 5)
    return "".join(ALPHABET[int(bits[i:i + 5], 2)] for i in range(0, len(bits), 5))


def base32_decode(text):
    bits = "".join(f"{ALPHABET.index(c):05b}" for c in text)
    count = len(bits) // 8
    if "1" in bits[8 * count:]:
        raise ValueError("bits left over")
    return bytes(int(bits[8 * i:8 * i + 8], 2) for i in range(count))


class SetupKey:
    def __init__(self, host, port, coordinator, key_id, seed):
        self.host, self.port, self.coordinator = host, port, coordinator
        self.key_id, self.seed = key_id, seed

    def text(self):
        host = self.host.encode()
        data = (b"\x01" + self.port.to_bytes(2, "big") + bytes([len(host)]) + host +
                self.coordinator + self.key_id + self.seed)
        return "mesh-" + base32_encode(data + blake(transcript("setup-key", data))[:4])

    @classmethod
    def parse(cls, text):
        text = text.strip()
        if not text.startswith("mesh-"):
            raise ValueError("no setup key")
        data = base32_decode(text[5:])
        data, checksum = data[:-4], data[-4:]
        if blake(transcript("setup-key", data))[:4] != checksum:
            raise ValueError("mistyped")
        if data[0] != 1:
            raise ValueError("version")
        end = 4 + data[3]
        if len(data) != end + 72:
            raise ValueError("length")
        return cls(data[4:end].decode(), int.from_bytes(data[1:3], "big"), data[end:end + 32],
                   data[end + 32:end + 40], data[end + 40:])


# ---- enrolment ----


def signal_key_signature(node, coordinator, signal_key):
    return node.sign(transcript("signal-key", coordinator, signal_key))


def enroll_transcript(coordinator, body):
    return transcript("enroll", coordinator, body)


def wireguard_mac(shared, coordinator, wireguard_key, body):
    key = blake(transcript("enroll-mac-key", shared, coordinator, wireguard_key))
    return blake(enroll_transcript(coordinator, body), key)


def wireguard_shared(secret, public):
    return na.crypto_scalarmult(secret, public)


def grant_transcript(sealed_request, body):
    return transcript("enroll-grant", blake(sealed_request), body)


# ---- Sync ----


def ephemeral_transcript(ephemeral):
    return transcript("sync-ephemeral", ephemeral)


def proof_transcript(coordinator, hello, agent_hello, proof_body):
    return transcript("sync-proof", coordinator, hello, agent_hello, proof_body)


def welcome_transcript(coordinator, hello, agent_hello, proof_body, welcome_body):
    return transcript("sync-welcome", coordinator, hello, agent_hello, proof_body, welcome_body)


def sync_key(sender, kx_key, coordinator, hello, agent_hello):
    return blake(transcript("sync-key", sender.encode(), coordinator, hello, agent_hello), kx_key)


class Stream:
    """The two secretstreams of one end of a Sync stream."""

    def __init__(self, role, secret, peer_public, coordinator, hello, agent_hello):
        own_public = x_public(secret)
        if role == "agent":
            receive, send = na.crypto_kx_client_session_keys(own_public, secret, peer_public)
            peer = "coordinator"
        else:
            receive, send = na.crypto_kx_server_session_keys(own_public, secret, peer_public)
            peer = "agent"
        self._send_key = sync_key(role, send, coordinator, hello, agent_hello)
        self._receive_key = sync_key(peer, receive, coordinator, hello, agent_hello)
        self._send = self._receive = None

    def seal(self, data):
        """The data of a Frame."""
        header = b""
        if self._send is None:
            self._send = na.crypto_secretstream_xchacha20poly1305_state()
            header = na.crypto_secretstream_xchacha20poly1305_init_push(self._send, self._send_key)
        return header + na.crypto_secretstream_xchacha20poly1305_push(self._send, data)

    def open(self, data):
        """What a Frame's data says; raises RuntimeError or ValueError if it was tampered with."""
        if self._receive is None:
            self._receive = na.crypto_secretstream_xchacha20poly1305_state()
            na.crypto_secretstream_xchacha20poly1305_init_pull(self._receive, data[:24],
                                                               self._receive_key)
            data = data[24:]
        text, tag = na.crypto_secretstream_xchacha20poly1305_pull(self._receive, data)
        if tag != 0:
            raise ValueError("tag")
        return text


# ---- position ----


def position_key(seed):
    return blake(transcript("position-key", seed))


def position_mac(key, start_ms, random, generation, log_hash):
    return blake(transcript("position", start_ms, random, generation, log_hash), key)


def change_log_hash(before, generation, change):
    return blake(transcript("change-log", before, generation, change))


def same(a, b):
    return hmac.compare_digest(a, b)
