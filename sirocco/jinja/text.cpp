#include "sirocco/jinja/text.hpp"

#include <algorithm>

namespace sirocco::jinja {

void Text::append(std::string_view bytes, Origin origin) {
  if (bytes.empty()) return;
  bytes_.append(bytes);
  if (!runs_.empty() && runs_.back().origin == origin) {
    runs_.back().end = bytes_.size();
  } else {
    runs_.push_back({bytes_.size(), origin});
  }
}

void Text::append(const Text& other) { append(other, 0); }

void Text::append(const Text& other, std::size_t begin, std::size_t length) {
  if (begin >= other.size()) return;
  const std::size_t end = begin + std::min(length, other.size() - begin);
  const auto first =
      std::upper_bound(other.runs_.begin(), other.runs_.end(), begin,
                       [](std::size_t position, const Run& run) { return position < run.end; });
  for (auto run = first; run != other.runs_.end() && begin < end; ++run) {
    const std::size_t stop = std::min(run->end, end);
    append(other.view().substr(begin, stop - begin), run->origin);
    begin = stop;
  }
}

Text Text::substr(std::size_t begin, std::size_t length) const {
  Text out;
  out.append(*this, begin, length);
  return out;
}

Origin Text::origin_at(std::size_t byte) const {
  const auto run =
      std::upper_bound(runs_.begin(), runs_.end(), byte,
                       [](std::size_t position, const Run& r) { return position < r.end; });
  return run == runs_.end() ? Origin::kTemplate : run->origin;
}

Origin Text::origin() const {
  const bool data = std::any_of(runs_.begin(), runs_.end(),
                                [](const Run& run) { return run.origin == Origin::kData; });
  return data ? Origin::kData : Origin::kTemplate;
}

}  // namespace sirocco::jinja
