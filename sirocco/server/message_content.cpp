#include "sirocco/server/message_content.hpp"

#include <algorithm>
#include <utility>

#include "sirocco/text/message_contents.hpp"

namespace sirocco {

void MessageContent::add(std::string_view text) {
  if (!parts_.empty()) {
    if (auto* last = std::get_if<std::string>(&parts_.back())) {
      *last += '\n';
      *last += text;
      return;
    }
  }
  parts_.emplace_back(std::string(text));
}

bool MessageContent::says_anything() const {
  return std::ranges::any_of(parts_, [](const Part& part) {
    const auto* text = std::get_if<std::string>(&part);
    return text == nullptr || !text->empty();
  });
}

std::string MessageContent::text() const {
  std::string out;
  bool behind_text = false;
  for (const Part& part : parts_) {
    const auto* text = std::get_if<std::string>(&part);
    if (text == nullptr) continue;
    if (std::exchange(behind_text, true)) out += '\n';
    out += *text;
  }
  return out;
}

const SentMedium* MessageContent::first_medium() const {
  for (const Part& part : parts_)
    if (const auto* medium = std::get_if<SentMedium>(&part)) return medium;
  return nullptr;
}

void MessageContent::append_media(std::vector<SentMedium>& out) const {
  for (const Part& part : parts_)
    if (const auto* medium = std::get_if<SentMedium>(&part)) out.push_back(*medium);
}

jinja::Value MessageContent::template_value() const {
  if (first_medium() == nullptr) return jinja::Value::string(text());
  std::vector<jinja::Value> parts;
  parts.reserve(parts_.size());
  for (const Part& part : parts_) {
    const auto* text = std::get_if<std::string>(&part);
    parts.push_back(text == nullptr ? medium_part(std::get<SentMedium>(part).medium)
                                    : text_part(*text));
  }
  return jinja::Value::list(std::move(parts));
}

}  // namespace sirocco
