#!/usr/bin/python3
"""A stock gRPC client against the real coordinator: it enrols, syncs and administers.

Each test has members and keys of its own; all share one coordinator, whose socket and TLS port
are on this host. Program: $BUILD/bin/mesh-coordinator. 02-protocol.md."""
import os
import queue
import shutil
import socket
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mesh_client  # noqa: E402
from mesh_client import grpc, mc  # noqa: E402
from own_coordinator import HOST, SLOW, Coordinator  # noqa: E402

POLICY = b"""version: 1
allow:
  - { from: "tag:client", to: "tag:server", ports: [tcp/22] }
"""
NO_POLICY = b"version: 1\nallow: []\n"


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.coordinator = Coordinator()
        cls.admin, cls.stubs = cls.coordinator.admin, cls.coordinator.stubs

    @classmethod
    def tearDownClass(cls):
        cls.coordinator.stop()

    def setUp(self):
        self.channel = mesh_client.tls_channel(HOST, self.coordinator.port)
        self.addCleanup(self.channel.close)

    def member(self, name, *tags, **key):
        member = mesh_client.Member(self.stubs)
        text = self.coordinator.key(tags=tags, **key).text
        member.enroll(self.channel, text, name, tags)
        return member

    def stream(self, member, **how):
        stream = member.sync(self.channel, **how)
        self.addCleanup(stream.close)
        stream.wait(lambda net: net.complete or stream.welcome.resumed)
        return stream

    def refused(self, code, word, function, *arguments, **named):
        with self.assertRaises(grpc.RpcError) as caught:
            function(*arguments, **named)
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        if word:
            self.assertEqual(mesh_client.reason(caught.exception), word)
        return caught.exception


