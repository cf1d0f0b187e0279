#include "sirocco/pipeline/multimodal_pipeline.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/models/picture_marks.hpp"

namespace sirocco {
namespace {

using Clock = std::chrono::steady_clock;

/// What these rows are: the contents of the picture or the sound, and which they are.
EmbeddingKey key_of(const EncodedRows& rows) {
  EmbeddingKey key = rows.input->key();
  for (const std::int32_t row : rows.rows) {
    key.low = (key.low ^ static_cast<std::uint32_t>(row)) * 0x9e3779b97f4a7c15U;
    key.low ^= key.low >> 29;
  }
  return key;
}

void require_rows(const EncodedRows& rows, const PipelineLimits& limits) {
  const std::int64_t width = limits.width * (1 + limits.deep_stack);
  if (rows.input == nullptr || rows.rows.empty()) {
    throw InvalidArgument(
        "prompt: there is no picture or sound, or no row of it, where some should come");
  }
  if (rows.input->width() != width) {
    throw InvalidArgument("prompt: rows of an encoder are {} wide; the model's have {}",
                          rows.input->width(), width);
  }
  for (const std::int32_t row : rows.rows) {
    if (row == EncodedRows::kNewline ? rows.input->has_newline()
                                     : row >= 0 && row < rows.input->rows())
      continue;
    throw InvalidArgument("prompt: what has {} rows has no row {}", rows.input->rows(), row);
  }
  if (rows.plane && rows.plane->patches() != std::ssize(rows.rows)) {
    throw InvalidArgument("prompt: {} rows of a picture don't make a plane of {} x {}",
                          rows.rows.size(), rows.plane->columns, rows.plane->rows);
  }
}

/// Where rotary encodings put the rows of a prompt: times, rows and columns.
class RowPlaces {
 public:
  void add(std::int64_t rows) {
    for (std::int64_t i = 0; i < rows; ++i, ++next_) numbers_.insert(numbers_.end(), 3, next_);
  }
  void add(const PatchGrid& plane) {
    for (std::int32_t r = 0; r < plane.rows; ++r)
      for (std::int32_t c = 0; c < plane.columns; ++c)
        numbers_.insert(numbers_.end(), {next_, next_ + r, next_ + c});
    next_ += std::max(plane.rows, plane.columns);
  }
  RotaryPositions all() && { return {3, std::move(numbers_)}; }

