#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sirocco/server/json/members.hpp"
#include "sirocco/server/json/value.hpp"
#include "sirocco/server/openai/generation.hpp"
#include "sirocco/server/openai/prompt_input.hpp"

namespace sirocco::openai {

/// A request to /v1/completions.
struct CompletionRequest {
  /// `max_tokens` is 0 only where the prompt is echoed: nothing is generated then.
  Generation generation;
  std::vector<PromptInput> prompts;   ///< at least one
  std::optional<std::string> suffix;  ///< the text behind the answer; for models that fill in
  bool echo = false;                  ///< an answer begins with its prompt

  /// Answers to all prompts; the j-th to the i-th has the index i · n + j.
  int total_choices() const { return static_cast<int>(prompts.size()) * generation.choices; }
};

/// Reads the body of a request. Throws as read_chat_request.
CompletionRequest read_completion_request(const json::Value& body);

/// All members of a request, for documentation.
std::vector<json::MemberDescription> describe_completion_members();

}  // namespace sirocco::openai
