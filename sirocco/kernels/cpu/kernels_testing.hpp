#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "sirocco/kernels/backend.hpp"
#include "sirocco/kernels/cpu/cpu_backend.hpp"
#include "sirocco/kernels/cpu/kernel_table.hpp"
#include "sirocco/quant/float16.hpp"

/// What the tests of the kernels share.
namespace sirocco::kernels_testing {

/// Every tier that this machine can run, the oracle first.
inline std::vector<Isa> runnable_tiers() {
  std::vector<Isa> tiers;
  for (const IsaTraits& tier : isa_table())
    if (CpuFeatures::detect().contains(tier.required)) tiers.push_back(tier.isa);
  return tiers;
}

/// The tiers that this machine can run whose ops, matrix products apart, are code of their own: the
/// others have their base's (`kernels_of`), and would run it again.
inline std::vector<Isa> runnable_op_tiers() {
  std::vector<Isa> tiers;
  for (const Isa isa : runnable_tiers()) {
    const CpuKernels& kernels = kernels_of(isa);
    const bool known = std::any_of(tiers.begin(), tiers.end(), [&](Isa other) {
      return kernels_of(other).attention_finish == kernels.attention_finish;
    });
    if (!known) tiers.push_back(isa);
  }
  return tiers;
}

/// A backend with threads of its own.
class TestBackend {
 public:
  explicit TestBackend(Isa isa, int threads = 1)
      : threads_(threads), backend_(make_cpu_backend(isa, threads_)) {}
  /// The scalar one with the bits of `isa`.
  static TestBackend oracle(Isa isa) { return TestBackend(isa, Oracle{}); }
  Backend* operator->() { return backend_.get(); }
  Backend& operator*() { return *backend_; }

 private:
  struct Oracle {};
  TestBackend(Isa isa, Oracle) : threads_(1), backend_(make_oracle_backend(isa, threads_)) {}

  ThreadGroup threads_;
  std::unique_ptr<Backend> backend_;
};

using Random = std::mt19937;

inline std::vector<float> random_floats(Random& random, std::int64_t count, float spread = 1.0f) {
  std::normal_distribution<float> normal(0.0f, spread);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

/// A tensor over a vector, which must outlive it.
template <class T>
Tensor tensor_of(std::vector<T>& values, const Shape& shape) {
  SIROCCO_CHECK(std::ssize(values) == shape.elements());
  return Tensor(DTypeOf<T>::value, shape, values.data());
}

template <class T>
::testing::AssertionResult same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return ::testing::AssertionFailure() << "sizes differ";
  for (std::size_t i = 0; i < a.size(); ++i)
    if (std::memcmp(&a[i], &b[i], sizeof(T)) != 0)
      return ::testing::AssertionFailure()
             << "element " << i << " of " << a.size() << ": " << +a[i] << " and " << +b[i];
  return ::testing::AssertionSuccess();
}

/// Where the f16 scales of a format's blocks stand, of those that aren't encoded here.
inline std::vector<std::size_t> scale_offsets(const Format& format) {
  switch (format.id) {
    case FormatId::kQ2_K:
      return {80, 82};
    case FormatId::kQ3_K:
      return {108};
    case FormatId::kQ4_K:
    case FormatId::kQ5_K:
      return {0, 2};
    case FormatId::kQ6_K:
      return {208};
    case FormatId::kIQ4_NL:
    case FormatId::kIQ4_XS:
      return {0};
    default:
      return {};
  }
}

/// The stored bytes of a random matrix; formats without an encoder get random bits and scales of a
/// sensible size.
class StoredMatrix {
 public:
  StoredMatrix(const Format& format, std::int64_t rows, std::int64_t columns, Random& random)
      : format_(&format), rows_(rows), columns_(columns) {
    bytes_.resize(static_cast<std::size_t>(rows) * row_bytes(format, columns));
    const std::size_t blocks = bytes_.size() / format.block_bytes;
    if (format.encode != nullptr) {
      const std::vector<float> values = random_floats(random, rows * columns);
      format.encode(values.data(), blocks, bytes_.data());
      return;
    }
    std::uniform_int_distribution<int> byte(0, 255);
    for (std::byte& b : bytes_) b = static_cast<std::byte>(byte(random));
    std::uniform_real_distribution<float> scale(-0.01f, 0.01f);
    for (std::size_t b = 0; b < blocks; ++b) {
      std::byte* block = bytes_.data() + b * format.block_bytes;
      if (format.id == FormatId::kMXFP4) block[0] = static_cast<std::byte>(117 + byte(random) % 6);
      for (const std::size_t at : scale_offsets(format)) {
        const std::uint16_t bits = f32_to_f16(scale(random));
        std::memcpy(block + at, &bits, sizeof bits);
      }
    }
  }

  std::int64_t rows() const { return rows_; }
  std::int64_t columns() const { return columns_; }
  std::vector<std::byte>& bytes() { return bytes_; }
  StoredTensor stored() const { return {"weight", format_, Shape{rows_, columns_}, bytes_}; }

  std::vector<float> decoded() const {
    std::vector<float> values(static_cast<std::size_t>(rows_ * columns_));
    format_->decode(bytes_.data(), bytes_.size() / format_->block_bytes, values.data());
    return values;
  }

 private:
  const Format* format_;
  std::int64_t rows_;
  std::int64_t columns_;
  std::vector<std::byte> bytes_;
};

inline constexpr FineBlocks kEveryFine[] = {FineBlocks::kNone, FineBlocks::kOne, FineBlocks::kFew};

/// Second digits of rows, in memory of their own.
class FineRows {
 public:
  FineRows(Backend& backend, std::int64_t rows, std::int64_t columns, FineBlocks which)
      : row_bytes_(static_cast<std::int64_t>(backend.fine_row_bytes(columns, which))),
        rows_(rows),
        bytes_(static_cast<std::size_t>(rows * row_bytes_)) {}
  Tensor tensor() { return bytes_.empty() ? Tensor() : tensor_of(bytes_, {rows_, row_bytes_}); }
  const std::vector<std::uint8_t>& bytes() const { return bytes_; }

 private:
  std::int64_t row_bytes_;
  std::int64_t rows_;
  std::vector<std::uint8_t> bytes_;
};

/// The q8 form of rows, in memory of its own.
class Q8Rows {
 public:
  Q8Rows(Backend& backend, std::int64_t rows, std::int64_t columns)
      : row_bytes_(static_cast<std::int64_t>(backend.q8_row_bytes(columns))),
        rows_(rows),
        bytes_(static_cast<std::size_t>(rows * row_bytes_)) {}
  Tensor tensor() { return tensor_of(bytes_, {rows_, row_bytes_}); }
  const std::vector<std::uint8_t>& bytes() const { return bytes_; }

 private:
  std::int64_t row_bytes_;
  std::int64_t rows_;
  std::vector<std::uint8_t> bytes_;
};

}  // namespace sirocco::kernels_testing
