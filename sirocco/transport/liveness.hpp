#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "sirocco/base/seconds.hpp"

namespace sirocco {

/// How stages know of each other that they are alive.
struct LivenessOptions {
  Seconds pulse = 0.25;             ///< a stage is sent something that often, if only a pulse
  Seconds patience = 10;            ///< a stage of which nothing came for so long is lost
  Seconds start_patience = 120;     ///< the same before the first word of it
  Seconds alarmed_patience = 0.75;  ///< the same, after that word, while there is an alarm
};

/// Liveness counts for how long the other stages have been silent. Whether they are is judged by
/// time in which this end listened: one that was stopped itself, or got no processor, doesn't take
/// the others for lost. All times are those of one clock. One thread.
class Liveness {
 public:
  Liveness(int stages, const LivenessOptions& options, Seconds now);

  /// To be called whenever this end listens, before what came is told.
  void listen(Seconds now);
  void heard(int stage) { at(stage).heard = now_; }
  void sent(int stage) { at(stage).sent = now_; }

  /// There is a sign that a stage may be gone, or there is none any more.
  void set_alarmed(bool alarmed) { alarmed_ = alarmed; }
  /// For how long a stage may be silent now.
  Seconds patience() const {
    return alarmed_ ? std::min(options_.alarmed_patience, options_.patience) : options_.patience;
  }

  bool is_silent(int stage) const { return now_ - at(stage).heard > patience(); }
  bool wants_pulse(int stage) const { return now_ - at(stage).sent >= options_.pulse; }

 private:
  struct Peer {
    Seconds heard = 0;
    Seconds sent = 0;
  };
  Peer& at(int stage) { return peers_[static_cast<std::size_t>(stage)]; }
  const Peer& at(int stage) const { return peers_[static_cast<std::size_t>(stage)]; }

  LivenessOptions options_;
  Seconds now_;
  bool alarmed_ = false;
  std::vector<Peer> peers_;
};

}  // namespace sirocco
