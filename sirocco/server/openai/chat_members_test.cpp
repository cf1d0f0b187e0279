// Each member of a chat's request: what is accepted, and how what isn't is refused.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sirocco/server/openai/chat_request.hpp"
#include "sirocco/server/request_testing.hpp"

namespace sirocco::openai {
namespace {

using json_testing::refusal_of;
using request_testing::AcceptedMember;
using request_testing::body_with;
using request_testing::RefusedMember;
using ::testing::IsEmpty;

/// A request with one more member than it needs.
ChatRequest with(std::string_view name, std::string_view value) {
  constexpr std::string_view kMessages = R"("messages":[{"role":"user","content":"Hi"}],)";
  return read_chat_request(
      json::parse(body_with(name == "messages" ? "" : kMessages, name, value)));
}

constexpr AcceptedMember kAccepted[] = {
    {"messages", R"([{"role":"user","content":"a"}])"},
    {"model", R"("m")"},
    {"model", "null"},
    {"max_tokens", "1"},
    {"max_tokens", "-1"},
    {"max_completion_tokens", "16777216"},
    {"n_predict", "5.0"},
    {"temperature", "0"},
    {"temperature", "100"},
    {"top_p", "0"},
    {"top_p", "1"},
    {"top_k", "-1"},
    {"top_k", "2147483647"},
    {"min_p", "0.05"},
    {"typical_p", "1"},
    {"repetition_penalty", "1.1"},
    {"repeat_penalty", "1.1"},
    {"repeat_last_n", "-1"},
    {"presence_penalty", "-2"},
    {"frequency_penalty", "2"},
    {"logit_bias", R"({"0":-100,"5":100,"7":false})"},
    {"logit_bias", "[[1,0.5],[2,false]]"},
    {"logit_bias", "{}"},
    {"min_tokens", "0"},
    {"seed", "-9223372036854775808"},
    {"seed", "9223372036854775807"},
    {"stop", R"("\n")"},
    {"stop", R"(["a","b","c","d","e"])"},
    {"stop", "[]"},
    {"n", "128"},
    {"stream", "true"},
    {"stream_options", "null"},
    {"ignore_eos", "true"},
    {"cache_prompt", "false"},
    {"priority", "-7"},
    {"timeout", "0.5"},
    {"logprobs", "true"},
    {"top_logprobs", "null"},
    {"response_format", R"({"type":"text"})"},
    {"chat_template_kwargs", R"({"enable_thinking":false,"a":1,"b":2.5,"c":"d","e":null})"},
    {"reasoning_effort", R"("xhigh")"},
    {"add_generation_prompt", "true"},
    {"continue_final_message", "false"},
    {"tools", "[]"},
    {"tool_choice", R"("none")"},
    {"parallel_tool_calls", "true"},
    {"functions", "[]"},
    {"function_call", R"("none")"},
    {"modalities", R"(["text"])"},
    {"audio", "null"},
    {"prediction", "null"},
    {"verbosity", R"("medium")"},
    {"web_search_options", "null"},
    {"chat_template", "null"},
    {"documents", "[]"},
    {"echo", "false"},
    {"add_special_tokens", "false"},
    {"user", R"("u")"},
    {"safety_identifier", R"("u")"},
    {"metadata", R"({"a":"b"})"},
    {"store", "false"},
    {"service_tier", R"("auto")"},
    {"prompt_cache_key", R"("k")"},
    {"prompt_cache_retention", R"("in_memory")"},
    {"best_of", "1"},
    {"use_beam_search", "false"},
    {"length_penalty", "1.0"},
    {"early_stopping", "false"},
    {"stop_token_ids", "[]"},
    {"include_stop_str_in_output", "false"},
    {"skip_special_tokens", "true"},
    {"spaces_between_special_tokens", "true"},
    {"bad_words", "[]"},
    {"allowed_token_ids", "[]"},
    {"prompt_logprobs", "0"},
    {"return_token_ids", "false"},
    {"return_tokens_as_token_ids", "false"},
    {"truncate_prompt_tokens", "-1"},
    {"timings_per_token", "false"},
    {"grammar", R"("")"},
    {"json_schema", "{}"},
    {"guided_json", "{}"},
    {"mirostat", "0"},
    {"mirostat_tau", "5"},
    {"mirostat_eta", "0.1"},
    {"dynatemp_range", "0.0"},
    {"dynatemp_exponent", "1"},
    {"xtc_probability", "0"},
    {"xtc_threshold", "0.1"},
    {"dry_multiplier", "0"},
    {"tfs_z", "1"},
    {"top_a", "0"},
    {"top_n_sigma", "-1"},
};

TEST(ChatMembers, AreAccepted) {
  for (const auto& [name, value] : kAccepted) {
    const auto refusal = refusal_of([&] { with(name, value); });
    EXPECT_FALSE(refusal) << name << ": " << value << ": " << *refusal;
  }
  EXPECT_THAT(request_testing::members_without_row(describe_chat_members(), kAccepted), IsEmpty());
}

constexpr RefusedMember kRefused[] = {
    {"messages", "[]", "messages", "invalid_value"},
    {"messages", "null", "messages", "missing_required_parameter"},
    {"messages", R"("Hi")", "messages", "invalid_type"},
    {"model", "3", "model", "invalid_type"},
    {"max_tokens", "0", "max_tokens", "invalid_value"},
    {"max_tokens", "-2", "max_tokens", "invalid_value"},
    {"max_tokens", "2.5", "max_tokens", "invalid_value"},
    {"max_tokens", "16777217", "max_tokens", "invalid_value"},
    {"max_completion_tokens", R"("5")", "max_completion_tokens", "invalid_value"},
    {"n_predict", "-2", "n_predict", "invalid_value"},
    {"temperature", "-0.1", "temperature", "invalid_value"},
    {"temperature", "100.5", "temperature", "invalid_value"},
    {"temperature", R"("hot")", "temperature", "invalid_type"},
    {"temperature", "true", "temperature", "invalid_type"},
    {"top_p", "1.1", "top_p", "invalid_value"},
    {"top_k", "-2", "top_k", "invalid_value"},
    {"top_k", "1e10", "top_k", "invalid_value"},
    {"min_p", "2", "min_p", "invalid_value"},
    {"typical_p", "0", "typical_p", "invalid_value"},
    {"repetition_penalty", "0", "repetition_penalty", "invalid_value"},
    {"repeat_penalty", "-1", "repeat_penalty", "invalid_value"},
    {"repeat_last_n", "-2", "repeat_last_n", "invalid_value"},
    {"presence_penalty", "2.1", "presence_penalty", "invalid_value"},
    {"frequency_penalty", "-2.1", "frequency_penalty", "invalid_value"},
    {"logit_bias", "5", "logit_bias", "invalid_type"},
    {"logit_bias", R"({"the":1})", "logit_bias.the", "invalid_value"},
    {"logit_bias", R"({"-1":1})", "logit_bias.-1", "invalid_value"},
    {"logit_bias", R"({"5":101})", "logit_bias.5", "invalid_value"},
    {"logit_bias", R"({"5":true})", "logit_bias.5", "invalid_type"},
    {"logit_bias", R"({"99999999999":1})", "logit_bias.99999999999", "invalid_value"},
    {"logit_bias", R"({"5":1,"05":1})", "logit_bias", "invalid_value"},
    {"logit_bias", "[[5,1],[5,2]]", "logit_bias", "invalid_value"},
    {"logit_bias", "[[5]]", "logit_bias[0]", "invalid_value"},
    {"logit_bias", "[[1,1],5]", "logit_bias[1]", "invalid_type"},
    {"logit_bias", R"([["a",1]])", "logit_bias[0][0]", "invalid_type"},
    {"min_tokens", "-1", "min_tokens", "invalid_value"},
    {"seed", "1.5", "seed", "invalid_type"},
    {"seed", "18446744073709551616", "seed", "invalid_type"},
    {"stop", R"("")", "stop", "invalid_value"},
    {"stop", R"(["a",""])", "stop[1]", "invalid_value"},
    {"stop", R"(["a",5])", "stop[1]", "invalid_type"},
    {"stop", "5", "stop", "invalid_type"},
    {"n", "0", "n", "invalid_value"},
    {"n", "129", "n", "invalid_value"},
    {"stream", "1", "stream", "invalid_type"},
    {"stream_options", R"({"include_usage":true})", "stream_options", "invalid_value"},
    {"stream_options", R"({"include_usage":5})", "stream_options.include_usage", "invalid_type"},
    {"stream_options", R"({"other":5})", "stream_options.other", "unknown_parameter"},
    {"stream_options", R"({"continuous_usage_stats":true})",
     "stream_options.continuous_usage_stats", "unsupported_value"},
    {"ignore_eos", "0", "ignore_eos", "invalid_type"},
    {"cache_prompt", R"("no")", "cache_prompt", "invalid_type"},
    {"priority", "1e12", "priority", "invalid_value"},
    {"timeout", "0", "timeout", "invalid_value"},
    {"timeout", "86401", "timeout", "invalid_value"},
    {"logprobs", "5", "logprobs", "invalid_type"},
    {"top_logprobs", "21", "top_logprobs", "invalid_value"},
    {"top_logprobs", "5", "top_logprobs", "invalid_value"},
    {"response_format", R"({"type":"json_object"})", "response_format.type", "unsupported_value"},
    {"response_format", R"({"type":"json_schema","json_schema":{}})", "response_format.type",
     "unsupported_value"},
    {"response_format", R"({"type":"foo"})", "response_format.type", "invalid_value"},
    {"response_format", R"({"type":"text","x":1})", "response_format.x", "unknown_parameter"},
    {"response_format", "{}", "response_format", "missing_required_parameter"},
    {"response_format", R"("text")", "response_format", "invalid_type"},
    {"chat_template_kwargs", R"({"a":[]})", "chat_template_kwargs.a", "invalid_type"},
    {"chat_template_kwargs", R"({"a":{"b":1}})", "chat_template_kwargs.a", "invalid_type"},
    {"chat_template_kwargs", "[]", "chat_template_kwargs", "invalid_type"},
    {"reasoning_effort", R"("huge")", "reasoning_effort", "invalid_value"},
    {"add_generation_prompt", "1", "add_generation_prompt", "invalid_type"},
    {"continue_final_message", "true", "continue_final_message", "invalid_value"},
    {"tools", R"([{"type":"function"}])", "tools", "unsupported_value"},
    {"tool_choice", R"("auto")", "tool_choice", "unsupported_value"},
    {"parallel_tool_calls", "1", "parallel_tool_calls", "unsupported_value"},
    {"functions", "[1]", "functions", "unsupported_value"},
    {"function_call", R"("auto")", "function_call", "unsupported_value"},
    {"modalities", R"(["text","audio"])", "modalities", "unsupported_value"},
    {"audio", R"({"voice":"a"})", "audio", "unsupported_value"},
    {"prediction", "{}", "prediction", "unsupported_value"},
    {"verbosity", R"("low")", "verbosity", "unsupported_value"},
    {"web_search_options", "{}", "web_search_options", "unsupported_value"},
    {"chat_template", R"("x")", "chat_template", "unsupported_value"},
    {"documents", "[{}]", "documents", "unsupported_value"},
    {"echo", "true", "echo", "unsupported_value"},
    {"add_special_tokens", "true", "add_special_tokens", "unsupported_value"},
    {"user", "5", "user", "unsupported_value"},
    {"safety_identifier", "5", "safety_identifier", "unsupported_value"},
    {"metadata", "[]", "metadata", "unsupported_value"},
    {"store", "true", "store", "unsupported_value"},
    {"service_tier", R"("flex")", "service_tier", "unsupported_value"},
    {"prompt_cache_key", "5", "prompt_cache_key", "unsupported_value"},
    {"prompt_cache_retention", R"("24h")", "prompt_cache_retention", "unsupported_value"},
    {"best_of", "2", "best_of", "unsupported_value"},
    {"use_beam_search", "true", "use_beam_search", "unsupported_value"},
    {"length_penalty", "2", "length_penalty", "unsupported_value"},
    {"early_stopping", "true", "early_stopping", "unsupported_value"},
    {"stop_token_ids", "[2]", "stop_token_ids", "unsupported_value"},
    {"include_stop_str_in_output", "true", "include_stop_str_in_output", "unsupported_value"},
    {"skip_special_tokens", "false", "skip_special_tokens", "unsupported_value"},
    {"spaces_between_special_tokens", "5", "spaces_between_special_tokens", "unsupported_value"},
    {"bad_words", R"(["a"])", "bad_words", "unsupported_value"},
    {"allowed_token_ids", "[1]", "allowed_token_ids", "unsupported_value"},
    {"prompt_logprobs", "1", "prompt_logprobs", "unsupported_value"},
    {"return_token_ids", "true", "return_token_ids", "unsupported_value"},
    {"return_tokens_as_token_ids", "true", "return_tokens_as_token_ids", "unsupported_value"},
    {"truncate_prompt_tokens", "5", "truncate_prompt_tokens", "unsupported_value"},
    {"timings_per_token", "true", "timings_per_token", "unsupported_value"},
    {"grammar", R"("root ::= x")", "grammar", "unsupported_value"},
    {"json_schema", R"({"type":"object"})", "json_schema", "unsupported_value"},
    {"guided_json", R"({"type":"object"})", "guided_json", "unsupported_value"},
    {"mirostat", "2", "mirostat", "unsupported_value"},
    {"mirostat_tau", R"("a")", "mirostat_tau", "unsupported_value"},
    {"mirostat_eta", R"("a")", "mirostat_eta", "unsupported_value"},
    {"dynatemp_range", "0.5", "dynatemp_range", "unsupported_value"},
    {"dynatemp_exponent", R"("a")", "dynatemp_exponent", "unsupported_value"},
    {"xtc_probability", "0.5", "xtc_probability", "unsupported_value"},
    {"xtc_threshold", R"("a")", "xtc_threshold", "unsupported_value"},
    {"dry_multiplier", "0.8", "dry_multiplier", "unsupported_value"},
    {"tfs_z", "0.5", "tfs_z", "unsupported_value"},
    {"top_a", "0.5", "top_a", "unsupported_value"},
    {"top_n_sigma", "1", "top_n_sigma", "unsupported_value"},
    {"temprature", "1", "temprature", "unknown_parameter"},
    {"logits", "1", "logits", "unknown_parameter"},
};

TEST(ChatMembers, AreRefusedByName) {
  for (const auto& [name, value, param, code] : kRefused) {
    const auto refusal = refusal_of([&] { with(name, value); });
    ASSERT_TRUE(refusal) << name << ": " << value;
    EXPECT_EQ(refusal->param, param) << name << ": " << value << ": " << *refusal;
    EXPECT_EQ(refusal->code, code) << name << ": " << value << ": " << *refusal;
  }
  EXPECT_THAT(request_testing::members_without_row(describe_chat_members(), kRefused), IsEmpty());
}

TEST(ChatMembers, AreWhatTheSamplerTakes) {
  for (const auto& [name, value] : kAccepted) {
    const SamplingParams params = with(name, value).generation.sampling.over({}, 0);
    EXPECT_NO_THROW(validate(params, 1000)) << name << ": " << value;
  }
}

}  // namespace
}  // namespace sirocco::openai
