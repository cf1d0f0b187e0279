#include "sirocco/server/openai/vectors.hpp"

#include <fmt/format.h>

#include <deque>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "sirocco/server/api_error.hpp"
#include "sirocco/server/generate.hpp"
#include "sirocco/server/invalid_request.hpp"
#include "sirocco/server/model_figures.hpp"

namespace sirocco::openai {
namespace {

void require_room(std::size_t tokens, std::size_t room, const std::string& param) {
  if (tokens <= room) return;
  throw InvalidRequest(param, "context_length_exceeded",
                       fmt::format("the text has {} tokens; the model takes {}", tokens, room));
}

}  // namespace

const Handle<EmbeddingPipeline>& vector_pipeline(const ServedModel& model) {
  const auto* const embedder = model.as<ServedEmbedder>();
  return embedder != nullptr ? embedder->pipeline() : model.text().embeddings();
}

std::vector<TokenId> vector_tokens(const ServedModel& model, const std::string& text,
                                   const std::string& param, std::string_view prompt) {
  const auto* const served = model.as<ServedEmbedder>();
  if (served == nullptr) {
    // Nothing was read that a vector could be of.
    if (text.empty()) throw InvalidRequest(param, "invalid_value", param + ": the text is empty");
    return model.tokenizer().tokenize(text, {.add_special = true});
  }
  const LoadedEmbedder& embedder = served->model();
  TextOptions options;
  if (embedder.prompts().contains(prompt)) options.prompt = prompt;
  LoadedEmbedder::Tokenized tokenized = embedder.tokenize(text, options);
  const std::size_t room = tokenized.tokens.size();
  require_room(room + tokenized.left_out, room, param);
  return std::move(tokenized.tokens);
}

void require_vector_tokens(const Handle<EmbeddingPipeline>& pipeline,
                           std::span<const TokenId> tokens, const std::string& param) {
  require_known_tokens(tokens, pipeline.limits().vocabulary, param);
  require_room(tokens.size(), static_cast<std::size_t>(pipeline.limits().max_context), param);
}

http::Task<std::vector<std::vector<float>>> made_vectors(const Service& service,
                                                         http::Exchange& exchange,
                                                         const ServedModel& model,
                                                         std::span<const EmbeddingJob> jobs) {
  const Handle<EmbeddingPipeline>& pipeline = vector_pipeline(model);
  const auto figures = std::make_shared<ModelFigures>();
  figures->model = model.name;
  figures->jobs = jobs.size();
  figures->prompt_tokens = count_rows(jobs);
  const SubmitOptions terms = service.terms_of(exchange);
  // So many at once that steps are full, and one request doesn't take all places to wait.
  constexpr std::size_t kAhead = 64;
  std::vector<std::vector<float>> vectors;
  std::deque<Request<EmbeddingPipeline>> waiting;
  for (std::size_t next = 0; vectors.size() < jobs.size();) {
    for (; next < jobs.size() && waiting.size() < kAhead; ++next)
      waiting.push_back(service.engine().submit(pipeline, jobs[next], terms));
    exchange.leave_figures(figures);
    const std::optional<Finished> finished = waiting.front().finished();
    if (!finished) {
      co_await exchange.wait();
      continue;
    }
    figures->add_end(finished->reason, finished->usage.cached, finished->timings);
    auto vector = waiting.front().try_next();
    if (!vector) {
      const Ending ending{finished->reason, finished->error, finished->message};
      throw ApiFailure(api_error(ending));
    }
    vectors.emplace_back(vector->begin(), vector->end());
    waiting.pop_front();
  }
  co_return vectors;
}

std::int64_t count_rows(std::span<const EmbeddingJob> jobs) {
  std::int64_t rows = 0;
  for (const EmbeddingJob& job : jobs) rows += job.rows();
  return rows;
}

}  // namespace sirocco::openai
