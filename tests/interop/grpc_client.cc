/* The gRPC project's interop cases with grpc++, against a server at TARGET. Prints a line of TAP
 * for each case.
 *
 * usage: grpc_client NAME TARGET [CA_FILE]     NAME is for the lines; with CA_FILE over TLS.
 * Driven by test_grpc_interop.py. */
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "grpc_testing.grpc.pb.h"

namespace {

using grpc::ClientContext;
using grpc::Status;
using grpc::StatusCode;
using namespace grpc::testing;

using Channel = std::shared_ptr<grpc::Channel>;
using Duplex =
    grpc::ClientReaderWriter<StreamingOutputCallRequest, StreamingOutputCallResponse>;

const std::vector<int> kRequests = {27182, 8, 1828, 45904};
const std::vector<int> kResponses = {31415, 9, 2653, 58979};

void Expect(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

void ExpectStatus(const Status& status, StatusCode code, const std::string& message) {
  Expect(status.error_code() == code && status.error_message() == message,
         "status " + std::to_string(status.error_code()) + ": " + status.error_message());
}

void ExpectOk(const Status& status) { ExpectStatus(status, StatusCode::OK, ""); }

/* A call that is to end within 20 s. */
struct Call : ClientContext {
  Call() { set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20)); }
};

StreamingOutputCallRequest Ping(int request, int response) {
  StreamingOutputCallRequest ping;
  ping.mutable_payload()->set_body(std::string(request, '\0'));
  ping.add_response_parameters()->set_size(response);
  return ping;
}

SimpleRequest Large() {
  SimpleRequest request;
  request.set_response_size(314159);
  request.mutable_payload()->set_body(std::string(271828, '\0'));
  return request;
}

void ExpectZeros(const Payload& payload, int size) {
  Expect(payload.body() == std::string(size, '\0'), "a wrong payload");
}

/* ---- the cases ---- */

void EmptyUnary(const Channel& channel) {
  Call call;
  Empty request, response;
  ExpectOk(TestService::NewStub(channel)->EmptyCall(&call, request, &response));
  Expect(response.ByteSizeLong() == 0, "not empty");
}

void LargeUnary(const Channel& channel) {
  Call call;
  SimpleResponse response;
  ExpectOk(TestService::NewStub(channel)->UnaryCall(&call, Large(), &response));
  ExpectZeros(response.payload(), 314159);
}

void ClientStreaming(const Channel& channel) {
  Call call;
  StreamingInputCallResponse response;
  auto writer = TestService::NewStub(channel)->StreamingInputCall(&call, &response);
  for (int size : kRequests) {
    StreamingInputCallRequest request;
    request.mutable_payload()->set_body(std::string(size, '\0'));
    Expect(writer->Write(request), "cannot write");
  }
  writer->WritesDone();
  ExpectOk(writer->Finish());
  Expect(response.aggregated_payload_size() == 74922, "a wrong sum");
}

void ServerStreaming(const Channel& channel) {
  Call call;
  StreamingOutputCallRequest request;
  StreamingOutputCallResponse response;
  for (int size : kResponses) request.add_response_parameters()->set_size(size);
  auto reader = TestService::NewStub(channel)->StreamingOutputCall(&call, request);
  for (int size : kResponses) {
    Expect(reader->Read(&response), "too few responses");
    ExpectZeros(response.payload(), size);
  }
  Expect(!reader->Read(&response), "too many responses");
  ExpectOk(reader->Finish());
}

void PingPong(const Channel& channel) {
  Call call;
  StreamingOutputCallResponse response;
  auto stream = TestService::NewStub(channel)->FullDuplexCall(&call);
  for (size_t i = 0; i < kRequests.size(); i++) {
    Expect(stream->Write(Ping(kRequests[i], kResponses[i])), "cannot write");
    Expect(stream->Read(&response), "no response");
    ExpectZeros(response.payload(), kResponses[i]);
  }
  stream->WritesDone();
  Expect(!stream->Read(&response), "too many responses");
  ExpectOk(stream->Finish());
}

void EmptyStream(const Channel& channel) {
  Call call;
  StreamingOutputCallResponse response;
  auto stream = TestService::NewStub(channel)->FullDuplexCall(&call);
  stream->WritesDone();
  Expect(!stream->Read(&response), "a response");
  ExpectOk(stream->Finish());
}

void CancelAfterBegin(const Channel& channel) {
  Call call;
  StreamingInputCallResponse response;
  auto writer = TestService::NewStub(channel)->StreamingInputCall(&call, &response);
  call.TryCancel();
  Expect(writer->Finish().error_code() == StatusCode::CANCELLED, "not cancelled");
}

void CancelAfterFirstResponse(const Channel& channel) {
  Call call;
  StreamingOutputCallResponse response;
  auto stream = TestService::NewStub(channel)->FullDuplexCall(&call);
  Expect(stream->Write(Ping(27182, 31415)), "cannot write");
  Expect(stream->Read(&response), "no response");
  ExpectZeros(response.payload(), 31415);
  call.TryCancel();
  Expect(stream->Finish().error_code() == StatusCode::CANCELLED, "not cancelled");
}

