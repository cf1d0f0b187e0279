#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sirocco {

/// What stands in front of a decoder's own names in a folder, depending on the class that saved it.
inline constexpr std::array<std::string_view, 9> kFolderPrefixes = {"model.language_model.",
                                                                    "model.text_model.",
                                                                    "language_model.model.",
                                                                    "language_model.",
                                                                    "model.",
                                                                    "transformer.",
                                                                    "bert.",
                                                                    "text_model.",
                                                                    ""};

/// A NamePattern is a tensor's name with its first number as #, its second as @; such a sign of its
/// own is doubled. Further numbers, or those behind the first `marks`, stay.
struct NamePattern {
  std::string text;
  std::vector<std::int32_t> numbers;  ///< `marks` at most
};
NamePattern pattern_of(std::string_view name, std::size_t marks = 2);

/// The reverse; a mark without a number stays.
std::string with_numbers(std::string_view pattern, const std::vector<std::int32_t>& numbers);

/// A name without its last part, ".weight" or ".bias".
std::string_view stem_of(std::string_view name);

}  // namespace sirocco
