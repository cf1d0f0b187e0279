#include "sirocco/server/openai/transcription_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "sirocco/server/invalid_request.hpp"

namespace sirocco::openai {
namespace {

using json::Boolean;
using json::Described;
using json::Field;
using json::Integer;
using json::Member;
using json::Number;
using json::OneOf;
using json::put;
using json::Text;
using json::UnheededMember;

constexpr std::string_view kFile = "file";
constexpr std::size_t kMaxPromptBytes = 16384;  // far more than any model is told

struct FormatName {
  std::string_view name;
  TranscriptFormat format;
};
constexpr std::array kFormats = {FormatName{"json", TranscriptFormat::kJson},
                                 FormatName{"text", TranscriptFormat::kText},
                                 FormatName{"srt", TranscriptFormat::kSrt},
                                 FormatName{"verbose_json", TranscriptFormat::kVerboseJson},
                                 FormatName{"vtt", TranscriptFormat::kVtt}};

void put_format(TranscriptionRequest& out, const Field& field) {
  out.format = std::ranges::find(kFormats, field.text(), &FormatName::name)->format;
}

void put_seed(TranscriptionRequest& out, const Field& field) {
  out.seed = static_cast<std::uint64_t>(field.integer());
}

void put_granularities(TranscriptionRequest& out, const Field& field) {
  const json::Array& items = field.list({.what = "granularities"});
  for (std::size_t i = 0; i < items.size(); ++i) field.item(i).require(OneOf{R"(["segment"])"});
  out.segments = !items.empty();
}

constexpr std::array kMembers = {
    Member<TranscriptionRequest>{"model", Text{1024}, put<&TranscriptionRequest::model>,
                                 "which model writes"},
    Member<TranscriptionRequest>{"language", Text{64}, put<&TranscriptionRequest::language>,
                                 "what is spoken, as in en; without, what the model hears"},
    Member<TranscriptionRequest>{"prompt", Text{kMaxPromptBytes},
                                 put<&TranscriptionRequest::prompt>,
                                 "what is taken to be said before; its end counts"},
    Member<TranscriptionRequest>{"response_format",
                                 OneOf{R"(["json", "text", "srt", "verbose_json", "vtt"])"},
                                 put_format, "what is answered: see below"},
    Member<TranscriptionRequest>{"temperature", Number{0, 1},
                                 put<&TranscriptionRequest::temperature>,
                                 "how freely tokens are chosen; it rises in steps of 0.2 while "
                                 "what comes of it is unlikely or repeats itself"},
    Member<TranscriptionRequest>{"seed", Integer{}, put_seed,
                                 "the beginning of the random numbers"},
    Member<TranscriptionRequest>{"stream", Boolean{}, put<&TranscriptionRequest::stream>,
                                 "the text comes segment by segment, as server-sent events"},
    Member<TranscriptionRequest>{"timestamp_granularities",
                                 Described{"\"segment\", with the format verbose_json"},
                                 put_granularities, "which times are told"},
};
constexpr std::array kUnheeded = {
    UnheededMember{"chunking_strategy", OneOf{R"(["auto"])"},
                   "sound is cut into windows where a segment ends"},
    UnheededMember{"include", OneOf{"[]"}, "log-probabilities of tokens aren't told"},
    UnheededMember{"languages", OneOf{"[]"}, "name one with language"},
    UnheededMember{"keywords", OneOf{"[]"}, "the models don't know them; name them in prompt"},
    UnheededMember{"known_speaker_names", OneOf{"[]"}, "speakers aren't told apart"},
    UnheededMember{"known_speaker_references", OneOf{"[]"}, "speakers aren't told apart"},
    UnheededMember{"user", Text{}, "it is for statistics that nobody keeps"},
};

const json::Expected* expected_of(std::string_view name) {
  for (const auto& row : kMembers)
    if (row.name == name) return &row.expected;
  for (const UnheededMember& row : kUnheeded)
    if (row.name == name) return &row.expected;
  return nullptr;
}

std::string_view file_of(std::span<const FormPart> parts) {
  const FormPart* found = nullptr;
  for (const FormPart& part : parts) {
    if (part.name != kFile) {
      if (!part.is_file) continue;
      throw InvalidRequest(
          part.name, "unknown_parameter",
          fmt::format("{}: is a file; the only one is that of {}", part.name, kFile));
    }
    if (found != nullptr)
      throw InvalidRequest("file", "invalid_value", "file: the form has it twice");
    found = &part;
  }
  if (found == nullptr)
    throw InvalidRequest("file", "missing_required_parameter", "file: is missing");
  if (!found->is_file)
    throw InvalidRequest("file", "invalid_type", "file: it has to be sent with a file's name");
  return found->data;
}

void require_together(const TranscriptionRequest& request) {
  if (request.segments && request.format != TranscriptFormat::kVerboseJson) {
    throw InvalidRequest("timestamp_granularities", "invalid_value",
                         "timestamp_granularities: times are told with the response_format "
                         "verbose_json");
  }
  if (request.stream && request.format != TranscriptFormat::kJson &&
      request.format != TranscriptFormat::kText) {
    throw InvalidRequest("stream", "unsupported_value",
                         "stream: text is streamed; the response_format has to be json or text");
  }
}

}  // namespace

std::vector<float> TranscriptionRequest::temperatures() const {
  std::vector<float> out;
  constexpr double kStep = 0.2;
  for (int i = 0; temperature + i * kStep <= 1.0 + 1e-6; ++i)
    out.push_back(static_cast<float>(temperature + i * kStep));
  return out;
}

TranscriptionRequest read_transcription_request(std::span<const FormPart> parts) {
  const std::string_view file = file_of(parts);
  std::vector<FormPart> fields(parts.begin(), parts.end());
  std::erase_if(fields, [](const FormPart& part) { return part.is_file; });
  const json::Value body =
      form_object(fields, [](std::string_view name) { return expected_of(name); });
  auto out = json::read_body(body, kMembers, kUnheeded, {});
  out.file = file;
  require_together(out);
  return out;
}

std::vector<json::MemberDescription> describe_transcription_members() {
  std::vector<json::MemberDescription> out = {
      {kFile, "a file of sound", "what is written down: WAV, FLAC, Ogg or MP3", true}};
  std::ranges::move(json::described_members(kMembers, kUnheeded), std::back_inserter(out));
  return out;
}

}  // namespace sirocco::openai
