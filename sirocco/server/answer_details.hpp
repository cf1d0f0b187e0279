#pragma once

#include "sirocco/server/answer.hpp"
#include "sirocco/server/json/writer.hpp"

namespace sirocco {

/// What every API's answers tell at their end beside its own members, into an object that is open:
/// timings, with llama.cpp's names, and warnings if there are any. `prompt_n` are the tokens that
/// were computed, and `prompt_ms` the time from admission to the first token; `predicted_ms` is the
/// time from the first token to the last, so that rates are of all tokens but the first.
/// `queued_ms` is the wait for admission.
void write_details(json::Writer& out, const AnswerTotals& totals);

}  // namespace sirocco
