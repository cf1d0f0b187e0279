#include "sirocco/server/openai/routes.hpp"

#include <string>

#include "sirocco/server/api_routes.hpp"
#include "sirocco/server/openai/error_body.hpp"

namespace sirocco::openai {
namespace {

constexpr ApiRoute kRoutes[] = {
    {http::Method::kPost, "/v1/chat/completions", answer_chat},
    {http::Method::kPost, "/v1/completions", answer_completion},
    {http::Method::kPost, "/v1/embeddings", answer_embeddings},
    {http::Method::kPost, "/v1/audio/transcriptions", answer_transcription},
    {http::Method::kPost, "/v1/audio/translations", answer_translation},
    {http::Method::kPost, "/v1/images/generations", answer_image_generation},
    {http::Method::kPost, "/v1/images/edits", answer_image_edit},
    {http::Method::kPost, "/rerank", answer_rerank},
    {http::Method::kPost, "/v1/rerank", answer_rerank},
    {http::Method::kGet, "/v1/models", answer_models},
    {http::Method::kGet, "/v1/models/{model...}", answer_model},
    {http::Method::kPost, "/v1/responses", answer_response},
    {http::Method::kGet, "/v1/responses/{id}", answer_stored},
    {http::Method::kDelete, "/v1/responses/{id}", answer_deleted},
    {http::Method::kGet, "/v1/responses/{id}/input_items", answer_input_items},
};

std::string tell(const ApiError& error, const http::Request&) { return error_body(error); }

}  // namespace

std::vector<http::Route> openai_routes(const Service& service) {
  return api_routes(service, kRoutes, tell);
}

}  // namespace sirocco::openai
