#pragma once

#include <string>

#include "sirocco/cli/run_answer.hpp"

namespace sirocco {

/// Talks with a person on the terminal until that one leaves. Returns then; what goes wrong with
/// one message is said and doesn't end the conversation.
void chat_on_terminal(Answerer& answerer, RunSettings settings, const std::string& system,
                      bool quiet);

}  // namespace sirocco
