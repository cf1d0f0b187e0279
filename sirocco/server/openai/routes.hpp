#pragma once

#include <vector>

#include "sirocco/server/http/routes.hpp"
#include "sirocco/server/service.hpp"

namespace sirocco::openai {

/// The routes of OpenAI's API; `service` outlives them.
std::vector<http::Route> openai_routes(const Service& service);

// A source each.

http::Task<http::Answered> answer_chat(const Service& service, http::Exchange& exchange);
http::Task<http::Answered> answer_completion(const Service& service, http::Exchange& exchange);
http::Task<http::Answered> answer_embeddings(const Service& service, http::Exchange& exchange);
http::Task<http::Answered> answer_transcription(const Service& service, http::Exchange& exchange);
http::Task<http::Answered> answer_translation(const Service& service, http::Exchange& exchange);
http::Task<http::Answered> answer_image_generation(const Service& service,
                                                   http::Exchange& exchange);
http::Task<http::Answered> answer_image_edit(const Service& service, http::Exchange& exchange);
http::Task<http::Answered> answer_rerank(const Service& service, http::Exchange& exchange);
http::Task<http::Answered> answer_models(const Service& service, http::Exchange& exchange);
http::Task<http::Answered> answer_model(const Service& service, http::Exchange& exchange);
http::Task<http::Answered> answer_response(const Service& service, http::Exchange& exchange);
// Of responses that are kept.
http::Task<http::Answered> answer_stored(const Service& service, http::Exchange& exchange);
http::Task<http::Answered> answer_deleted(const Service& service, http::Exchange& exchange);
http::Task<http::Answered> answer_input_items(const Service& service, http::Exchange& exchange);

}  // namespace sirocco::openai
