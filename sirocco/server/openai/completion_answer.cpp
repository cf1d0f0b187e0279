#include "sirocco/server/openai/completion_answer.hpp"

#include <algorithm>
#include <optional>

#include "sirocco/server/answer_details.hpp"
#include "sirocco/server/json/writer.hpp"
#include "sirocco/server/openai/answer_parts.hpp"

namespace sirocco::openai {
namespace {

constexpr std::string_view kObject = "text_completion";

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

void write_log_probability(json::Writer& out, const TokenChance& chance) {
  if (chance.log_probability) {
    out.number(told_log_probability(*chance.log_probability));
  } else {
    out.null();
  }
}

/// By text, the alternatives and the token itself. Of tokens with one text the first counts.
void write_chances(json::Writer& out, const AnswerToken& token) {
  if (!token.chosen.log_probability) {
    out.null();
    return;
  }
  std::vector<std::string> texts;
  const auto write = [&](const TokenChance& chance) {
    std::string text = token_text(chance.bytes);
    if (std::ranges::find(texts, text) != texts.end()) return;
    out.name(text);
    write_log_probability(out, chance);
    texts.push_back(std::move(text));
  };
  out.open_object();
  for (const TokenChance& chance : token.alternatives) write(chance);
  write(token.chosen);
  out.close_object();
}

void write_log_probabilities(json::Writer& out, std::span<const AnswerToken> tokens,
                             TextOffsets& offsets) {
  out.name("logprobs").open_object();
  out.name("tokens").open_array();
  for (const AnswerToken& token : tokens) out.text(token_text(token.chosen.bytes));
  out.close_array().name("token_logprobs").open_array();
  for (const AnswerToken& token : tokens) write_log_probability(out, token.chosen);
  out.close_array().name("top_logprobs").open_array();
  for (const AnswerToken& token : tokens) write_chances(out, token);
  out.close_array().name("text_offset").open_array();
  for (const AnswerToken& token : tokens) out.number(offsets.push(token.chosen.bytes));
  out.close_array().close_object();
}

/// One choice of the choices' array. With `offsets`, log-probabilities are told.
void write_choice(json::Writer& out, int choice, const AnswerPiece& piece, TextOffsets* offsets,
                  std::optional<Finish> finish) {
  out.open_object().member("index", choice).member("text", piece.text);
  if (offsets != nullptr) {
    write_log_probabilities(out, piece.tokens, *offsets);
  } else {
    out.member("logprobs", nullptr);
  }
  out.name("finish_reason");
  if (finish) {
    out.text(finish_name(*finish));
  } else {
    out.null();
  }
  out.close_object();
}

/// A chunk of one choice, open for what is told besides.
json::Writer open_chunk(const AnswerHead& head, int choice, const AnswerPiece& piece,
                        TextOffsets* offsets, std::optional<Finish> finish) {
  json::Writer out;
  out.open_object();
  write_head(out, head, kObject);
  out.name("choices").open_array();
  write_choice(out, choice, piece, offsets, finish);
  out.close_array();
  return out;
}

std::string close_chunk(json::Writer out, bool usage_comes_later) {
  if (usage_comes_later) out.member("usage", nullptr);
  out.close_object();
  return out.take();
}

}  // namespace

std::int64_t TextOffsets::push(std::string_view bytes) {
  const bool continues = !bytes.empty() && continues_character(bytes.front()) && characters_ > 0;
  const std::int64_t begin = characters_ - (continues ? 1 : 0);
  characters_ += std::ranges::count_if(bytes, [](char c) { return !continues_character(c); });
  return begin;
}

std::string completion_body(const AnswerHead& head, std::span<const Choice> choices,
                            const AnswerTotals& totals, bool log_probabilities) {
  json::Writer out;
  out.open_object();
  write_head(out, head, kObject);
  out.name("choices").open_array();
  for (std::size_t i = 0; i < choices.size(); ++i) {
    TextOffsets offsets;
    write_choice(out, static_cast<int>(i), choices[i].whole, log_probabilities ? &offsets : nullptr,
                 choices[i].finish);
  }
  out.close_array();
  write_usage(out, totals.usage);
  write_details(out, totals);
  out.close_object();
  return out.take();
}

std::string CompletionStream::piece(int choice, const AnswerPiece& piece) {
  TextOffsets* const offsets =
      options_.log_probabilities ? &offsets_[static_cast<std::size_t>(choice)] : nullptr;
  return close_chunk(open_chunk(head_, choice, piece, offsets, std::nullopt),
                     options_.include_usage);
}

std::string CompletionStream::end(int choice, Finish finish) const {
  return close_chunk(open_chunk(head_, choice, {}, nullptr, finish), options_.include_usage);
}

std::vector<std::string> CompletionStream::end_last(int choice, Finish finish,
                                                    const AnswerTotals& totals) const {
  std::vector<std::string> events;
  json::Writer out;
  if (options_.include_usage) {
    events.push_back(end(choice, finish));
    out.open_object();
    write_head(out, head_, kObject);
    out.name("choices").open_array().close_array();
    write_usage(out, totals.usage);
  } else {
    out = open_chunk(head_, choice, {}, nullptr, finish);
  }
  write_details(out, totals);
  out.close_object();
  events.push_back(out.take());
  events.emplace_back(kStreamEnd);
  return events;
}

}  // namespace sirocco::openai
