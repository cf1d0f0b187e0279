#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace sirocco::json {

/// Writes one JSON value as text, piece by piece, without spaces. Bytes that are not UTF-8 become
/// U+FFFD; numbers have the fewest digits that say which they are, whatever the locale; those that
/// are not finite become null. The caller closes what it opened.
class Writer {
 public:
  Writer& open_object() { return open('{'); }
  Writer& close_object() { return close('}'); }
  Writer& open_array() { return open('['); }
  Writer& close_array() { return close(']'); }
  /// Of the member that comes next.
  Writer& name(std::string_view name);

  Writer& text(std::string_view bytes);
  Writer& boolean(bool value) { return raw(value ? "true" : "false"); }
  Writer& null() { return raw("null"); }
  Writer& number(std::int64_t value);
  /// Fewest digits that name this float, or this double.
  Writer& number(float value);
  Writer& number(double value);

  // A member.

  Writer& member(std::string_view key, std::string_view value) { return name(key).text(value); }
  Writer& member(std::string_view key, const char* value) { return name(key).text(value); }
  Writer& member(std::string_view key, std::same_as<bool> auto value) {
    return name(key).boolean(value);
  }
  Writer& member(std::string_view key, std::int64_t value) { return name(key).number(value); }
  Writer& member(std::string_view key, int value) { return name(key).number(std::int64_t{value}); }
  Writer& member(std::string_view key, double value) { return name(key).number(value); }
  Writer& member(std::string_view key, std::nullptr_t) { return name(key).null(); }

  /// The text so far; empties the writer.
  std::string take();

 private:
  Writer& open(char bracket);
  Writer& close(char bracket);
  Writer& raw(std::string_view token);
  void separate();
  void append_quoted(std::string_view bytes);

  std::string out_;
  bool separated_ = true;  // nothing needs a comma before what comes next
};

}  // namespace sirocco::json
