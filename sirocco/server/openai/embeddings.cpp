#include "sirocco/server/openai/embeddings.hpp"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "sirocco/base/base64.hpp"
#include "sirocco/server/invalid_request.hpp"
#include "sirocco/server/json/writer.hpp"

namespace sirocco::openai {
namespace {

using json::Described;
using json::Field;
using json::Integer;
using json::Member;
using json::OneOf;
using json::put;
using json::Text;
using json::UnheededMember;

constexpr std::int64_t kMaxDimensions = std::int64_t{1} << 20;

void put_inputs(EmbeddingRequest& out, const Field& field) {
  out.inputs = read_prompt_inputs(field, kMaxEmbeddingInputs);
}

void put_messages(EmbeddingRequest& out, const Field& field) {
  out.messages = read_messages(field);
}

void put_format(EmbeddingRequest& out, const Field& field) {
  out.format = field.text() == "base64" ? EmbeddingFormat::kBase64 : EmbeddingFormat::kNumbers;
}

constexpr std::array kMembers = {
    Member<EmbeddingRequest>{"model", Text{1024}, put<&EmbeddingRequest::model>,
                             "which model makes them"},
    Member<EmbeddingRequest>{"input", Described{kPromptInputWords}, put_inputs,
                             "what vectors are wanted of"},
    Member<EmbeddingRequest>{"messages", json::ListOf{"messages", 1}, put_messages,
                             "in place of input: a conversation of which one vector is wanted"},
    Member<EmbeddingRequest>{"encoding_format", OneOf{R"(["float", "base64"])"}, put_format,
                             "numbers, or base64 of little-endian floats of 32 bits"},
    Member<EmbeddingRequest>{"dimensions", Integer{1, kMaxDimensions},
                             put<&EmbeddingRequest::dimensions>,
                             "the first so many numbers of each vector, made as long as 1 again"},
};
constexpr std::array kUnheeded = {
    UnheededMember{"user", Text(), "it is for statistics that nobody keeps"},
    UnheededMember{"truncate_prompt_tokens", OneOf{"[-1]"}, "an input is never cut"},
    UnheededMember{"add_generation_prompt", OneOf{"[false]"},
                   "a vector is of the conversation as it stands"},
    UnheededMember{"continue_final_message", OneOf{"[false]"},
                   "a vector is of the conversation as it stands"},
    UnheededMember{"add_special_tokens", OneOf{"[true]"}, "a text begins as the model wants it"},
};

static_assert(std::endian::native == std::endian::little);

}  // namespace

EmbeddingRequest read_embedding_request(const json::Value& body) {
  EmbeddingRequest out = json::read_body(body, kMembers, kUnheeded, {});
  if (out.inputs.empty() && out.messages.empty())
    throw InvalidRequest("input", "missing_required_parameter", "there is no input");
  if (!out.inputs.empty() && !out.messages.empty()) {
    throw InvalidRequest("messages", "invalid_value",
                         "messages: there is an input too; a request has one of the two");
  }
  return out;
}

std::vector<json::MemberDescription> describe_embedding_members() {
  return json::described_members(kMembers, kUnheeded);
}

std::vector<float> shortened(std::span<const float> vector,
                             std::optional<std::int64_t> dimensions) {
  if (!dimensions || *dimensions == std::ssize(vector)) return {vector.begin(), vector.end()};
  if (*dimensions > std::ssize(vector)) {
    throw InvalidRequest("dimensions", "invalid_value",
                         fmt::format("dimensions: found {}; the model's vectors have {}",
                                     *dimensions, vector.size()));
  }
  const auto kept = vector.first(static_cast<std::size_t>(*dimensions));
  double squares = 0;
  for (const float x : kept) squares += static_cast<double>(x) * x;
  std::vector<float> out(kept.begin(), kept.end());
  if (squares == 0) return out;
  const double scale = 1 / std::sqrt(squares);
  for (float& x : out) x = static_cast<float>(x * scale);
  return out;
}

std::string embeddings_body(std::string_view model, std::span<const std::vector<float>> vectors,
                            EmbeddingFormat format, std::int64_t prompt_tokens) {
  json::Writer out;
  out.open_object().member("object", "list").name("data").open_array();
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    out.open_object().member("object", "embedding").member("index", static_cast<std::int64_t>(i));
    out.name("embedding");
    if (format == EmbeddingFormat::kBase64) {
      out.text(base64_text(std::as_bytes(std::span(vectors[i]))));
    } else {
      out.open_array();
      for (const float x : vectors[i]) out.number(x);
      out.close_array();
    }
    out.close_object();
  }
  out.close_array().member("model", model).name("usage").open_object();
  out.member("prompt_tokens", prompt_tokens).member("total_tokens", prompt_tokens).close_object();
  out.close_object();
  return out.take();
}

}  // namespace sirocco::openai
