// Bytes are a tokenizer.json, then (after a NUL) a text: nothing but an Error may come of the
// first, and what a sound one makes of the second must lie in its vocabulary and stream as whole
// characters.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/base/utf8.hpp"
#include "sirocco/text/detokenizer.hpp"
#include "sirocco/text/tokenizer_files.hpp"

namespace {

void require(bool condition) {
  if (!condition) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sirocco;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = input.find('\0');
  // The other files are JSON of the same kind: one that is sound enough serves as all of them.
  const std::string json(input.substr(0, cut));
  const MemoryFiles files({{"tokenizer.json", json},
                           {"tokenizer_config.json", json},
                           {"special_tokens_map.json", json},
                           {"generation_config.json", json}});
  const std::string_view text = cut == std::string_view::npos
                                    ? std::string_view("a <s>b\xFF \xC3\xA9 12\n")
                                    : input.substr(cut + 1);
  try {
    const Tokenizer tokenizer = make_tokenizer(files);
    const std::size_t half = text.size() / 2;
    const std::vector<TextSegment> segments{{text.substr(0, half), true},
                                            {text.substr(half), false}};
    for (const auto& tokens :
         {tokenizer.tokenize(text),
          tokenizer.tokenize(text, {.parse_special = true, .add_special = true}),
          tokenizer.tokenize(segments)}) {
      StreamingDetokenizer stream(tokenizer, {.show_control = true, .at_start = true});
      std::string streamed;
      for (const TokenId id : tokens) {
        require(tokenizer.vocabulary().contains(id));
        streamed += stream.push(id);
      }
      streamed += stream.finish();
      require(valid_utf8_prefix(streamed) == streamed.size());
    }
  } catch (const Error&) {
    return 0;
  }
  return 0;
}
