#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sirocco/checkpoint/arranged_rows.hpp"

namespace sirocco {

/// DerivedWeights are tensors taken or made from those of another source, under names of their own.
class DerivedWeights final : public WeightSource {
 public:
  DerivedWeights(std::shared_ptr<const WeightSource> source, std::optional<RotaryRows> rotary_rows)
      : source_(std::move(source)), rotary_rows_(rotary_rows) {}

  /// A tensor without a name whose rows are made, and kept as long as this.
  StoredTensor make(const Format& format, const Shape& shape,
                    std::unique_ptr<const DerivedRows> rows);
  /// A vector without a name, kept as long as this.
  StoredTensor make(std::vector<float> values);

  /// A tensor of the source or one that has been made, under a name.
  void add(std::string name, const StoredTensor& stored);
  /// What the source calls a tensor that has the name given here; the same without.
  using Names = std::function<std::string(std::string_view)>;
  void name_by(Names names) { names_in_source_ = std::move(names); }
  /// To be called once, when all have been added. Throws FormatError when a name occurs twice.
  void finish();

  std::span<const StoredTensor> tensors() const override { return tensors_; }
  const StoredTensor* find(std::string_view name) const override;
  void release(const StoredTensor& tensor) const override;
  std::string_view origin() const override { return source_->origin(); }
  std::optional<RotaryRows> rotary_rows() const override { return rotary_rows_; }
  std::string called(std::string_view name) const override;

 private:
  std::shared_ptr<const WeightSource> source_;
  std::optional<RotaryRows> rotary_rows_;
  Names names_in_source_;
  std::deque<std::string> names_;
  std::deque<std::vector<float>> values_;
  std::vector<std::unique_ptr<const DerivedRows>> rows_;
  std::vector<StoredTensor> tensors_;
  std::map<std::string_view, std::size_t> index_;
};

}  // namespace sirocco
