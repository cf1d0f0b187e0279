#include "sirocco/cli/ranks.hpp"

#include <optional>
#include <string_view>
#include <utility>

#include "sirocco/cli/job_signals.hpp"
#include "sirocco/transport/mpi_transport.hpp"

namespace sirocco {
namespace {

/// A transport with the session that it stands on.
class RankTransport {
 public:
  RankTransport(const std::vector<Term>& terms, WiredOptions options)
      : transport_(session_, terms, std::move(options)) {}

  int stage() const { return transport_.stage(); }
  int stages() const { return transport_.stages(); }
  void send(int to, Frame frame) { transport_.send(to, std::move(frame)); }
  std::optional<Received> receive(Seconds longest) { return transport_.receive(longest); }
  void shutdown() { transport_.shutdown(); }
  void fail(std::string_view why) noexcept { transport_.fail(why); }

 private:
  MpiSession session_;
  MpiTransport transport_;
};

}  // namespace

int job_size() { return job_place().value_or(JobPlace{}).size; }
int job_rank() { return job_place().value_or(JobPlace{}).rank; }

std::unique_ptr<AnyTransport> connect_ranks(const std::vector<Term>& terms) {
  return connect_watched_ranks(terms, {});
}

std::unique_ptr<AnyTransport> connect_watched_ranks(
    const std::vector<Term>& terms, std::function<void(const PeerLost& loss)> on_loss) {
  WiredOptions options;
  options.alarmed = job_may_be_ending;
  options.on_loss = [on_loss = std::move(on_loss)](const PeerLost& loss) {
    note_lost_stage();
    if (on_loss) on_loss(loss);
  };
  return std::make_unique<AnyTransport>(std::make_unique<RankTransport>(terms, std::move(options)));
}

}  // namespace sirocco
