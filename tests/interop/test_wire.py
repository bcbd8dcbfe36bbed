#!/usr/bin/python3
"""What a connected member is sent, seen on the wire: deltas that name what changed, whatever the
size of the mesh, and nothing but heartbeats when nothing changes.

A stock client syncs through a relay that counts the bytes of TCP in both directions.
02-protocol.md, "Agent.Sync"."""
import os
import queue
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mesh_client  # noqa: E402
from own_coordinator import HOST, SLOW, Coordinator, free_port  # noqa: E402

MEMBERS = 60
CHANGE_MAX = 700  # bytes on the wire for a change of one member or rule, TLS and HTTP/2 included
BEAT_MAX = 128    # for a heartbeat, each way
QUIET_S = 22      # two heartbeats at least


def policy(ports):
    return (f'version: 1\nallow:\n  - {{ from: "tag:client", to: "tag:server", '
            f'ports: [{ports}] }}\n').encode()


class Relay:
    """Passes connections on to PORT of this host and counts what passes."""

    def __init__(self, port):
        self.target, self.port = port, free_port()
        self.down = self.up = 0
        self.listener = socket.create_server((HOST, self.port))
        self.sockets = [self.listener]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return
            far = socket.create_connection((HOST, self.target))
            self.sockets += near, far
            threading.Thread(target=self.copy, args=(near, far, "up"), daemon=True).start()
            threading.Thread(target=self.copy, args=(far, near, "down"), daemon=True).start()

    def copy(self, source, sink, counter):
        try:
            while data := source.recv(65536):
                setattr(self, counter, getattr(self, counter) + len(data))
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        for s in self.sockets:
            s.close()


class Wire(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.coordinator = Coordinator()
        cls.direct = mesh_client.tls_channel(HOST, cls.coordinator.port)
        cls.key = {tag: cls.coordinator.key(tags=[tag], reusable=True).text
                   for tag in ("client", "server")}
        cls.coordinator.apply(policy("tcp/22"))
        for number in range(MEMBERS):
            cls.member(f"server-{number}", "server")

    @classmethod
    def tearDownClass(cls):
        cls.direct.close()
        cls.coordinator.stop()

    @classmethod
    def member(cls, name, tag):
        member = mesh_client.Member(cls.coordinator.stubs)
        member.enroll(cls.direct, cls.key[tag], name, [tag])
        return member

    def sync(self, name, tag):
        """A new member's stream through a relay; the relay as well, when the map is there."""
        relay = Relay(self.coordinator.port)
        # grpcio's own probing is switched off: it is not what is measured
        channel = mesh_client.tls_channel(HOST, relay.port, [("grpc.http2.bdp_probe", 0)])
        stream = self.member(name, tag).sync(channel)
        for end in channel.close, relay.close, stream.close:
            self.addCleanup(end)
        stream.wait(lambda net: net.complete)
        return stream, relay

    def change(self, stream, relay, action, until):
        """What ACTION had the stream receive, up to UNTIL: one message. Its delta."""
        before, bodies = relay.down, []
        action()
        while not until(stream.net):
            message = stream.receive(20 * SLOW)
            if message.WhichOneof("body") != "heartbeat":
                bodies.append(message)
        self.assertEqual([m.WhichOneof("body") for m in bodies], ["delta"])
        self.assertLess(relay.down - before, CHANGE_MAX)
        self.assertEqual(stream.net.snapshots, 1)
        return bodies[0].delta

    def test_a_change_is_one_delta(self):
        client, relay = self.sync("client-1", "client")
        self.assertEqual(len(client.net.peers), MEMBERS)
        self.assertGreater(relay.down, MEMBERS * 200)  # the relay sees what is sent
        delta = self.change(client, relay, lambda: self.member("joined-1", "server"),
                            lambda net: "joined-1" in net.names())
        self.assertEqual(([p.name for p in delta.peers], list(delta.removed_peers)),
                         (["joined-1"], []))
        gone = delta.peers[0].node_id
        delta = self.change(client, relay,
                            lambda: self.coordinator.admin.call("RemoveNode", node="joined-1"),
                            lambda net: "joined-1" not in net.names())
        self.assertEqual((list(delta.peers), list(delta.removed_peers)), ([], [gone]))

    def test_a_policy_edit_is_one_delta(self):
        self.coordinator.apply(policy("tcp/22"))
        server, relay = self.sync("edited-1", "server")
        for ports, lows in ("tcp/22,tcp/80", [22, 80]), ("tcp/80", [80]):
            delta = self.change(
                server, relay, lambda ports=ports: self.coordinator.apply(policy(ports)),
                lambda net, lows=lows: lows == sorted(r.low for rule in net.rules
                                                      for r in rule.ports))
            self.assertTrue(delta.rules_changed)
            self.assertEqual((list(delta.peers), list(delta.removed_peers)), ([], []))

    def test_only_heartbeats_when_nothing_changes(self):
        stream, relay = self.sync("quiet-1", "client")
        down, up, kinds = relay.down, relay.up, []
        end = time.monotonic() + QUIET_S * SLOW
        while (left := end - time.monotonic()) > 0:
            try:
                kinds.append(stream.receive(left).WhichOneof("body"))
            except queue.Empty:
                break
        self.assertEqual(set(kinds), {"heartbeat"})
        self.assertGreaterEqual(len(kinds), 2)
        self.assertLess(relay.down - down, BEAT_MAX * (len(kinds) + 1))
        self.assertLess(relay.up - up, BEAT_MAX * (len(kinds) + 1))
        sys.stderr.write(f"({relay.down - down} bytes down, {relay.up - up} up) ")


if __name__ == "__main__":
    unittest.main(verbosity=2)
