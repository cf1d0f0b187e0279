#include "sirocco/server/form.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/base/utf8.hpp"
#include "sirocco/server/http/message.hpp"
#include "sirocco/server/invalid_request.hpp"

namespace sirocco {
namespace {

constexpr std::size_t kMaxBoundaryBytes = 70;  // RFC 2046, section 5.1.1
constexpr std::size_t kMaxNameBytes = 256;

[[noreturn]] void refuse_form(std::string_view why) {
  throw InvalidRequest("", "invalid_form", fmt::format("the body is no form: {}", why));
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) + 1 - first);
}

/// Cuts `text` behind the first `separator`, or at its end; what stands before it.
std::string_view cut(std::string_view& text, std::string_view separator) {
  const std::size_t at = text.find(separator);
  const std::string_view before = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + separator.size());
  return before;
}

/// A header's value that parameters follow: "form-data; name=\"a\"".
class Parameters {
 public:
  explicit Parameters(std::string_view value) : rest_(value) { first_ = trimmed(token_to(";")); }

  std::string_view first() const { return first_; }
  struct Parameter {
    std::string_view name;
    std::string value;
  };
  /// The next one; nothing behind the last. Throws InvalidRequest for one that is none.
  std::optional<Parameter> next() {
    rest_ = trimmed(rest_);
    while (rest_.starts_with(';')) rest_ = trimmed(rest_.substr(1));
    if (rest_.empty()) return std::nullopt;
    Parameter out;
    out.name = trimmed(token_to("=;"));
    if (!rest_.starts_with('=')) refuse_form("a header has a parameter without a value");
    rest_ = trimmed(rest_.substr(1));
    if (rest_.starts_with('"'))
      out.value = quoted_string();
    else
      out.value = trimmed(token_to(";"));
    return out;
  }

 private:
  std::string_view token_to(std::string_view ends) {
    const std::size_t end = std::min(rest_.find_first_of(ends), rest_.size());
    const std::string_view token = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return token;
  }
  std::string quoted_string() {
    std::string out;
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        rest_.remove_prefix(i + 1);
        return out;
      }
      // Of other escapes a backslash is a part: names of files have them.
      const bool escape =
          rest_[i] == '\\' && i + 1 < rest_.size() && (rest_[i + 1] == '"' || rest_[i + 1] == '\\');
      if (escape) ++i;
      out += rest_[i];
    }
    refuse_form("a quoted text in a header doesn't end");
  }

  std::string_view rest_;
  std::string_view first_;
};

/// What stands before a part's data.
FormPart read_head(std::string_view head) {
  FormPart part;
  bool named = false;
  while (!head.empty()) {
    const std::string_view line = cut(head, "\r\n");
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) refuse_form("a part has a header without a colon");
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (http::equal_ignoring_case(name, "content-transfer-encoding")) {
      if (!http::equal_ignoring_case(value, "binary") &&
          !http::equal_ignoring_case(value, "8bit") && !http::equal_ignoring_case(value, "7bit"))
        refuse_form(
            fmt::format("a part is encoded as {}; data are sent as they are", quoted(value)));
    } else if (http::equal_ignoring_case(name, "content-disposition")) {
      if (named) refuse_form("a part has two dispositions");
      Parameters parameters(value);
      if (!http::equal_ignoring_case(parameters.first(), "form-data"))
        refuse_form(fmt::format("a part has the disposition {}; expected form-data",
                                quoted(parameters.first())));
      while (auto parameter = parameters.next()) {
        if (http::equal_ignoring_case(parameter->name, "name")) {
          if (named) refuse_form("a part has two names");
          named = true;
          part.name = std::move(parameter->value);
        } else if (http::equal_ignoring_case(parameter->name, "filename") ||
                   http::equal_ignoring_case(parameter->name, "filename*")) {
          part.is_file = true;
        }
      }
    }
  }
  if (!named) refuse_form("a part has no name");
  if (part.name.size() > kMaxNameBytes || !is_utf8(part.name))
    refuse_form(fmt::format("a part's name is longer than {} bytes, or no UTF-8", kMaxNameBytes));
  return part;
}

bool is_boundary_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
}

/// A part's value as what is expected of it, where the text can be that.
json::Value field_value(std::string_view text, const json::Expected* expected) {
  const char* const end = text.data() + text.size();
  if (expected != nullptr && std::holds_alternative<json::Boolean>(*expected)) {
    if (http::equal_ignoring_case(text, "true")) return json::Value(true);
    if (http::equal_ignoring_case(text, "false")) return json::Value(false);
  } else if (expected != nullptr && std::holds_alternative<json::Integer>(*expected)) {
    std::int64_t value = 0;
    const auto [last, error] = std::from_chars(text.data(), end, value);
    if (error == std::errc() && last == end) return json::Value(value);
  } else if (expected != nullptr && std::holds_alternative<json::Number>(*expected)) {
    double value = 0;
    const auto [last, error] = std::from_chars(text.data(), end, value);
    if (error == std::errc() && last == end && std::isfinite(value)) return json::Value(value);
  }
  return json::Value(std::string(text));
}

}  // namespace

