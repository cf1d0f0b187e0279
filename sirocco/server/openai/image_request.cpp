#include "sirocco/server/openai/image_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
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

constexpr std::size_t kMaxPromptBytes = 32768;
constexpr std::int64_t kMaxPictures = 10;
constexpr std::int64_t kMaxPartials = 3;
constexpr double kMaxGuidance = 1e6;
constexpr std::string_view kImage = "image";
constexpr std::string_view kMask = "mask";

std::optional<int> side_of(std::string_view digits) {
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || value < 1)
    return std::nullopt;
  return value;
}

void put_size(ImagesRequest& out, const Field& field) {
  const std::string& text = field.text();
  if (text == "auto") return;
  const std::size_t cross = text.find('x');
  const std::optional<int> width = side_of(text.substr(0, cross));
  const std::optional<int> height =
      cross == text.npos ? std::nullopt : side_of(text.substr(cross + 1));
  if (!width || !height)
    field.fail_expecting("invalid_value", "width and height in pixels, as in 1024x768, or auto");
  out.size = PictureSize{*width, *height};
}

void put_seed(ImagesRequest& out, const Field& field) {
  out.seed = static_cast<std::uint64_t>(field.integer());
}

constexpr std::array kBoth = {
    Member<ImagesRequest>{"model", Text{1024}, put<&ImagesRequest::model>, "which model draws"},
    Member<ImagesRequest>{"prompt", Text{kMaxPromptBytes}, put<&ImagesRequest::prompt>,
                          "what the picture shows"},
    Member<ImagesRequest>{"n", Integer{1, kMaxPictures}, put<&ImagesRequest::n>,
                          "pictures; the first of a seed is the one that is drawn alone"},
    Member<ImagesRequest>{"size", Described{"width and height, as in \"1024x768\", or \"auto\""},
                          put_size,
                          "pixels, multiples of 16 for FLUX; auto is the model's own size, or that "
                          "of the picture that is drawn from"},
    Member<ImagesRequest>{"steps", Integer{}, put<&ImagesRequest::steps>,
                          "steps of denoising; more take longer"},
    Member<ImagesRequest>{"num_inference_steps", Integer{}, put<&ImagesRequest::steps>,
                          "another name of steps"},
    Member<ImagesRequest>{"guidance", Number{-kMaxGuidance, kMaxGuidance},
                          put<&ImagesRequest::guidance>,
                          "how closely to follow the prompt, of models that read it"},
    Member<ImagesRequest>{"guidance_scale", Number{-kMaxGuidance, kMaxGuidance},
                          put<&ImagesRequest::guidance>, "another name of guidance"},
    Member<ImagesRequest>{"seed", Integer{}, put_seed, "the same seed draws the same picture"},
    Member<ImagesRequest>{"stream", Boolean{}, put<&ImagesRequest::stream>,
                          "the picture comes as a server-sent event, and partial ones before it; "
                          "one picture"},
    Member<ImagesRequest>{"partial_images", Integer{0, kMaxPartials},
                          put<&ImagesRequest::partial_images>,
                          "pictures that are sent on the way, of a stream"},
};
constexpr std::array kOfEdits = {
    Member<ImagesRequest>{"strength", Number{0, 1}, put<&ImagesRequest::strength>,
                          "how far from the picture: the part of the steps that is done; 0.6 "
                          "without"},
};

constexpr std::array kUnheeded = {
    UnheededMember{"response_format", OneOf{R"(["b64_json"])"}, "pictures are sent, not kept"},
    UnheededMember{"output_format", OneOf{R"(["png"])"}, "PNG files are made"},
    UnheededMember{"output_compression", Described{"a whole number"}, "it is of other formats"},
    UnheededMember{"quality", OneOf{R"(["auto", "low", "medium", "high", "standard", "hd"])"},
                   "steps are what quality depends on"},
    UnheededMember{"background", OneOf{R"(["auto", "opaque"])"}, "no part is transparent"},
    UnheededMember{"moderation", OneOf{R"(["auto", "low"])"}, "nobody looks at the pictures"},
    UnheededMember{"style", OneOf{R"(["vivid", "natural"])"}, "the prompt says it"},
    UnheededMember{"input_fidelity", OneOf{R"(["high", "low"])"}, "strength says it"},
    UnheededMember{"user", Text{}, "it is for statistics that nobody keeps"},
};

