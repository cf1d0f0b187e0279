#include "sirocco/server/picture_prompt.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/server/invalid_request.hpp"

namespace sirocco {
namespace {

/// What `work` throws of a picture is told of its place; what isn't its fault stays as it is.
template <class Work>
auto of_picture(const SentPicture& picture, Work work) {
  try {
    return work();
  } catch (const Error& e) {
    switch (e.kind()) {
      case ErrorKind::kUnsupported:
        refuse(picture, "unsupported_value", e.what());
      case ErrorKind::kFormat:
      case ErrorKind::kInvalidArgument:
      case ErrorKind::kResourceExhausted:
        refuse(picture, "invalid_value", e.what());
      default:
        throw;
    }
  }
}

std::vector<std::vector<std::byte>> files_of(std::span<const SentPicture> pictures,
                                             const SentPictureLimits& limits) {
  if (pictures.size() > limits.max_pictures) {
    refuse(
        pictures[limits.max_pictures], "invalid_value",
        fmt::format("a request may have {} pictures, and this is one more", limits.max_pictures));
  }
  std::vector<std::vector<std::byte>> files;
  std::size_t bytes = 0;
  std::int64_t pixels = 0;
  for (const SentPicture& picture : pictures) {
    const auto& file = files.emplace_back(file_of(picture));
    bytes += file.size();
    if (bytes > limits.max_bytes) {
      refuse(
          picture, "invalid_value",
          fmt::format("the pictures up to this one have {} bytes; those of a request may have {}",
                      bytes, limits.max_bytes));
    }
    const PictureSize size =
        of_picture(picture, [&] { return read_picture_header(file, limits.each); }).size;
    pixels += std::int64_t{size.width} * size.height;
    if (pixels > limits.max_pixels) {
      refuse(
          picture, "invalid_value",
          fmt::format("the pictures up to this one have {} pixels; those of a request may have {}",
                      pixels, limits.max_pixels));
    }
  }
  return files;
}

}  // namespace

void require_sight(const ServedText& model, std::span<const SentPicture> pictures) {
  if (pictures.empty() || model.model().pictures() != nullptr) return;
  refuse(pictures.front(), "unsupported_value",
         fmt::format("{} takes text only, no pictures", model.model().title().text()));
}

std::vector<ReadPicture> read_pictures(const ServedText& model,
                                       std::span<const SentPicture> pictures,
                                       const SentPictureLimits& limits) {
  require_sight(model, pictures);
  std::vector<std::vector<std::byte>> files = files_of(pictures, limits);
  std::vector<ReadPicture> out;
  out.reserve(pictures.size());
  const std::int64_t context = model.limits().max_context;
  std::int64_t rows = 0;
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const auto file = std::exchange(files[i], {});
    out.push_back(
        of_picture(pictures[i], [&] { return model.model().pictures()->read(file, limits.each); }));
    // Before there are more tiles in memory than a prompt can have.
    rows += PictureReader::rows_of(out.back());
    if (rows >= context) {
      refuse(pictures[i], "context_length_exceeded",
             fmt::format("the pictures up to this one take {} tokens, and the context of the model "
                         "has {}, with the text and the answer",
                         rows, context));
    }
  }
  return out;
}

TextPrompt shown_prompt(const ServedText& model, const RenderedPrompt& rendered,
                        std::span<const ReadPicture> pictures, std::string_view param) {
  if (pictures.empty()) return tokenize_prompt(model.tokenizer(), rendered.segments());
  const PictureReader& reader = *model.model().pictures();
  if (const std::size_t places = reader.places(rendered); places != pictures.size()) {
    throw InvalidRequest(std::string(param), "unsupported_value",
                         fmt::format("{}: there are {} pictures, and the model's chat template "
                                     "shows {}",
                                     param, pictures.size(), places));
  }
  return reader.parts(rendered, pictures);
}

}  // namespace sirocco
