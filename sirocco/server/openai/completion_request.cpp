#include "sirocco/server/openai/completion_request.hpp"

#include <fmt/format.h>

#include <array>
#include <span>
#include <utility>

#include "sirocco/server/invalid_request.hpp"

namespace sirocco::openai {
namespace {

using json::Boolean;
using json::Described;
using json::Field;
using json::Integer;
using json::Member;
using json::MemberReader;
using json::OneOf;
using json::put;
using json::Text;
using json::UnheededMember;

/// OpenAI's limit for this endpoint.
constexpr int kMaxAlternatives = 5;

struct Body {
  std::vector<PromptInput> prompts;
  std::optional<std::string> suffix;
  std::optional<int> best_of;
  std::optional<int> alternatives;
  bool echo = false;
};

void put_prompts(Body& out, const Field& field) {
  out.prompts = read_prompt_inputs(field, kMaxChoices);
}

void put_suffix(Body& out, const Field& field) {
  if (!field.text().empty()) out.suffix = field.text();
}

/// Scoring a prompt is to echo it and to generate nothing.
void put_max_tokens_or_none(Generation& out, const Field& field) {
  if (field.value() == json::Value(std::int64_t{0})) {
    out.max_tokens = 0;
  } else {
    put_max_tokens(out, field);
  }
}

constexpr std::string_view kMaxTokensOrNone =
    "a whole number of at least 1, -1 for the default limit, or, with echo, 0";

constexpr std::array kLimits = {
    Member<Generation>{"max_tokens", Described{kMaxTokensOrNone}, put_max_tokens_or_none,
                       "tokens of an answer at most"},
    Member<Generation>{"n_predict", Described{kMaxTokensOrNone}, put_max_tokens_or_none,
                       "another name for max_tokens"},
};

constexpr std::array kBody = {
    Member<Body>{"prompt", Described{kPromptInputWords}, put_prompts, "what the answers continue"},
    Member<Body>{"suffix", Text(), put_suffix,
                 "the text behind the answer, for models that fill in"},
    Member<Body>{"echo", Boolean(), put<&Body::echo>, "an answer begins with its prompt"},
    Member<Body>{"logprobs", Integer{0, kMaxAlternatives}, put<&Body::alternatives>,
                 "tell the log-probabilities of the answer's tokens, and those of so many "
                 "likeliest ones besides"},
    Member<Body>{"best_of", Integer{1, kMaxChoices}, put<&Body::best_of>,
                 "as n: all answers are returned"},
};

constexpr std::array kUnheeded = {
    UnheededMember{"response_format", OneOf{R"([{"type": "text"}])"}, "answers aren't constrained"},
    UnheededMember{"add_special_tokens", OneOf{"[true]"}, "a text begins as the model wants it"},
};

}  // namespace

CompletionRequest read_completion_request(const json::Value& body_value) {
  const Field whole(body_value);
  MemberReader reader(whole);
  CompletionRequest out;
  Generation& generation = out.generation;
  reader.read(generation, kLimits);
  read_choices(reader, generation);
  read_generation(reader, generation);
  Body body;
  reader.read(body, kBody);
  reader.pass(kUnheeded);
  reader.finish();

  if (body.prompts.empty())
    throw InvalidRequest("prompt", "missing_required_parameter", "there is no prompt");
  if (generation.max_tokens == 0 && !body.echo) {
    const auto named = reader.find("max_tokens");
    (named ? *named : *reader.find("n_predict"))
        .fail("invalid_value", "nothing is to be generated, nor the prompt to be echoed");
  }
  if (body.best_of && body.best_of != generation.choices) {
    reader.find("best_of")->fail(
        "unsupported_value",
        fmt::format("found {}, but n is {}; all answers are returned, so that they must be equal",
                    *body.best_of, generation.choices));
  }
  if (body.prompts.size() > static_cast<std::size_t>(kMaxChoices / generation.choices)) {
    reader.find("prompt")->fail(
        "invalid_value", fmt::format("found {} prompts, and {} answers are wanted to each; there "
                                     "are {} answers to a request at most",
                                     body.prompts.size(), generation.choices, kMaxChoices));
  }
  generation.alternatives = body.alternatives;
  out.prompts = std::move(body.prompts);
  out.suffix = std::move(body.suffix);
  out.echo = body.echo;
  return out;
}

std::vector<json::MemberDescription> describe_completion_members() {
  std::vector<json::MemberDescription> out;
  json::describe(std::span<const Member<Body>>(kBody), out);
  json::describe(std::span<const Member<Generation>>(kLimits), out);
  json::describe(choice_members(), out);
  describe_generation(out);
  json::describe(std::span<const UnheededMember>(kUnheeded), out);
  json::describe(unkept_members(), out);
  json::describe(unheeded_members(), out);
  return out;
}

}  // namespace sirocco::openai
