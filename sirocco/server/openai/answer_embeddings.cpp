#include <fmt/format.h>

#include <deque>
#include <utility>

#include "sirocco/server/generate.hpp"
#include "sirocco/server/invalid_request.hpp"
#include "sirocco/server/json/value.hpp"
#include "sirocco/server/openai/embeddings.hpp"
#include "sirocco/server/openai/prompt_input.hpp"
#include "sirocco/server/openai/routes.hpp"

namespace sirocco::openai {
namespace {

struct Work {
  ModelLease model;
  const Handle<EmbeddingPipeline>* pipeline = nullptr;
  EmbeddingRequest request;
  std::vector<std::vector<TokenId>> inputs;
};

void require_room(std::size_t tokens, std::size_t room, const std::string& param) {
  if (tokens <= room) return;
  throw InvalidRequest(param, "context_length_exceeded",
                       fmt::format("the text has {} tokens; the model takes {}", tokens, room));
}

std::vector<TokenId> tokens_of(const ServedModel& model, const PromptInput& input,
                               const std::string& param) {
  if (const auto* tokens = std::get_if<std::vector<TokenId>>(&input)) return *tokens;
  const std::string& text = std::get<std::string>(input);
  if (model.text != nullptr) {
    // Nothing was read that a vector could be of.
    if (text.empty()) throw InvalidRequest(param, "invalid_value", param + ": the text is empty");
    return model.text->tokenizer().tokenize(text, {.add_special = true});
  }
  LoadedEmbedder::Tokenized tokenized = model.embedder->model().tokenize(text);
  const std::size_t room = tokenized.tokens.size();
  require_room(room + tokenized.left_out, room, param);
  return std::move(tokenized.tokens);
}

Work prepared_embeddings(const Service& service, const std::string& body) {
  Work out;
  out.request = read_embedding_request(json::parse(body));
  out.model = named_model(service, out.request.model);
  const ServedModel& model = *out.model;
  out.pipeline = model.text != nullptr ? &model.text->embeddings() : &model.embedder->pipeline();
  const PipelineLimits& limits = out.pipeline->limits();
  for (std::size_t i = 0; i < out.request.inputs.size(); ++i) {
    const std::string param = fmt::format("input[{}]", i);
    const std::vector<TokenId>& tokens =
        out.inputs.emplace_back(tokens_of(model, out.request.inputs[i], param));
    require_known_tokens(tokens, limits.vocabulary, param);
    require_room(tokens.size(), static_cast<std::size_t>(limits.max_context), param);
  }
  return out;
}

}  // namespace

http::Task<http::Answered> answer_embeddings(const Service& service, http::Exchange& exchange) {
  const Work work = co_await exchange.off_thread(
      [&] { return prepared_embeddings(service, exchange.take_body()); });
  const SubmitOptions terms = service.terms_of(exchange);
  // So many at once that steps are full, and one request doesn't take all places to wait.
  constexpr std::size_t kAhead = 64;
  std::vector<std::vector<float>> vectors;
  std::deque<Request<EmbeddingPipeline>> waiting;
  std::int64_t tokens = 0;
  for (std::size_t next = 0; vectors.size() < work.inputs.size();) {
    for (; next < work.inputs.size() && waiting.size() < kAhead; ++next) {
      tokens += std::ssize(work.inputs[next]);
      waiting.push_back(
          service.engine().submit(*work.pipeline, EmbeddingJob{work.inputs[next]}, terms));
    }
    const std::optional<Finished> finished = waiting.front().finished();
    if (!finished) {
      co_await exchange.wait();
      continue;
    }
    auto vector = waiting.front().try_next();
    if (!vector) {
      const Ending ending{finished->reason, finished->error, finished->message};
      throw ApiFailure(api_error(ending));
    }
    vectors.push_back(shortened(*vector, work.request.dimensions));
    waiting.pop_front();
  }
  co_return co_await exchange.respond(
      http::json_response(embeddings_body(work.model->name, vectors, work.request.format, tokens)));
}

}  // namespace sirocco::openai
