#include "sirocco/cli/run_answer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <random>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/base/log.hpp"
#include "sirocco/cli/input.hpp"

namespace sirocco {
namespace {

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

double rate(std::int64_t tokens, double seconds) {
  return seconds > 0 ? static_cast<double>(tokens) / seconds : 0.0;
}

}  // namespace

void RunStatistics::add(const Completion& completion) {
  const auto& [prompt, cached, generated] = completion.usage;
  prompt_tokens += prompt - cached;
  generated_tokens += generated;
  if (generated == 0) return;
  prompt_s += completion.timings.first_s;
  generation_s += completion.timings.rest_s;
  timed_tokens += generated - 1;
}

std::string RunStatistics::text() const {
  return fmt::format("prompt {} tokens, {:.1f} tokens/s; generation {} tokens, {:.1f} tokens/s",
                     prompt_tokens, rate(prompt_tokens, prompt_s), generated_tokens,
                     rate(timed_tokens, generation_s));
}

Answerer::Answerer(const LoadedModel& model, std::optional<ChatFormat> format, bool parse_special)
    : model_(model),
      format_(std::move(format)),
      parse_special_(parse_special),
      engine_(model.machine()),
      pipeline_(model.add_to(engine_)),
      session_(engine_, pipeline_, model.tokenizer()) {}

const ChatTemplate* Answerer::chat_template() const {
  return format_ ? &format_->chosen({}) : nullptr;
}

Completion Answerer::answer(const Conversation& conversation, const RunSettings& settings,
                            const OnText& on_text, const StopAnswer& stop) {
  SIROCCO_CHECK(format_.has_value());
  ChatContext context;
  context.messages = messages_of(conversation);
  context.variables = template_values(settings.variables);
  const RenderedPrompt prompt = format_->render(std::move(context));
  std::vector<ReadMedium> shown;
  for (const ChatMessage& message : conversation.messages)
    for (const ShownFile& file : message.shown) shown.push_back(medium(file));
  if (shown.empty()) return run(tokens_of(prompt), true, settings, on_text, stop);
  return run(model_.media()->parts(prompt, shown), true, settings, on_text, stop);
}

const ReadMedium& Answerer::medium(const ShownFile& file) {
  const std::pair key(file.medium, file.path);
  const auto known = media_.find(key);
  if (known != media_.end()) return known->second;
  const bool is_picture = file.medium == Medium::kPicture;
  if (is_picture ? model_.pictures() == nullptr : model_.sounds() == nullptr) {
    throw UnsupportedError("{} takes {}", model_.title().text(),
                           model_.media() == nullptr ? "text only, no pictures or sound"
                           : is_picture              ? "no pictures"
                                                     : "no sound");
  }
  const std::string name = sirocco::quoted(file.path, 400);
  const std::string bytes = read_file(file.path);
  const auto content = std::as_bytes(std::span(bytes));
  if (!is_picture) return media_.emplace(key, model_.sounds()->read(content, name)).first->second;
  try {
    return media_.emplace(key, model_.pictures()->read(content)).first->second;
  } catch (const Error& e) {
    throw FormatError("{}: {}", name, e.what());
  }
}

TextPrompt Answerer::tokens_of(const RenderedPrompt& prompt) const {
  return tokenize_prompt(model_.tokenizer(), prompt.segments());
}

Completion Answerer::complete(std::string_view text, const RunSettings& settings,
                              const OnText& on_text, const StopAnswer& stop,
                              std::span<const ShownFile> shown) {
  if (shown.empty()) {
    return run(tokenize_prompt(model_.tokenizer(), std::array{TextSegment{text, parse_special_}}),
               false, settings, on_text, stop);
  }
  std::vector<ReadMedium> read;
  RenderedPrompt prompt;
  for (const ShownFile& file : shown) {
    read.push_back(medium(file));
    const MediaPlaceholders placeholders = model_.media()->placeholders();
    const auto& own = file.medium == Medium::kPicture ? placeholders.picture : placeholders.sound;
    // Without the end of the line that a message's text begins behind.
    std::string_view written = own->written;
    if (written.ends_with('\n')) written.remove_suffix(1);
    prompt.text += written;
  }
  prompt.trusted.push_back({0, prompt.text.size()});
  prompt.text += text;
  if (parse_special_) prompt.trusted.back().end = prompt.text.size();
  return run(model_.media()->parts(prompt, read), false, settings, on_text, stop);
}

std::optional<std::int64_t> Answerer::recommended_limit(const RecommendedLimits& limits,
                                                        std::int64_t prompt) {
  const auto limit = limits.behind(prompt);
  if (!limit && limits.max_length && !told_of_length_) {
    told_of_length_ = true;
    log_warning(
        "{}: recommended for answers, but not followed: max_length ({}), for the prompt has {} "
        "tokens",
        model_.metadata().origin(), *limits.max_length, prompt);
  }
  return limit;
}

Completion Answerer::run(TextPrompt prompt, bool own_text, const RunSettings& settings,
                         const OnText& on_text, const StopAnswer& stop) {
  TextRequest request;
  request.prompt = std::move(prompt);
  request.own_text = own_text;
  request.sampling = settings.sampling;
  request.sampling.seed = settings.seed ? *settings.seed : random_seed();
  request.max_tokens = settings.max_tokens;
  request.stop = settings.stop;

  const std::int64_t tokens = rows_of(request.prompt);
  const std::int32_t context = this->context();
  if (tokens >= context) {
    throw ResourceExhausted(
        "the prompt has {} tokens and the context is full at {}; shorten it, begin a new "
        "conversation, or give a larger --ctx",
        tokens, context);
  }
  if (!request.max_tokens) request.max_tokens = recommended_limit(settings.limits, tokens);
  const bool has_room = !request.max_tokens || *request.max_tokens <= context - tokens;
  if (!has_room) request.max_tokens = context - tokens;

  Completion completion = session_.complete(std::move(request), on_text, stop);
  if (!has_room && completion.reason == FinishReason::kLength)
    completion.reason = FinishReason::kContextFull;
  statistics_.add(completion);
  used_context_ = completion.usage.prompt + completion.usage.generated;
  return completion;
}

std::string ending_notice(const Completion& completion, std::int32_t context) {
  switch (completion.reason) {
    case FinishReason::kStop:
      return "";
    case FinishReason::kLength:
      return fmt::format("the answer reached its limit of {} tokens", completion.limit);
    case FinishReason::kContextFull:
      return fmt::format("the context of {} tokens is full", context);
    case FinishReason::kTimeLimit:
      return "the time for the answer is over";
    case FinishReason::kCancelled:
      return "the answer was stopped";
    case FinishReason::kFailed:
      return "the answer failed: " + completion.message;
  }
  return "";
}

}  // namespace sirocco