void require_together(const ImagesRequest& request) {
  if (request.prompt.empty())
    throw InvalidRequest("prompt", "missing_required_parameter", "prompt: is missing");
  if (request.stream && request.n > 1) {
    throw InvalidRequest("n", "unsupported_value",
                         fmt::format("n: found {}; a stream is of one picture", request.n));
  }
  if (!request.stream && request.partial_images > 0) {
    throw InvalidRequest("partial_images", "unsupported_value",
                         "partial_images: they are sent in a stream; ask for one with stream");
  }
}

const json::Expected* expected_of(std::string_view name) {
  for (const auto& row : kBoth)
    if (row.name == name) return &row.expected;
  for (const auto& row : kOfEdits)
    if (row.name == name) return &row.expected;
  for (const UnheededMember& row : kUnheeded)
    if (row.name == name) return &row.expected;
  return nullptr;
}

/// Whether the field is called that, or as one of several that are.
bool is_called(const FormPart& part, std::string_view name) {
  return part.name == name || part.name == fmt::format("{}[]", name);
}

/// The file of that name; nothing where it isn't there.
std::optional<std::string_view> file_of(std::span<const FormPart> parts, std::string_view name) {
  std::optional<std::string_view> found;
  for (const FormPart& part : parts) {
    if (!is_called(part, name)) continue;
    if (found) {
      throw InvalidRequest(std::string(name), "invalid_value",
                           fmt::format("{}: the form has several; one is read", name));
    }
    if (!part.is_file) {
      throw InvalidRequest(std::string(name), "invalid_type",
                           fmt::format("{}: it has to be sent with a file's name", name));
    }
    found = part.data;
  }
  return found;
}

}  // namespace

ImagesRequest read_generation_request(const json::Value& body) {
  auto out = json::read_body(body, kBoth, kUnheeded, {"prompt"});
  require_together(out);
  return out;
}

ImagesRequest read_edit_request(std::span<const FormPart> parts) {
  const std::optional<std::string_view> image = file_of(parts, kImage);
  if (!image) throw InvalidRequest("image", "missing_required_parameter", "image: is missing");
  const std::optional<std::string_view> mask = file_of(parts, kMask);
  std::vector<FormPart> fields;
  for (const FormPart& part : parts) {
    if (!part.is_file) {
      fields.push_back(part);
    } else if (!is_called(part, kImage) && !is_called(part, kMask)) {
      throw InvalidRequest(
          part.name, "unknown_parameter",
          fmt::format("{}: is a file; those of image and mask are read", part.name));
    }
  }
  const json::Value body =
      form_object(fields, [](std::string_view name) { return expected_of(name); });
  const Field whole(body);
  json::MemberReader reader(whole);
  ImagesRequest out;
  reader.read(out, kBoth);
  reader.read(out, kOfEdits);
  reader.pass(kUnheeded);
  reader.finish();
  reader.require("prompt");
  out.image = *image;
  out.mask = mask.value_or("");
  require_together(out);
  return out;
}

std::vector<json::MemberDescription> describe_generation_members() {
  return json::described_members(kBoth, kUnheeded);
}

std::vector<json::MemberDescription> describe_edit_members() {
  std::vector<json::MemberDescription> out = {
      {kImage, "a file: JPEG, PNG, WebP, GIF or BMP", "what is drawn from", true},
      {kMask, "the same",
       "where it is transparent the picture is painted anew, or where nothing of it is "
       "transparent, where it is bright; elsewhere the picture stays",
       true}};
  json::describe(std::span<const Member<ImagesRequest>>(kBoth), out);
  json::describe(std::span<const Member<ImagesRequest>>(kOfEdits), out);
  json::describe(kUnheeded, out);
  return out;
}

}  // namespace sirocco::openai
