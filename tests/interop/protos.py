"""Messages and calls straight from .proto files, for services whose Python modules cannot be
imported: grpc/health/v1 would have to live in the package `grpc`, which is grpcio's."""
import os
import subprocess
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))


class Protos:
    """Compiles FILES, which are found below FOLDER."""

    def __init__(self, *files, folder=os.path.join(ROOT, "proto")):
        with tempfile.NamedTemporaryFile(suffix=".desc") as out:
            subprocess.run(["protoc", "-I", folder, "--include_imports",
                            "--descriptor_set_out=" + out.name, *files], check=True)
            self.files = descriptor_pb2.FileDescriptorSet.FromString(out.read()).file
        self.pool = descriptor_pool.DescriptorPool()
        for file in self.files:
            self.pool.Add(file)
        self.factory = message_factory.MessageFactory(self.pool)

    def message(self, name):
        """The class of a message."""
        return self.factory.GetPrototype(self.pool.FindMessageTypeByName(name))

    def call(self, channel, service, method):
        """A callable for a method, as a stub has it."""
        rpc = self.pool.FindServiceByName(service).methods_by_name[method]
        kind = (("stream" if rpc.client_streaming else "unary") + "_" +
                ("stream" if rpc.server_streaming else "unary"))
        return getattr(channel, kind)(
            f"/{service}/{method}", request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=self.message(rpc.output_type.full_name).FromString)
