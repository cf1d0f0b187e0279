#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "sirocco/pipeline/encoder_pass.hpp"
#include "sirocco/platform/byte_ledger.hpp"

namespace sirocco {

/// Pictures and sounds that encoders have read or are reading, by their contents: the rows of those
/// used last are kept, as far as a bound on their bytes allows. One thread at a time.
class EncodedInputs {
 public:
  /// `ledger` is charged for what is kept, and outlives it.
  EncodedInputs(std::uint64_t max_bytes, ByteLedger& ledger)
      : max_bytes_(max_bytes), ledger_(ledger) {}

  /// The pass of an input: one that has ended, one under way, or a new one.
  std::shared_ptr<EncoderPass> pass(const std::shared_ptr<const EncoderInput>& input);
  /// Keeps the rows of a pass that has ended without a fault, and lets go what was used longest ago
  /// where there is no room for all.
  void keep(std::shared_ptr<EncoderPass> pass);

  std::uint64_t bytes() const { return bytes_; }

 private:
  using Key = std::pair<std::uint64_t, std::uint64_t>;
  struct Kept {
    std::shared_ptr<EncoderPass> pass;
    ByteLedger::Reservation held;
  };
  static Key key_of(const EmbeddingKey& key) { return {key.high, key.low}; }

  std::uint64_t max_bytes_;
  ByteLedger& ledger_;
  std::list<Kept> kept_;  // the one used last in front
  std::map<Key, std::list<Kept>::iterator> by_key_;
  std::map<Key, std::weak_ptr<EncoderPass>> under_way_;
  std::uint64_t bytes_ = 0;
};

}  // namespace sirocco
