#include "sirocco/tensor/metadata.hpp"

#include <array>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

constexpr std::array<std::string_view, std::variant_size_v<MetadataValue>> kTypeNames = {
    "boolean",          "integer",          "number",          "string",
    "array of boolean", "array of integer", "array of number", "array of string"};

template <class T, std::size_t I = 0>
constexpr std::size_t index_of() {
  if constexpr (std::is_same_v<T, std::variant_alternative_t<I, MetadataValue>>) {
    return I;
  } else {
    return index_of<T, I + 1>();
  }
}

template <class T>
[[noreturn]] void wrong_type(const Metadata& metadata, std::string_view path,
                             const MetadataValue& found) {
  throw FormatError("{}: {} is of type {}, expected {}", metadata.origin(), quoted(path),
                    kTypeNames[found.index()], kTypeNames[index_of<T>()]);
}

}  // namespace

template <class T>
std::optional<T> Metadata::get(std::string_view path) const {
  const MetadataValue* value = find(path);
  if (value == nullptr) return std::nullopt;
  if (const T* typed = std::get_if<T>(value)) return *typed;
  if constexpr (std::is_same_v<T, double>) {
    if (const auto* integer = std::get_if<std::int64_t>(value))
      return static_cast<double>(*integer);
  }
  wrong_type<T>(*this, path, *value);
}

template <class T>
const T* Metadata::get_array(std::string_view path) const {
  const MetadataValue* value = find(path);
  if (value == nullptr) return nullptr;
  if (const T* typed = std::get_if<T>(value)) return typed;
  wrong_type<T>(*this, path, *value);
}

template <class T>
T Metadata::require(std::string_view path) const {
  std::optional<T> value = get<T>(path);
  if (!value) {
    throw FormatError("{}: {} is missing; the file may be incomplete or of another kind", origin(),
                      quoted(path));
  }
  return *std::move(value);
}

#define SIROCCO_METADATA_SCALAR(T)                                    \
  template std::optional<T> Metadata::get<T>(std::string_view) const; \
  template T Metadata::require<T>(std::string_view) const
SIROCCO_METADATA_SCALAR(bool);
SIROCCO_METADATA_SCALAR(std::int64_t);
SIROCCO_METADATA_SCALAR(double);
SIROCCO_METADATA_SCALAR(std::string_view);
#undef SIROCCO_METADATA_SCALAR

template const std::vector<bool>* Metadata::get_array(std::string_view) const;
template const std::vector<std::int64_t>* Metadata::get_array(std::string_view) const;
template const std::vector<double>* Metadata::get_array(std::string_view) const;
template const std::vector<std::string_view>* Metadata::get_array(std::string_view) const;

}  // namespace sirocco
