#include "sirocco/hub/hub_name.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sirocco/base/error.hpp"
#include "sirocco/base/utf8.hpp"

namespace sirocco {
namespace {

constexpr std::size_t kMaxNameBytes = 96;
constexpr std::size_t kMaxRevisionBytes = 200;
constexpr std::size_t kMaxPathBytes = 512;
constexpr std::size_t kMaxPartBytes = 200;
constexpr std::ptrdiff_t kMaxParts = 8;

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// An organization's or a repository's name.
bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes &&
         std::ranges::all_of(
             text, [](char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; }) &&
         (is_alphanumeric(text.front()) || text.front() == '_') && !text.ends_with('.') &&
         text.find("..") == text.npos && text.find("--") == text.npos;
}

/// As Git allows names of branches and tags, or a commit.
bool is_revision(std::string_view text) {
  constexpr std::string_view kForbidden = " ~^:?*[\\@";
  return !text.empty() && text.size() <= kMaxRevisionBytes &&
         std::ranges::all_of(text,
                             [&](char c) {
                               return c > 0x20 && c < 0x7f && kForbidden.find(c) == kForbidden.npos;
                             }) &&
         !text.starts_with('/') && !text.ends_with('/') && !text.starts_with('-') &&
         !text.starts_with('.') && text.find("..") == text.npos && text.find("//") == text.npos &&
         text.find("/.") == text.npos;
}

bool is_part(std::string_view part) {
  return !part.empty() && part.size() <= kMaxPartBytes && part.front() != '.';
}

bool is_well_formed(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Unit unit = decode_utf8(text, i);
    const char32_t c = unit.value;
    if (!unit.valid || c < 0x20 || (c >= 0x7f && c < 0xa0) || c == '\\' || c == ':') return false;
    i += unit.size;
  }
  return true;
}

}  // namespace

std::optional<HubName> HubName::parse(std::string_view text) {
  HubName out;
  std::string_view rest = text;
  const std::size_t end = std::min(text.find_first_of(":@"), text.size());
  const std::string_view repository = rest.substr(0, end);
  rest.remove_prefix(end);
  const std::size_t slash = repository.find('/');
  if (slash == repository.npos || !is_name(repository.substr(0, slash)) ||
      !is_name(repository.substr(slash + 1)))
    return std::nullopt;
  out.repository_ = repository;
  while (!rest.empty()) {
    const char kind = rest.front();
    rest.remove_prefix(1);
    const std::size_t until = std::min(rest.find(kind == ':' ? '@' : ':'), rest.size());
    const std::string_view part = rest.substr(0, until);
    rest.remove_prefix(until);
    if (kind == ':') {
      if (!out.what_.empty() || !RepositoryPath::parse(part)) return std::nullopt;
      out.what_ = part;
    } else {
      if (out.revision_ || !is_revision(part)) return std::nullopt;
      out.revision_ = part;
    }
  }
  return out;
}

std::string HubName::text() const {
  return fmt::format("{}{}{}{}{}", repository_, what_.empty() ? "" : ":", what_,
                     revision_ ? "@" : "", revision_.value_or(""));
}

HubName HubName::with_what(std::string_view what) const {
  HubName out = *this;
  out.what_ = what;
  return out;
}

HubName HubName::with_revision(std::string_view revision) const {
  if (!is_revision(revision))
    throw InvalidArgument("{} is no revision: give a branch, a tag or a commit",
                          sirocco::quoted(revision));
  HubName out = *this;
  out.revision_ = revision;
  return out;
}

std::optional<RepositoryPath> RepositoryPath::parse(std::string_view text) {
  if (text.size() > kMaxPathBytes || std::ranges::count(text, '/') >= kMaxParts ||
      !is_well_formed(text))
    return std::nullopt;
  std::string_view rest = text;
  while (true) {
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    if (!is_part(rest.substr(0, slash))) return std::nullopt;
    if (slash == rest.size()) return RepositoryPath(text);
    rest.remove_prefix(slash + 1);
  }
}

}  // namespace sirocco
