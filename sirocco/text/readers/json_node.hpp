#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/base/function_ref.hpp"

namespace sirocco {

/// A JsonNode is a value of a JSON document that knows where it stands, so that what is wrong with
/// it can be said. Cheap to copy; lives as long as the document.
class JsonNode {
 public:
  std::string_view origin() const noexcept { return origin_; }
  /// Where it stands: "tokenizer.json: normalizer.content".
  std::string where() const;

  bool is_array() const;
  bool is_object() const;
  bool is_flag() const;

  /// The member `key`, or nothing where it is missing or null. Throws FormatError unless this is an
  /// object, as everything below throws for a type that isn't the one wanted.
  std::optional<JsonNode> find(std::string_view key) const;
  /// Whether there is a member `key`, even one that is null.
  bool has(std::string_view key) const;
  /// As `find`; missing is a FormatError too.
  JsonNode at(std::string_view key) const;
  std::vector<JsonNode> items() const;
  std::string_view text() const;
  bool flag() const;
  /// A whole number from 0 to `limit`.
  std::size_t count(std::size_t limit) const;

  std::string_view text_or(std::string_view key, std::string_view fallback) const;
  bool flag_or(std::string_view key, bool fallback) const;

  // The value of that type, or nothing.
  std::optional<std::string_view> as_text() const;
  std::optional<std::int64_t> as_integer() const;
  std::optional<double> as_number() const;

  /// Members of an object or items of an array.
  std::size_t size() const;

  /// Calls `each` in order; for long lists: the nodes don't know where they stand.
  void for_each_member(FunctionRef<void(std::string_view key, const JsonNode& value)> each) const;
  void for_each_item(FunctionRef<void(const JsonNode& item)> each) const;

  [[noreturn]] void wrong(std::string_view wanted) const;

 private:
  friend class JsonDocument;
  struct Access;

  // The parser's own reference to a value: a document and a place in it.
  struct Place {
    const void* document;
    std::size_t index;
  };

  JsonNode(Place place, std::string_view origin, std::string path)
      : place_(place), origin_(origin), path_(std::move(path)) {}

  Place place_;
  std::string_view origin_;
  std::string path_;
};

/// A JsonDocument is a JSON text with the memory that its nodes refer to.
class JsonDocument {
 public:
  /// Parses `json`. A byte order mark in front is skipped; NaN, Infinity and -Infinity, as Python's
  /// json writes them, are null. Throws FormatError where `json` isn't JSON in UTF-8 otherwise,
  /// with the reason, or is nested too deeply. `origin` names it and outlives the document.
  JsonDocument(std::string_view json, std::string_view origin);
  ~JsonDocument();
  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;

  JsonNode root() const;

 private:
  struct Parsed;
  std::unique_ptr<Parsed> parsed_;
  std::string_view origin_;
};

}  // namespace sirocco
