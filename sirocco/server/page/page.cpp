#include "sirocco/server/page/page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

using http::Answered;
using http::Exchange;
using http::Headers;
using http::Task;

constexpr std::string_view kIndex = "index.html";

// `require-trusted-types-for` makes the browser refuse markup that is given as a text.
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src "
    "data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

std::string_view content_type_of(std::string_view name) {
  constexpr std::array kTypes = {
      std::pair<std::string_view, std::string_view>{".html", "text/html; charset=utf-8"},
      std::pair<std::string_view, std::string_view>{".css", "text/css; charset=utf-8"},
      std::pair<std::string_view, std::string_view>{".js", "text/javascript; charset=utf-8"},
      std::pair<std::string_view, std::string_view>{".svg", "image/svg+xml"},
  };
  const auto* const found =
      std::ranges::find_if(kTypes, [&](const auto& type) { return name.ends_with(type.first); });
  SIROCCO_CHECK(found != kTypes.end());
  return found->second;
}

/// Whether a header If-None-Match names this tag: `*`, or a list of tags, weak ones too.
bool names_tag(std::string_view list, std::string_view tag) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    std::string_view item = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    while (item.starts_with(' ') || item.starts_with('\t')) item.remove_prefix(1);
    while (item.ends_with(' ') || item.ends_with('\t')) item.remove_suffix(1);
    if (item.starts_with("W/")) item.remove_prefix(2);
    if (item == "*" || item == tag) return true;
  }
  return false;
}

Task<Answered> answer_page_file(const PageFile& file, Exchange& exchange) {
  const std::string tag = fmt::format("\"{}\"", file.hash);
  http::Response response;
  response.headers = {{"ETag", tag},
                      {"Cache-Control", "no-cache"},
                      {"Content-Security-Policy", std::string(kPolicy)},
                      {"Referrer-Policy", "no-referrer"},
                      {"Cross-Origin-Opener-Policy", "same-origin"},
                      {"Cross-Origin-Resource-Policy", "same-origin"}};
  const auto known = exchange.request().header("if-none-match");
  if (known && names_tag(*known, tag)) {
    response.status = 304;
  } else {
    response.content_type = content_type_of(file.name);
    response.body = file.content;
  }
  co_return co_await exchange.respond(std::move(response));
}

}  // namespace

std::vector<http::Route> page_routes() {
  std::vector<http::Route> routes;
  for (const PageFile& file : page_files()) {
    routes.push_back(
        {http::Method::kGet, file.name == kIndex ? "/" : fmt::format("/page/{}", file.name),
         [&file](Exchange& exchange) { return answer_page_file(file, exchange); }, true});
  }
  return routes;
}

}  // namespace sirocco