class Enrollment(Case):
    def test_grant(self):
        member = self.member("grant-1")
        grant = member.grant
        self.assertEqual(len(grant.node_id), 16)
        self.assertEqual(grant.name, "grant-1")
        self.assertEqual([(len(a.address), a.bits) for a in grant.addresses], [(4, 32), (16, 128)])
        self.assertEqual(len(grant.mesh_prefixes), 2)
        self.assertEqual(grant.coordinator_port, self.coordinator.port)
        node = next(n for n in self.admin.call("ListNodes").nodes if n.node_id == grant.node_id)
        self.assertEqual(node.wireguard_key, mc.x_public(member.wireguard))
        self.assertEqual(node.identity, member.identity.public)

    def test_same_identity_gets_its_node_back(self):
        member = self.member("again-1")
        first = member.grant
        second = member.enroll(self.channel, self.coordinator.key().text, "again-1")
        self.assertTrue(second.existing)
        self.assertEqual(second.node_id, first.node_id)
        self.assertEqual(list(second.addresses), list(first.addresses))

    def test_key_is_used_up(self):
        text = self.coordinator.key().text
        mesh_client.Member(self.stubs).enroll(self.channel, text, "once-1")
        self.refused(grpc.StatusCode.FAILED_PRECONDITION, "used_up",
                     mesh_client.Member(self.stubs).enroll, self.channel, text, "once-2")

    def test_key_is_revoked(self):
        reply = self.coordinator.key()
        self.admin.call("RevokeSetupKey", key=reply.key.key_id.hex())
        self.refused(grpc.StatusCode.FAILED_PRECONDITION, "revoked",
                     mesh_client.Member(self.stubs).enroll, self.channel, reply.text, "revoked-1")

    def test_key_is_expired(self):
        reply = self.coordinator.key(lifetime_ms=1)
        while time.time() * 1000 <= reply.key.expires_ms + 1:
            pass
        self.refused(grpc.StatusCode.FAILED_PRECONDITION, "expired",
                     mesh_client.Member(self.stubs).enroll, self.channel, reply.text, "expired-1")

    def test_key_is_unknown(self):
        """A wrong seed under a known id, and a wrong id, are one and the same to a stranger."""
        text, answers = self.coordinator.key().text, []
        for part in "seed", "key_id":
            key = mc.SetupKey.parse(text)
            setattr(key, part, os.urandom(len(getattr(key, part))))
            error = self.refused(grpc.StatusCode.UNAUTHENTICATED, "unknown",
                                 mesh_client.Member(self.stubs).enroll, self.channel, key.text())
            answers.append(error.details())
        self.assertEqual(answers[0], answers[1])

    def test_revoked_is_told_only_to_who_has_the_key(self):
        reply = self.coordinator.key()
        self.admin.call("RevokeSetupKey", key=reply.key.key_id.hex())
        key = mc.SetupKey.parse(reply.text)
        key.seed = os.urandom(32)
        self.refused(grpc.StatusCode.UNAUTHENTICATED, "unknown",
                     mesh_client.Member(self.stubs).enroll, self.channel, key.text())

    def test_tags_that_the_key_does_not_grant(self):
        self.refused(grpc.StatusCode.PERMISSION_DENIED, "tags",
                     mesh_client.Member(self.stubs).enroll, self.channel,
                     self.coordinator.key(tags=["web"]).text, "tags-1", ("web", "admin"))

    def test_wireguard_key_of_another(self):
        """Its public half is known to its peers; only the holder can enrol with it."""
        victim, thief = self.member("victim-1"), mesh_client.Member(self.stubs)
        key = self.coordinator.key().text
        thief.wireguard = victim.wireguard
        self.refused(grpc.StatusCode.ALREADY_EXISTS, "wireguard_key_taken",
                     thief.enroll, self.channel, key, "thief-1")
        public = mc.x_public(victim.wireguard)
        thief.wireguard = os.urandom(32)
        body = self.stubs.enrollment.EnrollBody(
            setup_key_id=mc.SetupKey.parse(key).key_id, node_identity=thief.identity.public,
            wireguard_key=public, signal_key=mc.x_public(thief.signal),
            signal_key_signature=mc.signal_key_signature(
                thief.identity, mc.SetupKey.parse(key).coordinator, mc.x_public(thief.signal)),
            versions=thief.versions())
        call = self.stubs.method(self.channel, "Enrollment", "Enroll")
        self.refused(grpc.StatusCode.UNAUTHENTICATED, "unknown", call,
                     thief.request(key, body=body), timeout=20)

    def test_rubbish(self):
        call = self.stubs.method(self.channel, "Enrollment", "Enroll")
        for sealed in b"", b"x" * 47, os.urandom(500):
            with self.assertRaises(grpc.RpcError) as caught:
                call(self.stubs.enrollment.EnrollRequest(sealed=sealed), timeout=20)
            self.assertIn(caught.exception.code(), (grpc.StatusCode.UNAUTHENTICATED,
                                                    grpc.StatusCode.INVALID_ARGUMENT))
        self.assertTrue(self.admin.call("GetHealth").ok)


