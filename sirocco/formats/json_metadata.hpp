#pragma once

#include <deque>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/formats/json_value.hpp"
#include "sirocco/tensor/metadata.hpp"

namespace sirocco {

/// JsonMetadata are JSON documents as typed values by path: a member's path is its object's, a dot
/// and its name. An array of values of one kind is one value (of integers and other numbers: of
/// numbers), any other array has a path a member (0, 1, …). Nulls have no value, but are known as
/// such; empty arrays are as if they were not there.
class JsonMetadata final : public Metadata {
 public:
  explicit JsonMetadata(std::string origin) : origin_(std::move(origin)) {}

  /// Adds what `document` holds, below `prefix`.
  void add(std::string_view prefix, const JsonValue& document);
  /// To be called once, when all has been added. Throws FormatError when two values have one path.
  void finish();

  const MetadataValue* find(std::string_view path) const override;
  bool is_null(std::string_view path) const override;
  std::vector<std::string_view> paths() const override { return paths_; }
  std::string_view origin() const override { return origin_; }

 private:
  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }
  void put(std::string path, MetadataValue value);
  template <class T>
  bool add_array(const std::string& path, const JsonValue::Array& array);
  void add_value(const std::string& path, const JsonValue& value);

  std::string origin_;
  std::deque<std::string> texts_;
  std::vector<std::string_view> paths_;
  std::vector<MetadataValue> values_;
  std::vector<std::uint32_t> order_;
  std::set<std::string, std::less<>> nulls_;
};

}  // namespace sirocco
