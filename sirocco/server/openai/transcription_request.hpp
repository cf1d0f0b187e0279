#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/server/form.hpp"
#include "sirocco/server/json/members.hpp"

namespace sirocco::openai {

/// TranscriptFormat is what the answer to a transcription is written as.
enum class TranscriptFormat : std::uint8_t { kJson, kText, kSrt, kVerboseJson, kVtt };

/// A request to /v1/audio/transcriptions or /v1/audio/translations.
struct TranscriptionRequest {
  std::string_view file;  ///< of sound; lies in the body
  std::optional<std::string> model;
  std::optional<std::string> language;  ///< that is spoken, by its code; without: what is heard
  std::string prompt;                   ///< what is taken to be said before
  double temperature = 0.0;  ///< 0 to 1; it rises from there while what was written is unlikely
  TranscriptFormat format = TranscriptFormat::kJson;
  bool stream = false;
  std::uint64_t seed = 0;  ///< of choices at temperatures above 0
  bool segments = false;   ///< the member "timestamp_granularities" asks for them by name

  /// What is tried one after the other, as OpenAI's reference does: from `temperature` to 1 in
  /// steps of 0.2.
  std::vector<float> temperatures() const;
};

/// Reads the form of a request. Throws InvalidRequest that names the field.
TranscriptionRequest read_transcription_request(std::span<const FormPart> parts);

/// All fields of a request, for documentation.
std::vector<json::MemberDescription> describe_transcription_members();

}  // namespace sirocco::openai
