#include "sirocco/engine/text_embedder.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <deque>
#include <mutex>
#include <numeric>
#include <optional>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/text/fixed_length.hpp"

namespace sirocco {
namespace {

/// How texts of a model that reads a fixed number of tokens are brought to it.
struct Filling {
  std::int32_t length;
  bool in_front;
};

std::optional<Filling> filling_of(const ModelInfo& info, const Metadata& folder,
                                  std::int32_t context) {
  if (!info.fills_texts) return std::nullopt;
  const std::int32_t length =
      std::min(model_max_length(folder).value_or(info.context_length), info.context_length);
  if (length > context) {
    throw InvalidArgument(
        "{}: texts are filled up to {} tokens, for which a context of {} has no room",
        folder.origin(), length, context);
  }
  constexpr std::string_view kSide = "tokenizer_config.padding_side";
  const auto side = folder.get_or<std::string_view>(kSide, "right");
  if (side != "right" && side != "left") {
    throw UnsupportedError("{}: {} is {}, but only 'right' or 'left' is supported", folder.origin(),
                           sirocco::quoted(kSide), sirocco::quoted(side));
  }
  return Filling{length, side == "left"};
}

}  // namespace

struct LoadedEmbedder::State {
  State(Machine& machine, const std::filesystem::path& path, const OpenOptions& open)
      : opened(machine, path, open) {}
  OpenedModel opened;
  SentenceModules modules;
  std::shared_ptr<EmbeddingPipeline> pipeline;
  OpenOptions reopen;            // for the part that sees
  std::int64_t whole_width = 0;  // of a vector, before it is cut
  std::optional<Filling> filling;
  std::once_flag sight_looked_for;
  std::optional<PictureInputs> sight;
};

LoadedEmbedder::LoadedEmbedder(std::unique_ptr<State> state) : state_(std::move(state)) {}
LoadedEmbedder::LoadedEmbedder(LoadedEmbedder&&) noexcept = default;
LoadedEmbedder& LoadedEmbedder::operator=(LoadedEmbedder&&) noexcept = default;
LoadedEmbedder::~LoadedEmbedder() = default;

EmbeddingPipeline& LoadedEmbedder::pipeline() const { return *state_->pipeline; }
std::shared_ptr<EmbeddingPipeline> LoadedEmbedder::shared_pipeline() const {
  return state_->pipeline;
}
const PictureInputs* LoadedEmbedder::pictures() const {
  State& state = *state_;
  std::call_once(state.sight_looked_for, [&] {
    const Checkpoint& checkpoint = state.opened.checkpoint();
    if (checkpoint.files == nullptr) return;
    const std::optional<Encoders> encoders =
        state.opened.load_encoders(checkpoint, state.whole_width, state.reopen);
    if (!encoders || encoders->pictures() == nullptr) return;
    constexpr PatchGrid kAny = {4, 4};
    if (encoders->pictures()->rows(kAny) != 1) return;
    std::optional<PictureSettings> settings = find_picture_settings(*checkpoint.files);
    if (!settings) {
      throw NotFound(
          "{}: nothing says how pictures are prepared; expected a processor_config.json or "
          "preprocessor_config.json",
          checkpoint.metadata->origin());
    }
    state.sight.emplace(*encoders->pictures(), *std::move(settings));
  });
  return state.sight ? &*state.sight : nullptr;
}
const Tokenizer& LoadedEmbedder::tokenizer() const {
  return state_->opened.tokenizer(state_->modules.lowercase ? LetterCase::kLowered
                                                            : LetterCase::kKept);
}
const std::map<std::string, std::string, std::less<>>& LoadedEmbedder::prompts() const {
  return state_->modules.prompts;
}

std::int64_t LoadedEmbedder::max_tokens() const {
  const std::int64_t context = pipeline().limits()->max_context;
  if (state_->filling) return state_->filling->length;
  const std::int64_t most = state_->modules.max_tokens;
  return most > 0 ? std::min(most, context) : context;
}

LoadedEmbedder::Tokenized LoadedEmbedder::tokenize(std::string_view text,
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
  const auto most = static_cast<std::size_t>(max_tokens());
  if (out.tokens.size() > most) {
    // What the model puts behind a text stays behind it.
    const std::size_t kept = std::min(tokenizer().behind().size(), most);
    out.left_out = out.tokens.size() - most;
    const auto begin = out.tokens.begin() + static_cast<std::ptrdiff_t>(most - kept);
    out.tokens.erase(begin, begin + static_cast<std::ptrdiff_t>(out.left_out));
  }
  if (const auto& filling = state_->filling) {
    const auto at = filling->in_front ? out.tokens.begin() : out.tokens.end();
    out.tokens.insert(at, most - out.tokens.size(), padding_token(tokenizer()));
  }
  return out;
}

LoadedEmbedder load_text_embedder(Machine& machine, const std::filesystem::path& path,
                                  OpenOptions open, EmbeddingPipelineOptions options) {
  if (open.stages != 1) throw InvalidArgument("a model that makes embeddings has one stage");
  auto state = std::make_unique<LoadedEmbedder::State>(machine, path, open);
  const Checkpoint& checkpoint = state->opened.checkpoint();
  if (checkpoint.files != nullptr) state->modules = read_sentence_modules(*checkpoint.files);
  if (!options.pooling && state->modules.pooling)
    options.pooling = parse_pooling(*state->modules.pooling);
  if (!options.normalize) options.normalize = state->modules.normalize;
  state->reopen = open;
  state->reopen.progress = {};
  state->opened.load(std::move(open), [&](ModelBuilder& builder) {
    builder.expect_context(options.context);
    Head parts = load_parts<Head>(builder, builder.all_layers());
    std::vector<Linear> projections = builder.projections();
    // Without a modules.json they are the model's own.
    if (state->modules.pooling && projections.size() != state->modules.dense) {
      throw UnsupportedError("{}: modules.json names {} Dense modules, but {} are held for {}",
                             checkpoint.weights->origin(), state->modules.dense, projections.size(),
                             sirocco::quoted(builder.info().architecture));
    }
    state->whole_width = projections.empty() ? builder.info().width : projections.back().outputs();
    state->pipeline = std::make_shared<EmbeddingPipeline>(
        builder.info(), std::move(parts), std::move(projections), state->opened.places().front(),
        std::move(options));
    state->filling =
        filling_of(builder.info(), *checkpoint.metadata, state->pipeline->limits()->max_context);
  });
  return LoadedEmbedder(std::move(state));
}

TextEmbedder::TextEmbedder(Engine& engine, Handle<EmbeddingPipeline> pipeline,
                           const LoadedEmbedder& model)
    : engine_(engine), pipeline_(std::move(pipeline)), model_(model) {}

Request<EmbeddingPipeline> TextEmbedder::submit(std::vector<TokenId> tokens) const {
  return engine_.submit(pipeline_, EmbeddingJob{std::move(tokens)});
}

std::vector<EmbeddingEvent> TextEmbedder::embed(std::span<const std::string> texts,
                                                const TextOptions& options) const {
  std::vector<std::vector<TokenId>> tokens;
  tokens.reserve(texts.size());
  for (const std::string& text : texts) tokens.push_back(model_.tokenize(text, options).tokens);
  return embed_all(engine_, pipeline_, tokens);
}

std::vector<EmbeddingEvent> embed_all(Engine& engine, const Handle<EmbeddingPipeline>& pipeline,
                                      std::span<const std::vector<TokenId>> sequences) {
  std::vector<EmbeddingJob> jobs;
  jobs.reserve(sequences.size());
  for (const std::vector<TokenId>& tokens : sequences) jobs.push_back({tokens});
  return embed_all(engine, pipeline, std::move(jobs));
}

std::vector<EmbeddingEvent> embed_all(Engine& engine, const Handle<EmbeddingPipeline>& pipeline,
                                      std::vector<EmbeddingJob> jobs) {
  std::vector<std::string> names;
  for (std::array<int, 2> counts = {}; const EmbeddingJob& job : jobs) {
    const std::size_t kind = job.of.index();
    names.push_back(fmt::format("{} {}", kind == 0 ? "text" : "picture", ++counts[kind]));
  }
  const std::int32_t context = pipeline.limits().max_context;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (jobs[i].rows() > context) {
      throw InvalidArgument("{} has {} tokens; at most {} fit into the context", names[i],
                            jobs[i].rows(), context);
    }
  }
  std::vector<std::size_t> order(jobs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return jobs[a].rows() > jobs[b].rows(); });

  std::vector<EmbeddingEvent> out(jobs.size());
  std::deque<std::pair<std::size_t, Request<EmbeddingPipeline>>> waiting;
  const auto ahead = static_cast<std::size_t>(pipeline.limits().max_sequences);
  for (auto next = order.begin(); next != order.end() || !waiting.empty();) {
    for (; next != order.end() && waiting.size() < ahead; ++next)
      waiting.emplace_back(*next, engine.submit(pipeline, std::move(jobs[*next])));
    const auto& [job, request] = waiting.front();
    while (!request.finished()) {
      if (!engine.step()) request.cancel();
    }
    std::optional<EmbeddingEvent> embedding = request.try_next();
    if (!embedding) {
      const Finished finished = *request.finished();
      if (finished.error == ErrorKind::kNotANumber)
        throw NotANumber("{}: {}", names[job], finished.message);
      throw ResourceExhausted("{}: {}", names[job], finished.message);
    }
    out[job] = std::move(*embedding);
    waiting.pop_front();
  }
  return out;
}

}  // namespace sirocco
