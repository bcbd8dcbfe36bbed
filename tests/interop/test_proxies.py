#!/usr/bin/python3
"""Behind nginx and Caddy, each with TLS in front of h2c and with h2c in front of TLS: the named
interop cases, and the coordinator with members whose streams carry nothing but heartbeats.

nginx cuts a stream that is silent for QUIET_S (60 s is its own default, here 12 s unless
CHECK_LONG is set), so a stream that outlives that was kept alive by the heartbeats; a health
Watch, which has none, shows that the limit is there. TAP."""
import os
import queue
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import grpc  # noqa: E402
import mesh_client  # noqa: E402
import test_grpc_interop as interop  # noqa: E402
from own_coordinator import HOST, SLOW, Coordinator  # noqa: E402
from own_proxy import CONFIGS, Proxy  # noqa: E402
from own_server import Server  # noqa: E402
from protos import Protos  # noqa: E402

LONG = bool(os.environ.get("CHECK_LONG"))
QUIET_S, LIFE_S = (60, 70) if LONG else (12, 15)
HEALTH = Protos("grpc/health/v1/health.proto")
POLICY = b'version: 1\nallow:\n  - { from: "tag:client", to: "tag:server", ports: [tcp/22] }\n'
FRONTS = "tls", "h2c"
failed = 0


def tell(good, name, why=""):
    global failed
    failed += not good
    if not good:
        print("\n".join("# " + line for line in str(why).splitlines()))
    print(f"{'ok' if good else 'not ok'} - {name}", flush=True)


def connect(proxy, front):
    if front == "h2c":
        return grpc.insecure_channel(f"{HOST}:{proxy.h2c}")
    return mesh_client.tls_channel(HOST, proxy.tls)


def interop_cases():
    global failed
    server = Server("grpc_interop_server")
    tls, h2c = (int(target.rsplit(":", 1)[1]) for target in (server.tls, server.h2c))
    for name in CONFIGS:
        proxy = Proxy(name, tls, h2c, server.cert_file, server.key_file, "localhost",
                      QUIET_S)
        for front in FRONTS:
            failed += interop.run_python(f"{name} {front}", connect(proxy, front))
        proxy.stop()
    code = server.stop()
    tell(code == 0, "the test server ends well", code)


class Route:
    """One way through one proxy to the coordinator, with a member and a silent watcher on it."""

    def __init__(self, coordinator, proxy, front):
        self.proxy, self.name = proxy, f"{proxy.name} {front}"
        self.tag = f"{proxy.name}-{front}"
        self.channel = connect(proxy, front)
        self.member = mesh_client.Member(coordinator.stubs)
        self.member.enroll(self.channel, coordinator.key(tags=["client"]).text, self.tag,
                           ["client"])
        self.stream = self.member.sync(self.channel)
        request = HEALTH.message("grpc.health.v1.HealthCheckRequest")()
        self.watch = HEALTH.call(self.channel, "grpc.health.v1.Health", "Watch")(request)
        tell(next(self.watch).status == 1, f"{self.name} health")

    def pump(self):
        """Answers what is there."""
        try:
            while True:
                self.stream.receive(0.01)
        except queue.Empty:
            pass


def quiet_streams(coordinator, routes):
    """LIFE_S without a change; then one, which must arrive at once."""
    end = time.monotonic() + LIFE_S * max(SLOW, 1)
    broken = {}
    while time.monotonic() < end:
        for route in routes:
            try:
                if route not in broken:
                    route.pump()
            except (grpc.RpcError, EOFError) as error:
                broken[route] = error
        time.sleep(0.2)  # the time itself is what is tested
    for route in routes:
        tell(route not in broken and route.stream.beats > 0,
             f"{route.name} stream lives for {LIFE_S} s", broken.get(route))
    server = mesh_client.Member(coordinator.stubs)
    with mesh_client.tls_channel(HOST, coordinator.port) as channel:
        server.enroll(channel, coordinator.key(tags=["server"]).text, "news", ["server"])
    for route in routes:
        try:
            route.stream.wait(lambda net: "news" in net.names())
            tell(route.stream.net.snapshots == 1, f"{route.name} change arrives", "a new snapshot")
        except (grpc.RpcError, EOFError, TimeoutError) as error:
            tell(False, f"{route.name} change arrives", error)


def silent_streams(routes):
    """nginx has cut what said nothing, and Caddy has no such limit."""
    for route in routes:
        cut = not route.watch.is_active()
        tell(cut == (route.proxy.name == "nginx"), f"{route.name} silent stream", f"cut: {cut}")
        route.watch.cancel()


def main():
    print(f"1..{4 * len(interop.CASES) + 1 + 4 * 4 + 1}", flush=True)
    interop_cases()
    coordinator = Coordinator()
    state = os.path.join(coordinator.directory, "state")
    coordinator.apply(POLICY)
    proxies = [Proxy(name, coordinator.port, coordinator.h2c_port,
                     os.path.join(state, "certificate.pem"), os.path.join(state, "key.pem"),
                     HOST, QUIET_S) for name in CONFIGS]
    routes = [Route(coordinator, proxy, front) for proxy in proxies for front in FRONTS]
    quiet_streams(coordinator, routes)
    silent_streams(routes)
    tell(coordinator.process.poll() is None, "the coordinator runs on")
    for route in routes:
        route.stream.close()
        route.channel.close()
    for proxy in proxies:
        proxy.stop()
    coordinator.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
