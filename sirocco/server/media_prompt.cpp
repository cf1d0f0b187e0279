#include "sirocco/server/media_prompt.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/server/invalid_request.hpp"

namespace sirocco {
namespace {

/// What `work` throws of a picture or a sound is told of its place; what isn't its fault stays as
/// it is.
template <class Work>
auto of_medium(const SentMedium& medium, Work work) {
  try {
    return work();
  } catch (const Error& e) {
    switch (e.kind()) {
      case ErrorKind::kUnsupported:
        refuse(medium, "unsupported_value", e.what());
      case ErrorKind::kFormat:
      case ErrorKind::kInvalidArgument:
      case ErrorKind::kResourceExhausted:
        refuse(medium, "invalid_value", e.what());
      default:
        throw;
    }
  }
}

std::string_view plural(Medium medium) {
  return medium == Medium::kPicture ? "pictures" : "sounds";
}

void require_count(std::span<const SentMedium> media, Medium kind, std::size_t most) {
  std::size_t count = 0;
  for (const SentMedium& medium : media) {
    if (medium.medium != kind || ++count <= most) continue;
    refuse(medium, "invalid_value",
           fmt::format("a request may have {} {}, and this is one more", most, plural(kind)));
  }
}

std::vector<std::vector<std::byte>> files_of(std::span<const SentMedium> media,
                                             const SentMediaLimits& limits) {
  require_count(media, Medium::kPicture, limits.max_pictures);
  require_count(media, Medium::kSound, limits.max_sounds);
  std::vector<std::vector<std::byte>> files;
  std::size_t bytes = 0;
  std::int64_t pixels = 0;
  for (const SentMedium& medium : media) {
    const auto& file = files.emplace_back(file_of(medium));
    bytes += file.size();
    if (bytes > limits.max_bytes) {
      refuse(medium, "invalid_value",
             fmt::format("the files up to this one have {} bytes; those of a request may have {}",
                         bytes, limits.max_bytes));
    }
    if (medium.medium != Medium::kPicture) continue;
    const PictureSize size =
        of_medium(medium, [&] { return read_picture_header(file, limits.each); }).size;
    pixels += std::int64_t{size.width} * size.height;
    if (pixels > limits.max_pixels) {
      refuse(
          medium, "invalid_value",
          fmt::format("the pictures up to this one have {} pixels; those of a request may have {}",
                      pixels, limits.max_pixels));
    }
  }
  return files;
}

/// What makes files ready for a model; null for what it can't take.
struct Readers {
  const PictureInputs* pictures = nullptr;
  const SoundReader* sounds = nullptr;
};
Readers readers_of(const ServedModel& model) {
  if (const auto* const embedder = model.as<ServedEmbedder>()) return {embedder->pictures()};
  const auto* const text = model.as<ServedText>();
  if (text == nullptr) return {};
  const PictureReader* const pictures = text->model().pictures();
  return {pictures == nullptr ? nullptr : &pictures->inputs(), text->model().sounds()};
}

ReadMedium read_file(const Readers& readers, Medium medium, std::span<const std::byte> file,
                     const SentMediaLimits& limits) {
  if (medium == Medium::kPicture) return readers.pictures->read(file, limits.each);
  return readers.sounds->read(file, "the sound", limits.each_sound);
}

std::string title_of(const ServedModel& model) {
  const auto* const text = model.as<ServedText>();
  return text == nullptr ? model.name : std::string(text->model().title().text());
}

}  // namespace

void require_senses(const ServedModel& model, std::span<const SentMedium> media) {
  const Readers readers = readers_of(model);
  const bool takes_text_only = readers.pictures == nullptr && readers.sounds == nullptr;
  for (const SentMedium& medium : media) {
    const bool is_picture = medium.medium == Medium::kPicture;
    if (is_picture ? readers.pictures != nullptr : readers.sounds != nullptr) continue;
    refuse(medium, "unsupported_value",
           fmt::format("{} takes {}no {}", title_of(model), takes_text_only ? "text only, " : "",
                       plural(medium.medium)));
  }
}

std::vector<ReadMedium> read_media(const ServedModel& model, std::span<const SentMedium> media,
                                   const SentMediaLimits& limits) {
  require_senses(model, media);
  const Readers readers = readers_of(model);
  std::vector<std::vector<std::byte>> files = files_of(media, limits);
  std::vector<ReadMedium> out;
  out.reserve(media.size());
  const std::int64_t context = model.limits().max_context;
  std::int64_t rows = 0;
  for (std::size_t i = 0; i < media.size(); ++i) {
    const auto file = std::exchange(files[i], {});
    out.push_back(
        of_medium(media[i], [&] { return read_file(readers, media[i].medium, file, limits); }));
    // Before there is more in memory than a prompt can have.
    rows += rows_of(out.back());
    if (rows >= context) {
      refuse(media[i], "context_length_exceeded",
             fmt::format("the pictures and sounds up to this one take {} tokens, and the context "
                         "of the model has {}, with the text and the answer",
                         rows, context));
    }
  }
  return out;
}

TextPrompt shown_prompt(const ServedText& model, const RenderedPrompt& rendered,
                        std::span<const ReadMedium> media, std::string_view param) {
  if (media.empty()) return tokenize_prompt(model.tokenizer(), rendered.segments());
  const MediaReader& reader = *model.model().media();
  const std::vector<Medium> places = reader.places(rendered);
  for (const Medium medium : {Medium::kPicture, Medium::kSound}) {
    const auto there = std::ranges::count(places, medium);
    const auto sent = std::ranges::count(media, medium, medium_of);
    if (there == sent) continue;
    throw InvalidRequest(std::string(param), "unsupported_value",
                         fmt::format("{}: there are {} {}, and the model's chat template shows {}",
                                     param, sent, plural(medium), there));
  }
  return reader.parts(rendered, media);
}

}  // namespace sirocco
