#pragma once

#include <cstdint>
#include <string_view>

#include "sirocco/jinja/value.hpp"
#include "sirocco/text/chat_template.hpp"
#include "sirocco/text/medium.hpp"

namespace sirocco {

/// A ContentShape is what a chat template takes a message's content for.
enum class ContentShape : std::uint8_t {
  kText,   ///< a text
  kParts,  ///< a list of parts: {"type": "text", "text": …}, {"type": "image"}, {"type": "audio"}
};

/// MessageContents bring the contents of messages into the shape that a template of a model that
/// sees or hears takes: parts, or texts in which the family's placeholder stands for a picture or a
/// sound.
class MessageContents {
 public:
  /// Asks the template, by rendering a short conversation in each shape.
  MessageContents(const ChatTemplate& chat_template, MediaPlaceholders placeholders,
                  const ChatContext& like = {});

  ContentShape shape() const { return shape_; }
  /// Messages whose contents are texts or lists of parts, in the template's shape. In a text, a
  /// placeholder is the template's word, and so may become a picture or a sound; what others wrote
  /// never is.
  jinja::Value shaped(const jinja::Value& messages) const;

 private:
  jinja::Value shaped_content(const jinja::Value& content) const;

  MediaPlaceholders placeholders_;
  ContentShape shape_ = ContentShape::kText;
};

/// {"type": "text", "text": `text`}, and {"type": "image"} or {"type": "audio"}.
jinja::Value text_part(std::string_view text);
jinja::Value medium_part(Medium medium);

}  // namespace sirocco
