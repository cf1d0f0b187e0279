#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/server/json/members.hpp"
#include "sirocco/server/json/value.hpp"

namespace sirocco::openai {

/// Documents that one request may rank.
inline constexpr std::size_t kMaxRankedDocuments = 2047;

/// A request to /v1/rerank: which documents answer a query best. The members are those that Jina,
/// Cohere and vLLM share.
struct RerankRequest {
  std::optional<std::string> model;
  std::string query;
  std::vector<std::string> documents;  ///< at least one
  std::optional<std::int64_t> top;     ///< so many of the best; without, all
  bool return_documents = false;
};

/// Reads the body of a request. Throws as read_chat_request.
RerankRequest read_rerank_request(const json::Value& body);

/// All members of a request, for documentation.
std::vector<json::MemberDescription> describe_rerank_members();

struct RankedDocument {
  std::size_t index;
  float score;  ///< the cosine between its vector and the query's
};
/// The `top` best documents by their vectors: the best first, of equals the earlier one.
std::vector<RankedDocument> ranked(std::span<const float> query,
                                   std::span<const std::vector<float>> documents, std::size_t top);

/// The body of the answer. `prompt_tokens` are those of all texts together.
std::string rerank_body(std::string_view model, const RerankRequest& request,
                        std::span<const RankedDocument> ranked, std::int64_t prompt_tokens);

}  // namespace sirocco::openai