 private:
  std::vector<std::int32_t> numbers_;
  std::int32_t next_ = 0;
};

}  // namespace

Prompt CheckedMultimodalJob::arranged(const PipelineLimits& limits, std::vector<PromptPart> parts,
                                      std::vector<Promised>& promised) {
  std::vector<Prompt::Piece> pieces;
  PromptLayout layout;
  const bool in_plane = std::ranges::any_of(parts, [](const PromptPart& part) {
    const auto* const picture = std::get_if<EncodedRows>(&part);
    return picture != nullptr && picture->plane;
  });
  RowPlaces places;
  std::int64_t at = 0;
  for (PromptPart& part : parts) {
    if (auto* tokens = std::get_if<std::vector<TokenId>>(&part)) {
      at += std::ssize(*tokens);
      if (in_plane) places.add(std::ssize(*tokens));
      pieces.emplace_back(std::move(*tokens));
      continue;
    }
    auto& encoded = std::get<EncodedRows>(part);
    require_rows(encoded, limits);
    const auto count = std::ssize(encoded.rows);
    if (at + count > limits.max_context) {
      throw InvalidArgument(
          "prompt: its text, pictures and sounds are more than the {} rows of the context",
          limits.max_context);
    }
    auto rows = std::make_shared<EmbeddedRows>(encoded.input->width(), count, key_of(encoded));
    if (encoded.mutual) {
      layout.mutual.push_back({Position(static_cast<std::int32_t>(at)),
                               Position(static_cast<std::int32_t>(at + count))});
    }
    if (encoded.plane)
      places.add(*encoded.plane);
    else if (in_plane)
      places.add(count);
    at += count;
    pieces.emplace_back(rows);
    promised.push_back({at, std::move(encoded), std::move(rows)});
  }
  if (in_plane) layout.rotary = std::move(places).all();
  return Prompt(std::move(pieces), std::move(layout));
}

void CheckedMultimodalJob::keep(const Promised& promised, std::span<const float> all) {
  const auto width = static_cast<std::size_t>(promised.rows->width());
  std::vector<float> values;
  values.reserve(promised.from.rows.size() * width);
  for (const std::int32_t row : promised.from.rows) {
    const std::span<const float> one =
        row == EncodedRows::kNewline ? all.last(width)
                                     : all.subspan(static_cast<std::size_t>(row) * width, width);
    values.insert(values.end(), one.begin(), one.end());
  }
  promised.rows->put_in(std::move(values));
}

CheckedTextJob CheckedMultimodalJob::checked(const PipelineLimits& limits, MultimodalJob& job,
                                             std::vector<Promised>& promised) {
  job.text.prompt = arranged(limits, std::move(job.prompt), promised);
  return {limits, std::move(job.text)};
}

CheckedMultimodalJob::CheckedMultimodalJob(const PipelineLimits& limits, MultimodalJob job)
    : text_(checked(limits, job, promised_)) {}

MultimodalWork::MultimodalWork(TextWork text, std::vector<Awaited> awaited)
    : text_(std::move(text)), awaited_(std::move(awaited)) {}

EncoderPass* MultimodalWork::encoding() const {
  for (const Awaited& awaited : awaited_)
    if (!awaited.pass->ended()) return awaited.pass.get();
  return nullptr;
}

Demand MultimodalWork::demand() const {
  if (ending_ || encodes_) return {};
  if (awaited_.empty()) return text_.demand();
  EncoderCost left = 0;
  for (const Awaited& awaited : awaited_) left += awaited.pass->left();
  // What has ended is looked at in the next step, where nothing is left.
  return {.rows = encoded_rows(left), .encodes = true};
}

bool MultimodalWork::settle() {
  for (Awaited& awaited : awaited_) {
    if (!awaited.pass->ended()) continue;
    if (const auto& fault = awaited.pass->fault()) {
      ending_ = {.reason = FinishReason::kFailed, .error = fault->kind, .message = fault->message};
      awaited_.clear();
      return false;
    }
    CheckedMultimodalJob::keep(awaited.promised, awaited.pass->rows());
  }
  std::erase_if(awaited_, [](const Awaited& awaited) { return awaited.promised.rows->is_there(); });
  return true;
}

MultimodalPipeline::MultimodalPipeline(std::shared_ptr<LanguagePipeline> language,
                                       Encoders encoders, const StagePlace& place,
                                       std::uint64_t row_products,
                                       MultimodalPipelineOptions options)
    : language_(std::move(language)),
      encoders_(std::move(encoders)),
      backend_(place.backend),
      memory_(&place.ledger),
      encoded_(options.max_encoded_bytes, place.ledger) {
  const auto require_width = [&](const AnyEncoder* encoder) {
    if (encoder == nullptr || encoder->info().width == info().width) return;
    throw InvalidArgument("an encoder's rows are {} wide, the language model's {}",
                          encoder->info().width, info().width);
  };
  require_width(encoders_.pictures());
  require_width(encoders_.sounds());
  const std::int32_t deep = encoders_.pictures() ? encoders_.pictures()->info().deep_stack : 0;
  if (deep != info().deep_stack) {
    throw InvalidArgument("rows of pictures are to be added behind {} layers; the model says {}",
                          deep, info().deep_stack);
  }
  if (deep != language_->limits()->deep_stack) {
    throw UnsupportedError(
        "rows of pictures are added behind the first {} layers, and the first stage has fewer: cut "
        "the model behind them",
        deep);
  }
  PipelineLimits own = *language_->limits();
  own.encoded_a_row =
      static_cast<double>(std::max<std::uint64_t>(row_products, 1)) / kEncodedProducts;
  limits_ = std::make_shared<const PipelineLimits>(std::move(own));
  if (encoders_.pictures() == nullptr) return;
  const std::string& projector = encoders_.pictures()->info().projector;
  if (const int axes = info().rotary_axes; picture_marks(projector).in_plane && axes != 3) {
    throw UnsupportedError(
        "pictures of projector {} stand in rows and columns, but the language model's files give "
        "its positions {} and not 3 axes",
        quoted(projector), axes);
  }
}

MultimodalPipeline::~MultimodalPipeline() = default;

std::vector<StagePlacement> MultimodalPipeline::placement() const {
  std::vector<StagePlacement> out = language_->placement();
  out.insert(out.begin(), {"encoder", backend_.name()});
  return out;
}

std::shared_ptr<const EncoderInput> MultimodalPipeline::picture(
    std::vector<EncoderTile> tiles) const {
  if (encoders_.pictures() == nullptr) throw UnsupportedError("the model doesn't see");
  return std::make_shared<const EncoderInput>(*encoders_.pictures(), std::move(tiles));
}

std::shared_ptr<const EncoderInput> MultimodalPipeline::sound(
    std::vector<EncoderWindow> windows) const {
  if (encoders_.sounds() == nullptr) throw UnsupportedError("the model doesn't hear");
  return std::make_shared<const EncoderInput>(*encoders_.sounds(), std::move(windows));
}

std::vector<float> MultimodalPipeline::encode(const std::shared_ptr<const EncoderInput>& input) {
  const std::shared_ptr<EncoderPass> pass = encoded_.pass(input);
  while (!pass->ended()) pass->advance(std::numeric_limits<double>::max(), backend_, memory_);
  if (pass->fault()) throw ResourceExhausted("{}", pass->fault()->message);
  encoded_.keep(pass);
  return pass->rows();
}

void MultimodalPipeline::score(std::vector<PromptPart> prompt, std::span<const int> chunks,
                               LanguagePipeline::VisitLogits visit) {
  std::vector<CheckedMultimodalJob::Promised> promised;
  const Prompt rows = CheckedMultimodalJob::arranged(*limits(), std::move(prompt), promised);
  std::shared_ptr<const EncoderInput> last;
  std::vector<float> encoded;
  for (const CheckedMultimodalJob::Promised& one : promised) {
    // A picture's rows stand together, between text of its family.
    if (one.from.input != last) encoded = encode(last = one.from.input);
    CheckedMultimodalJob::keep(one, encoded);
  }
  language_->score(rows, chunks, visit);
}

std::optional<MultimodalWork> MultimodalPipeline::begin(CheckedMultimodalJob& job) {
  std::optional<TextWork> text = language_->begin(job.text_);
  if (!text) return std::nullopt;
  const std::int64_t known = text->usage().cached;
  std::vector<MultimodalWork::Awaited> awaited;
  for (CheckedMultimodalJob::Promised& promised : job.promised_) {
    // Its rows are in the cache, or what they became there.
    if (promised.end <= known) continue;
    std::shared_ptr<EncoderPass> pass = encoded_.pass(promised.from.input);
    awaited.push_back({std::move(pass), std::move(promised)});
  }
  MultimodalWork work(std::move(*text), std::move(awaited));
  work.settle();
  return work;
}

Ticket MultimodalPipeline::submit(std::span<const Share<MultimodalWork>> shares) {
  const auto begin = Clock::now();
  Step step{++steps_, std::nullopt, {}, 0};
  std::vector<Share<TextWork>> text;
  for (const Share<MultimodalWork>& share : shares) {
    MultimodalWork& work = *share.work;
    if (work.awaited_.empty()) {
      text.push_back({&work.text_, share.rows});
      continue;
    }
    work.encodes_ = true;
    step.encoding.push_back(&work);
    EncoderPass* const pass = work.encoding();
    if (pass == nullptr) continue;
    pass->advance(static_cast<double>(share.rows) * kEncodedProducts, backend_, memory_);
    if (!pass->ended() || pass->fault()) continue;
    const auto of = std::ranges::find(work.awaited_, pass,
                                      [](const auto& awaited) { return awaited.pass.get(); });
    encoded_.keep(of->pass);
  }
  if (!step.encoding.empty())
    step.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  if (!text.empty()) step.text = language_->submit(text);
  submitted_.push_back(std::move(step));
  return Ticket(steps_);
}

double MultimodalPipeline::wait(Ticket ticket) {
  SIROCCO_CHECK(!submitted_.empty() && submitted_.front().number == ticket.number());
  Step step = std::move(submitted_.front());
  submitted_.erase(submitted_.begin());
  double seconds = step.seconds;
  for (MultimodalWork* work : step.encoding) {
    work->encodes_ = false;
    work->settle();
  }
  if (step.text) seconds += language_->wait(std::move(*step.text));
  return seconds;
}

}  // namespace sirocco
