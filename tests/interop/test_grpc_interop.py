#!/usr/bin/python3
"""The named interop cases of the gRPC project against common/grpc: with grpcio here and with
grpc++ in grpc_client.cc, over TLS, h2c and a Unix socket. One line of TAP for each case.

https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md"""
import os
import queue
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import grpc  # noqa: E402
from own_server import PROGRAMS, Server  # noqa: E402
from protos import Protos  # noqa: E402

PROTOS = Protos("grpc_testing.proto", folder=os.path.dirname(os.path.abspath(__file__)))
REQUESTS, RESPONSES = [27182, 8, 1828, 45904], [31415, 9, 2653, 58979]
CASES = []


def message(name, **fields):
    return PROTOS.message("grpc.testing." + name)(**fields)


def ping(request, *responses):
    return message("StreamingOutputCallRequest", payload={"body": bytes(request)},
                   response_parameters=[{"size": size} for size in responses])


def large():
    return message("SimpleRequest", response_size=314159, payload={"body": bytes(271828)})


def expect(holds, what):
    if not holds:
        raise AssertionError(what)


def call(channel, method, request, timeout=20, service="TestService", **more):
    return PROTOS.call(channel, "grpc.testing." + service, method)(request, timeout=timeout, **more)


def ended(function, *arguments, **more):
    """The error that a call ends with."""
    try:
        function(*arguments, **more)
    except grpc.RpcError as error:
        return error
    raise AssertionError("it succeeded")


def case(function):
    CASES.append(function)
    return function


@case
def empty_unary(channel):
    expect(call(channel, "EmptyCall", message("Empty")) == message("Empty"), "not empty")


@case
def large_unary(channel):
    expect(call(channel, "UnaryCall", large()).payload.body == bytes(314159), "payload")


@case
def client_streaming(channel):
    requests = [message("StreamingInputCallRequest", payload={"body": bytes(n)}) for n in REQUESTS]
    reply = call(channel, "StreamingInputCall", iter(requests))
    expect(reply.aggregated_payload_size == 74922, reply)


@case
def server_streaming(channel):
    replies = list(call(channel, "StreamingOutputCall", ping(0, *RESPONSES)))
    expect([r.payload.body for r in replies] == [bytes(n) for n in RESPONSES], "payloads")


@case
def ping_pong(channel):
    out = queue.Queue()
    stream = call(channel, "FullDuplexCall", iter(out.get, None))
    for request, response in zip(REQUESTS, RESPONSES):
        out.put(ping(request, response))
        expect(next(stream).payload.body == bytes(response), "payload")
    out.put(None)
    expect(not list(stream) and stream.code() is grpc.StatusCode.OK, "end")


@case
def empty_stream(channel):
    stream = call(channel, "FullDuplexCall", iter([]))
    expect(not list(stream) and stream.code() is grpc.StatusCode.OK, "end")


@case
def cancel_after_begin(channel):
    out = queue.Queue()
    rpc = PROTOS.call(channel, "grpc.testing.TestService", "StreamingInputCall").future(
        iter(out.get, None), timeout=20)
    rpc.cancel()
    out.put(None)
    expect(rpc.cancelled() and rpc.code() is grpc.StatusCode.CANCELLED, rpc.code())


@case
def cancel_after_first_response(channel):
    out = queue.Queue()
    stream = call(channel, "FullDuplexCall", iter(out.get, None))
    out.put(ping(27182, 31415))
    expect(next(stream).payload.body == bytes(31415), "payload")
    stream.cancel()
    error = ended(next, stream)
    out.put(None)
    expect(error.code() is grpc.StatusCode.CANCELLED, error)


@case
def timeout_on_sleeping_server(channel):
    """The server answers nothing, as nothing is asked; 100 ms, so that the request does leave."""
    out = queue.Queue()
    stream = call(channel, "FullDuplexCall", iter(out.get, None), timeout=0.1)
    out.put(ping(27182))
    error = ended(next, stream)
    out.put(None)
    expect(error.code() is grpc.StatusCode.DEADLINE_EXCEEDED, error)


@case
def status_code_and_message(channel, text="test status message"):
    status = {"code": grpc.StatusCode.UNKNOWN.value[0], "message": text}
    unary = ended(call, channel, "UnaryCall", message("SimpleRequest", response_status=status))
    request = message("StreamingOutputCallRequest", response_status=status)
    streamed = ended(list, call(channel, "FullDuplexCall", iter([request])))
    for error in unary, streamed:
        expect((error.code(), error.details()) == (grpc.StatusCode.UNKNOWN, text), error)


@case
def special_status_message(channel):
    status_code_and_message(
        channel, "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n")


@case
def unimplemented_method(channel):
    error = ended(call, channel, "UnimplementedCall", message("Empty"))
    expect(error.code() is grpc.StatusCode.UNIMPLEMENTED, error)


@case
def unimplemented_service(channel):
    error = ended(call, channel, "UnimplementedCall", message("Empty"),
                  service="UnimplementedService")
    expect(error.code() is grpc.StatusCode.UNIMPLEMENTED, error)


@case
def custom_metadata(channel):
    metadata = (("x-grpc-test-echo-initial", "test_initial_metadata_value"),
                ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab"))
    unary = PROTOS.call(channel, "grpc.testing.TestService", "UnaryCall")
    _, first = unary.with_call(large(), timeout=20, metadata=metadata)
    second = call(channel, "FullDuplexCall", iter([ping(271828, 314159)]), metadata=metadata)
    expect([r.payload.body for r in second] == [bytes(314159)], "payload")
    for rpc in first, second:
        expect(metadata[0] in list(rpc.initial_metadata()), rpc.initial_metadata())
        expect(metadata[1] in list(rpc.trailing_metadata()), rpc.trailing_metadata())


def run_python(name, channel):
    """Returns how many failed."""
    failed = 0
    for function in CASES:
        try:
            function(channel)
            print(f"ok - {name} {function.__name__}")
        except Exception as error:  # each kind of them is a failure of the case
            failed += 1
            print("\n".join("# " + line for line in repr(error).splitlines()))
            print(f"not ok - {name} {function.__name__}")
    channel.close()
    sys.stdout.flush()
    return failed


def main():
    server = Server("grpc_interop_server")
    credentials = grpc.ssl_channel_credentials(root_certificates=server.cert)
    client = os.path.join(PROGRAMS, "grpc_client")
    failed = 0
    print(f"1..{2 * 3 * len(CASES)}", flush=True)
    for transport, target, channel, files in (
            ("tls", server.tls, grpc.secure_channel(server.tls, credentials), [server.cert_file]),
            ("h2c", server.h2c, grpc.insecure_channel(server.h2c), []),
            ("unix", "unix:" + server.socket, grpc.insecure_channel("unix:" + server.socket), [])):
        failed += run_python(f"grpcio {transport}", channel)
        failed += subprocess.run([client, f"grpc++ {transport}", target, *files], timeout=120,
                                 check=False).returncode != 0
    code = server.stop()
    if code != 0:
        print(f"# the server ended with {code}")
    return 1 if failed or code else 0


if __name__ == "__main__":
    sys.exit(main())
