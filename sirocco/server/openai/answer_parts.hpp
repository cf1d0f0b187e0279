#pragma once

#include <span>
#include <string>
#include <string_view>

#include "sirocco/server/answer.hpp"
#include "sirocco/server/json/writer.hpp"

namespace sirocco::openai {

/// What ends each stream.
inline constexpr std::string_view kStreamEnd = "[DONE]";

/// A token's bytes as a text: those that aren't part of a whole character are written as \xNN, as
/// OpenAI writes them, so that different tokens have different texts.
std::string token_text(std::string_view bytes);

/// A log-probability as JSON can tell it: of what can't be, or isn't known to be a number, -9999,
/// as OpenAI has it.
float told_log_probability(float value);

/// "stop" or "length".
std::string_view finish_name(Finish finish);

/// An array with an entry for each token, half a character too: `token` is as token_text has it,
/// `bytes` are the token's own.
void write_tokens(json::Writer& out, std::span<const AnswerToken> tokens);

// Members of an object that is open.

/// id, object, created, model and system_fingerprint.
void write_head(json::Writer& out, const AnswerHead& head, std::string_view object);
/// usage: {"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details"}.
void write_usage(json::Writer& out, const Usage& usage);

}  // namespace sirocco::openai
