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

const SentPicture* MessageContent::first_picture() const {
  for (const Part& part : parts_)
    if (const auto* picture = std::get_if<SentPicture>(&part)) return picture;
  return nullptr;
}

void MessageContent::append_pictures(std::vector<SentPicture>& out) const {
  for (const Part& part : parts_)
    if (const auto* picture = std::get_if<SentPicture>(&part)) out.push_back(*picture);
}

jinja::Value MessageContent::template_value() const {
  if (first_picture() == nullptr) return jinja::Value::string(text());
  std::vector<jinja::Value> parts;
  parts.reserve(parts_.size());
  for (const Part& part : parts_) {
    const auto* text = std::get_if<std::string>(&part);
    parts.push_back(text == nullptr ? picture_part() : text_part(*text));
  }
  return jinja::Value::list(std::move(parts));
}

}  // namespace sirocco
