#!/usr/bin/python3
"""Plays a coordinator that is none: `impostor.py --help`.

It answers Enrollment.Enroll and Agent.Sync with an identity of its own and keeps all that it is
told, so that a test can search it for what must not be there. What it does at a call is the word in
the file BEHAVIOUR, read anew each time:

    own      its own identity in Hello; an EnrollReply that it sealed and signed itself
    replay   the real coordinator's Hello and EnrollReply, heard before; then silence
    deny     the same Hello, then a refusal in the coordinator's words, with escape codes in them
    garbage  random bytes in frames and replies
    silent   takes the connection and the call, never answers
    noise    random bytes instead of HTTP/2
    relay    passes every frame on to the real coordinator and back: a curious proxy

All bytes that arrive inside TLS go to LOG, then headers and messages as gRPC understands them (the
headers are compressed on the wire). What it replays it has heard before, as a member can: --hear
names a setup key with which it enrols a host of its own and asks for a Hello. --heard keeps both.

For tests only; cryptography is proto/vectors/mesh_crypto.py. 02-protocol.md, "TLS is the transport,
the identity is the trust"."""
import argparse
import asyncio
import json
import os
import queue
import ssl
import sys
import threading
from concurrent import futures

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mesh_client  # noqa: E402
from mesh_client import grpc, mc  # noqa: E402

CALLS_MAX = 16
DENIAL = "this node was removed \x1b[2J\x07\nmesh-agent: all is well"


class Impostor:
    """What it knows, and how it answers."""

    def __init__(self, options):
        self.options = options
        self.pb = mesh_client.load_stubs(options.stubs)
        self.identity = mc.Identity(os.urandom(32))
        self.hello = self.reply = None
        self.log = open(options.log, "ab", buffering=0)  # kept for the life of the process

    def behaviour(self):
        with open(self.options.behaviour, encoding="ascii") as file:
            return file.read().strip()

    def note(self, data):
        self.log.write(data)

    def note_call(self, context):
        for key, value in context.invocation_metadata():
            self.note(f"{key}: {value}\n".encode())

    def real(self):
        host, port = self.options.real.rsplit(":", 1)
        return mesh_client.tls_channel(host, int(port))

    def remember(self, path):
        """What was heard, from the file, or from the real coordinator and into it."""
        if not os.path.exists(path):
            with open(self.options.hear, encoding="ascii") as key, open(path, "w",
                                                                        encoding="ascii") as file:
                self.hear(key.read())
                json.dump([m.SerializeToString().hex() for m in (self.hello, self.reply)], file)
        with open(path, encoding="ascii") as file:
            hello, reply = map(bytes.fromhex, json.load(file))
        self.hello = self.pb.agent.Frame.FromString(hello)
        self.reply = self.pb.enrollment.EnrollReply.FromString(reply)

    def hear(self, key_text):
        with self.real() as channel:
            member = mesh_client.Member(self.pb)
            request = member.request(key_text, "eve")
            self.reply = self.pb.method(channel, "Enrollment", "Enroll")(request, timeout=20)
            nothing = queue.Queue()
            self.hello = next(self.sync(channel, iter(nothing.get, None)))
            nothing.put(None)

    def sync(self, channel, frames):
        return self.pb.method(channel, "Agent", "Sync")(frames, timeout=60)

    # -- Enrollment.Enroll --

    def enroll(self, data, context):
        self.note_call(context)
        self.note(data)
        behaviour = self.behaviour()
        if behaviour == "deny":
            context.set_trailing_metadata((("mesh-reason", "barred"),))
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, DENIAL)
        if behaviour == "silent":
            wait_for_end(context)
        if behaviour == "relay":
            with self.real() as channel:
                request = self.pb.enrollment.EnrollRequest.FromString(data)
                return self.relayed(self.pb.method(channel, "Enrollment", "Enroll"), request,
                                    context).SerializeToString()
        if behaviour == "replay":
            return self.reply.SerializeToString()
        if behaviour == "garbage":
            return self.pb.enrollment.EnrollReply(sealed=os.urandom(400)).SerializeToString()
        return self.own_reply(data).SerializeToString()

    def own_reply(self, data):
        """As the real one would be, but for the keys: it cannot know to whom to seal it."""
        pb = self.pb.enrollment
        request = pb.EnrollRequest.FromString(data)
        body = pb.EnrollGrantBody(node_id=os.urandom(16), name="puppet").SerializeToString()
        t = mc.grant_transcript(request.sealed, body)
        grant = pb.EnrollGrant(body=body, signature=self.identity.sign(t)).SerializeToString()
        return pb.EnrollReply(sealed=mc.seal(self.identity.public, grant))

    @staticmethod
    def relayed(method, request, context):
        try:
            return method(request, timeout=20)
        except grpc.RpcError as error:
            context.set_trailing_metadata(tuple(error.trailing_metadata() or ()))
            context.abort(error.code(), error.details())

    # -- Agent.Sync --

    def answer_sync(self, requests, context):
        self.note_call(context)
        behaviour = self.behaviour()
        if behaviour == "relay":
            yield from self.relay(requests, context)
            return
        hello = {"own": self.own_hello, "garbage": self.garbage, "silent": lambda: None}.get(
            behaviour, lambda: self.hello.SerializeToString())()
        if hello:
            yield hello
        for count, data in enumerate(requests):
            self.note(data)
            if behaviour == "garbage":
                yield self.garbage()
            if behaviour == "deny" and count == 1:  # the Proof
                context.set_trailing_metadata((("mesh-reason", "removed"),))
                context.abort(grpc.StatusCode.UNAUTHENTICATED, DENIAL)

    def own_hello(self):
        ephemeral = mc.x_public(os.urandom(32))
        hello = self.pb.agent.Hello(
            ephemeral=ephemeral, random=os.urandom(32),
            ephemeral_signature=self.identity.sign(mc.ephemeral_transcript(ephemeral)))
        return self.pb.agent.Frame(data=hello.SerializeToString()).SerializeToString()

    def garbage(self):
        return self.pb.agent.Frame(data=os.urandom(200)).SerializeToString()

    def relay(self, requests, context):
        def onward():
            for data in requests:
                self.note(data)
                yield self.pb.agent.Frame.FromString(data)
        with self.real() as channel:
            call = self.sync(channel, onward())
            context.add_callback(call.cancel)
            for frame in call:
                data = frame.SerializeToString()
                self.note(data)
                yield data


