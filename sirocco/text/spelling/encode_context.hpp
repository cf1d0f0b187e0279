#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/text/flat_index.hpp"
#include "sirocco/text/stages/added_tokens.hpp"
#include "sirocco/text/stages/split_pattern.hpp"

namespace sirocco {

/// A WordCache remembers where in the output of this call the tokens of a short word already stand.
/// Natural text repeats its words; the memory lives for one call, so nothing is shared or locked.
class WordCache {
 public:
  /// Remembers nothing unless `input_bytes` is large enough to pay for the table.
  explicit WordCache(std::size_t input_bytes)
      : slots_(input_bytes < kSmallInput ? 0 : kSlots),
        seed_(slots_.empty() ? 0 : random_hash_seed()) {}

  /// Appends the tokens of `word` to `out` (always the same vector) if they are known.
  bool append(std::string_view word, std::vector<TokenId>& out) const {
    if (slots_.empty() || word.size() > kMaxWordBytes) return false;
    const Slot& slot = slots_[slot_of(word)];
    if (slot.size != word.size() || std::memcmp(slot.word.data(), word.data(), word.size()) != 0) {
      return false;
    }
    for (std::uint32_t i = 0; i < slot.count; ++i) out.push_back(out[slot.begin + i]);
    return true;
  }

  /// `out` from `begin` on is what `word` became.
  void remember(std::string_view word, const std::vector<TokenId>& out, std::size_t begin) {
    if (slots_.empty() || word.size() > kMaxWordBytes || word.empty()) return;
    if (out.size() - begin > std::numeric_limits<std::uint8_t>::max()) return;
    Slot& slot = slots_[slot_of(word)];
    std::memcpy(slot.word.data(), word.data(), word.size());
    slot.size = static_cast<std::uint8_t>(word.size());
    slot.count = static_cast<std::uint8_t>(out.size() - begin);
    slot.begin = begin;
  }

 private:
  static constexpr std::size_t kSmallInput = 4096;
  static constexpr std::size_t kSlots = 4096;
  static constexpr std::size_t kMaxWordBytes = 38;

  struct Slot {
    std::size_t begin = 0;
    std::uint8_t count = 0;
    std::uint8_t size = 0;  // 0: empty
    std::array<char, kMaxWordBytes> word{};
  };

  std::size_t slot_of(std::string_view word) const noexcept {
    return hash_bytes(word, seed_) & (kSlots - 1);
  }

  std::vector<Slot> slots_;
  std::uint64_t seed_;
};

/// A TextSpan is a stretch of the input between tokens that were cut out of it.
struct TextSpan {
  std::string_view text;
  bool at_origin;                       ///< begins where the input begins
  std::span<const TrustedRun> trusted;  ///< in bytes of `text`; in order, not touching
};

/// An EncodeContext is what one tokenize call carries through its algorithm: the output and scratch
/// memory.
struct EncodeContext {
  EncodeContext(std::size_t input_bytes, TokenizeStats& counters)
      : run(input_bytes, counters), stats(counters), cache(input_bytes) {}

  std::vector<TokenId> out;
  std::vector<TokenId> word;  // of the algorithm, while it merges
  std::string spelling;       // likewise
  SplitRun run;
  TokenizeStats& stats;
  WordCache cache;
};

}  // namespace sirocco
