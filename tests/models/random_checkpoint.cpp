#include <fmt/format.h>

#include <cstring>
#include <deque>
#include <map>
#include <utility>

#include "sirocco/kernels/cpu/kernels_testing.hpp"
#include "tests/models/random_checkpoint_testing.hpp"

namespace sirocco::testing {
namespace {

constexpr std::int64_t kPoolBlocks = 1009;

/// Blocks of a pool, each place of a tensor a fixed one.
class PooledRows final : public MadeRows {
 public:
  PooledRows(const Format& format, std::int64_t columns, std::uint64_t salt, std::mt19937& random)
      : pool_(format, kPoolBlocks, format.block_elements, random),
        format_(format),
        blocks_(pool_.bytes()),
        row_blocks_(columns / format.block_elements),
        salt_(salt) {}

  void read(std::int64_t row, std::int64_t column, std::int64_t count,
            std::byte* out) const noexcept override {
    const std::size_t bytes = format_.block_bytes;
    const std::int64_t first = row * row_blocks_ + column / format_.block_elements;
    for (std::int64_t b = 0; b < count / format_.block_elements; ++b) {
      const std::uint64_t mixed =
          (static_cast<std::uint64_t>(first + b) + salt_) * 0x9E3779B97F4A7C15;
      const std::size_t block = (mixed >> 32) % kPoolBlocks;
      std::memcpy(out, blocks_.data() + block * bytes, bytes);
      out += bytes;
    }
  }

 private:
  kernels_testing::StoredMatrix pool_;
  const Format& format_;
  std::span<const std::byte> blocks_;
  std::int64_t row_blocks_;
  std::uint64_t salt_;
};

}  // namespace

class RandomCheckpoint::Description final : public Metadata {
 public:
  explicit Description(std::string architecture) : architecture_(std::move(architecture)) {
    values_["general.architecture"] = std::string_view(architecture_);
  }

  const MetadataValue* find(std::string_view path) const override {
    const auto at = values_.find(path);
    return at == values_.end() ? nullptr : &at->second;
  }
  std::vector<std::string_view> paths() const override {
    std::vector<std::string_view> out;
    for (const auto& [path, value] : values_) out.push_back(path);
    return out;
  }
  std::string_view origin() const override { return "random checkpoint"; }

  void set(std::string_view key, MetadataValue value) {
    values_[fmt::format("{}.{}", architecture_, key)] = std::move(value);
  }

 private:
  std::string architecture_;
  std::map<std::string, MetadataValue, std::less<>> values_;
};

class RandomCheckpoint::Weights final : public WeightSource {
 public:
  std::span<const StoredTensor> tensors() const override { return tensors_; }
  const StoredTensor* find(std::string_view name) const override {
    for (const StoredTensor& tensor : tensors_)
      if (tensor.name == name) return &tensor;
    return nullptr;
  }
  void release(const StoredTensor& /*tensor*/) const override {}
  std::string_view origin() const override { return "random checkpoint"; }

  void add(std::string_view name, const Format& format, const Shape& shape,
           std::unique_ptr<MadeRows> rows) {
    names_.emplace_back(name);
    rows_.push_back(std::move(rows));
    tensors_.push_back({names_.back(), &format, shape, {}, rows_.back().get()});
  }
  void add(std::string_view name, const Shape& shape, std::vector<float> values) {
    names_.emplace_back(name);
    values_.push_back(std::move(values));
    tensors_.push_back({names_.back(), find_format(FormatId::kF32), shape,
                        std::as_bytes(std::span(values_.back()))});
  }

 private:
  std::deque<std::string> names_;
  std::deque<std::vector<float>> values_;
  std::vector<std::unique_ptr<MadeRows>> rows_;
  std::vector<StoredTensor> tensors_;
};

RandomCheckpoint::RandomCheckpoint(std::string architecture, std::mt19937& random)
    : description_(std::make_shared<Description>(std::move(architecture))),
      weights_(std::make_shared<Weights>()),
      random_(random) {}

void RandomCheckpoint::set(std::string_view key, MetadataValue value) {
  description_->set(key, std::move(value));
}

void RandomCheckpoint::matrix(std::string_view name, const Format& format, const Shape& shape) {
  const std::int64_t columns = shape[shape.rank() - 1];
  weights_->add(fmt::format("{}.weight", name), format, shape,
                std::make_unique<PooledRows>(format, columns, random_(), random_));
}

void RandomCheckpoint::vector(std::string_view name, std::int64_t size, float center) {
  weights_->add(name, {size}, near(center, size));
}

void RandomCheckpoint::vectors(std::string_view name, std::int64_t rows, std::int64_t size,
                               float center) {
  weights_->add(name, {rows, size}, near(center, rows * size));
}

std::vector<float> RandomCheckpoint::near(float center, std::int64_t count) {
  std::uniform_real_distribution<float> off(-0.1f, 0.1f);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = center + off(random_);
  return values;
}

Checkpoint RandomCheckpoint::checkpoint() const {
  return {.metadata = description_, .weights = weights_, .files = nullptr};
}

}  // namespace sirocco::testing
