#pragma once

#include <string>
#include <vector>

#include "sirocco/cli/run_answer.hpp"

namespace sirocco {

/// Talks with a person on the terminal until that one leaves. Returns then; what goes wrong with
/// one message is said and doesn't end the conversation. `wraps`: lines of answers are broken
/// between words, until /wrap says otherwise.
/// `shown` are pictures and sounds of the first message.
void chat_on_terminal(Answerer& answerer, RunSettings settings, const std::string& system,
                      std::vector<ShownFile> shown, bool wraps, bool quiet);

}  // namespace sirocco
