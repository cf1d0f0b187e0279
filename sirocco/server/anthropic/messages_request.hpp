#pragma once

#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "sirocco/server/generation.hpp"
#include "sirocco/server/json/members.hpp"
#include "sirocco/server/json/value.hpp"
#include "sirocco/server/message_content.hpp"
#include "sirocco/text/chat_format.hpp"
#include "sirocco/text/chat_template.hpp"

namespace sirocco::anthropic {

/// What one of the two says before the other does.
struct Turn {
  std::string role;        ///< "user" or "assistant"
  MessageContent content;  ///< an assistant's shows no pictures
  friend bool operator==(const Turn&, const Turn&) = default;
};

/// A request to /v1/messages, or to count what its prompt would have.
struct MessagesRequest {
  Generation generation;    ///< of a count, only the model
  std::string system;       ///< how the model is to behave; empty: as it does
  std::vector<Turn> turns;  ///< of user and assistant in turn; at least one
  bool continued = false;   ///< the last turn, the assistant's, is the answer's beginning
};

/// Reads the body of a request to /v1/messages. Blocks of text, and contents of messages of one
/// role that follow each other, have newlines between them. Throws InvalidRequest
/// for what it can't be, and names the member that is wrong, unknown or not supported.
MessagesRequest read_messages_request(const json::Value& body);
/// The same for /v1/messages/count_tokens.
MessagesRequest read_count_request(const json::Value& body);

/// The pictures of all turns, in their order.
std::vector<SentMedium> media_of(const MessagesRequest& request);

/// The prompt, as the model's format makes it; a template that can be told so lets the model answer
/// without thinking first. `clock` is as ChatContext has it. Throws as ChatFormat::render, and as
/// continued_prompt where the last message is to be continued.
RenderedPrompt messages_prompt(const MessagesRequest& request, const ChatFormat& format,
                               std::function<std::tm()> clock = {});

// All members of requests, for documentation.
std::vector<json::MemberDescription> describe_messages_members();
std::vector<json::MemberDescription> describe_count_members();

}  // namespace sirocco::anthropic
