#include "sirocco/server/openai/generation.hpp"

#include <array>
#include <span>

namespace sirocco::openai {
namespace {

using json::Boolean;
using json::Described;
using json::Field;
using json::Integer;
using json::Member;
using json::Number;
using json::ObjectOf;
using json::OneOf;
using json::put;
using json::Text;
using json::UnheededMember;

constexpr std::array kStreamOptions = {
    Member<Generation>{"include_usage", Boolean(), put<&Generation::include_usage>,
                       "one more chunk, without choices, tells the usage"},
};
constexpr std::array kUnheededStreamOptions = {
    UnheededMember{"include_obfuscation", Boolean(), "chunks are never padded"},
    UnheededMember{"continuous_usage_stats", OneOf{"[false]"}, "usage is told once"},
};

void put_stream_options(Generation& out, const Field& field) {
  json::MemberReader reader(field);
  reader.read(out, kStreamOptions);
  reader.pass(kUnheededStreamOptions);
  reader.finish();
}

constexpr std::array kSampling = {
    Member<AskedSampling>{"temperature", Number{0, 100}, put<&AskedSampling::temperature>,
                          "how freely tokens are chosen; 0: always the likeliest"},
};

constexpr std::array kGeneration = {
    Member<Generation>{"stop",
                       Described{"a text, or an array of at most 64, each of 1 to 1024 bytes"},
                       put_stop, "the answer ends before this text"},
};

constexpr std::array kChoices = {
    Member<Generation>{"n", Integer{1, kMaxChoices}, put<&Generation::choices>,
                       "how many answers to the prompt"},
    Member<Generation>{"stream_options", ObjectOf{"members"}, put_stream_options,
                       "include_usage: one more chunk, without choices, tells the usage"},
};

constexpr std::array kUnkept = {
    UnheededMember{"metadata", ObjectOf{"texts"}, "nothing of a request is kept"},
    UnheededMember{"store", OneOf{"[false]"}, "nothing of a request is kept"},
};

// Members of OpenAI's own, of llama.cpp's and of vLLM's that clients send without meaning more by
// it than what happens anyway.
constexpr std::array kUnheeded = {
    UnheededMember{"user", Text(), "it is for statistics that nobody keeps"},
    UnheededMember{"safety_identifier", Text(), "it is for statistics that nobody keeps"},
    UnheededMember{"service_tier", OneOf{R"(["auto", "default"])"}, "there is one tier"},
    UnheededMember{"prompt_cache_key", Text(), "cached prompts are found by their content"},
    UnheededMember{"prompt_cache_retention", OneOf{R"(["in_memory", "in-memory"])"},
                   "cached prompts stay as long as there is memory"},
    UnheededMember{"use_beam_search", OneOf{"[false]"}, "there is no beam search"},
    UnheededMember{"length_penalty", OneOf{"[1]"}, "there is no beam search"},
    UnheededMember{"early_stopping", OneOf{"[false]"}, "there is no beam search"},
    UnheededMember{"stop_token_ids", OneOf{"[[]]"}, "an answer ends at stop strings only"},
    UnheededMember{"include_stop_str_in_output", OneOf{"[false]"},
                   "a stop string is no part of the answer"},
    UnheededMember{"skip_special_tokens", OneOf{"[true]"},
                   "control tokens are no part of the answer's text"},
    UnheededMember{"spaces_between_special_tokens", Boolean(),
                   "control tokens are no part of the answer's text"},
    UnheededMember{"bad_words", OneOf{"[[]]"}, "words can't be forbidden"},
    UnheededMember{"allowed_token_ids", OneOf{"[[]]"}, "tokens can't be allowed one by one"},
    UnheededMember{"prompt_logprobs", OneOf{"[0]"}, "the prompt's aren't told"},
    UnheededMember{"return_token_ids", OneOf{"[false]"}, "ids aren't told"},
    UnheededMember{"return_tokens_as_token_ids", OneOf{"[false]"}, "tokens are told as texts"},
    UnheededMember{"truncate_prompt_tokens", OneOf{"[-1]"}, "a prompt is never cut"},
    UnheededMember{"timings_per_token", OneOf{"[false]"}, "timings come at the end"},
    UnheededMember{"grammar", OneOf{R"([""])"}, "answers aren't constrained"},
    UnheededMember{"json_schema", OneOf{"[{}]"}, "answers aren't constrained"},
    UnheededMember{"guided_json", OneOf{"[{}]"}, "answers aren't constrained"},
    UnheededMember{"mirostat", OneOf{"[0]"}, "there is no such sampler"},
    UnheededMember{"mirostat_tau", Number(), "there is no such sampler"},
    UnheededMember{"mirostat_eta", Number(), "there is no such sampler"},
    UnheededMember{"dynatemp_range", OneOf{"[0]"}, "there is no such sampler"},
    UnheededMember{"dynatemp_exponent", Number(), "there is no such sampler"},
    UnheededMember{"xtc_probability", OneOf{"[0]"}, "there is no such sampler"},
    UnheededMember{"xtc_threshold", Number{0, 1}, "there is no such sampler"},
    UnheededMember{"dry_multiplier", OneOf{"[0]"}, "there is no such sampler"},
    UnheededMember{"tfs_z", OneOf{"[1]"}, "there is no such sampler"},
    UnheededMember{"top_a", OneOf{"[0]"}, "there is no such sampler"},
    UnheededMember{"top_n_sigma", OneOf{"[-1, 0]"}, "there is no such sampler"},
};

}  // namespace

void put_max_tokens(Generation& out, const Field& field) {
  constexpr Integer kRange{-1, kMaxTokens};
  const auto tokens = field.is(kRange) ? field.integer(kRange) : 0;
  if (tokens == 0) field.fail_expecting("invalid_value", kMaxTokensWords);
  if (tokens > 0) out.max_tokens = tokens;
}

void read_generation(json::MemberReader& reader, Generation& out) {
  reader.read(out.sampling, kSampling);
  reader.read(out, kGeneration);
  read_common_members(reader, out);
  reader.pass(kUnheeded);

  if (const auto options = reader.find("stream_options"); options && !out.stream)
    options->fail("invalid_value", "there is no stream; expected stream to be true");
}

void describe_generation(std::vector<json::MemberDescription>& out) {
  json::describe(model_members(), out);
  json::describe(std::span<const Member<Generation>>(kGeneration), out);
  json::describe(generation_members(), out);
  json::describe(std::span<const Member<AskedSampling>>(kSampling), out);
  json::describe(sampling_members(), out);
}
std::span<const UnheededMember> unheeded_members() { return kUnheeded; }
std::span<const Member<Generation>> choice_members() { return kChoices; }
std::span<const UnheededMember> unkept_members() { return kUnkept; }

void read_choices(json::MemberReader& reader, Generation& out) {
  reader.read(out, choice_members());
  reader.pass(unkept_members());
}

}  // namespace sirocco::openai