/* The server answers nothing, since nothing is asked; 100 ms, so that the request does leave. */
void TimeoutOnSleepingServer(const Channel& channel) {
  ClientContext call;
  StreamingOutputCallRequest request;
  StreamingOutputCallResponse response;
  call.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
  request.mutable_payload()->set_body(std::string(27182, '\0'));
  auto stream = TestService::NewStub(channel)->FullDuplexCall(&call);
  stream->Write(request);
  Expect(!stream->Read(&response), "a response");
  Expect(stream->Finish().error_code() == StatusCode::DEADLINE_EXCEEDED, "no timeout");
}

void StatusOfUnary(const Channel& channel, const std::string& message) {
  Call call;
  SimpleRequest request;
  SimpleResponse response;
  request.mutable_response_status()->set_code(StatusCode::UNKNOWN);
  request.mutable_response_status()->set_message(message);
  ExpectStatus(TestService::NewStub(channel)->UnaryCall(&call, request, &response),
               StatusCode::UNKNOWN, message);
}

void StatusCodeAndMessage(const Channel& channel) {
  const std::string message = "test status message";
  Call call;
  StreamingOutputCallRequest request;
  StreamingOutputCallResponse response;
  StatusOfUnary(channel, message);
  request.mutable_response_status()->set_code(StatusCode::UNKNOWN);
  request.mutable_response_status()->set_message(message);
  auto stream = TestService::NewStub(channel)->FullDuplexCall(&call);
  Expect(stream->Write(request), "cannot write");
  stream->WritesDone();
  Expect(!stream->Read(&response), "a response");
  ExpectStatus(stream->Finish(), StatusCode::UNKNOWN, message);
}

void SpecialStatusMessage(const Channel& channel) {
  StatusOfUnary(channel,
                "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n");
}

void UnimplementedMethod(const Channel& channel) {
  Call call;
  Empty request, response;
  Expect(TestService::NewStub(channel)->UnimplementedCall(&call, request, &response)
                 .error_code() == StatusCode::UNIMPLEMENTED,
         "another status");
}

void UnimplementedServiceCase(const Channel& channel) {
  Call call;
  Empty request, response;
  Expect(UnimplementedService::NewStub(channel)->UnimplementedCall(&call, request, &response)
                 .error_code() == StatusCode::UNIMPLEMENTED,
         "another status");
}

void AddMetadata(ClientContext* call) {
  call->AddMetadata("x-grpc-test-echo-initial", "test_initial_metadata_value");
  call->AddMetadata("x-grpc-test-echo-trailing-bin", "\xab\xab\xab");
}

void ExpectMetadata(const ClientContext& call) {
  auto header = call.GetServerInitialMetadata().find("x-grpc-test-echo-initial");
  auto trailer = call.GetServerTrailingMetadata().find("x-grpc-test-echo-trailing-bin");
  Expect(header != call.GetServerInitialMetadata().end() &&
             header->second == "test_initial_metadata_value",
         "initial metadata");
  Expect(trailer != call.GetServerTrailingMetadata().end() && trailer->second == "\xab\xab\xab",
         "trailing metadata");
}

void CustomMetadata(const Channel& channel) {
  Call unary, duplex;
  SimpleResponse response;
  StreamingOutputCallResponse streamed;
  AddMetadata(&unary);
  ExpectOk(TestService::NewStub(channel)->UnaryCall(&unary, Large(), &response));
  ExpectMetadata(unary);
  AddMetadata(&duplex);
  auto stream = TestService::NewStub(channel)->FullDuplexCall(&duplex);
  Expect(stream->Write(Ping(271828, 314159)), "cannot write");
  stream->WritesDone();
  Expect(stream->Read(&streamed), "no response");
  Expect(!stream->Read(&streamed), "too many responses");
  ExpectOk(stream->Finish());
  ExpectMetadata(duplex);
}

const struct {
  const char* name;
  void (*run)(const Channel& channel);
} kCases[] = {
    {"empty_unary", EmptyUnary},
    {"large_unary", LargeUnary},
    {"client_streaming", ClientStreaming},
    {"server_streaming", ServerStreaming},
    {"ping_pong", PingPong},
    {"empty_stream", EmptyStream},
    {"cancel_after_begin", CancelAfterBegin},
    {"cancel_after_first_response", CancelAfterFirstResponse},
    {"timeout_on_sleeping_server", TimeoutOnSleepingServer},
    {"status_code_and_message", StatusCodeAndMessage},
    {"special_status_message", SpecialStatusMessage},
    {"unimplemented_method", UnimplementedMethod},
    {"unimplemented_service", UnimplementedServiceCase},
    {"custom_metadata", CustomMetadata},
};

Channel Connect(const std::string& target, const char* ca_file) {
  if (!ca_file) return grpc::CreateChannel(target, grpc::InsecureChannelCredentials());
  std::ifstream file(ca_file);
  std::stringstream pem;
  pem << file.rdbuf();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = pem.str();
  return grpc::CreateChannel(target, grpc::SslCredentials(options));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const Channel channel = Connect(argv[2], argc > 3 ? argv[3] : nullptr);
  int failed = 0;
  for (const auto& one : kCases) {
    try {
      one.run(channel);
      std::cout << "ok - " << argv[1] << " " << one.name << std::endl;
    } catch (const std::exception& error) {
      std::cout << "# " << error.what() << "\nnot ok - " << argv[1] << " " << one.name << std::endl;
      failed++;
    }
  }
  return failed > 0;
}
