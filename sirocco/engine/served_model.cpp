#include "sirocco/engine/served_model.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
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

/// Whether what `find` looks for is there. What it throws says why not, to whoever asks for it.
template <class F>
bool is_there(F find) {
  try {
    return find();
  } catch (const Error&) {
    return false;
  }
}

/// A model whose part that sees can't be used serves vectors of texts.
const PictureInputs* pictures_of(const LoadedEmbedder& model) {
  try {
    return model.pictures();
  } catch (const Error& e) {
    log_warning("vectors of pictures aren't made: {}", e.what());
    return nullptr;
  }
}

struct UseName {
  ServedUse use;
  std::string_view name;
};
constexpr std::array kUseNames = {
    UseName{ServedUse::kChat, "chat"},
    UseName{ServedUse::kCompletion, "completion"},
    UseName{ServedUse::kEmbedding, "embedding"},
    UseName{ServedUse::kPictures, "multimodal"},
    UseName{ServedUse::kSounds, "audio"},
    UseName{ServedUse::kTranscription, "transcription"},
    UseName{ServedUse::kTranslation, "translation"},
    UseName{ServedUse::kImages, "image"},
    UseName{ServedUse::kImageEdits, "image-edit"},
};

}  // namespace

std::string_view served_use_name(ServedUse use) {
  return std::ranges::find(kUseNames, use, &UseName::use)->name;
}

std::vector<std::string_view> ServedUses::names() const {
  std::vector<std::string_view> out;
  for (const UseName& row : kUseNames)
    if (has(row.use)) out.push_back(row.name);
  return out;
}

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

ServedUses ServedText::uses() const {
  ServedUses uses = {ServedUse::kCompletion, ServedUse::kEmbedding};
  if (std::holds_alternative<std::exception_ptr>(chat_format_)) return uses;
  uses.add(ServedUse::kChat);
  if (is_there([&] { return model_.pictures() != nullptr; })) uses.add(ServedUse::kPictures);
  if (is_there([&] { return model_.sounds() != nullptr; })) uses.add(ServedUse::kSounds);
  return uses;
}

const Handle<EmbeddingPipeline>& ServedText::embeddings() const {
  const std::lock_guard lock(making_embeddings_);
  if (!embeddings_) embeddings_.emplace(engine_.add(model_.make_embedding_pipeline()));
  return *embeddings_;
}

ServedEmbedder::ServedEmbedder(Engine& engine, LoadedEmbedder model)
    : engine_(engine),
      model_(std::move(model)),
      pictures_(pictures_of(model_)),
      pipeline_(engine.add(model_.shared_pipeline())) {}

ServedEmbedder::~ServedEmbedder() { engine_.remove(pipeline_); }

ServedUses ServedEmbedder::uses() const {
  ServedUses uses = {ServedUse::kEmbedding};
  if (pictures_ != nullptr) uses.add(ServedUse::kPictures);
  return uses;
}

ServedTranscriber::ServedTranscriber(Engine& engine, LoadedTranscriber model)
    : engine_(engine), model_(std::move(model)), pipeline_(engine.add(model_.shared_pipeline())) {}

ServedTranscriber::~ServedTranscriber() { engine_.remove(pipeline_); }

ServedUses ServedTranscriber::uses() const {
  ServedUses uses = {ServedUse::kTranscription};
  if (model_.tokens().translate) uses.add(ServedUse::kTranslation);
  return uses;
}

ServedImageModel::ServedImageModel(Engine& engine, LoadedImageModel model)
    : engine_(engine), model_(std::move(model)), pipeline_(engine.add(model_.shared_pipeline())) {}

ServedImageModel::~ServedImageModel() { engine_.remove(pipeline_); }

ServedUses ServedImageModel::uses() const {
  ServedUses uses = {ServedUse::kImages};
  if (limits().diffusion->reads_pictures) uses.add(ServedUse::kImageEdits);
  return uses;
}

namespace {

/// What a model does that isn't cut into stages.
std::string_view doing_of(ModelKind kind) {
  switch (kind) {
    case ModelKind::kSpeech:
      return "writes down what it hears";
    case ModelKind::kImages:
      return "draws";
    default:
      return "makes embeddings";
  }
}

std::unique_ptr<ServedModel> loaded(Engine& engine, const std::filesystem::path& path,
                                    ServeOptions options) {
  const ModelKind kind = model_kind(engine.machine(), path, options.load);
  if (kind == ModelKind::kText) {
    return std::make_unique<ServedModel>(
        std::in_place_type<ServedText>, engine,
        load_language_model(engine.machine(), path, std::move(options.load)));
  }
  if (options.load.connect || options.load.stages != 1) {
    throw UnsupportedError("{}: a model that {} can't be cut into stages", path.string(),
                           doing_of(kind));
  }
  const OpenOptions& open = options.load;
  if (kind == ModelKind::kSpeech) {
    return std::make_unique<ServedModel>(
        std::in_place_type<ServedTranscriber>, engine,
        load_transcriber(engine.machine(), path, open, std::move(options.transcription)));
  }
  if (kind == ModelKind::kImages) {
    return std::make_unique<ServedModel>(
        std::in_place_type<ServedImageModel>, engine,
        load_image_model(engine.machine(), path, open, options.image));
  }
  return std::make_unique<ServedModel>(
      std::in_place_type<ServedEmbedder>, engine,
      load_text_embedder(engine.machine(), path, open, std::move(options.embedding)));
}

}  // namespace

std::unique_ptr<ServedModel> load_served_model(Engine& engine, std::string name,
                                               std::vector<std::string> aliases,
                                               const std::filesystem::path& path,
                                               ServeOptions options) {
  auto served = loaded(engine, path, std::move(options));
  served->name = std::move(name);
  served->aliases = std::move(aliases);
  served->path = path;
  served->since = std::time(nullptr);
  return served;
}

}  // namespace sirocco
