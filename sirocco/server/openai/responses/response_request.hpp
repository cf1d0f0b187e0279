#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/server/json/members.hpp"
#include "sirocco/server/json/value.hpp"
#include "sirocco/server/openai/chat_request.hpp"
#include "sirocco/server/openai/generation.hpp"
#include "sirocco/server/openai/responses/message_item.hpp"

namespace sirocco::openai {

/// What a response repeats of the request that it answers.
struct ResponseTerms {
  std::optional<std::string> instructions;
  std::optional<std::string> previous_response_id;
  std::vector<std::pair<std::string, std::string>> metadata;
  std::optional<std::string> reasoning_effort;  ///< of kReasoningEfforts
  std::optional<std::string> user;
  std::optional<std::string> safety_identifier;
  std::optional<std::string> prompt_cache_key;
  std::optional<int> alternatives;  ///< as Generation has it
  std::optional<std::int64_t> max_output_tokens;
  std::string tool_choice = "auto";
  bool parallel_tool_calls = true;
  bool store = true;
};

/// A request to /v1/responses.
struct ResponseRequest {
  Generation generation;  ///< of one answer
  ResponseTerms terms;
  std::vector<InputItem> input;  ///< at least one
  std::vector<TemplateVariable> variables;
};

/// Reads the body of a request. Throws InvalidRequest for what it can't be, and names the member
/// that is wrong, unknown or not supported.
ResponseRequest read_response_request(const json::Value& body);

/// All members of a request, for documentation.
std::vector<json::MemberDescription> describe_response_members();

}  // namespace sirocco::openai
