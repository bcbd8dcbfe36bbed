"""nginx and Caddy as reverse proxies for a test: a process in a directory of its own.

Each has two fronts: TLS, with the upstream's h2c listener behind it, and h2c with TLS behind it."""
import os
import socket
import subprocess
import tempfile
import time

HOST = "127.0.0.1"

NGINX = """
daemon off;
master_process off;
pid {directory}/pid;
error_log {directory}/log warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    client_max_body_size 0;
    client_body_timeout {quiet_s}s;
    grpc_read_timeout {quiet_s}s;
    grpc_send_timeout {quiet_s}s;
    grpc_ssl_protocols TLSv1.3;
    server {{
        listen {host}:{tls} ssl http2;
        ssl_certificate {cert};
        ssl_certificate_key {key};
        location / {{ grpc_pass grpc://{host}:{h2c_upstream}; }}
    }}
    server {{
        listen {host}:{h2c} http2;
        location / {{ grpc_pass grpcs://{host}:{tls_upstream}; }}
    }}
}}
"""

CADDY = """
{{
    admin off
    auto_https off
    default_sni {name}
    default_bind {host}
    servers {{
        protocols h1 h2 h2c
    }}
}}
https://:{tls} {{
    tls {cert} {key}
    reverse_proxy h2c://{host}:{h2c_upstream}
}}
http://:{h2c} {{
    reverse_proxy https://{host}:{tls_upstream} {{
        transport http {{
            versions 2
            tls_insecure_skip_verify
        }}
    }}
}}
"""

CONFIGS = {"nginx": NGINX, "caddy": CADDY}
COMMANDS = {"nginx": ["nginx", "-e", "{directory}/log", "-p", "{directory}", "-c", "{config}"],
            "caddy": ["caddy", "run", "--adapter", "caddyfile", "--config", "{config}"]}


def free_port():
    with socket.socket() as s:
        s.bind((HOST, 0))
        return s.getsockname()[1]


class Proxy:
    """NAME in front of an upstream's two ports, with the certificate CERT, which is for CERT_NAME.
    QUIET_S: how long nginx lets a stream be silent."""

    def __init__(self, name, tls_upstream, h2c_upstream, cert, key, cert_name, quiet_s):
        self.name = name
        self.folder = tempfile.TemporaryDirectory(prefix=f"mesh-{name}-")
        self.tls, self.h2c = free_port(), free_port()
        values = {"directory": self.folder.name, "host": HOST, "tls": self.tls, "h2c": self.h2c,
                  "tls_upstream": tls_upstream, "h2c_upstream": h2c_upstream, "cert": cert,
                  "key": key, "quiet_s": quiet_s, "name": cert_name,
                  "config": os.path.join(self.folder.name, "config")}
        with open(values["config"], "w", encoding="ascii") as file:
            file.write(CONFIGS[name].format(**values))
        self.log = open(os.path.join(self.folder.name, "output"), "w+b")
        self.process = subprocess.Popen(
            [word.format(**values) for word in COMMANDS[name]], stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log,
            env=dict(os.environ, HOME=self.folder.name, XDG_DATA_HOME=self.folder.name,
                     XDG_CONFIG_HOME=self.folder.name))
        self._wait()

    def _wait(self):
        deadline = time.monotonic() + 30
        for port in self.tls, self.h2c:
            while True:
                with socket.socket() as s:
                    if s.connect_ex((HOST, port)) == 0:
                        break
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.log.seek(0)
                    raise RuntimeError(f"{self.name}: {self.log.read().decode()}")
                time.sleep(0.02)  # between two questions

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()
        self.folder.cleanup()
