#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "sirocco/engine/picture_reader.hpp"
#include "sirocco/engine/served_model.hpp"
#include "sirocco/media/picture_file.hpp"
#include "sirocco/server/sent_picture.hpp"

namespace sirocco {

/// SentPictureLimits are what the pictures of one request may ask for. Files and headers are held
/// against them before any pixel is decoded; pictures are decoded one after another.
struct SentPictureLimits {
  std::size_t max_pictures = 64;
  std::size_t max_bytes = std::size_t{64} << 20;      ///< of all files
  std::int64_t max_pixels = std::int64_t{128} << 20;  ///< of all pictures
  PictureLimits each = {};
};

/// Throws InvalidRequest that names the first of `pictures` unless there is none or the model sees.
void require_sight(const ServedText& model, std::span<const SentPicture> pictures);

/// The pictures, ready for prompts of the model. For a worker: it takes as long as decoding them
/// does. Throws InvalidRequest that names the picture which is none, isn't read, is too large or
/// has more rows than the context of the model; and as require_sight.
std::vector<ReadPicture> read_pictures(const ServedText& model,
                                       std::span<const SentPicture> pictures,
                                       const SentPictureLimits& limits = {});

/// What the model is given: tokens or, where there are pictures, these in their places. Throws
/// InvalidRequest, which names `param`, where the chat template hasn't shown all of them.
TextPrompt shown_prompt(const ServedText& model, const RenderedPrompt& rendered,
                        std::span<const ReadPicture> pictures, std::string_view param);

}  // namespace sirocco
