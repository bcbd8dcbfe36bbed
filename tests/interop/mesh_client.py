"""A stock gRPC client of the mesh: python3-grpcio, python3-nacl, stubs made by protoc.

For tests: enrols, opens Sync, administers, with nothing of our C code in between. Cryptography is
proto/vectors/mesh_crypto.py, written from proto/TRANSCRIPTS.md. Not for production: it keeps keys
in plain memory.

    pb = mesh_client.load_stubs("build/interop")
    admin = mesh_client.Admin(pb, "unix:/run/mesh-coordinator/admin.sock")
    key = admin.call("CreateSetupKey", description="test").text
    with mesh_client.tls_channel("127.0.0.1", 443) as channel:
        member = mesh_client.Member(pb)
        grant = member.enroll(channel, key, name="alpha")
        with member.sync(channel) as stream:
            stream.wait(lambda net: net.complete)
            print(stream.net.names())
"""
import importlib
import os
import queue
import ssl
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
sys.path.insert(0, os.path.join(ROOT, "proto/vectors"))

import grpc  # noqa: E402
from nacl.exceptions import CryptoError  # noqa: E402

import mesh_crypto as mc  # noqa: E402

MODULES = "types", "enrollment", "agent", "admin", "local"
MESSAGE_MAX = 256 * 1024


class Refused(Exception):
    """The other side is not who it should be, or what it sent was altered."""


