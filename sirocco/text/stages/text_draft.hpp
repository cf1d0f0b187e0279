#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "sirocco/base/error.hpp"

namespace sirocco {

/// A TextDraft is a stretch of the input on its way through the normalizers.
struct TextDraft {
  std::string text;  ///< well-formed UTF-8
  /// For each byte of `text` whether all it stands for was trusted: 1 or 0. Empty when nobody asks.
  std::string trust;
  bool at_origin = false;  ///< begins with what the input begins with
  bool continues =
      false;  ///< follows bytes of the same text that are no characters: no prefix is due
};

/// A TextRewrite is a new draft, made of parts of an old one from left to right. Bounds how far a
/// text can grow: a file's rules may multiply it, and rules may follow each other.
class TextRewrite {
 public:
  /// `limit` in bytes of text; beyond it, ResourceExhausted.
  TextRewrite(const TextDraft& from, std::size_t limit) : from_(from), limit_(limit) {
    out_.at_origin = from.at_origin;
    out_.continues = from.continues;
    out_.text.reserve(from.text.size() + from.text.size() / 8);
  }

  /// The next part is `bytes`, which stand for [begin, end) of the old text (both equal: put in).
  void put(std::string_view bytes, std::size_t begin, std::size_t end) {
    if (bytes.empty()) return;
    if (out_.text.empty() && begin != 0) out_.at_origin = false;
    if (bytes.size() > limit_ - out_.text.size()) {
      throw ResourceExhausted(
          "the tokenizer's normalizer makes more than {} bytes of {}: its rules multiply the text",
          limit_, from_.text.size());
    }
    out_.text.append(bytes);
    if (from_.trust.empty()) return;
    const std::size_t first = begin < end ? begin : begin - (begin == from_.trust.size() ? 1 : 0);
    const bool trusted =
        from_.trust.substr(first, end > first ? end - first : 1).find('\0') == std::string::npos;
    out_.trust.append(bytes.size(), trusted ? '\1' : '\0');
  }

  /// The next part is [begin, end) of the old text, byte for byte.
  void keep(std::size_t begin, std::size_t end) {
    if (begin >= end) return;
    if (out_.text.empty() && begin != 0) out_.at_origin = false;
    if (end - begin > limit_ - out_.text.size()) put(from_.text, begin, end);  // says so
    out_.text.append(from_.text, begin, end - begin);
    if (!from_.trust.empty()) out_.trust.append(from_.trust, begin, end - begin);
  }

  TextDraft finish() && { return std::move(out_); }

 private:
  const TextDraft& from_;
  std::size_t limit_;
  TextDraft out_;
};

}  // namespace sirocco
