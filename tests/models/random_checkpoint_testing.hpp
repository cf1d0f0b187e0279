#pragma once

#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/formats/checkpoint.hpp"
#include "sirocco/quant/format.hpp"

namespace sirocco::testing {

/// A checkpoint that no file holds, in the words of GGUF: a description, and random weights, which
/// are made as they are read, so that a model of real size takes no memory beside the loaded one.
class RandomCheckpoint {
 public:
  RandomCheckpoint(std::string architecture, std::mt19937& random);

  /// Describes the model, below the architecture's prefix.
  void set(std::string_view key, MetadataValue value);
  /// NAME.weight [.., rows, columns] of random blocks.
  void matrix(std::string_view name, const Format& format, const Shape& shape);
  /// `name` [size] in F32, near `center`.
  void vector(std::string_view name, std::int64_t size, float center = 1.0f);
  /// `name` [rows, size], as `vector`.
  void vectors(std::string_view name, std::int64_t rows, std::int64_t size, float center);

  Checkpoint checkpoint() const;

 private:
  class Description;
  class Weights;
  std::vector<float> near(float center, std::int64_t count);

  std::shared_ptr<Description> description_;
  std::shared_ptr<Weights> weights_;
  std::mt19937& random_;
};

}  // namespace sirocco::testing
