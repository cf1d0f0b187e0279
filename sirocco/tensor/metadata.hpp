#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

namespace sirocco {

/// One typed value of a checkpoint's description. Integers of every width arrive as int64 (a uint64
/// beyond its range is a FormatError of the loader), both float widths as double. Strings are
/// bytes, not necessarily UTF-8, and live as long as the source.
using MetadataValue =
    std::variant<bool, std::int64_t, double, std::string_view, std::vector<bool>,
                 std::vector<std::int64_t>, std::vector<double>, std::vector<std::string_view>>;

/// The description of a checkpoint as typed values by path ("llama.attention.head_count"), whatever
/// file it came from. Implemented in formats/, read by models/ and text/. Immutable and safe to
/// share between threads.
class Metadata {
 public:
  virtual ~Metadata() = default;

  /// The value at `path`, or null.
  virtual const MetadataValue* find(std::string_view path) const = 0;

  /// Whether the file says of `path` that it has no value, which is not the same as saying nothing
  /// of it. `find` knows no value either way.
  virtual bool is_null(std::string_view /*path*/) const { return false; }

  /// Every path, in file order.
  virtual std::vector<std::string_view> paths() const = 0;

  /// Where it comes from, for messages: a path.
  virtual std::string_view origin() const = 0;

  /// The value at `path` as a T (an alternative of MetadataValue), or null when it isn't there. A
  /// double may be asked of an integer. Throws FormatError naming the path, the type found and the
  /// type wanted, when the type differs.
  template <class T>
  std::optional<T> get(std::string_view path) const;

  /// The array at `path` without a copy, or null when absent.
  template <class T>
  const T* get_array(std::string_view path) const;

  /// The value at `path`, whose absence is a FormatError too.
  template <class T>
  T require(std::string_view path) const;

  template <class T>
  T get_or(std::string_view path, T fallback) const {
    return get<T>(path).value_or(fallback);
  }
};

}  // namespace sirocco