std::string form_boundary(std::optional<std::string_view> content_type) {
  constexpr std::string_view kExpected = "expected a body of multipart/form-data";
  if (!content_type)
    throw InvalidRequest("", "invalid_form",
                         fmt::format("{}; there is no Content-Type", kExpected));
  Parameters parameters(*content_type);
  if (!http::equal_ignoring_case(parameters.first(), "multipart/form-data")) {
    throw InvalidRequest(
        "", "invalid_form",
        fmt::format("{}; the Content-Type is {}", kExpected, quoted(parameters.first())));
  }
  while (auto parameter = parameters.next()) {
    if (!http::equal_ignoring_case(parameter->name, "boundary")) continue;
    const std::string& boundary = parameter->value;
    if (boundary.empty() || boundary.size() > kMaxBoundaryBytes || boundary.ends_with(' ') ||
        !std::ranges::all_of(boundary, is_boundary_character))
      refuse_form(fmt::format("its boundary is {}", quoted(boundary)));
    return boundary;
  }
  refuse_form("its Content-Type has no boundary");
}

std::vector<FormPart> parse_form(std::string_view body, std::string_view boundary,
                                 const FormLimits& limits) {
  const std::string delimiter = fmt::format("\r\n--{}", boundary);
  // What stands before the first boundary is nothing; it may begin the body without a new line.
  if (body.starts_with(std::string_view(delimiter).substr(2))) {
    body.remove_prefix(delimiter.size() - 2);
  } else {
    const std::size_t first = body.find(delimiter);
    if (first == std::string_view::npos) refuse_form("its boundary isn't there");
    body.remove_prefix(first + delimiter.size());
  }
  std::vector<FormPart> parts;
  while (!body.starts_with("--")) {
    body.remove_prefix(std::min(body.find_first_not_of(" \t"), body.size()));
    if (!body.starts_with("\r\n")) refuse_form("a boundary is followed by more on its line");
    // The head's own new line ends it where there is no header.
    const std::size_t head_end = body.substr(0, limits.max_head_bytes).find("\r\n\r\n");
    if (head_end == std::string_view::npos)
      refuse_form(fmt::format("a part's headers don't end within {} bytes", limits.max_head_bytes));
    if (parts.size() == limits.max_parts)
      refuse_form(fmt::format("it has more than {} parts", limits.max_parts));
    const std::string_view head = body.substr(0, head_end);
    FormPart part = read_head(head.empty() ? head : head.substr(2));
    // What the empty line ends with may begin the next boundary: a part without a byte.
    body.remove_prefix(head_end + 2);
    const std::size_t end = body.find(delimiter);
    if (end == std::string_view::npos) refuse_form("it ends within a part");
    part.data = end == 0 ? std::string_view() : body.substr(2, end - 2);
    parts.push_back(std::move(part));
    body.remove_prefix(end + delimiter.size());
  }
  return parts;
}

json::Value form_object(std::span<const FormPart> parts,
                        FunctionRef<const json::Expected*(std::string_view name)> expected) {
  constexpr std::string_view kOfList = "[]";
  json::Object members;
  std::vector<std::pair<std::string, json::Array>> lists;
  const auto refuse_if_there = [&](const std::string& name) {
    if (std::ranges::find(members, name, &json::Object::value_type::first) == members.end()) return;
    throw InvalidRequest(name, "invalid_value", fmt::format("{}: the form has it twice", name));
  };
  for (const FormPart& part : parts) {
    if (part.is_file || part.data.empty()) continue;
    if (!is_utf8(part.data))
      throw InvalidRequest(part.name, "invalid_value", part.name + ": the text isn't UTF-8");
    if (part.name.ends_with(kOfList)) {
      const std::string name = part.name.substr(0, part.name.size() - kOfList.size());
      auto list = std::ranges::find(lists, name, [](const auto& row) { return row.first; });
      if (list == lists.end()) list = lists.insert(list, {name, {}});
      list->second.emplace_back(std::string(part.data));
      continue;
    }
    refuse_if_there(part.name);
    members.emplace_back(part.name, field_value(part.data, expected(part.name)));
  }
  for (auto& [name, items] : lists) {
    refuse_if_there(name);
    members.emplace_back(std::move(name), json::Value(std::move(items)));
  }
  return json::Value(std::move(members));
}

}  // namespace sirocco
