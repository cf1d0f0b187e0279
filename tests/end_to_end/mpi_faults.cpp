// What a rank preloads to go wrong in the middle of its work: an MPI_Isend of its own, which the
// program's transport calls. SIROCCO_TEST_FAULT says how it does; it does so at the first
// activation or answer that it sends once the file SIROCCO_TEST_FAULT_FILE is there.
#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

// Of a frame's first message (sirocco/transport/frame.hpp, mpi_transport.cpp).
constexpr int kFrameTag = 1;
constexpr std::size_t kHeaderBytes = 56;
constexpr std::size_t kKindAt = 6;
constexpr std::size_t kStepAt = 32;
constexpr unsigned char kActivation = 3;
constexpr unsigned char kTokens = 4;

/// Turns the shape of what is sent, [rows, columns], round, in a header that is right otherwise.
void turn_shape(unsigned char* header) {
  constexpr std::size_t kChecksumAt = 12;
  constexpr std::size_t kRowsAt = 16;
  constexpr std::size_t kColumnsAt = 24;
  std::swap_ranges(header + kRowsAt, header + kColumnsAt, header + kColumnsAt);
  std::uint32_t hash = 2166136261U;
  for (std::size_t i = 0; i < kHeaderBytes; ++i)
    if (i < kChecksumAt || i >= kRowsAt) hash = (hash ^ header[i]) * 16777619U;
  std::memcpy(header + kChecksumAt, &hash, sizeof(hash));
}

/// Makes the message a wrong one, or ends the process.
void go_wrong(std::string_view how, unsigned char* message, int& bytes) {
  if (how == "killed") std::raise(SIGKILL);
  if (how == "stopped") std::raise(SIGSTOP);
  if (how == "exits") _exit(3);
  if (how == "crashes") std::abort();
  if (how == "no frame") std::memcpy(message, "GET / HTTP/1.1", 14);
  if (how == "bit") message[kStepAt] ^= 1;
  if (how == "torn") --bytes;
  if (how == "turned") turn_shape(message);
  if (how == "no tokens")
    std::memset(message + kHeaderBytes, 0x77, static_cast<std::size_t>(bytes) - kHeaderBytes);
}

}  // namespace

extern "C" int MPI_Isend(const void* buffer, int count, MPI_Datatype type, int to, int tag,
                         MPI_Comm comm, MPI_Request* request) {
  static const char* const how = std::getenv("SIROCCO_TEST_FAULT");
  static const char* const file = std::getenv("SIROCCO_TEST_FAULT_FILE");
  static bool is_over = how == nullptr || file == nullptr;
  if (!is_over && tag == kFrameTag && static_cast<std::size_t>(count) >= kHeaderBytes) {
    // It is the transport's own memory.
    auto* const message = static_cast<unsigned char*>(const_cast<void*>(buffer));
    const unsigned char kind = message[kKindAt];
    if ((kind == kTokens || kind == kActivation) && access(file, F_OK) == 0) {
      is_over = true;
      go_wrong(how, message, count);
    }
  }
  return PMPI_Isend(buffer, count, type, to, tag, comm, request);
}
