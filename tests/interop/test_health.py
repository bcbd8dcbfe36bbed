#!/usr/bin/python3
"""A stock gRPC client asks the real coordinator for its health: grpc.health.v1, over all three
transports, while the disk fails and while the coordinator stops."""
import os
import resource
import signal
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mesh_client  # noqa: E402
from mesh_client import grpc  # noqa: E402
from own_coordinator import HOST, SLOW, Coordinator  # noqa: E402
from protos import Protos  # noqa: E402

SERVICE = "grpc.health.v1.Health"
SERVICES = ["", SERVICE, "mesh.v1.Enrollment", "mesh.v1.Agent", "mesh.v1.Admin"]
STRANGERS = ["mesh.v1", "mesh.v1.Agen", "mesh.v1.Agent/", "mesh.v1.Agent/Sync", "/", "Agent",
             "x" * 900]
UNKNOWN, SERVING, NOT_SERVING, SERVICE_UNKNOWN = range(4)


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.protos = Protos("grpc/health/v1/health.proto")
        # Python ignores SIGXFSZ, and so the coordinator does: its writes fail instead.
        cls.coordinator = Coordinator(restore_signals=False)

    @classmethod
    def tearDownClass(cls):
        cls.coordinator.stop()

    def channels(self):
        """The same through each door, with its name."""
        yield "tls", mesh_client.tls_channel(HOST, self.coordinator.port)
        yield "h2c", grpc.insecure_channel(f"{HOST}:{self.coordinator.h2c_port}")
        yield "unix", mesh_client.unix_channel("unix:" + self.coordinator.socket)

    def check(self, channel, service):
        request = self.protos.message("grpc.health.v1.HealthCheckRequest")(service=service)
        return self.protos.call(channel, SERVICE, "Check")(request, timeout=20 * SLOW).status

    def watch(self, channel, service):
        request = self.protos.message("grpc.health.v1.HealthCheckRequest")(service=service)
        return self.protos.call(channel, SERVICE, "Watch")(request, timeout=60 * SLOW)

    def set_file_limit(self, limit):
        """From LIMIT bytes on, no file of the coordinator can be written."""
        _, hard = resource.prlimit(self.coordinator.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.coordinator.process.pid, resource.RLIMIT_FSIZE,
                         (hard if limit is None else limit, hard))


class Check(Case):
    def test_each_service_over_each_transport(self):
        for name, channel in self.channels():
            for service in SERVICES:
                with self.subTest(name, service=service):
                    self.assertEqual(self.check(channel, service), SERVING)
            channel.close()

    def test_unknown_service(self):
        for name, channel in self.channels():
            for service in STRANGERS:
                with self.subTest(name, service=service):
                    with self.assertRaises(grpc.RpcError) as caught:
                        self.check(channel, service)
                    self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)
            channel.close()

    def test_request_that_is_none(self):
        with mesh_client.unix_channel("unix:" + self.coordinator.socket) as channel:
            for method in channel.unary_unary, channel.unary_stream:
                name = "Check" if method == channel.unary_unary else "Watch"
                for data in b"\x0a\x05abc", b"\x0a\x01\xff", b"\x0a\x01a\x0a\x01b":
                    with self.assertRaises(grpc.RpcError) as caught:
                        list(method(f"/{SERVICE}/{name}")(data, timeout=20 * SLOW))
                    self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
                with self.assertRaises(grpc.RpcError) as caught:
                    list(method(f"/{SERVICE}/{name}")(b"\x0a\xff\x07" + b"x" * 1023,
                                                      timeout=20 * SLOW))
                self.assertEqual(caught.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)


class Watch(Case):
    def test_disk_fails_and_comes_back(self):
        watches = [self.watch(channel, service) for service in SERVICES
                   for _, channel in self.channels()]
        for watch in watches:
            self.assertEqual(next(watch).status, SERVING)
        self.set_file_limit(0)
        with self.assertRaises(grpc.RpcError) as caught:
            self.coordinator.key()
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)
        for watch in watches:
            self.assertEqual(next(watch).status, NOT_SERVING)
        self.set_file_limit(None)
        for watch in watches:
            self.assertEqual(next(watch).status, SERVING)
            watch.cancel()
        self.coordinator.key()

    def test_unknown_service_stays_open(self):
        with mesh_client.unix_channel("unix:" + self.coordinator.socket) as channel:
            for service in STRANGERS:
                watch = self.watch(channel, service)
                self.assertEqual(next(watch).status, SERVICE_UNKNOWN)
                self.assertEqual(self.check(channel, ""), SERVING)
                self.assertTrue(watch.is_active())
                watch.cancel()

    def test_many_watches(self):
        """The 1025th is refused; one that ends makes room."""
        channels = [grpc.insecure_channel(f"{HOST}:{self.coordinator.h2c_port}",
                                          [("grpc.use_local_subchannel_pool", 1)])
                    for _ in range(17)]
        watches = [self.watch(channels[i // 64], "") for i in range(1024)]
        for watch in watches:
            self.assertEqual(next(watch).status, SERVING)
        refused = self.watch(channels[16], "")
        with self.assertRaises(grpc.RpcError) as caught:
            next(refused)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertEqual(self.check(channels[16], ""), SERVING)
        for channel in channels[:16]:
            channel.close()
        room = None
        while room is None:  # the closed ones go when the coordinator has heard of it
            again = self.watch(channels[16], "")
            try:
                room = next(again).status
            except grpc.RpcError as error:
                self.assertEqual(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertEqual(room, SERVING)
        channels[16].close()


class Stop(Case):
    def test_watchers_are_told(self):
        watches = [self.watch(channel, service) for service in ("", "mesh.v1.Agent", "no.such")
                   for _, channel in self.channels()]
        for watch in watches:
            next(watch)
        self.coordinator.process.send_signal(signal.SIGTERM)
        for i, watch in enumerate(watches):
            told = []
            with self.assertRaises(grpc.RpcError) as caught:
                for message in watch:
                    told.append(message.status)
            self.assertEqual(told, [NOT_SERVING] if i < 6 else [])
            self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(self.coordinator.process.wait(timeout=20 * SLOW), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
