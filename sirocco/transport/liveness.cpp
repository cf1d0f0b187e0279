#include "sirocco/transport/liveness.hpp"

#include <algorithm>

namespace sirocco {

Liveness::Liveness(int stages, const LivenessOptions& options, Seconds now)
    : options_(options), now_(now) {
  const Seconds extra = std::max(0.0, options.start_patience - options.patience);
  peers_.assign(static_cast<std::size_t>(stages), Peer{now + extra, now});
}

void Liveness::listen(Seconds now) {
  // Whoever listens does it many times in that time.
  const Seconds missed = now - now_ - options_.pulse;
  if (missed > 0)
    for (Peer& peer : peers_) peer.heard += missed;
  now_ = now;
}

}  // namespace sirocco
