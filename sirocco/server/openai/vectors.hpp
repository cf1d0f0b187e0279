#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/engine/served_model.hpp"
#include "sirocco/server/http/exchange.hpp"
#include "sirocco/server/service.hpp"

namespace sirocco::openai {

// Vectors of texts and pictures, for whatever an API makes of them.

/// What makes the vectors of a model that can be asked for embeddings. Throws as
/// ServedText::embeddings.
const Handle<EmbeddingPipeline>& vector_pipeline(const ServedModel& model);

/// The tokens that a text's vector is made of. `prompt` names one of the prompts of an embedding
/// model, which is put before the text where the model has it. Throws InvalidRequest, about
/// `param`, for a text that is empty or too long.
std::vector<TokenId> vector_tokens(const ServedModel& model, const std::string& text,
                                   const std::string& param, std::string_view prompt = {});
/// Throws InvalidRequest, about `param`, for tokens that the pipeline can't take.
void require_vector_tokens(const Handle<EmbeddingPipeline>& pipeline,
                           std::span<const TokenId> tokens, const std::string& param);

/// The vectors of jobs, in their order. Keeps the exchange's figures. Throws ApiFailure where one
/// can't be made, http::ClientGone.
http::Task<std::vector<std::vector<float>>> made_vectors(const Service& service,
                                                         http::Exchange& exchange,
                                                         const ServedModel& model,
                                                         std::span<const EmbeddingJob> jobs);
/// Rows of all jobs together: tokens, and one for each picture.
std::int64_t count_rows(std::span<const EmbeddingJob> jobs);

}  // namespace sirocco::openai
