#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/platform/mapped_file.hpp"
#include "sirocco/tensor/weight_source.hpp"

namespace sirocco {

/// RowsOfFile are made of bytes of files as they are read, of each part so many bytes a row.
struct RowsOfFile {
  struct Part {
    std::span<const std::byte> bytes;
    std::size_t row_bytes;
  };
  std::unique_ptr<const MadeRows> rows;
  std::vector<Part> parts;
};

/// FileTensors are those of files that have been validated, in the order in which they are handed
/// out.
struct FileTensors {
  std::vector<StoredTensor> stored;    ///< bytes and names lie in a file, or below
  std::vector<RowsOfFile> made;        ///< what some of them refer to
  std::vector<LackingTensor> lacking;  ///< what the files speak of and can't be handed out
  std::deque<std::string> texts;       ///< names and messages that no file holds as they are

  /// Adds a tensor whose rows are made.
  void add_made(std::string_view name, const Format& format, const Shape& shape, RowsOfFile from);
};

/// FileWeights are the named tensors of files, whatever their format.
class FileWeights final : public WeightSource {
 public:
  /// `files` holds what the tensors point into, none when the caller keeps it. Throws FormatError
  /// for a name that occurs twice; `origin` is where they come from, for messages.
  FileWeights(FileTensors tensors, std::vector<MappedFile> files, std::string origin);

  std::span<const StoredTensor> tensors() const override { return tensors_.stored; }
  const StoredTensor* find(std::string_view name) const override;
  std::span<const LackingTensor> lacking() const override { return tensors_.lacking; }
  void release(const StoredTensor& tensor) const override;
  std::string_view origin() const override { return origin_; }

 private:
  void release(std::span<const std::byte> bytes) const;

  std::string origin_;
  std::vector<MappedFile> files_;
  FileTensors tensors_;
  std::vector<std::string_view> names_;
  std::vector<std::uint32_t> order_;
};

}  // namespace sirocco
