#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sirocco/tensor/weight_source.hpp"

namespace sirocco {

/// DerivedRows are made from those of other tensors, which have to stay until then.
class DerivedRows : public MadeRows {
 public:
  /// Says that rows [first, first + count) won't be read again.
  virtual void release(std::int64_t first, std::int64_t count,
                       const WeightSource& source) const = 0;
};

/// ArrangedRows are the members of a tensor [.., rows, columns] (one matrix, or one an expert) in
/// another order of elements: row r and column c of each come from row row_offset + r * row_step
/// and column c, or from column row_offset + r * row_step of row c when it is stored transposed.
class ArrangedRows final : public DerivedRows {
 public:
  struct Order {
    std::int64_t rows = 0;  ///< of the result, in each member
    std::int64_t row_offset = 0;
    std::int64_t row_step = 1;
    bool transposed = false;
  };
  /// A transposed tensor is of a format whose blocks are single elements.
  ArrangedRows(const StoredTensor& stored, const Order& order) : stored_(stored), order_(order) {}

  void read(std::int64_t row, std::int64_t column, std::int64_t count,
            std::byte* out) const noexcept override;
  void release(std::int64_t first, std::int64_t count, const WeightSource& source) const override;

 private:
  StoredTensor stored_;
  Order order_;
};

/// StackedRows are tensors of one shape and format, one behind another.
class StackedRows final : public DerivedRows {
 public:
  explicit StackedRows(std::vector<StoredTensor> members) : members_(std::move(members)) {}

  void read(std::int64_t row, std::int64_t column, std::int64_t count,
            std::byte* out) const noexcept override;
  void release(std::int64_t first, std::int64_t count, const WeightSource& source) const override;

 private:
  std::vector<StoredTensor> members_;
};

/// StridedColumns are every `step`-th element of a float tensor's rows, from `offset` on.
class StridedColumns final : public DerivedRows {
 public:
  StridedColumns(const StoredTensor& stored, std::int64_t offset, std::int64_t step)
      : stored_(stored), offset_(offset), step_(step) {}

  void read(std::int64_t row, std::int64_t column, std::int64_t count,
            std::byte* out) const noexcept override;
  void release(std::int64_t first, std::int64_t count, const WeightSource& source) const override;

 private:
  StoredTensor stored_;
  std::int64_t offset_;
  std::int64_t step_;
};

/// OnePlusRows are 1 + w of a float tensor, added in F32, as F32.
class OnePlusRows final : public DerivedRows {
 public:
  explicit OnePlusRows(const StoredTensor& stored) : stored_(stored) {}

  void read(std::int64_t row, std::int64_t column, std::int64_t count,
            std::byte* out) const noexcept override;
  void release(std::int64_t first, std::int64_t count, const WeightSource& source) const override;

 private:
  StoredTensor stored_;
};

/// ConvertedRows are a tensor in another format: decoded to floats and encoded again, as it is
/// read.
class ConvertedRows final : public DerivedRows {
 public:
  /// `to` offers encoding and its blocks divide the rows.
  ConvertedRows(const StoredTensor& stored, const Format& to) : stored_(stored), to_(to) {}

  void read(std::int64_t row, std::int64_t column, std::int64_t count,
            std::byte* out) const noexcept override;
  void release(std::int64_t first, std::int64_t count, const WeightSource& source) const override;

 private:
  StoredTensor stored_;
  const Format& to_;
};

}  // namespace sirocco
