// Bytes are the body of a request to Anthropic's endpoints: what is read of it is sound, and a
// refusal can be told.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sirocco/base/error.hpp"
#include "sirocco/server/anthropic/any_body_testing.hpp"
#include "sirocco/text/chat_format.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const sirocco::ChatFormat kChat(
      sirocco::ChatTemplate("{% for m in messages %}<{{ m.role }}>{{ m.content }}</>{% endfor %}"
                            "{% if add_generation_prompt %}{{ enable_thinking }}{% endif %}",
                            {.max_memory = std::size_t{16} << 20,
                             .max_output = std::size_t{1} << 20,
                             .max_steps = 200'000}),
      {});
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  try {
    sirocco::anthropic_testing::check_any_body(body, kChat, [](bool holds) {
      if (!holds) __builtin_trap();
    });
  } catch (const sirocco::ResourceExhausted&) {  // the template's limits
  }
  return 0;
}
