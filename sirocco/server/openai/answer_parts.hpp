#pragma once

#include <span>
#include <string>
#include <string_view>

#include "sirocco/server/json/writer.hpp"
#include "sirocco/server/openai/answer.hpp"

namespace sirocco::openai {

/// What ends each stream.
inline constexpr std::string_view kStreamEnd = "[DONE]";

/// A token's bytes as a text: those that aren't part of a whole character are written as \xNN, as
/// OpenAI writes them, so that different tokens have different texts.
std::string token_text(std::string_view bytes);

/// A log-probability as JSON can tell it: of what can't be, or isn't known to be a number, -9999,
/// as OpenAI has it.
float told_log_probability(float value);

/// An array with an entry for each token, half a character too: `token` is as token_text has it,
/// `bytes` are the token's own.
void write_tokens(json::Writer& out, std::span<const AnswerToken> tokens);

// Members of an object that is open.

/// id, object, created, model and system_fingerprint.
void write_head(json::Writer& out, const AnswerHead& head, std::string_view object);
/// usage: {"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details"}.
void write_usage(json::Writer& out, const Usage& usage);
/// timings, with llama.cpp's names, and warnings if there are any. `prompt_n` are the tokens that
/// were computed, and `prompt_ms` the time from admission to the first token; `predicted_ms` is the
/// time from the first token to the last, so that rates are of all tokens but the first.
/// `queued_ms` is the wait for admission.
void write_details(json::Writer& out, const AnswerTotals& totals);

}  // namespace sirocco::openai