class Stubs:
    """The generated modules: pb.agent.Hello, pb.admin.Node, ..."""

    def __init__(self, modules):
        self.__dict__.update(modules)

    def method(self, channel, service, name):
        """A callable for an rpc; its kind comes from the .proto file."""
        module = next(m for m in vars(self).values() if service in m.DESCRIPTOR.services_by_name)
        rpc = module.DESCRIPTOR.services_by_name[service].methods_by_name[name]
        kind = (("stream" if rpc.client_streaming else "unary") + "_" +
                ("stream" if rpc.server_streaming else "unary"))
        return getattr(channel, kind)(
            f"/{rpc.containing_service.full_name}/{name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=self._class(rpc.output_type).FromString)

    def request(self, service, name, **fields):
        module = next(m for m in vars(self).values() if service in m.DESCRIPTOR.services_by_name)
        rpc = module.DESCRIPTOR.services_by_name[service].methods_by_name[name]
        return self._class(rpc.input_type)(**fields)

    def _class(self, descriptor):
        module = next(m for m in vars(self).values() if m.DESCRIPTOR.name == descriptor.file.name)
        return getattr(module, descriptor.name)


def load_stubs(folder):
    """Runs protoc into FOLDER (a place below the build directory) and imports what it made."""
    os.makedirs(folder, exist_ok=True)
    protos = [f"mesh/v1/{name}.proto" for name in MODULES]
    subprocess.run(["protoc", "-I", os.path.join(ROOT, "proto"), f"--python_out={folder}"] + protos,
                   check=True)
    sys.path.insert(0, os.path.abspath(folder))
    return Stubs({name: importlib.import_module(f"mesh.v1.{name}_pb2") for name in MODULES})


# ---- transports ----


def tls_channel(host, port, options=()):
    """TLS to a coordinator, whatever its certificate: trust is the identity inside the stream."""
    certificate = ssl.get_server_certificate((host, port))
    credentials = grpc.ssl_channel_credentials(root_certificates=certificate.encode())
    name = certificate_name(certificate)
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return grpc.secure_channel(target, credentials,
                               [("grpc.ssl_target_name_override", name), *options])


def certificate_name(pem):
    """A name that the certificate is valid for, as openssl reads it."""
    text = subprocess.run(["openssl", "x509", "-noout", "-ext", "subjectAltName", "-subject",
                           "-nameopt", "multiline"], input=pem, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, encoding="ascii", check=False).stdout
    for mark in "DNS:", "IP Address:":
        if mark in text:
            return text.split(mark)[1].split(",")[0].split()[0]
    return text.split("commonName")[1].split("=")[1].split()[0]


def unix_channel(target):
    """Cleartext over a Unix socket: "unix:/run/..."."""
    return grpc.insecure_channel(target, [("grpc.default_authority", "localhost")])


class Admin:
    """The Admin service over the coordinator's Unix socket; also the agent's Local service."""

    def __init__(self, stubs, target, service="Admin"):
        self.stubs, self.service = stubs, service
        self.channel = unix_channel(target)

    def call(self, name, timeout=20, **fields):
        """The reply; raises grpc.RpcError."""
        request = self.stubs.request(self.service, name, **fields)
        return self.stubs.method(self.channel, self.service, name)(request, timeout=timeout)

    def close(self):
        self.channel.close()


# ---- a member ----


class Member:
    """A node's keys and what it was granted."""

    def __init__(self, stubs):
        self.stubs = stubs
        self.identity = mc.Identity(os.urandom(32))
        self.wireguard = os.urandom(32)
        self.signal = os.urandom(32)
        self.coordinator = self.grant = None
        self.token = b""

    def request(self, key_text, name="", tags=(), body=None):
        """An EnrollRequest, and the bytes that its reply is bound to."""
        pb, key = self.stubs.enrollment, mc.SetupKey.parse(key_text)
        c = self.coordinator = key.coordinator
        signal_public = mc.x_public(self.signal)
        wireguard = mc.x_public(self.wireguard)
        body = body or pb.EnrollBody(
            setup_key_id=key.key_id, node_identity=self.identity.public, wireguard_key=wireguard,
            signal_key=signal_public, wanted_name=name, wanted_tags=tags,
            signal_key_signature=mc.signal_key_signature(self.identity, c, signal_public),
            facts=pb.HostFacts(hostname=name or "stock", system="Python"),
            versions=self.versions())
        data = body.SerializeToString()
        t = mc.enroll_transcript(c, data)
        shared = mc.wireguard_shared(self.wireguard, mc.x_form(c))
        claim = pb.EnrollClaim(body=data, setup_key_signature=mc.Identity(key.seed).sign(t),
                               node_signature=self.identity.sign(t),
                               wireguard_mac=mc.wireguard_mac(shared, c, wireguard, data))
        return pb.EnrollRequest(sealed=mc.seal(c, claim.SerializeToString()))

    def open_reply(self, request, reply):
        pb = self.stubs.enrollment
        try:
            grant = pb.EnrollGrant.FromString(mc.unseal(self.identity, reply.sealed))
            mc.verify(self.coordinator, mc.grant_transcript(request.sealed, grant.body),
                      grant.signature)
        except CryptoError as error:
            raise Refused("enrolment reply") from error
        return pb.EnrollGrantBody.FromString(grant.body)

    def enroll(self, channel, key_text, name="", tags=(), timeout=20):
        """The grant; raises grpc.RpcError, or Refused for an impostor's reply."""
        request = self.request(key_text, name, tags)
        reply = self.stubs.method(channel, "Enrollment", "Enroll")(request, timeout=timeout)
        self.grant = self.open_reply(request, reply)
        return self.grant

    def versions(self, lowest=1, highest=1):
        return self.stubs.types.Versions(lowest=lowest, highest=highest, software="python")

    def sync(self, channel, **how):
        return SyncStream(self, channel, **how)


class NetworkMap:
    """What the coordinator told: peers by node id, sets by id, rules; and how it got there."""

    def __init__(self):
        self.peers, self.sets, self.rules = {}, {}, []
        self.position = None
        self.policy_hash = self.access_hash = b""
        self.complete = False
        self.snapshots = self.deltas = 0
        self._pending = None

    def names(self):
        return sorted(peer.name for peer in self.peers.values())

    def take_snapshot(self, chunk):
        if self._pending is None:
            self._pending = ({}, {}, [])
        peers, sets, rules = self._pending
        peers.update((peer.node_id, peer) for peer in chunk.peers)
        sets.update((s.id, {prefix_key(p) for p in s.prefixes}) for s in chunk.sets)
        rules.extend(chunk.rules)
        if not chunk.last:
            return
        self.peers, self.sets, self.rules = self._pending
        self._pending = None
        self.position, self.complete = chunk.position, True
        self.policy_hash, self.access_hash = chunk.policy_hash, chunk.access_hash
        self.snapshots += 1

    def take_delta(self, delta):
        here = self.position.generation if self.position else 0
        if getattr(delta, "from") != here:
            raise Refused(f"a gap: a delta from {getattr(delta, 'from')}, here is {here}")
        for peer in delta.peers:
            self.peers[peer.node_id] = peer
        for node_id in delta.removed_peers:
            del self.peers[node_id]
        for s in delta.new_sets:
            self.sets[s.id] = {prefix_key(p) for p in s.prefixes}
        for change in delta.set_changes:
            have = self.sets[change.id]
            have |= {prefix_key(p) for p in change.added}
            have -= {prefix_key(p) for p in change.removed}
        for set_id in delta.removed_sets:
            del self.sets[set_id]
        if delta.rules_changed:
            self.rules = list(delta.rules)
        self.position, self.complete = delta.to, True
        self.policy_hash, self.access_hash = delta.policy_hash, delta.access_hash
        self.deltas += 1


def prefix_key(prefix):
    return prefix.address, prefix.bits


class SyncStream:
    """One Sync stream, from the handshake on. A thread of grpcio reads; the caller pumps."""

    def __init__(self, member, channel, position=None, token=None, net=None, proof=None,
                 versions=None, timeout=20, hasty=False):
        self.member, self.pb = member, member.stubs.agent
        self.net = net or NetworkMap()
        self.echo = True  # answer heartbeats
        self.beats = 0
        self.other = []  # messages that are neither map nor heartbeat
        self._out, self._in = queue.Queue(), queue.Queue()
        self.call = member.stubs.method(channel, "Agent", "Sync")(iter(self._out.get, None))
        threading.Thread(target=self._read, daemon=True).start()
        self._deadline = time.monotonic() + timeout
        self.hasty = hasty  # goes away with its Proof
        self._shake_hands(position, member.token if token is None else token, proof, versions)

    # -- frames --

    def _read(self):
        try:
            for frame in self.call:
                self._in.put(frame.data)
        except grpc.RpcError as error:
            self._in.put(error)
            return
        self._in.put(EOFError("the stream ended"))

    def _next(self, timeout):
        """The data of the next frame; raises queue.Empty, grpc.RpcError or EOFError."""
        data = self._in.get(timeout=max(timeout, 0.001))
        if isinstance(data, Exception):
            self._in.put(data)  # it stays the answer
            raise data
        return data

    def send_data(self, data):
        """A frame's bare data: for tests that send rubbish."""
        self._out.put(self.pb.Frame(data=data))

    def _open(self, data):
        try:
            return self._stream.open(data)
        except (CryptoError, RuntimeError, ValueError) as error:
            raise Refused("frame") from error

    # -- handshake --

    def _shake_hands(self, position, token, proof, versions):
        c = self.member.coordinator
        hello = self._next(self._deadline - time.monotonic())
        greeting = self.pb.Hello.FromString(hello)
        try:
            mc.verify(c, mc.ephemeral_transcript(greeting.ephemeral), greeting.ephemeral_signature)
        except CryptoError as error:
            self.close()
            raise Refused("Hello") from error
        secret = os.urandom(32)
        agent_hello = self.pb.AgentHello(ephemeral=mc.x_public(secret)).SerializeToString()
        self.send_data(agent_hello)
        self._stream = mc.Stream("agent", secret, greeting.ephemeral, c, hello, agent_hello)

        body = proof or self.pb.ProofBody(node_id=self.member.grant.node_id, nonce=os.urandom(32),
                                          position=position, instance_token=token,
                                          versions=versions or self.member.versions())
        body = body.SerializeToString()
        t = mc.proof_transcript(c, hello, agent_hello, body)
        message = self.pb.Proof(body=body, signature=self.member.identity.sign(t))
        self.send_data(self._stream.seal(message.SerializeToString()))
        if self.hasty:
            self.half_close()
            return

        answer = self._open(self._next(self._deadline - time.monotonic()))
        welcome = self.pb.Welcome.FromString(answer)
        t = mc.welcome_transcript(c, hello, agent_hello, body, welcome.body)
        try:
            mc.verify(c, t, welcome.signature)
        except CryptoError as error:
            self.close()
            raise Refused("Welcome") from error
        self.welcome = self.pb.WelcomeBody.FromString(welcome.body)
        self.member.token = self.welcome.next_instance_token

    # -- after it --

    def send(self, **body):
        """An AgentMessage: send(heartbeat=pb.agent.Heartbeat(counter=1))."""
        self.send_data(self._stream.seal(self.pb.AgentMessage(**body).SerializeToString()))

    def receive(self, timeout=20):
        """The next CoordinatorMessage, after it was applied to `net`; raises queue.Empty."""
        message = self.pb.CoordinatorMessage.FromString(self._open(self._next(timeout)))
        kind = message.WhichOneof("body")
        if kind == "snapshot":
            self.net.take_snapshot(message.snapshot)
        elif kind == "delta":
            self.net.take_delta(message.delta)
        elif kind == "heartbeat":
            self.beats += 1
            if self.echo:
                self.send(heartbeat=message.heartbeat)
        else:
            self.other.append(message)
        return message

    def wait(self, until, timeout=20):
        """Receives until UNTIL(net) is true; raises TimeoutError. Returns the net."""
        deadline = time.monotonic() + timeout
        while not until(self.net):
            try:
                self.receive(deadline - time.monotonic())
            except queue.Empty as empty:
                raise TimeoutError(f"after {timeout} s: peers {self.net.names()}") from empty
        return self.net

    def ended(self, timeout=20):
        """Waits for the end of the stream; the grpc.RpcError, or None for a good one."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                self._next(deadline - time.monotonic())
            except EOFError:
                return None
            except grpc.RpcError as error:
                return error

    def half_close(self):
        """Nothing more will be sent."""
        self._out.put(None)

    def close(self):
        self.half_close()
        self.call.cancel()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


def reason(error):
    """The word for scripts in a refusal's trailer `mesh-reason`, or None."""
    return dict(error.trailing_metadata() or ()).get("mesh-reason")
