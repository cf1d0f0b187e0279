#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sirocco::openai {

/// What is told of a model.
struct ModelCard {
  std::string id;            ///< by which requests name it
  std::int64_t created = 0;  ///< seconds since 1970, UTC
  std::int64_t context = 0;  ///< tokens that a prompt and its answer may have
  std::vector<std::string_view> capabilities = {};  ///< "chat", "completion", …
};

/// The body of an answer to /v1/models/ID.
std::string model_body(const ModelCard& card);
/// The body of an answer to /v1/models.
std::string models_body(std::span<const ModelCard> cards);

}  // namespace sirocco::openai
