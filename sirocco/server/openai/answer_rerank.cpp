#include <fmt/format.h>

#include <span>
#include <utility>

#include "sirocco/server/generate.hpp"
#include "sirocco/server/json/value.hpp"
#include "sirocco/server/openai/rerank.hpp"
#include "sirocco/server/openai/routes.hpp"
#include "sirocco/server/openai/vectors.hpp"

namespace sirocco::openai {
namespace {

struct Work {
  ModelLease model;
  RerankRequest request;
  std::vector<EmbeddingJob> inputs;  // the query's first
};

/// The prompts that models of the kind have for the two.
constexpr std::string_view kQueryPrompt = "query";
constexpr std::string_view kDocumentPrompt = "document";

Work prepared_rerank(const Service& service, const std::string& body) {
  Work out;
  out.request = read_rerank_request(json::parse(body));
  out.model = named_model_for(service, out.request.model, ServedUse::kEmbedding);
  const Handle<EmbeddingPipeline>& pipeline = vector_pipeline(*out.model);
  const auto add = [&](const std::string& text, const std::string& param, std::string_view prompt) {
    std::vector<TokenId> tokens = vector_tokens(*out.model, text, param, prompt);
    require_vector_tokens(pipeline, tokens, param);
    out.inputs.push_back({std::move(tokens)});
  };
  add(out.request.query, "query", kQueryPrompt);
  for (std::size_t i = 0; i < out.request.documents.size(); ++i)
    add(out.request.documents[i], fmt::format("documents[{}]", i), kDocumentPrompt);
  return out;
}

}  // namespace

http::Task<http::Answered> answer_rerank(const Service& service, http::Exchange& exchange) {
  const Work work =
      co_await exchange.off_thread([&] { return prepared_rerank(service, exchange.take_body()); });
  const std::vector<std::vector<float>> vectors =
      co_await made_vectors(service, exchange, *work.model, work.inputs);
  const std::span documents = std::span(vectors).subspan(1);
  const auto top = static_cast<std::size_t>(work.request.top.value_or(std::ssize(documents)));
  const auto results = ranked(vectors.front(), documents, top);
  co_return co_await exchange.respond(http::json_response(
      rerank_body(work.model->name, work.request, results, count_rows(work.inputs))));
}

}  // namespace sirocco::openai
