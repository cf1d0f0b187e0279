// Bytes become a vocabulary with its merges or scores, and then a text: neither may do more than
// throw an Error, and what is tokenized must be spelled by tokens of the vocabulary.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/base/utf8.hpp"
#include "sirocco/text/detokenizer.hpp"
#include "sirocco/text/stages/pretokenizer.hpp"
#include "sirocco/text/tokenizer.hpp"
#include "sirocco/text/tokenizer_fixture_testing.hpp"
#include "sirocco/text/unicode/byte_spelling.hpp"

namespace {

using namespace sirocco;

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size)
      : bytes_(reinterpret_cast<const char*>(data), size) {}

  std::uint8_t byte() {
    if (bytes_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return value;
  }
  std::string_view take(std::size_t size) {
    const std::string_view front = bytes_.substr(0, std::min(size, bytes_.size()));
    bytes_.remove_prefix(front.size());
    return front;
  }
  std::string_view rest() { return take(bytes_.size()); }

 private:
  std::string_view bytes_;
};

std::string spelled(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) append_byte_spelling(out, static_cast<unsigned char>(c));
  return out;
}

void require(bool condition) {
  if (!condition) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::uint8_t flags = input.byte();
  const bool byte_level = (flags & 1U) != 0;
  const bool sound_base = (flags & 2U) != 0;
  const auto rows = pretokenizer_rows();
  const PretokenizerRow& row = rows[input.byte() % rows.size()];

  std::vector<std::string> tokens;
  std::vector<std::int64_t> types;
  std::vector<double> scores;
  std::vector<std::string> merges;
  const auto add = [&](std::string text, int type, double score) {
    tokens.push_back(std::move(text));
    types.push_back(type);
    scores.push_back(score);
  };
  if (sound_base) {
    if (!byte_level) add("<unk>", 2, 0);
    for (int byte = 0; byte < 256; ++byte) {
      if (byte_level) {
        add(spelled(std::string(1, static_cast<char>(byte))), 1, 0);
      } else {
        add(fmt::format("<0x{:02X}>", byte), 6, 0);
      }
    }
  }
  for (int entry = input.byte() % 48; entry > 0; --entry) {
    const std::uint8_t kind = input.byte();
    const std::string_view text = input.take(kind % 8U);
    const std::string_view left = text.substr(0, text.size() / 2);
    const std::string_view right = text.substr(text.size() / 2);
    if (byte_level && (kind & 8U) != 0) merges.push_back(spelled(left) + " " + spelled(right));
    std::int8_t score = 0;
    std::memcpy(&score, &kind, 1);
    add((kind & 16U) != 0 && byte_level ? spelled(text) : std::string(text), (kind >> 5U) % 7,
        score);
  }

  FixtureMetadata metadata;
  metadata.set_text("tokenizer.ggml.model", byte_level ? "gpt2" : "llama");
  metadata.set_text("tokenizer.ggml.pre", row.name);
  metadata.set_texts("tokenizer.ggml.tokens", tokens);
  if ((flags & 16U) == 0) metadata.set("tokenizer.ggml.token_type", types);
  metadata.set("tokenizer.ggml.scores", scores);
  metadata.set_texts("tokenizer.ggml.merges", merges);
  metadata.set("tokenizer.ggml.bos_token_id", static_cast<std::int64_t>(input.byte()) - 4);
  metadata.set("tokenizer.ggml.add_space_prefix", (flags & 4U) != 0);
  metadata.set("tokenizer.ggml.remove_extra_whitespaces", (flags & 8U) != 0);

  try {
    const Tokenizer tokenizer = make_tokenizer(metadata);
    const std::string_view text = input.rest();
    const std::size_t half = text.size() / 2;
    const std::vector<TextSegment> segments{{text.substr(0, half), true},
                                            {text.substr(half), false}};
    for (const auto& tokens_of :
         {tokenizer.tokenize(text),
          tokenizer.tokenize(text, {.parse_special = true, .add_special = true}),
          tokenizer.tokenize(segments)}) {
      StreamingDetokenizer stream(tokenizer);
      std::string streamed;
      for (const TokenId id : tokens_of) streamed += stream.push(id);
      streamed += stream.finish();
      require(valid_utf8_prefix(streamed) == streamed.size());
      // A space may cost three byte tokens, and every stretch of text may have a prefix.
      require(tokens_of.size() <= 4 * (text.size() + 2));
    }
    for (const TokenId id : tokenizer.tokenize(text)) {
      require(tokenizer.vocabulary().kind(id) != TokenKind::kControl);
    }
    if (byte_level && sound_base && row.normalization == Normalization::kNone) {
      require(tokenizer.detokenize(tokenizer.tokenize(text)) == text);
    }
  } catch (const Error&) {
    return 0;
  }
  return 0;
}
