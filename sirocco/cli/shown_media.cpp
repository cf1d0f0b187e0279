#include "sirocco/cli/shown_media.hpp"

#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/cli/input.hpp"

namespace sirocco {

ReadMedium read_shown_file(const LoadedModel& model, const ShownFile& file) {
  const bool is_picture = file.medium == Medium::kPicture;
  if (is_picture ? model.pictures() == nullptr : model.sounds() == nullptr) {
    throw UnsupportedError("{} takes {}", model.title().text(),
                           model.media() == nullptr ? "text only, no pictures or sound"
                           : is_picture             ? "no pictures"
                                                    : "no sound");
  }
  const std::string name = sirocco::quoted(file.path, 400);
  const std::string bytes = read_file(file.path);
  const auto content = std::as_bytes(std::span(bytes));
  if (!is_picture) return model.sounds()->read(content, name);
  try {
    return model.pictures()->read(content);
  } catch (const Error& e) {
    throw FormatError("{}: {}", name, e.what());
  }
}

std::vector<PromptPart> prompt_behind_media(const LoadedModel& model,
                                            std::span<const ReadMedium> media,
                                            std::string_view text, bool parse_special) {
  RenderedPrompt prompt;
  const MediaPlaceholders placeholders = model.media()->placeholders();
  for (const ReadMedium& medium : media) {
    const bool is_picture = medium_of(medium) == Medium::kPicture;
    std::string_view written = (is_picture ? placeholders.picture : placeholders.sound)->written;
    // Without the end of the line that a message's text begins behind.
    if (written.ends_with('\n')) written.remove_suffix(1);
    prompt.text += written;
  }
  prompt.trusted.push_back({0, prompt.text.size()});
  prompt.text += text;
  if (parse_special) prompt.trusted.back().end = prompt.text.size();
  return model.media()->parts(prompt, media);
}

}  // namespace sirocco
