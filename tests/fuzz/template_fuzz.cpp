#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string_view>

#include "sirocco/base/error.hpp"
#include "sirocco/text/chat_template.hpp"

/// The bytes before the first NUL are a template; those after it, if any, the messages.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = input.find('\0');
  sirocco::ChatContext context;
  std::string_view messages = R"([{"role": "user", "content": "Hi <|x|> é"},
      {"role": "assistant", "content": [{"type": "text", "text": "yes"}]}])";
  if (cut != std::string_view::npos) messages = input.substr(cut + 1);
  context.tools = sirocco::jinja::Value::from_json(
      R"([{"function": {"name": "f", "parameters": {"a": [1, 2.5, null, true]}}}])");
  context.special_tokens = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};
  context.clock = [] { return std::tm{}; };
  try {
    context.messages = sirocco::jinja::Value::from_json(messages);
    const sirocco::ChatTemplate chat_template(input.substr(0, cut),
                                              {.max_memory = std::size_t{16} << 20,
                                               .max_output = std::size_t{1} << 20,
                                               .max_steps = 200'000});
    const sirocco::RenderedPrompt prompt = chat_template.render(context);
    std::size_t at = 0;
    for (const auto& [begin, end] : prompt.trusted) {
      if (begin < at || end <= begin || end > prompt.text.size()) __builtin_trap();
      at = end;
    }
  } catch (const sirocco::Error&) {  // a refusal is a result
  }
  return 0;
}
