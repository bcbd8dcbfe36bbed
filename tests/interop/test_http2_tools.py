#!/usr/bin/python3
"""HTTP/2 tools against the real coordinator: curl, nghttp and h2load, over TLS and h2c.

The call is grpc.health.v1.Health/Check by hand: an empty request, SERVING as the answer."""
import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from own_coordinator import HOST, SLOW, Coordinator  # noqa: E402

PATH = "/grpc.health.v1.Health/Check"
REQUEST = bytes(5)  # not compressed, 0 bytes
SERVING = bytes([0, 0, 0, 0, 2, 8, 1])  # not compressed, 2 bytes: field 1 is 1
GRPC = "content-type: application/grpc"


class Tools(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.coordinator = Coordinator()
        cls.request = tempfile.NamedTemporaryFile()
        cls.request.write(REQUEST)
        cls.request.flush()
        cls.urls = {"tls": f"https://{HOST}:{cls.coordinator.port}",
                    "h2c": f"http://{HOST}:{cls.coordinator.h2c_port}"}

    @classmethod
    def tearDownClass(cls):
        cls.request.close()
        cls.coordinator.stop()

    def run_tool(self, *command, good=True):
        run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, timeout=60 * SLOW, check=False)
        text = run.stdout.decode("latin-1")
        self.assertEqual(run.returncode == 0, good, text)
        return text

    # -- curl --

    def curl(self, url, *more, content=GRPC, version="--http2-prior-knowledge", good=True,
             body=True):
        """Headers, body and trailers. Without BODY the request is over with its headers: curl 7
        takes an answer that comes before the end of its body for an error."""
        version = "--http2" if url.startswith("https") and "2" in version else version
        return self.run_tool("curl", "-sS", "-i", "-k", version, "--max-time", "20", "-H", content,
                             "-H", "te: trailers", "-X", "POST",
                             *(["--data-binary", "@" + self.request.name] if body else []),
                             *more, url, good=good)

    def test_curl(self):
        for name, url in self.urls.items():
            with self.subTest(name):
                text = self.curl(url + PATH)
                self.assertTrue(text.startswith("HTTP/2 200"), text)
                self.assertIn("content-type: application/grpc", text)
                self.assertIn(SERVING.decode("latin-1"), text)
                self.assertIn("grpc-status: 0", text)

    def test_curl_over_the_unix_socket(self):
        text = self.curl("http://localhost" + PATH, "--unix-socket", self.coordinator.socket)
        self.assertIn("grpc-status: 0", text)

    def test_unknown_method_is_a_grpc_status(self):
        for url in self.urls.values():
            text = self.curl(url + "/no.such.Service/Method", body=False)
            self.assertTrue(text.startswith("HTTP/2 200"), text)
            self.assertIn("grpc-status: 12", text)

    def test_what_is_not_grpc(self):
        for url in self.urls.values():
            self.assertTrue(self.curl(url + PATH, content="content-type: text/html", body=False)
                            .startswith("HTTP/2 415"))

    def test_http_1_is_not_served(self):
        for url in self.urls.values():
            text = self.curl(url + PATH, version="--http1.1", good=False)
            self.assertNotIn("grpc-status", text)
        self.test_curl()

    # -- nghttp --

    def nghttp(self, url, *more):
        return self.run_tool("nghttp", "-v", "--timeout=20s", "-d",
                             self.request.name, "-H", GRPC, "-H", "te: trailers", *more, url + PATH)

    def test_nghttp(self):
        for name, url in self.urls.items():
            for what, more in (("plain", []), ("twenty at once", ["-m20"]),
                               ("windows of 15 bytes", ["-w4", "-W16"]),
                               ("no huffman table", ["-c0"]),
                               ("padding", ["-b200"])):
                with self.subTest(name, what=what):
                    text = self.nghttp(url, *more)
                    count = 20 if what.startswith("twenty") else 1
                    self.assertEqual(len(re.findall(r"grpc-status: 0$", text, re.M)), count, text)
                    self.assertNotIn("recv RST_STREAM", text)
                    self.assertNotIn("recv GOAWAY", text)

    def test_continuation(self):
        """Headers of more than a frame are read, and are too large: one stream fails, no more."""
        for url in self.urls.values():
            text = self.nghttp(url, "--continuation")
            self.assertRegex(text, r"send HEADERS frame|send CONTINUATION")
            self.assertNotIn("grpc-status: 0", text)
        self.test_curl()

    # -- h2load --

    def test_h2load(self):
        for name, url in self.urls.items():
            for what, more in (("", []), ("small windows", ["-w8", "-W8"])):
                with self.subTest(name, what=what):
                    text = self.run_tool("h2load", "-n3000", "-c10", "-m64", "-d",
                                         self.request.name, "-H", GRPC, "-H", "te: trailers",
                                         *more, url + PATH)
                    self.assertIn("3000 done, 3000 succeeded, 0 failed, 0 errored, 0 timeout", text)
                    self.assertIn("3000 2xx, 0 3xx, 0 4xx, 0 5xx", text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
