#include "sirocco/engine/text_embedder.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
struct TextEmbedder::State {
  State(const std::filesystem::path& path, const OpenOptions& open, ByteLedger* ledger)
      : opened(path, open, ledger) {}
  OpenedModel opened;
  SentenceModules modules;
  std::shared_ptr<EmbeddingPipeline> pipeline;
};

TextEmbedder::TextEmbedder(std::unique_ptr<State> state) : state_(std::move(state)) {}
TextEmbedder::TextEmbedder(TextEmbedder&&) noexcept = default;
TextEmbedder& TextEmbedder::operator=(TextEmbedder&&) noexcept = default;
TextEmbedder::~TextEmbedder() = default;

EmbeddingPipeline& TextEmbedder::pipeline() const { return *state_->pipeline; }
std::shared_ptr<EmbeddingPipeline> TextEmbedder::shared_pipeline() const {
  return state_->pipeline;
}
const Tokenizer& TextEmbedder::tokenizer() const {
  return state_->opened.tokenizer(state_->modules.lowercase ? LetterCase::kLowered
                                                            : LetterCase::kKept);
}
const std::map<std::string, std::string, std::less<>>& TextEmbedder::prompts() const {
  return state_->modules.prompts;
}

std::int64_t TextEmbedder::most_tokens() const {
  const std::int64_t context = pipeline().context();
  const std::int64_t most = state_->modules.max_tokens;
  return most > 0 ? std::min(most, context) : context;
}

TextEmbedder::Tokenized TextEmbedder::tokenize(std::string_view text,
                                               const TextOptions& options) const {
  const std::string_view name = options.prompt.value_or(state_->modules.default_prompt);
  std::string_view prompt;
  if (!name.empty()) {
    const auto found = prompts().find(name);
    if (found == prompts().end()) {
      std::vector<std::string> names;
      for (const auto& [known, text_of] : prompts()) names.push_back(sirocco::quoted(known));
      throw InvalidArgument("there is no prompt {}; {}", sirocco::quoted(name),
                            names.empty()
                                ? "the model has none"
                                : fmt::format("the model's are {}", fmt::join(names, ", ")));
    }
    prompt = found->second;
  }
  // The prompt is the checkpoint's own.
  const std::array segments = {TextSegment{prompt, true}, TextSegment{text, options.parse_special}};
  Tokenized out{tokenizer().tokenize(segments, {.add_special = true}), 0};
  const auto most = static_cast<std::size_t>(most_tokens());
  if (out.tokens.size() > most) {
    // What the model puts behind a text stays behind it.
    const std::size_t kept = std::min(tokenizer().behind().size(), most);
    out.left_out = out.tokens.size() - most;
    const auto begin = out.tokens.begin() + static_cast<std::ptrdiff_t>(most - kept);
    out.tokens.erase(begin, begin + static_cast<std::ptrdiff_t>(out.left_out));
  }
  return out;
}

std::vector<std::vector<float>> TextEmbedder::embed(std::span<const std::string> texts,
                                                    const TextOptions& options) {
  std::vector<std::vector<TokenId>> sequences;
  sequences.reserve(texts.size());
  for (const std::string& text : texts) sequences.push_back(tokenize(text, options).tokens);
  return pipeline().embed(sequences);
}

TextEmbedder load_text_embedder(const std::filesystem::path& path, OpenOptions open,
                                EmbeddingPipelineOptions options) {
  auto state = std::make_unique<TextEmbedder::State>(path, open, options.ledger);
  const Checkpoint& checkpoint = state->opened.checkpoint();
  if (checkpoint.files != nullptr) state->modules = read_sentence_modules(*checkpoint.files);
  if (!options.pooling && state->modules.pooling)
    options.pooling = parse_pooling(*state->modules.pooling);
  if (!options.normalize) options.normalize = state->modules.normalize;
  state->opened.load(std::move(open), [&](ModelBuilder& builder) {
    Backend& backend = state->opened.backend();
    builder.expect_context(options.context);
    Head parts = load_parts<Head>(builder, builder.all_layers());
    std::vector<Linear> projections = builder.projections();
    if (checkpoint.files != nullptr && projections.size() != state->modules.dense) {
      throw UnsupportedError("{}: modules.json names {} Dense modules, but {} are held for {}",
                             checkpoint.weights->origin(), state->modules.dense, projections.size(),
                             sirocco::quoted(builder.info().architecture));
    }
    state->pipeline = std::make_shared<EmbeddingPipeline>(
        builder.info(), std::move(parts), std::move(projections), backend, std::move(options));
  });
  return TextEmbedder(std::move(state));
}

}  // namespace sirocco
