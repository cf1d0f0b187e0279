// What frames between two ranks cost: how long one takes from sender to receiver, in a quick
// exchange and to a stage that has waited for a while; and how much of a core an end takes that has
// nothing to do.
//
//   mpirun -n 2 mpi_transport_bench

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <thread>
#include <utility>
#include <vector>

#include "sirocco/platform/byte_text.hpp"
#include "sirocco/transport/mpi_transport.hpp"

namespace sirocco {
namespace {

constexpr Seconds kLong = 1e9;
constexpr double kIdle = 5;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
double processor_time() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}
void sleep(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

/// Sends `frame` and gets it back, `rounds` times; prints the time of half a round. Stage 1 sends
/// back what comes.
void echo(MpiTransport& transport, std::size_t bytes, int rounds, double pause) {
  Frame frame;
  frame.header.kind = FrameKind::kTokens;
  frame.payload.resize(bytes);
  std::vector<double> times;
  for (int round = 0; round < rounds; ++round) {
    sleep(pause);
    const double begin = now();
    transport.send(1, std::move(frame));
    frame = transport.receive(kLong)->frame;
    times.push_back((now() - begin) / 2);
  }
  std::sort(times.begin(), times.end());
  const auto at = [&](double share) {
    return times[static_cast<std::size_t>(share * static_cast<double>(times.size() - 1))] * 1e6;
  };
  fmt::print("{:>10} {:>8}  {:10.0f} {:10.0f} {:10.0f}\n", byte_text(bytes),
             pause == 0 ? "at once" : fmt::format("{:.0f} ms", pause * 1e3), at(0.1), at(0.5),
             at(0.9));
  std::fflush(stdout);
}

/// The share of a core that this end takes while `body` runs.
template <class F>
double share(F body) {
  const double begin = now();
  const double used = processor_time();
  body();
  return (processor_time() - used) / (now() - begin);
}

void run(MpiTransport& transport) {
  if (transport.stage() == 0) {
    fmt::print("us from stage to stage (10 %, median, 90 %)\n");
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{4} << 10, std::size_t{64} << 10,
                                    std::size_t{1} << 20, std::size_t{16} << 20}) {
      echo(transport, bytes, bytes < (1 << 20) ? 2000 : 100, 0);
      for (const double pause : {0.01, 0.1}) echo(transport, bytes, 30, pause);
    }
  } else {
    for (Received received = *transport.receive(kLong);
         received.frame.header.kind != FrameKind::kFinished; received = *transport.receive(kLong))
      transport.send(0, std::move(received.frame));
  }
  if (transport.stage() == 0) {
    Frame last;
    last.header.kind = FrameKind::kFinished;
    transport.send(1, std::move(last));
  }
  const double computing = share([] { sleep(kIdle); });
  const double receiving = share([&] { transport.receive(kIdle); });
  fmt::print("stage {}: {:.2f} % of a core while nobody receives, {:.2f} % while somebody does\n",
             transport.stage(), 100 * computing, 100 * receiving);
}

}  // namespace
}  // namespace sirocco

int main() {
  using namespace sirocco;
  try {
    MpiSession session;
    MpiTransport transport(session, {});
    if (transport.stages() != 2) throw InvalidArgument("this wants two ranks: mpirun -n 2");
    run(transport);
    transport.shutdown();
    transport.join();
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 1;
  }
}
