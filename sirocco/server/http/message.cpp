#include "sirocco/server/http/message.hpp"

#include <algorithm>
#include <array>

#include "sirocco/base/error.hpp"

namespace sirocco::http {
namespace {

struct MethodName {
  Method method;
  std::string_view name;
};
constexpr std::array kMethods = {
    MethodName{Method::kGet, "GET"},         MethodName{Method::kHead, "HEAD"},
    MethodName{Method::kPost, "POST"},       MethodName{Method::kPut, "PUT"},
    MethodName{Method::kPatch, "PATCH"},     MethodName{Method::kDelete, "DELETE"},
    MethodName{Method::kOptions, "OPTIONS"}, MethodName{Method::kOther, "OTHER"},
};

struct Phrase {
  int status;
  std::string_view text;
};
constexpr std::array kPhrases = {
    Phrase{200, "OK"},
    Phrase{201, "Created"},
    Phrase{202, "Accepted"},
    Phrase{204, "No Content"},
    Phrase{304, "Not Modified"},
    Phrase{400, "Bad Request"},
    Phrase{401, "Unauthorized"},
    Phrase{403, "Forbidden"},
    Phrase{404, "Not Found"},
    Phrase{405, "Method Not Allowed"},
    Phrase{408, "Request Timeout"},
    Phrase{409, "Conflict"},
    Phrase{413, "Content Too Large"},
    Phrase{415, "Unsupported Media Type"},
    Phrase{417, "Expectation Failed"},
    Phrase{422, "Unprocessable Content"},
    Phrase{429, "Too Many Requests"},
    Phrase{431, "Request Header Fields Too Large"},
    Phrase{499, "Client Closed Request"},
    Phrase{500, "Internal Server Error"},
    Phrase{501, "Not Implemented"},
    Phrase{503, "Service Unavailable"},
    Phrase{505, "HTTP Version Not Supported"},
    Phrase{529, "Overloaded"},
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::optional<std::string_view> find(const Parameters& parameters, std::string_view name) {
  const auto found = std::find_if(parameters.begin(), parameters.end(),
                                  [&](const auto& parameter) { return parameter.first == name; });
  if (found == parameters.end()) return std::nullopt;
  return found->second;
}

}  // namespace

std::string_view method_name(Method method) {
  return kMethods[static_cast<std::size_t>(method)].name;
}

Method method_of(std::string_view name) {
  for (const MethodName& known : kMethods) {
    if (known.name == name) return known.method;
  }
  return Method::kOther;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::string_view> find_header(const Headers& headers, std::string_view name) {
  for (const Header& header : headers) {
    if (equal_ignoring_case(header.name, name)) return header.value;
  }
  return std::nullopt;
}

std::optional<std::string_view> Request::header(std::string_view name) const {
  return find_header(headers, name);
}

std::optional<std::string_view> Request::query_value(std::string_view name) const {
  return find(query, name);
}

std::string_view Request::parameter(std::string_view name) const {
  const std::optional<std::string_view> value = find(parameters, name);
  SIROCCO_CHECK(value.has_value());
  return *value;
}

std::string_view reason_phrase(int status) {
  for (const Phrase& phrase : kPhrases) {
    if (phrase.status == status) return phrase.text;
  }
  // A status of its class that few know: clients go by the number.
  return "Status";
}

}  // namespace sirocco::http
