#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/media/picture.hpp"
#include "sirocco/server/form.hpp"
#include "sirocco/server/json/members.hpp"
#include "sirocco/server/json/value.hpp"

namespace sirocco::openai {

/// A request to /v1/images/generations or /v1/images/edits.
struct ImagesRequest {
  std::optional<std::string> model;
  std::string prompt;
  std::int64_t n = 1;                 ///< pictures
  std::optional<PictureSize> size;    ///< nothing: the model's own, or that of the source
  std::optional<std::int64_t> steps;  ///< of denoising
  std::optional<float> guidance;
  std::optional<std::uint64_t> seed;
  bool stream = false;
  std::int64_t partial_images = 0;  ///< that are told on the way
  // Of edits.
  std::string_view image = {};  ///< the file of the source; lies in the body
  std::string_view mask = {};   ///< another file, or empty
  std::optional<double> strength;
};

/// Reads the body of a request for pictures of a text. Throws InvalidRequest that names the member.
ImagesRequest read_generation_request(const json::Value& body);
/// Reads the form of a request for pictures drawn from another. Throws InvalidRequest that names
/// the field.
ImagesRequest read_edit_request(std::span<const FormPart> parts);

/// All members of a request, for documentation.
std::vector<json::MemberDescription> describe_generation_members();
std::vector<json::MemberDescription> describe_edit_members();

}  // namespace sirocco::openai