def wait_for_end(context):
    over = threading.Event()
    if context.add_callback(over.set):
        over.wait()


def serve_grpc(impostor, path):
    """Cleartext on a Unix socket; the front is before it."""
    def handlers(service, **methods):
        return grpc.method_handlers_generic_handler(f"mesh.v1.{service}", methods)
    server = grpc.server(futures.ThreadPoolExecutor(CALLS_MAX))
    server.add_generic_rpc_handlers((
        handlers("Enrollment", Enroll=grpc.unary_unary_rpc_method_handler(impostor.enroll)),
        handlers("Agent", Sync=grpc.stream_stream_rpc_method_handler(impostor.answer_sync))))
    server.add_insecure_port(f"unix:{path}")
    server.start()
    return server


# ---- the front: TLS with whatever certificate, every byte kept ----


async def pump(reader, writer, note):
    try:
        while data := await reader.read(65536):
            note(data)
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


async def serve_tls(impostor, path):
    async def connected(reader, writer):
        if impostor.behaviour() == "noise":
            writer.write(os.urandom(4096))
            impostor.note(await reader.read(65536))
            writer.close()
            return
        back_reader, back_writer = await asyncio.open_unix_connection(path)
        await asyncio.gather(pump(reader, back_writer, impostor.note),
                             pump(back_reader, writer, lambda data: None))

    options = impostor.options
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.certificate, options.key)
    context.set_alpn_protocols(["h2"])
    server = await asyncio.start_server(connected, sock=None, host=options.address, port=options.port,
                                        ssl=context)
    print("listening", flush=True)
    async with server:
        await server.serve_forever()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, default=443)
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--behaviour", required=True, help="file with a word")
    parser.add_argument("--log", required=True, help="file for what it is told")
    parser.add_argument("--stubs", required=True, help="directory for generated code")
    parser.add_argument("--real", help="HOST:PORT of the real coordinator")
    parser.add_argument("--hear", help="file with a setup key of the real coordinator")
    parser.add_argument("--heard", help="file that keeps what is replayed")
    impostor = Impostor(parser.parse_args())
    if impostor.options.heard:
        impostor.remember(impostor.options.heard)
    path = os.path.join(impostor.options.stubs, "front.sock")
    server = serve_grpc(impostor, path)
    try:
        asyncio.run(serve_tls(impostor, path))
    finally:
        server.stop(None)


if __name__ == "__main__":
    main()
