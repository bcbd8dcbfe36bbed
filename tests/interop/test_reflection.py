#!/usr/bin/python3
"""A stock gRPC client learns from the real coordinator what it offers, and calls it with nothing
but that: grpc.reflection.v1 and v1alpha, over the Unix socket only."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mesh_client  # noqa: E402
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # noqa: E402
from mesh_client import grpc  # noqa: E402
from own_coordinator import HOST, SLOW, Coordinator  # noqa: E402
from protos import Protos  # noqa: E402

REQUEST = "grpc.reflection.v1.ServerReflectionRequest"
SERVICES = ["mesh.v1.Enrollment", "mesh.v1.Agent", "mesh.v1.Admin", "grpc.health.v1.Health",
            "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"]


class Reflection(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.protos = Protos("grpc/reflection/v1alpha/reflection.proto")
        cls.coordinator = Coordinator()
        cls.channel = mesh_client.unix_channel("unix:" + cls.coordinator.socket)

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        cls.coordinator.stop()

    def ask(self, *questions, version="v1", channel=None):
        """The answers to one stream of questions, each a dict of fields."""
        message = self.protos.message(REQUEST)
        call = self.protos.call(channel or self.channel,
                                f"grpc.reflection.{version}.ServerReflection",
                                "ServerReflectionInfo")
        return list(call(iter([message(**q) for q in questions]), timeout=30 * SLOW))

    def files(self, answer):
        return [descriptor_pb2.FileDescriptorProto.FromString(file)
                for file in answer.file_descriptor_response.file_descriptor_proto]

    def test_services(self):
        for version in "v1", "v1alpha":
            answer, = self.ask({"list_services": ""}, version=version)
            self.assertEqual([s.name for s in answer.list_services_response.service], SERVICES)

    def test_a_tool_needs_nothing_else(self):
        """As grpcurl does it: services, the file of one, a call made of that."""
        listed, = self.ask({"list_services": "*"})
        pool = descriptor_pool.DescriptorPool()
        new, known = {}, set()
        for service in listed.list_services_response.service:
            answer, = self.ask({"file_containing_symbol": service.name})
            new.update((file.name, file) for file in self.files(answer))
        while new:  # what is imported comes first in a pool
            file = new.pop(next(n for n, f in new.items() if known.issuperset(f.dependency)))
            pool.AddSerializedFile(file.SerializeToString())
            known.add(file.name)
        for name in SERVICES:
            self.assertGreater(len(pool.FindServiceByName(name).methods), 0)
        rpc = pool.FindServiceByName("mesh.v1.Admin").methods_by_name["GetHealth"]
        factory = message_factory.MessageFactory(pool)
        reply = self.channel.unary_unary("/mesh.v1.Admin/GetHealth")(
            factory.GetPrototype(rpc.input_type)().SerializeToString(), timeout=20 * SLOW)
        self.assertTrue(factory.GetPrototype(rpc.output_type).FromString(reply).ok)

    def test_files_are_what_protoc_makes(self):
        ours = Protos("mesh/v1/admin.proto")
        answer, = self.ask({"file_by_filename": "mesh/v1/admin.proto"})
        self.assertEqual(sorted(f.SerializeToString() for f in self.files(answer)),
                         sorted(f.SerializeToString() for f in ours.files))

    def test_what_is_not_there(self):
        questions = [{"file_by_filename": "mesh/v1/local.proto"}, {"file_by_filename": ""},
                     {"file_containing_symbol": "mesh.v1.Local"}, {"file_containing_symbol": ""},
                     {"file_containing_extension": {"containing_type": "mesh.v1.Node",
                                                    "extension_number": 1}},
                     {"all_extension_numbers_of_type": "mesh.v1.None"}, {"host": "alone"}]
        codes = ([grpc.StatusCode.NOT_FOUND.value[0]] * 6 +
                 [grpc.StatusCode.INVALID_ARGUMENT.value[0]])
        answers = self.ask(*questions)
        self.assertEqual([a.error_response.error_code for a in answers], codes)
        for question, answer in zip(questions, answers):
            self.assertEqual(answer.original_request, self.protos.message(REQUEST)(**question))
        self.assertEqual(answers[-1].valid_host, "alone")
        none, = self.ask({"all_extension_numbers_of_type": "mesh.v1.Node"})
        self.assertEqual(none.all_extension_numbers_response.base_type_name, "mesh.v1.Node")
        self.assertEqual(len(none.all_extension_numbers_response.extension_number), 0)

    def test_many_questions(self):
        """More than there is room for answers: who does not read is not asked either."""
        answers = self.ask(*[{"file_by_filename": "mesh/v1/admin.proto"}] * 3000)
        self.assertEqual(len(answers), 3000)
        self.assertTrue(all(a.file_descriptor_response.file_descriptor_proto for a in answers))

    def test_broken_question(self):
        call = self.channel.stream_stream(f"/{SERVICES[4]}/ServerReflectionInfo")
        for data, code in ((b"\x0a\xff", grpc.StatusCode.INVALID_ARGUMENT),
                           (b"\x0a\x80\x08" + bytes(1024), grpc.StatusCode.RESOURCE_EXHAUSTED)):
            with self.assertRaises(grpc.RpcError) as caught:
                list(call(iter([data]), timeout=20 * SLOW))
            self.assertEqual(caught.exception.code(), code)

    def test_not_for_strangers(self):
        tls = mesh_client.tls_channel(HOST, self.coordinator.port)
        for channel in tls, grpc.insecure_channel(f"{HOST}:{self.coordinator.h2c_port}"):
            for version in "v1", "v1alpha":
                with self.assertRaises(grpc.RpcError) as caught:
                    self.ask({"list_services": ""}, version=version, channel=channel)
                self.assertEqual(caught.exception.code(), grpc.StatusCode.UNIMPLEMENTED)
                self.assertEqual(caught.exception.details(), "unknown method")
            channel.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
