#include "sirocco/formats/json_metadata.hpp"

#include <fmt/format.h>

#include "sirocco/formats/name_order.hpp"

namespace sirocco {

void JsonMetadata::put(std::string path, MetadataValue value) {
  paths_.push_back(keep(std::move(path)));
  values_.push_back(std::move(value));
}

/// Adds `array` as one value when all its members are a T.
template <class T>
bool JsonMetadata::add_array(const std::string& path, const JsonValue::Array& array) {
  std::vector<T> out;
  for (const JsonValue& element : array) {
    if constexpr (std::is_same_v<T, std::string_view>) {
      const auto* const text = element.as<std::string>();
      if (text == nullptr) return false;
      out.push_back(keep(*text));
    } else {
      const auto* const value = element.as<T>();
      const auto* const integer = std::is_same_v<T, double> ? element.as<std::int64_t>() : nullptr;
      if (value == nullptr && integer == nullptr) return false;
      out.push_back(value != nullptr ? *value : static_cast<T>(*integer));
    }
  }
  put(path, std::move(out));
  return true;
}

void JsonMetadata::add_value(const std::string& path, const JsonValue& value) {
  if (const auto* flag = value.as<bool>()) return put(path, *flag);
  if (const auto* integer = value.as<std::int64_t>()) return put(path, *integer);
  if (const auto* number = value.as<double>()) return put(path, *number);
  if (const auto* text = value.as<std::string>()) return put(path, keep(*text));
  if (const auto* object = value.as<JsonValue::Object>()) {
    for (const JsonValue::Member& m : *object)
      add_value(fmt::format("{}.{}", path, m.name), m.value);
    return;
  }
  const auto* const array = value.as<JsonValue::Array>();
  if (array == nullptr) {
    nulls_.insert(path);
    return;
  }
  if (array->empty()) return;
  if (add_array<bool>(path, *array) || add_array<std::int64_t>(path, *array) ||
      add_array<double>(path, *array) || add_array<std::string_view>(path, *array)) {
    return;
  }
  for (std::size_t i = 0; i < array->size(); ++i)
    add_value(fmt::format("{}.{}", path, i), (*array)[i]);
}

void JsonMetadata::add(std::string_view prefix, const JsonValue& document) {
  add_value(std::string(prefix), document);
}

void JsonMetadata::finish() { order_ = unique_order(paths_, "path", origin_); }

const MetadataValue* JsonMetadata::find(std::string_view path) const {
  const std::uint32_t* const index = find_index(order_, paths_, path);
  return index == nullptr ? nullptr : &values_[*index];
}

bool JsonMetadata::is_null(std::string_view path) const {
  return nulls_.contains(path) && find(path) == nullptr;
}

}  // namespace sirocco