class Admin(Case):
    def test_strangers_are_refused_before_they_send(self):
        """Nothing of a request is kept for who may not administer."""
        silent = queue.Queue()
        for path in "/mesh.v1.Admin/ApplyPolicy", "/mesh.v1.Admin/GetHealth":
            call = self.channel.stream_stream(path)(iter(silent.get, None), timeout=10)
            with self.assertRaises(grpc.RpcError) as caught:
                next(call)
            self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAUTHENTICATED)
            silent.put(None)

    def test_approved_member_comes_back_with_its_name(self):
        self.coordinator.apply(b"version: 1\nallow:\n  - { from: wanted-1, to: \"tag:x\", "
                               b"ports: [tcp/22] }\n")
        member = self.member("wanted-1")
        self.assertEqual((member.grant.name, member.grant.name_pending), ("wanted-1-2", True))
        stream = self.stream(member)
        self.assertEqual(stream.welcome.name, "wanted-1-2")
        self.assertEqual(self.admin.call("ApproveNode", node="wanted-1-2").name, "wanted-1")
        error = stream.ended()
        self.assertEqual(error.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(mesh_client.reason(error), "renamed")
        again = self.stream(member)
        self.assertEqual((again.welcome.name, again.welcome.name_pending), ("wanted-1", False))
        self.refused(grpc.StatusCode.FAILED_PRECONDITION, "nothing_claimed", self.admin.call,
                     "ApproveNode", node="wanted-1")
        again.send(heartbeat=self.stubs.agent.Heartbeat())
        self.coordinator.apply(NO_POLICY)

    def test_strangers_do_not_fill_the_log(self):
        before = len(self.coordinator.log().splitlines())
        enroll = self.stubs.method(self.channel, "Enrollment", "Enroll")
        for _ in range(60):
            with self.assertRaises(grpc.RpcError):
                enroll(self.stubs.enrollment.EnrollRequest(sealed=b"x" * 200), timeout=20)
            call = self.channel.stream_stream("/mesh.v1.Agent/Sync")(iter([b""] * 3), timeout=20)
            with self.assertRaises(grpc.RpcError):
                for _ in call:
                    pass
        self.assertLess(len(self.coordinator.log().splitlines()) - before, 30)


class Sync(Case):
    def test_peers_come_and_go_by_deltas(self):
        self.coordinator.apply(POLICY)
        client = self.stream(self.member("delta-client", "client"))
        self.assertNotIn("delta-server", client.net.names())
        member = self.member("delta-server", "server")
        client.wait(lambda net: "delta-server" in net.names())
        server = self.stream(member)
        self.assertIn("delta-client", server.net.names())
        self.assertEqual([(r.protocol, r.ports[0].low) for r in server.net.rules], [(6, 22)])
        self.assertEqual(client.net.rules, [])
        peer = next(p for p in client.net.peers.values() if p.name == "delta-server")
        self.assertEqual(peer.wireguard_key, mc.x_public(member.wireguard))
        mc.verify(peer.identity, mc.transcript("signal-key", member.coordinator, peer.signal_key),
                  peer.signal_key_signature)
        self.admin.call("RemoveNode", node="delta-server")
        client.wait(lambda net: "delta-server" not in net.names())
        self.assertEqual(client.net.snapshots, 1)
        self.assertEqual(server.ended().code(), grpc.StatusCode.PERMISSION_DENIED)
        self.refused(grpc.StatusCode.PERMISSION_DENIED, "barred", member.sync, self.channel)
        thief = mesh_client.Member(self.stubs)  # knows the node id, has not its key
        thief.coordinator, thief.grant = member.coordinator, member.grant
        self.refused(grpc.StatusCode.UNAUTHENTICATED, None, thief.sync, self.channel)
        self.refused(grpc.StatusCode.PERMISSION_DENIED, "barred", member.enroll, self.channel,
                     self.coordinator.key(tags=["server"]).text, "delta-server", ["server"])

    def test_policy_edit_is_a_delta(self):
        self.coordinator.apply(NO_POLICY)
        client = self.stream(self.member("edit-client", "client"))
        server = self.stream(self.member("edit-server", "server"))
        self.assertEqual(client.net.names() + server.net.names(), [])
        reply = self.coordinator.apply(POLICY)
        for stream, peer in (client, "edit-server"), (server, "edit-client"):
            stream.wait(lambda net, peer=peer: peer in net.names())
            stream.wait(lambda net: net.policy_hash == reply.policy_hash)
            self.assertEqual(stream.net.snapshots, 1)
        self.coordinator.apply(NO_POLICY)
        client.wait(lambda net: not net.names())
        server.wait(lambda net: not net.names() and not net.rules)

    def test_position_is_resumed(self):
        self.coordinator.apply(POLICY)
        client = self.member("resume-client", "client")
        first = self.stream(client)
        self.member("resume-server-1", "server")
        first.wait(lambda net: "resume-server-1" in net.names())
        first.close()
        self.member("resume-server-2", "server")
        second = self.stream(client, position=first.net.position, net=first.net)
        self.assertTrue(second.welcome.resumed)
        second.wait(lambda net: "resume-server-2" in net.names())
        self.assertEqual(second.net.snapshots, 1)

    def test_forged_position_gets_a_snapshot(self):
        member = self.member("forged-1")
        position = self.stream(member).net.position
        position.generation += 1000
        again = self.stream(member, position=position)
        self.assertFalse(again.welcome.resumed)
        self.assertEqual(again.net.snapshots, 1)

    def test_resumed_after_kill_of_the_coordinator(self):
        member = self.member("killed-1")
        stream = self.stream(member)
        self.restart()
        again = self.stream(member, position=stream.net.position, net=stream.net)
        self.assertEqual(again.welcome.name, "killed-1")
        self.assertEqual(list(again.welcome.addresses), list(member.grant.addresses))

    def restart(self, change=lambda: None):
        self.coordinator.kill()
        change()
        self.coordinator.start()
        type(self).admin = self.coordinator.admin
        self.channel.close()
        self.channel = mesh_client.tls_channel(HOST, self.coordinator.port)

    def test_store_that_went_back_begins_an_epoch(self):
        """Welcome tells of the new epoch when it is durable: it is the one after a restart, too."""
        state, copy = (os.path.join(self.coordinator.directory, name) for name in ("state", "copy"))
        member = self.member("back-1")
        self.restart(lambda: shutil.copytree(state, copy))
        old = self.stream(member)
        self.member("back-2")
        ahead = old.wait(lambda net: True).position
        self.coordinator.apply(POLICY.replace(b"22", b"23"))  # concerns everybody
        ahead = old.wait(lambda net: net.position != ahead).position

        def restore():
            shutil.rmtree(state)
            os.rename(copy, state)
        self.restart(restore)
        new = self.stream(member, position=ahead, token=b"")
        self.assertFalse(new.welcome.resumed)
        self.assertEqual(new.net.snapshots, 1)
        self.assertGreater(new.welcome.epoch.start_ms, old.welcome.epoch.start_ms)
        self.assertEqual(new.net.position.epoch, new.welcome.epoch)
        self.restart()
        again = self.stream(member, position=new.net.position, net=new.net)
        self.assertTrue(again.welcome.resumed)
        self.assertEqual(again.welcome.epoch, new.welcome.epoch)
        self.coordinator.apply(NO_POLICY)

    def test_connected_is_who_has_a_stream(self):
        """Also after a member that went away before it was welcomed, and a replaced stream."""
        member = self.member("seen-1")

        def connected():
            return {n.name: n.connected for n in self.admin.call("ListNodes").nodes}["seen-1"]
        for _ in range(5):
            member.sync(self.channel, hasty=True).ended()
        self.assertFalse(connected())
        first, second = self.stream(member), self.stream(member)
        self.assertEqual(first.ended().code(), grpc.StatusCode.ABORTED)
        self.assertTrue(connected())
        second.half_close()
        self.assertIsNone(second.ended())
        self.assertFalse(connected())

    def test_newer_stream_replaces_the_older(self):
        member = self.member("twice-1")
        older = self.stream(member)
        self.stream(member)
        self.assertEqual(older.ended().code(), grpc.StatusCode.ABORTED)

    def test_member_that_reports_without_end(self):
        """Costs the others a few deltas, and the newest report is what they have in the end."""
        self.coordinator.apply(POLICY)
        server, client = self.member("much-1", "server"), self.member("much-2", "client")
        talks, hears = self.stream(server), self.stream(client)
        before = self.admin.call("GetHealth").generation
        types = self.stubs.types
        for port in range(1, 301):
            talks.send(report=self.stubs.agent.Report(endpoints=[
                types.Endpoint(address=bytes((192, 0, 2, 1)), port=port)]))
        for _ in range(50):
            talks.send(want_snapshot=self.stubs.agent.WantSnapshot())
        hears.wait(lambda net: [e.port for e in net.peers[server.grant.node_id].endpoints] == [300],
                   timeout=25 * SLOW)
        self.assertLess(self.admin.call("GetHealth").generation - before, 10)
        self.assertLess(hears.net.deltas, 10)
        self.assertLess(talks.net.snapshots, 10)
        self.coordinator.apply(NO_POLICY)

    def test_leave(self):
        member = self.member("leave-1")
        stream = self.stream(member)
        stream.send(leave=self.stubs.agent.Leave())
        while not any(m.WhichOneof("body") == "left" for m in stream.other):
            stream.receive()
        self.assertNotIn("leave-1", [n.name for n in self.admin.call("ListNodes").nodes])

    def test_heartbeats(self):
        member = self.member("beats-1")
        stream = self.stream(member)
        deadline = time.monotonic() + 25 * SLOW
        while stream.beats < 2:
            stream.receive(deadline - time.monotonic())

    def test_who_cannot_prove_itself(self):
        member, other = self.member("proof-1"), self.member("proof-2")
        thief = mesh_client.Member(self.stubs)
        thief.coordinator, thief.grant = member.coordinator, member.grant
        nobody = mesh_client.Member(self.stubs)
        nobody.coordinator = member.coordinator
        nobody.grant = self.stubs.enrollment.EnrollGrantBody(node_id=os.urandom(16))
        answers = {self.refused(grpc.StatusCode.UNAUTHENTICATED, None, who.sync, self.channel)
                   .details() for who in (thief, nobody)}
        self.assertEqual(len(answers), 1)
        self.stream(member)
        self.stream(other)

    def test_broken_frames_end_the_stream(self):
        member = self.member("broken-1")
        for data in b"", b"x", os.urandom(17), os.urandom(300):
            stream = self.stream(member)
            stream.send_data(data)
            self.assertIsNotNone(stream.ended(), data)

    def test_silence_before_the_proof(self):
        """A stranger who says nothing is sent away, and members are served meanwhile."""
        silent = queue.Queue()
        call = self.stubs.method(self.channel, "Agent", "Sync")(iter(silent.get, None))
        self.stream(self.member("silence-1"))
        with self.assertRaises(grpc.RpcError):
            for _ in call:
                pass
        silent.put(None)

    def crowd(self, count):
        """COUNT Sync calls of strangers who say nothing, over h2c: cheaper than grpcio's."""
        def field(name, value):
            return bytes((0x10, len(name))) + name + bytes((len(value),)) + value

        def frame(kind, flags, stream, payload=b""):
            return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags,
                                                                     stream) + payload
        head = b"".join(field(*pair) for pair in (
            (b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/mesh.v1.Agent/Sync"),
            (b":authority", b"x"), (b"content-type", b"application/grpc"), (b"te", b"trailers")))
        for _ in range(0, count, 60):
            s = socket.create_connection((HOST, self.coordinator.h2c_port))
            self.addCleanup(s.close)
            s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0) +
                      b"".join(frame(1, 4, stream, head) for stream in range(1, 120, 2)))

    def test_strangers_who_begin_keep_no_member_out(self):
        """More handshakes than there is room for: the oldest of them go, not the members."""
        member = self.member("crowd-1")
        before = self.stream(member)
        self.crowd(4300)
        deadline = time.monotonic() + 9 * SLOW  # then their own time is over
        while "too many connections begin" not in self.coordinator.log():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)  # between two looks
        self.assertEqual(self.stream(member).welcome.name, "crowd-1")
        self.assertEqual(before.ended().code(), grpc.StatusCode.ABORTED)

    def test_impostor_with_the_right_certificate(self):
        """Another identity answers: the member sends nothing that is worth having."""
        member = self.member("impostor-1")
        member.coordinator = mc.Identity(os.urandom(32)).public
        with self.assertRaises(mesh_client.Refused):
            member.sync(self.channel)


if __name__ == "__main__":
    unittest.main(verbosity=2)
