#include "sirocco/text/detokenizer.hpp"

#include <string_view>

#include "sirocco/text/spelling/component_tokenizer.hpp"

namespace sirocco {

ByteDetokenizer::ByteDetokenizer(const Tokenizer& tokenizer, Options options)
    : tokenizer_(tokenizer),
      options_(options),
      strip_space_(options.at_start && tokenizer.adds_space_prefix()) {
  if (const ComponentTokenizer* const components = tokenizer.components()) {
    state_.emplace(components->decoder(), options.at_start);
  }
}

void ByteDetokenizer::push(TokenId id, std::string& out) {
  if (!tokenizer_.has_text(id)) return;
  const Vocabulary& vocabulary = tokenizer_.vocabulary();
  const bool control = vocabulary.kind(id) == TokenKind::kControl;
  if (control && !options_.show_control) return;
  if (state_) {
    const std::string_view text = tokenizer_.components()->token_text(vocabulary, id);
    // A place without a token is no token, as in the reference.
    if (!text.empty()) state_->push(text, out);
    return;
  }
  const std::size_t before = out.size();
  tokenizer_.append_bytes(id, out);
  if (control || !strip_space_ || out.size() == before) return;
  if (out[before] == ' ') out.erase(before, 1);
  strip_space_ = false;
}

void ByteDetokenizer::finish(std::string& out) {
  if (state_) state_->finish(out);
  strip_space_ = options_.at_start && tokenizer_.adds_space_prefix();
}

StreamingDetokenizer::StreamingDetokenizer(const Tokenizer& tokenizer, Options options)
    : bytes_(tokenizer, options) {}

std::string StreamingDetokenizer::push(TokenId id) {
  std::string bytes;
  bytes_.push(id, bytes);
  std::string out;
  assembler_.push(bytes, out);
  return out;
}

std::string StreamingDetokenizer::finish() {
  std::string bytes;
  bytes_.finish(bytes);
  std::string out;
  assembler_.push(bytes, out);
  assembler_.finish(out);
  return out;
}

}  // namespace sirocco
