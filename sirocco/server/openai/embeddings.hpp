#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/server/json/members.hpp"
#include "sirocco/server/json/value.hpp"
#include "sirocco/server/openai/chat_message.hpp"
#include "sirocco/server/openai/prompt_input.hpp"

namespace sirocco::openai {

/// Texts that one request may hold.
inline constexpr std::size_t kMaxEmbeddingInputs = 2048;

enum class EmbeddingFormat : std::uint8_t {
  kNumbers,  ///< an array of numbers
  kBase64,   ///< of little-endian floats of 32 bits
};

/// A request to /v1/embeddings.
struct EmbeddingRequest {
  std::optional<std::string> model;
  // One of the two has at least one; the other is empty.
  std::vector<PromptInput> inputs;    ///< a vector is wanted of each
  std::vector<ChatMessage> messages;  ///< of the conversation that they are, one vector is wanted
  EmbeddingFormat format = EmbeddingFormat::kNumbers;
  std::optional<std::int64_t> dimensions;  ///< numbers of a vector; without, all of the model's
};

/// Reads the body of a request. Throws as read_chat_request.
EmbeddingRequest read_embedding_request(const json::Value& body);

/// All members of a request, for documentation.
std::vector<json::MemberDescription> describe_embedding_members();

/// The first so many numbers of a vector, made as long as 1 again; all without a number. Throws
/// InvalidRequest for more than there are.
std::vector<float> shortened(std::span<const float> vector, std::optional<std::int64_t> dimensions);

/// The body of the answer: a list of embeddings in the order of the inputs. `prompt_tokens` are
/// those of all inputs together.
std::string embeddings_body(std::string_view model, std::span<const std::vector<float>> vectors,
                            EmbeddingFormat format, std::int64_t prompt_tokens);

}  // namespace sirocco::openai
