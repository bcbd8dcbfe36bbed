#!/usr/bin/python3
"""A stock gRPC client (python3-grpcio, C-core) against common/grpc: the interop cases by name.

usage: test_grpc_stock.py [PROGRAM]   PROGRAM is tests/interop/grpc_test_server, built.
Over TLS, h2c and a Unix socket. Generic methods with bytes, so that no stubs are needed."""
import os
import sys
import threading
import time
import unittest

import grpc

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from own_server import Server  # noqa: E402

PROGRAM = "grpc_test_server"
SERVICE = "/mesh.test.Test/"


def size(number):
    return number.to_bytes(4, "big")


class Cases:
    """The cases; a subclass says over which transport."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server(PROGRAM)
        cls.channel = cls.connect()

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        code = cls.server.stop()
        assert code == 0, f"the server ended with {code}"

    def unary(self, method, request, timeout=20, **more):
        return self.channel.unary_unary(SERVICE + method)(request, timeout=timeout, **more)

    def expect(self, code, method, request, **more):
        with self.assertRaises(grpc.RpcError) as caught:
            self.unary(method, request, **more)
        self.assertEqual(caught.exception.code(), code)
        return caught.exception

    def wait_for_report(self, word):
        """The server's tally of Sleep, once it contains WORD."""
        end = time.monotonic() + 10
        while True:
            report = self.unary("Report", b"").decode()
            if word in report.split() or time.monotonic() > end:
                return report

    def test_empty_unary(self):
        self.assertEqual(self.unary("Echo", b""), b"")

    def test_large_unary(self):
        request = os.urandom(271828)
        self.assertEqual(self.unary("Echo", request), request)
        self.assertEqual(len(self.unary("Sized", size(314159))), 314159)

    def test_largest_message(self):
        request = bytes(4 * 1024 * 1024)
        self.assertEqual(len(self.unary("Echo", request)), len(request))
        self.expect(grpc.StatusCode.RESOURCE_EXHAUSTED, "Echo", request + b"x")

    def test_limit_of_a_method(self):
        self.assertEqual(len(self.unary("Small", bytes(1000))), 1000)
        self.expect(grpc.StatusCode.RESOURCE_EXHAUSTED, "Small", bytes(1001))

    def test_client_streaming(self):
        sum_up = self.channel.stream_unary(SERVICE + "Sum")
        sizes = [27182, 8, 1828, 45904]
        self.assertEqual(sum_up(iter([bytes(n) for n in sizes]), timeout=20), b"74922")

    def test_server_streaming(self):
        sizes = [31415, 9, 2653, 58979]
        stream = self.channel.unary_stream(SERVICE + "Stream")
        answers = stream(b"".join(size(n) for n in sizes), timeout=20)
        self.assertEqual([len(m) for m in answers], sizes)

    def test_ping_pong(self):
        go_on = threading.Semaphore(0)
        sizes = [27182, 8, 1828, 45904]

        def requests():
            for n in sizes:
                go_on.acquire()
                yield bytes(n)
            go_on.acquire()

        stream = self.channel.stream_stream(SERVICE + "Bidi")(requests(), timeout=20)
        got = []
        go_on.release()
        for message in stream:
            got.append(len(message))
            go_on.release()
        self.assertEqual(got, sizes)

    def test_empty_stream(self):
        stream = self.channel.stream_stream(SERVICE + "Bidi")(iter([]), timeout=20)
        self.assertEqual(list(stream), [])
        self.assertEqual(stream.code(), grpc.StatusCode.OK)

    def test_many_messages(self):
        stream = self.channel.stream_stream(SERVICE + "Bidi")
        messages = [bytes(i % 997) for i in range(5000)]
        self.assertEqual(list(stream(iter(messages), timeout=60)), messages)

    def test_custom_metadata(self):
        metadata = (("x-grpc-test-echo-initial", "test_initial_metadata_value"),
                    ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab"))
        _, call = self.channel.unary_unary(SERVICE + "Echo").with_call(
            b"x", metadata=metadata, timeout=20)
        self.assertIn(metadata[0], list(call.initial_metadata()))
        self.assertIn(metadata[1], list(call.trailing_metadata()))
        stream = self.channel.stream_stream(SERVICE + "Bidi")(iter([b"x"]), metadata=metadata,
                                                              timeout=20)
        self.assertEqual(list(stream), [b"x"])
        self.assertIn(metadata[0], list(stream.initial_metadata()))
        self.assertIn(metadata[1], list(stream.trailing_metadata()))

    def test_status_code_and_message(self):
        for code in grpc.StatusCode:
            if code is grpc.StatusCode.OK:
                continue
            error = self.expect(code, "Fail", bytes([code.value[0]]) + b"test status message")
            self.assertEqual(error.details(), "test status message")

    def test_special_status_message(self):
        text = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n 100%"
        error = self.expect(grpc.StatusCode.UNKNOWN, "Fail", bytes([2]) + text.encode())
        self.assertEqual(error.details(), text)

    def test_unimplemented_method(self):
        self.expect(grpc.StatusCode.UNIMPLEMENTED, "Nothing", b"x")

    def test_unimplemented_service(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.channel.unary_unary("/no.such.Service/Echo")(b"x", timeout=20)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNIMPLEMENTED)

    def test_compression_is_refused(self):
        error = self.expect(grpc.StatusCode.UNIMPLEMENTED, "Echo", b"x" * 1000,
                            compression=grpc.Compression.Gzip)
        self.assertIn("compress", error.details())

    def test_cancel_after_begin(self):
        before = self.wait_for_report("open=0")
        stream = self.channel.stream_stream(SERVICE + "Sleep")(iter([]), timeout=20)
        stream.initial_metadata()  # it is there
        self.assertIn("open=1", self.unary("Report", b"").decode())
        stream.cancel()
        self.assertEqual(stream.code(), grpc.StatusCode.CANCELLED)
        after = self.wait_for_report("open=0")

        def cancelled(report):
            return int(dict(p.split("=") for p in report.split())["cancelled"])
        self.assertEqual(cancelled(after), cancelled(before) + 1)

    def test_cancel_after_first_response(self):
        go_on = threading.Event()

        def requests():
            yield b"ping"
            go_on.wait(20)

        stream = self.channel.stream_stream(SERVICE + "Bidi")(requests(), timeout=20)
        self.assertEqual(next(stream), b"ping")
        stream.cancel()
        go_on.set()
        self.assertEqual(stream.code(), grpc.StatusCode.CANCELLED)

    def test_timeout_on_sleeping_server(self):
        stream = self.channel.stream_stream(SERVICE + "Sleep")(iter([]), timeout=0.2)
        with self.assertRaises(grpc.RpcError) as caught:
            next(stream)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        self.assertIn("open=0", self.wait_for_report("open=0"))

    def test_reader_who_stops(self):
        """A stream that nobody reads holds up neither the server nor its connection."""
        stuck = self.channel.unary_stream(SERVICE + "Stream")(size(1000000) * 6, timeout=60)
        for _ in range(20):
            self.assertEqual(self.unary("Echo", b"y"), b"y")
        self.assertEqual([len(m) for m in stuck], [1000000] * 6)

    def test_many_calls_at_once(self):
        echo = self.channel.unary_unary(SERVICE + "Echo")
        calls = [echo.future(bytes([i % 256]) * 2000, timeout=60) for i in range(500)]
        for i, call in enumerate(calls):
            self.assertEqual(call.result(), bytes([i % 256]) * 2000)


class Tls(Cases, unittest.TestCase):
    @classmethod
    def connect(cls):
        return grpc.secure_channel(cls.server.tls,
                                   grpc.ssl_channel_credentials(root_certificates=cls.server.cert))


class H2c(Cases, unittest.TestCase):
    @classmethod
    def connect(cls):
        return grpc.insecure_channel(cls.server.h2c)


class UnixSocket(Cases, unittest.TestCase):
    @classmethod
    def connect(cls):
        return grpc.insecure_channel("unix:" + cls.server.socket)


class Shutdown(unittest.TestCase):
    def test_open_stream_is_told(self):
        server = Server(PROGRAM)
        channel = grpc.insecure_channel(server.h2c)
        stream = channel.stream_stream(SERVICE + "Sleep")(iter([]), timeout=20)
        stream.initial_metadata()
        self.assertEqual(server.stop(), 0)
        self.assertEqual(stream.code(), grpc.StatusCode.UNAVAILABLE)
        channel.close()


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        PROGRAM = sys.argv.pop(1)
    unittest.main()
