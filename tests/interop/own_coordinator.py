"""The real coordinator for a test: a process in a directory of its own, which is gone afterwards.

Program: $BUILD/bin/mesh-coordinator. It listens with TLS and h2c on this host, and on a Unix
socket."""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import mesh_client

BUILD = os.environ.get("BUILD", "build")
HOST = "127.0.0.1"
SLOW = float(os.environ.get("MESH_SLOW", "1"))


def free_port():
    with socket.socket() as s:
        s.bind((HOST, 0))
        return s.getsockname()[1]


class Coordinator:
    """The daemon in a directory of its own; HOW goes to Popen."""

    def __init__(self, **how):
        self.how = how
        self.directory = tempfile.mkdtemp(prefix="mesh-interop-")
        self.stubs = mesh_client.load_stubs(os.path.join(self.directory, "stubs"))
        self.port, self.h2c_port = free_port(), free_port()
        self.socket = os.path.join(self.directory, "admin.sock")
        self.config = os.path.join(self.directory, "coordinator.yaml")
        with open(self.config, "w", encoding="ascii") as file:
            file.write(f"h2c: {HOST}:{self.h2c_port}\n")
        self.start()

    def start(self):
        with open(os.path.join(self.directory, "log"), "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(BUILD, "bin/mesh-coordinator"), "--config", self.config,
                 "--state-dir", os.path.join(self.directory, "state"),
                 "--listen", f"{HOST}:{self.port}", "--socket", self.socket,
                 "--public-name", f"{HOST}:{self.port}"],
                stderr=log, stdin=subprocess.DEVNULL, **self.how)
        deadline = time.monotonic() + 20 * SLOW
        while not self.listens():
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.process.kill()
                sys.exit("the coordinator did not start:\n" + self.log())
            time.sleep(0.02)  # between two questions; nothing else is waited for so
        self.admin = mesh_client.Admin(self.stubs, "unix:" + self.socket)

    def listens(self):
        """Asked without grpcio, which would wait for seconds after a first refusal."""
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(self.socket) == 0

    def kill(self):
        self.admin.close()
        self.process.kill()
        self.process.wait()

    def log(self):
        with open(os.path.join(self.directory, "log"), encoding="utf-8") as file:
            return file.read()

    def stop(self):
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def key(self, **how):
        return self.admin.call("CreateSetupKey", **{"description": "interop", **how})

    def apply(self, text):
        file = self.stubs.admin.PolicyFile(path="policy.yaml", text=text)
        reply = self.admin.call("ApplyPolicy", files=[file], author="interop")
        errors = [finding.message for finding in reply.findings if not finding.warning]
        if errors:
            raise AssertionError(errors)
        return reply
