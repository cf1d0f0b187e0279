#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sirocco {

/// What all stages have to have the same of: "model", and a hash of it.
struct Term {
  std::string name;
  std::string value;
  friend bool operator==(const Term&, const Term&) = default;
};

/// The first thing of which a stage doesn't have what stage 0 has, in words that name it and both
/// values; nothing where they agree.
std::optional<std::string> first_difference(const std::vector<Term>& of_stage_0, int stage,
                                            const std::vector<Term>& of_stage);

std::vector<std::byte> encode_terms(const std::vector<Term>& terms);
/// Throws FormatError.
std::vector<Term> decode_terms(std::span<const std::byte> bytes);

}  // namespace sirocco
