#include <fmt/format.h>

#include <utility>

#include "sirocco/server/generate.hpp"
#include "sirocco/server/json/value.hpp"
#include "sirocco/server/openai/embeddings.hpp"
#include "sirocco/server/openai/routes.hpp"
#include "sirocco/server/openai/vectors.hpp"

namespace sirocco::openai {
namespace {

struct Work {
  ModelLease model;
  EmbeddingRequest request;
  std::vector<std::vector<TokenId>> inputs;
};

std::vector<TokenId> tokens_of(const ServedModel& model, const PromptInput& input,
                               const std::string& param) {
  if (const auto* tokens = std::get_if<std::vector<TokenId>>(&input)) return *tokens;
  return vector_tokens(model, std::get<std::string>(input), param);
}

Work prepared_embeddings(const Service& service, const std::string& body) {
  Work out;
  out.request = read_embedding_request(json::parse(body));
  out.model = named_model_for(service, out.request.model, ServedUse::kEmbedding);
  const Handle<EmbeddingPipeline>& pipeline = vector_pipeline(*out.model);
  for (std::size_t i = 0; i < out.request.inputs.size(); ++i) {
    const std::string param = fmt::format("input[{}]", i);
    require_vector_tokens(
        pipeline, out.inputs.emplace_back(tokens_of(*out.model, out.request.inputs[i], param)),
        param);
  }
  return out;
}

}  // namespace

http::Task<http::Answered> answer_embeddings(const Service& service, http::Exchange& exchange) {
  const Work work = co_await exchange.off_thread(
      [&] { return prepared_embeddings(service, exchange.take_body()); });
  std::vector<std::vector<float>> vectors =
      co_await made_vectors(service, exchange, *work.model, work.inputs);
  for (auto& vector : vectors) vector = shortened(vector, work.request.dimensions);
  co_return co_await exchange.respond(http::json_response(
      embeddings_body(work.model->name, vectors, work.request.format, count_tokens(work.inputs))));
}

}  // namespace sirocco::openai
