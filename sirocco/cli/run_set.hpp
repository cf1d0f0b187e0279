#pragma once

#include <string>
#include <string_view>

#include "sirocco/cli/run_settings.hpp"
#include "sirocco/text/chat_template.hpp"

namespace sirocco {

/// Does what /set says in a chat, and returns what to say about it. `argument` is what follows:
///  - nothing: all settings and the variables of the chat template are listed
///  - NAME VALUE or NAME=VALUE: a setting, or else a variable of the template as set_variable takes
///    it; NAME= takes a variable back
///  - think [LEVEL] and nothink: as set_thinking
/// `chat_template` is null where there is none. Throws InvalidArgument that names what there is;
/// nothing has changed then.
std::string change_setting(RunSettings& settings, const ChatTemplate* chat_template,
                           std::string_view argument);

}  // namespace sirocco
