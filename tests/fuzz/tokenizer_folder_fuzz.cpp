// Bytes are the files of a Hugging Face folder: for each the length of its name, the name, the
// length of its content in three bytes, the content. Nothing but an Error may come of them, and
// what a sound folder makes of a text must lie in its vocabulary and stream as whole characters.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/base/log.hpp"
#include "sirocco/base/utf8.hpp"
#include "sirocco/text/detokenizer.hpp"
#include "sirocco/text/tokenizer_files.hpp"

namespace {

using sirocco::MemoryFiles;

void require(bool condition) {
  if (!condition) __builtin_trap();
}

MemoryFiles::Map files_of(std::string_view input) {
  MemoryFiles::Map files;
  const auto take = [&](std::size_t size) {
    const std::string_view taken = input.substr(0, size);
    input.remove_prefix(taken.size());
    return taken;
  };
  const auto number = [&](std::size_t bytes) {
    std::size_t value = 0;
    unsigned shift = 0;
    for (const char c : take(bytes)) {
      value |= std::size_t{static_cast<unsigned char>(c)} << shift;
      shift += 8;
    }
    return value;
  };
  while (!input.empty()) {
    const std::string name(take(number(1)));
    files[name] = take(number(3));
  }
  return files;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  sirocco::set_log_level(sirocco::LogLevel::kError);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sirocco;
  constexpr std::string_view kText = "a <s>b\xFF \xC3\xA9 12\n\xE2\x96\x81 hello  [MASK]</s>the ab";
  const MemoryFiles files(files_of({reinterpret_cast<const char*>(data), size}));
  try {
    const Tokenizer tokenizer = make_tokenizer(files);
    for (const auto& tokens :
         {tokenizer.tokenize(kText),
          tokenizer.tokenize(kText, {.parse_special = true, .add_special = true})}) {
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
