#include "sirocco/server/http/routes.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco::http {
namespace {

bool answers(const Route& route, Method method) {
  return route.method == method || (route.method == Method::kGet && method == Method::kHead);
}

}  // namespace

std::vector<Routes::Segment> Routes::segments_of(const std::string& pattern) {
  if (!pattern.starts_with('/')) {
    throw InvalidArgument("the route {} doesn't begin with a slash", quoted(pattern));
  }
  std::vector<Segment> segments;
  std::string_view rest = std::string_view(pattern).substr(1);
  for (bool last = false; !last;) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    std::string_view text = rest.substr(0, end);
    last = end == rest.size();
    rest.remove_prefix(last ? end : end + 1);
    if (!text.starts_with('{')) {
      if (text.find_first_of("{}") != text.npos) {
        throw InvalidArgument("in the route {} a parameter is part of a segment", quoted(pattern));
      }
      segments.push_back({Segment::Kind::kLiteral, std::string(text)});
      continue;
    }
    const bool many = text.ends_with("...}");
    if (!text.ends_with('}') || (many && !last)) {
      throw InvalidArgument("in the route {} {} is no parameter", quoted(pattern),
                            sirocco::quoted(text));
    }
    text = text.substr(1, text.size() - (many ? 5 : 2));
    if (text.empty() || text.find_first_of("{}") != text.npos) {
      throw InvalidArgument("in the route {} a parameter has no name", quoted(pattern));
    }
    segments.push_back({many ? Segment::Kind::kRest : Segment::Kind::kOne, std::string(text)});
  }
  return segments;
}

Routes::Routes(std::vector<Route> routes) {
  // Names don't tell patterns apart.
  const auto order = [](const Row& row) {
    std::vector<std::pair<Segment::Kind, std::string_view>> key;
    for (const Segment& segment : row.segments) {
      const bool literal = segment.kind == Segment::Kind::kLiteral;
      key.emplace_back(segment.kind, literal ? std::string_view(segment.text) : "");
    }
    return key;
  };
  for (Route& route : routes) {
    std::vector<Segment> segments = segments_of(route.pattern);
    rows_.push_back({std::move(route), std::move(segments)});
  }
  std::stable_sort(rows_.begin(), rows_.end(),
                   [&](const Row& a, const Row& b) { return order(a) < order(b); });
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    for (std::size_t j = i + 1; j < rows_.size() && order(rows_[i]) == order(rows_[j]); ++j) {
      if (rows_[i].route.method == rows_[j].route.method) {
        throw InvalidArgument("{} {} has two routes", method_name(rows_[i].route.method),
                              quoted(rows_[i].route.pattern));
      }
    }
  }
}

std::optional<Parameters> Routes::matched(const Row& row,
                                          const std::vector<std::string>& segments) {
  Parameters parameters;
  for (std::size_t i = 0; i < row.segments.size(); ++i) {
    const Segment& segment = row.segments[i];
    if (i >= segments.size()) return std::nullopt;
    switch (segment.kind) {
      case Segment::Kind::kLiteral:
        if (segment.text != segments[i]) return std::nullopt;
        break;
      case Segment::Kind::kOne:
        if (segments[i].empty()) return std::nullopt;
        parameters.emplace_back(segment.text, segments[i]);
        break;
      case Segment::Kind::kRest: {
        std::string rest = segments[i];
        for (std::size_t j = i + 1; j < segments.size(); ++j) rest += "/" + segments[j];
        if (rest.empty()) return std::nullopt;
        parameters.emplace_back(segment.text, std::move(rest));
        return parameters;
      }
    }
  }
  if (segments.size() != row.segments.size()) return std::nullopt;
  return parameters;
}

Routes::Match Routes::find(Method method, const std::vector<std::string>& segments) const {
  Match match;
  for (const Row& row : rows_) {
    std::optional<Parameters> parameters = matched(row, segments);
    if (!parameters) continue;
    if (answers(row.route, method)) {
      match.route = &row.route;
      match.parameters = std::move(*parameters);
      match.allowed.clear();
      return match;
    }
    for (const Method allowed : {row.route.method, Method::kHead}) {
      const bool known = std::count(match.allowed.begin(), match.allowed.end(), allowed) > 0;
      if (answers(row.route, allowed) && !known) match.allowed.push_back(allowed);
    }
  }
  return match;
}

}  // namespace sirocco::http
