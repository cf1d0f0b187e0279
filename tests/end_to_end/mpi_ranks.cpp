// A rank of the jobs that mpi_transport_test.py starts: does what its only argument says.
#include <mpi.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/transport/mpi_transport.hpp"

namespace {

using namespace sirocco;

constexpr Seconds kLong = 1e9;
constexpr int kFailed = 4;

void say(const MpiSession& session, std::string_view what) {
  std::printf("rank %d: %.*s\n", session.rank(), static_cast<int>(what.size()), what.data());
  std::fflush(stdout);
}

/// Waits for as long as it takes, so that a busy machine changes nothing.
WiredOptions patient() {
  WiredOptions options;
  options.liveness = {.pulse = 0.1, .patience = 1e6, .start_patience = 1e6};
  return options;
}
/// Gives a silent rank up before mpirun ends the job.
WiredOptions impatient() {
  WiredOptions options;
  options.liveness = {.pulse = 0.05, .patience = 0.5, .start_patience = 1e6};
  return options;
}
const std::vector<Term> kTerms = {{"model", "0a1b"}};

// Frames whose payloads go in the first message, in one piece and in several.
constexpr std::size_t kSizes[] = {0, 1, 16 << 10, (16 << 10) + 1, 1 << 20, 4 << 20, (9 << 20) + 7};
constexpr std::uint64_t kRounds = 2;

Frame made_frame(int from, int to, std::uint64_t step, std::size_t bytes) {
  Frame frame;
  frame.header.kind = FrameKind::kTokens;
  frame.header.step = step;
  frame.payload.resize(bytes);
  for (std::size_t i = 0; i < bytes; ++i)
    frame.payload[i] = static_cast<std::byte>(i * 7 + i / 251 + step + 31 * from + 101 * to);
  return frame;
}

// All to all, everything sent before anything is received; more than may be on the way.
void exchange(MpiSession& session) {
  WiredOptions options = patient();
  options.frames.max_on_the_way = 8 << 20;
  MpiTransport transport(session, kTerms, options);
  const auto for_each_peer = [&](auto body) {
    for (int peer = 0; peer < transport.stages(); ++peer)
      if (peer != transport.stage()) body(peer);
  };
  std::uint64_t count = 0;
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    for (const std::size_t bytes : kSizes) {
      for_each_peer(
          [&](int to) { transport.send(to, made_frame(transport.stage(), to, count, bytes)); });
      ++count;
    }
  }
  std::map<int, std::uint64_t> next;
  bool same = true;
  for (std::uint64_t left = count * static_cast<std::uint64_t>(transport.stages() - 1); left > 0;) {
    const Received received = *transport.receive(kLong);
    if (received.frame.header.kind == FrameKind::kShutdown)
      continue;  // of one that has all it wants
    --left;
    const std::uint64_t step = next[received.from]++;
    const std::size_t bytes = kSizes[step % std::size(kSizes)];
    same = same && received.frame == made_frame(received.from, transport.stage(), step, bytes);
  }
  transport.shutdown();
  transport.join();
  say(session, same ? "all came as it was sent" : "something came otherwise");
}

/// Does body(transport), and tells the others what it throws.
template <class F>
void with_transport(MpiSession& session, const WiredOptions& options, F body) {
  MpiTransport transport(session, kTerms, options);
  try {
    body(transport);
  } catch (const std::exception& e) {
    transport.fail(e.what());
    throw;
  }
}

// Ranks wait for each other's frames; rank 1 never sends one.
template <class F>
void lose_rank_1(MpiSession& session, F end) {
  // mpirun asks the other ranks to end a second after the first one did. What is waited for here
  // comes before that, and on a busy machine a little later.
  std::signal(SIGTERM, SIG_IGN);
  with_transport(session, impatient(), [&](MpiTransport& transport) {
    if (transport.stage() == 1) {
      // The others are there too, when they have said something.
      for (int i = 1; i < transport.stages(); ++i) transport.receive(kLong);
      end();
    } else {
      Frame frame;
      frame.header.kind = FrameKind::kFinished;
      transport.send(1, std::move(frame));
    }
    transport.receive(kLong);
  });
}

void run(MpiSession& session, std::string_view what) {
  if (what == "exchange") {
    exchange(session);
  } else if (what == "differ") {
    const Term model = {"model", session.rank() == 2 ? "ffff" : "0a1b"};
    const MpiTransport transport(session, {model}, patient());
  } else if (what == "killed") {
    lose_rank_1(session, [] { std::raise(SIGKILL); });
  } else if (what == "stopped") {
    lose_rank_1(session, [] { std::raise(SIGSTOP); });
  } else if (what == "exits") {
    lose_rank_1(session, [] { _exit(3); });
  } else if (what == "throws") {
    lose_rank_1(session, [] { throw ResourceExhausted("no memory is left"); });
  } else if (what == "garbage") {
    if (session.rank() == 1) {
      // In the place of a hello. The others hear of it; this one would wait for an answer.
      const char garbage[100] = "GET / HTTP/1.1";
      MPI_Send(garbage, sizeof(garbage), MPI_BYTE, 0, 1, MPI_COMM_WORLD);
      char answer = 0;
      MPI_Recv(&answer, 1, MPI_BYTE, 0, 99, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    }
    const MpiTransport transport(session, kTerms, patient());
  } else if (what == "aborts") {
    with_transport(session, patient(), [&](MpiTransport& transport) {
      if (transport.stage() == 1) session.abort(7);
      transport.receive(kLong);
    });
  } else {
    throw InvalidArgument("nothing is called {}", quoted(what));
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    MpiSession session;
    try {
      run(session, argc == 2 ? argv[1] : "");
      return 0;
    } catch (const std::exception& e) {
      say(session, e.what());
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
  }
  return kFailed;
}
