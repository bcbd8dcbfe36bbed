"""A test server on common/grpc: a program of tests/interop, built, in a directory of its own."""
import os
import subprocess
import tempfile

PROGRAMS = os.path.join(os.environ.get("BUILD") or "build", "obj-gcc/tests/interop")


class Server:
    """PROGRAM, a name or a path, ends when its standard input does."""

    def __init__(self, program):
        self.directory = tempfile.TemporaryDirectory(prefix="mesh-grpc-")
        self.process = subprocess.Popen([os.path.join(PROGRAMS, program), self.directory.name],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        tls_port, h2c_port, self.socket = self.process.stdout.readline().split()
        self.tls, self.h2c = f"localhost:{tls_port}", f"127.0.0.1:{h2c_port}"
        self.cert_file = os.path.join(self.directory.name, "cert.pem")
        self.key_file = os.path.join(self.directory.name, "key.pem")
        with open(self.cert_file, "rb") as file:
            self.cert = file.read()

    def stop(self):
        """Returns the exit code."""
        self.process.stdin.close()
        code = self.process.wait(timeout=20)
        self.process.stdout.close()
        self.directory.cleanup()
        return code
