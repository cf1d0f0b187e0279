#pragma once

#include <string_view>

#include "sirocco/text/chat_template.hpp"

namespace sirocco {

/// The prompt up to where an answer that was begun breaks off: what the template wrote behind the
/// last message is left out, so that the model goes on with it. `message` is the message's content,
/// which isn't blank; templates may leave out the blanks around it. Throws UnsupportedError where
/// no data of the prompt ends with it, since the template has changed or left out the message.
RenderedPrompt continued_prompt(RenderedPrompt prompt, std::string_view message);

}  // namespace sirocco
