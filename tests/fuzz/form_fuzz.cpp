// Bytes are a form, its boundary before the first new line: parts lie in it, and a refusal can be
// told.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/base/utf8.hpp"
#include "sirocco/server/form.hpp"
#include "sirocco/server/invalid_request.hpp"
#include "sirocco/server/openai/transcription_request.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::size_t line = all.substr(0, all.find('\n')).size();
  const std::string_view type = all.substr(0, line);
  const std::string_view body = all.substr(line < size ? line + 1 : line);
  try {
    const std::string boundary = sirocco::form_boundary(type);
    const std::vector<sirocco::FormPart> parts = sirocco::parse_form(body, boundary);
    std::size_t bytes = 0;
    for (const sirocco::FormPart& part : parts) {
      SIROCCO_CHECK(sirocco::is_utf8(part.name));
      SIROCCO_CHECK(part.data.find("\r\n--" + boundary) == std::string_view::npos);
      if (!part.data.empty())
        SIROCCO_CHECK(part.data.data() >= body.data() &&
                      part.data.data() + part.data.size() <= body.data() + body.size());
      bytes += part.data.size();
    }
    SIROCCO_CHECK(bytes <= body.size());
    const auto request = sirocco::openai::read_transcription_request(parts);
    SIROCCO_CHECK(request.temperature >= 0 && request.temperature <= 1);
    SIROCCO_CHECK(sirocco::is_utf8(request.prompt));
  } catch (const sirocco::InvalidRequest& refusal) {
    SIROCCO_CHECK(sirocco::is_utf8(refusal.what()) && sirocco::is_utf8(refusal.param()));
  }
  return 0;
}
