#include "sirocco/checkpoint/derived_weights.hpp"

#include <algorithm>

#include "sirocco/base/error.hpp"

namespace sirocco {

StoredTensor DerivedWeights::make(const Format& format, const Shape& shape,
                                  std::unique_ptr<const DerivedRows> rows) {
  rows_.push_back(std::move(rows));
  return {{}, &format, shape, {}, rows_.back().get()};
}

StoredTensor DerivedWeights::make(std::vector<float> values) {
  const std::vector<float>& kept = values_.emplace_back(std::move(values));
  return {{}, find_format(FormatId::kF32), {std::ssize(kept)}, std::as_bytes(std::span(kept))};
}

void DerivedWeights::add(std::string name, const StoredTensor& stored) {
  tensors_.push_back(stored);
  tensors_.back().name = names_.emplace_back(std::move(name));
}

void DerivedWeights::finish() {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (!index_.emplace(tensors_[i].name, i).second) {
      throw FormatError(
          "{}: two tensors stand for {}; the checkpoint holds two models or parts of two", origin(),
          quoted(tensors_[i].name));
    }
  }
}

const StoredTensor* DerivedWeights::find(std::string_view name) const {
  const auto at = index_.find(name);
  return at == index_.end() ? nullptr : &tensors_[at->second];
}

std::string DerivedWeights::called(std::string_view name) const {
  return names_in_source_ ? source_->called(names_in_source_(name)) : source_->called(name);
}

void DerivedWeights::release(const StoredTensor& tensor) const {
  const auto ours = std::ranges::find(rows_, tensor.made, [](const auto& r) { return r.get(); });
  if (tensor.made == nullptr || ours == rows_.end()) return source_->release(tensor);
  // What they are made from may be made here too.
  (*ours)->release(tensor.first_row, tensor.rows(), *this);
}

}  // namespace sirocco
