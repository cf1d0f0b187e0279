#include "sirocco/formats/file_weights.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "sirocco/formats/name_order.hpp"

namespace sirocco {

void FileTensors::add_made(std::string_view name, const Format& format, const Shape& shape,
                           RowsOfFile from) {
  stored.push_back({name, &format, shape, {}, from.rows.get()});
  made.push_back(std::move(from));
}

FileWeights::FileWeights(FileTensors tensors, std::vector<MappedFile> files, std::string origin)
    : origin_(std::move(origin)), files_(std::move(files)), tensors_(std::move(tensors)) {
  names_.reserve(tensors_.stored.size());
  for (const StoredTensor& tensor : tensors_.stored) names_.push_back(tensor.name);
  order_ = unique_order(names_, "tensor name", origin_);
}

const StoredTensor* FileWeights::find(std::string_view name) const {
  const std::uint32_t* const index = find_index(order_, names_, name);
  return index == nullptr ? nullptr : &tensors_.stored[*index];
}

void FileWeights::release(const StoredTensor& tensor) const {
  if (tensor.made == nullptr) return release(tensor.bytes);
  const auto found =
      std::ranges::find(tensors_.made, tensor.made, [](auto& m) { return m.rows.get(); });
  if (found == tensors_.made.end()) return;
  for (const auto& [bytes, row_bytes] : found->parts) {
    release(bytes.subspan(static_cast<std::size_t>(tensor.first_row) * row_bytes,
                          static_cast<std::size_t>(tensor.rows()) * row_bytes));
  }
}

void FileWeights::release(std::span<const std::byte> bytes) const {
  const auto holds = [&](const MappedFile& file) {
    const auto all = file.bytes();
    return std::less_equal<>()(all.data(), bytes.data()) &&
           std::less<>()(bytes.data(), all.data() + all.size());
  };
  const auto file = std::ranges::find_if(files_, holds);
  if (file != files_.end()) file->release(bytes);
}

}  // namespace sirocco
