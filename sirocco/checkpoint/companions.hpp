#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/checkpoint/folder_schema.hpp"
#include "sirocco/tensor/weight_source.hpp"

namespace sirocco {

class FolderDescription;

/// Companions are what has to stand beside the tensors of a checkpoint, and which biases may: a
/// family's rows, held against the names of GGUF.
class Companions {
 public:
  /// Borrows its arguments. `description` is of the folder, whose members rows may hang on.
  Companions(std::span<const CompanionRule> rules, const FolderDescription& description)
      : rules_(rules), description_(&description) {}
  /// Of a GGUF file, which says nothing that rows hang on, so that such rows don't count.
  explicit Companions(std::span<const CompanionRule> rules) : rules_(rules) {}

  /// Whether a bias, by the pattern of its name, is one that the family has. A bias that
  /// config.json denies is a FormatError, though transformers drops it with a warning: one of the
  /// two is wrong.
  bool allow_bias(std::string_view pattern, std::string_view called) const;

  /// Notes what has to be there because a tensor is: the pattern of its name, its layer, and what
  /// it is called in its file.
  void expect(std::string_view pattern, const std::vector<std::int32_t>& numbers,
              std::string_view called);

  /// Throws FormatError for the first of those that isn't there.
  void check(const WeightSource& weights) const;

 private:
  struct Expected {
    std::string name;
    std::string beside;       ///< the tensor because of which
    std::string_view member;  ///< that says so
  };

  std::span<const CompanionRule> rules_;
  const FolderDescription* description_ = nullptr;
  std::vector<Expected> expected_;
};

}  // namespace sirocco
