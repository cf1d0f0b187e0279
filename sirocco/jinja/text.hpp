#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sirocco::jinja {

/// Who wrote a byte: the template (and the variables that the model's own files supply), or the
/// data that a caller hands in. Only template bytes may become control tokens.
enum class Origin : unsigned char { kTemplate, kData };

/// What comes of two: template only where both are.
constexpr Origin operator|(Origin a, Origin b) {
  return a == Origin::kData || b == Origin::kData ? Origin::kData : Origin::kTemplate;
}

/// UTF-8 text that knows the origin of each of its bytes.
class Text {
 public:
  /// A stretch of one origin: bytes up to `end`, from where the run before ended.
  struct Run {
    std::size_t end;
    Origin origin;
  };

  Text() = default;
  Text(std::string_view bytes, Origin origin) { append(bytes, origin); }

  const std::string& bytes() const { return bytes_; }
  std::string_view view() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  const std::vector<Run>& runs() const { return runs_; }

  void append(std::string_view bytes, Origin origin);
  void append(const Text& other);
  /// Bytes [begin, begin + length) of `other`; both ends on character boundaries.
  void append(const Text& other, std::size_t begin, std::size_t length = std::string::npos);
  Text substr(std::size_t begin, std::size_t length = std::string::npos) const;

  Origin origin_at(std::size_t byte) const;
  /// kTemplate if no byte came from data.
  Origin origin() const;
  /// The same bytes, all of them from `origin`.
  Text as(Origin origin) const { return Text(bytes_, origin); }

 private:
  std::string bytes_;
  std::vector<Run> runs_;  // neighbours differ in origin; the last ends at bytes_.size()
};

/// Walks a text's origins with rising byte positions, in constant time a step.
class OriginCursor {
 public:
  explicit OriginCursor(const Text& text) : runs_(text.runs()) {}
  /// The origin of the byte at `position`, which never falls from call to call.
  Origin at(std::size_t position) {
    while (run_ + 1 < runs_.size() && runs_[run_].end <= position) ++run_;
    return runs_.empty() ? Origin::kTemplate : runs_[run_].origin;
  }

 private:
  const std::vector<Text::Run>& runs_;
  std::size_t run_ = 0;
};

}  // namespace sirocco::jinja
