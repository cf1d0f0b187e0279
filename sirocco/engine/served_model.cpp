#include "sirocco/engine/served_model.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/base/log.hpp"

namespace sirocco {
namespace {

std::variant<ChatFormat, std::exception_ptr> format_of(const LoadedModel& model) {
  try {
    return model.chat_format();
  } catch (const Error&) {
    return std::current_exception();
  }
}

RecommendedGeneration recommended_of(const LoadedModel& model) {
  RecommendedGeneration recommended = model.recommended_generation();
  if (!recommended.not_followed.empty()) {
    log_warning("{}: recommended for answers, but not followed: {}", model.metadata().origin(),
                fmt::join(recommended.not_followed, ", "));
  }
  return recommended;
}

}  // namespace

ServedText::ServedText(Engine& engine, LoadedModel model)
    : engine_(engine),
      model_(std::move(model)),
      pipeline_(model_.add_to(engine)),
      session_(engine, pipeline_, model_.tokenizer()),
      chat_format_(format_of(model_)),
      recommended_(recommended_of(model_)) {}

ServedText::~ServedText() {
  if (embeddings_) engine_.remove(*embeddings_);
  std::visit([&](const auto& pipeline) { engine_.remove(pipeline); }, pipeline_);
}

const ChatFormat& ServedText::chat_format() const {
  if (const auto* missing = std::get_if<std::exception_ptr>(&chat_format_))
    std::rethrow_exception(*missing);
  return std::get<ChatFormat>(chat_format_);
}

const Handle<EmbeddingPipeline>& ServedText::embeddings() {
  const std::lock_guard lock(making_embeddings_);
  if (!embeddings_) embeddings_.emplace(engine_.add(model_.make_embedding_pipeline()));
  return *embeddings_;
}

ServedEmbedder::ServedEmbedder(Engine& engine, LoadedEmbedder model)
    : engine_(engine), model_(std::move(model)), pipeline_(engine.add(model_.shared_pipeline())) {}

ServedEmbedder::~ServedEmbedder() { engine_.remove(pipeline_); }

const ModelInfo& ServedModel::info() const {
  return text != nullptr ? text->model().info() : embedder->model().info();
}

std::int32_t ServedModel::context() const {
  return text != nullptr ? text->limits().max_context : embedder->pipeline().limits().max_context;
}

std::unique_ptr<ServedModel> load_served_model(Engine& engine, std::string name,
                                               std::vector<std::string> aliases,
                                               const std::filesystem::path& path,
                                               ServeOptions options) {
  auto served = std::make_unique<ServedModel>();
  served->name = std::move(name);
  served->aliases = std::move(aliases);
  served->path = path;
  if (model_generates(engine.machine(), path, options.load)) {
    served->text = std::make_unique<ServedText>(
        engine, load_language_model(engine.machine(), path, std::move(options.load)));
  } else if (options.load.connect || options.load.stages != 1) {
    throw UnsupportedError("{}: a model that makes embeddings can't be cut into stages",
                           path.string());
  } else {
    const OpenOptions& open = options.load;
    served->embedder = std::make_unique<ServedEmbedder>(
        engine, load_text_embedder(engine.machine(), path, open, std::move(options.embedding)));
  }
  served->since = std::time(nullptr);
  return served;
}

}  // namespace sirocco
