#include "sirocco/text/detokenizer.hpp"

namespace sirocco {

StreamingDetokenizer::StreamingDetokenizer(const Tokenizer& tokenizer, Options options)
    : tokenizer_(tokenizer),
      options_(options),
      strip_space_(options.at_start && tokenizer.adds_space_prefix()) {}

std::string StreamingDetokenizer::push(TokenId id) {
  std::string bytes;
  tokenizer_.append_bytes(id, bytes);
  std::string out;
  if (tokenizer_.vocabulary().kind(id) == TokenKind::kControl) {
    if (!options_.show_control) return out;
  } else if (strip_space_ && !bytes.empty()) {
    if (bytes.front() == ' ') bytes.erase(0, 1);
    strip_space_ = false;
  }
  assembler_.push(bytes, out);
  return out;
}

std::string StreamingDetokenizer::finish() {
  std::string out;
  assembler_.finish(out);
  strip_space_ = options_.at_start && tokenizer_.adds_space_prefix();
  return out;
}

}  // namespace sirocco
