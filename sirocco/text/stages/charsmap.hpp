#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sirocco {

/// A Charsmap is SentencePiece's `precompiled_charsmap`: character sequences and what each is
/// normalized to. The bytes are a 32-bit length, a double array of that many bytes (Darts, as in
/// SentencePiece), and NUL-terminated replacements. Immutable, safe to share between threads.
class Charsmap {
 public:
  /// Throws FormatError unless `blob` holds what it announces.
  Charsmap(std::string_view blob, std::string_view origin);

  struct Match {
    std::string_view replacement;
    std::size_t size;  ///< bytes of the text
  };

  /// What the longest of its sequences at the start of `text` becomes.
  std::optional<Match> longest(std::string_view text) const noexcept;

  /// What the shortest becomes.
  std::optional<Match> shortest(std::string_view text) const noexcept;

 private:
  template <class OnMatch>
  void walk(std::string_view text, OnMatch&& on_match) const noexcept;

  std::vector<std::uint32_t> units_;
  std::string replacements_;
};

}  // namespace sirocco
