#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/engine/channel.hpp"
#include "sirocco/media/picture.hpp"

namespace sirocco::openai {

/// What is told of the pictures of a request beside their files.
struct ImagesHead {
  std::time_t created = 0;
  PictureSize size;
  std::uint64_t seed = 0;
  std::int64_t text_tokens = 0;            ///< of the prompt
  std::int64_t source_patches = 0;         ///< of the picture that is drawn from
  std::int64_t drawn_patches = 0;          ///< of all pictures together
  std::int64_t steps = 0;                  ///< that were done for each picture
  RequestTimings timings = {};             ///< the longest of all pictures'
  std::vector<std::string> warnings = {};  ///< what a person should know
};

/// The body of an answer with all pictures. `files` are PNGs in base64.
std::string images_body(const ImagesHead& head, const std::vector<std::string>& files);

/// ImagesRoute says by which route a stream was asked for; its events are named by it.
enum class ImagesRoute : std::uint8_t { kGeneration, kEdit };

/// The events of a stream: a partial picture, counted from 0, and the picture. Each begins with its
/// type, which is its name too.
std::string partial_image_type(ImagesRoute route);
std::string partial_image(ImagesRoute route, const ImagesHead& head, std::int64_t index,
                          std::string_view file);
std::string completed_image_type(ImagesRoute route);
std::string completed_image(ImagesRoute route, const ImagesHead& head, std::string_view file);

}  // namespace sirocco::openai
