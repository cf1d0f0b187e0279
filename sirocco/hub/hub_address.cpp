#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/hub/hub_client.hpp"
#include "sirocco/platform/mapped_file.hpp"

namespace sirocco {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxTokenBytes = 4096;

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// Where huggingface_hub keeps a token after its login.
fs::path token_file() {
  if (const std::string path = environment("HF_TOKEN_PATH"); !path.empty()) return path;
  if (const std::string home = environment("HF_HOME"); !home.empty())
    return fs::path(home) / "token";
  fs::path cache = environment("XDG_CACHE_HOME");
  if (cache.empty()) cache = fs::path(environment("HOME")) / ".cache";
  return cache / "huggingface" / "token";
}

std::string without_blanks(const std::string& text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == text.npos) return "";
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

/// A token becomes part of a header: what isn't one could add others.
std::string checked_token(const std::string& text, const std::string& origin) {
  std::string token = without_blanks(text);
  if (token.size() > kMaxTokenBytes ||
      !std::ranges::all_of(token, [](char c) { return c > 0x20 && c < 0x7f; }))
    throw InvalidArgument("{}: holds something else than a token", origin);
  return token;
}

}  // namespace

HubAddress hub_of_environment() {
  std::string endpoint = environment("HF_ENDPOINT");
  if (endpoint.empty()) endpoint = "https://huggingface.co";
  HubAddress hub{Url::parse(endpoint, "HF_ENDPOINT"), "", ""};
  if (const std::string token = environment("HF_TOKEN"); !token.empty()) {
    hub.token_origin = "HF_TOKEN";
    hub.token = checked_token(token, hub.token_origin);
    return hub;
  }
  const fs::path path = token_file();
  std::ifstream file(path, std::ios::binary);
  if (!file) return hub;
  std::string text(kMaxTokenBytes + 2, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  hub.token_origin = printable(path);
  hub.token = checked_token(text, hub.token_origin);
  return hub;
}

}  // namespace sirocco
