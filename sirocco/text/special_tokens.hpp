#pragma once

#include <optional>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/text/vocabulary.hpp"

namespace sirocco {

/// SpecialTokens are the tokens with a role, as far as a model names them.
/// The marks of a text with a hole: `prefix`, what stands before it, `suffix`, what stands behind
/// it, `middle`, and then what fills it.
struct InfillTokens {
  TokenId prefix;
  TokenId suffix;
  TokenId middle;
};

struct SpecialTokens {
  std::optional<TokenId> bos;  ///< begins a text
  std::optional<TokenId> eos;  ///< ends a text
  std::optional<TokenId> eot;  ///< ends a turn of a conversation
  std::optional<TokenId> eom;  ///< ends a message that awaits a tool's answer
  std::optional<TokenId> unknown;
  std::optional<TokenId> padding;
  std::optional<TokenId> separator;
  std::optional<TokenId> mask;
  std::optional<TokenId> infill_prefix;
  std::optional<TokenId> infill_suffix;
  std::optional<TokenId> infill_middle;
  bool add_bos = false;  ///< a text by itself begins with bos
  bool add_eos = false;  ///< and ends with eos

  /// Sorted. A model has finished when it produces one of these.
  std::vector<TokenId> end_of_generation;

  bool ends_generation(TokenId id) const noexcept;
  /// Nothing unless the model has all of them.
  std::optional<InfillTokens> infill() const;
};

/// Fills `end_of_generation` from the ids and from the names that the chat formats in use give to
/// such tokens, and `eot` where the file doesn't name it. Files are known to label some of these as
/// user-defined or even as text: they become control tokens, so that text can't produce them.
void find_end_of_generation(SpecialTokens& special, Vocabulary& vocabulary);

/// Fills those of the three infill tokens that the file doesn't name, by the names that models
/// which were trained to fill in give them. They stay of the kind that they are.
void find_infill(SpecialTokens& special, const Vocabulary& vocabulary);

}  // namespace sirocco
