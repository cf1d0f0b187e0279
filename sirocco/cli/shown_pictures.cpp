#include "sirocco/cli/shown_pictures.hpp"

#include "sirocco/base/error.hpp"
#include "sirocco/cli/input.hpp"

namespace sirocco {

ReadPicture read_picture_file(const LoadedModel& model, const std::string& file) {
  const PictureReader* const reader = model.pictures();
  if (reader == nullptr)
    throw UnsupportedError("{} takes text only, no pictures", model.title().text());
  const std::string bytes = read_file(file);
  try {
    return reader->read(std::as_bytes(std::span(bytes)));
  } catch (const Error& e) {
    throw FormatError("{}: {}", sirocco::quoted(file, 400), e.what());
  }
}

std::vector<PromptPart> prompt_behind_pictures(const LoadedModel& model,
                                               std::span<const ReadPicture> pictures,
                                               std::string_view text, bool parse_special) {
  RenderedPrompt prompt;
  for (std::size_t i = 0; i < pictures.size(); ++i) prompt.text += model.pictures()->placeholder();
  prompt.trusted.push_back({0, prompt.text.size()});
  prompt.text += text;
  if (parse_special) prompt.trusted.back().end = prompt.text.size();
  return model.pictures()->parts(prompt, pictures);
}

}  // namespace sirocco
