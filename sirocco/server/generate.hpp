#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "sirocco/server/answer.hpp"
#include "sirocco/server/api_error.hpp"
#include "sirocco/server/generation.hpp"
#include "sirocco/server/service.hpp"
#include "sirocco/server/text_answers.hpp"

namespace sirocco {

/// The model that a request names. Throws model_not_found's words.
ModelLease named_model(const Service& service, const std::optional<std::string>& name);
/// The same, and it can be asked for `use`. Throws InvalidRequest, which says what it can be asked
/// for instead.
ModelLease named_model_for(const Service& service, const std::optional<std::string>& name,
                           ServedUse use);
/// The same, and it generates text.
ModelLease named_text_model(const Service& service, const std::optional<std::string>& name);

/// A request for answers that is ready for the engine.
struct Prepared {
  ModelLease model;
  AnswerHead head;
  Generation generation;
  std::vector<TextRequest> requests;  ///< one a prompt
  std::vector<AnswerPiece> echoes;    ///< in front of the answers to each prompt; or none
  std::vector<std::string> warnings;
};

/// What all requests for answers have in common: sampling and limits over what the model
/// recommends. `param` is the member that holds the prompt. Throws InvalidRequest for a prompt that
/// fills the context or has tokens that the model hasn't, for biases of such tokens, and for more
/// answers at once than the model gives.
TextRequest text_request(const ServedText& model, const Generation& generation, TextPrompt prompt,
                         std::string_view param, std::vector<std::string>& warnings);
/// Throws InvalidRequest, which names `param`, for tokens beyond a vocabulary of so many.
void require_known_tokens(std::span<const TokenId> tokens, std::int64_t vocabulary,
                          std::string_view param);
/// Unique: the prefix, "chatcmpl-" for example, and random digits.
std::string new_id(std::string_view prefix);
AnswerHead answer_head(std::string_view id_prefix, const ServedModel& model);

/// Hands a request to the engine. Any thread. Throws as LanguageSession::submit.
TextAnswers submitted(const Service& service, http::Exchange& exchange, Prepared& prepared);

/// A token and what is known of its probability.
TokenChance chance_of(const Tokenizer& tokenizer, TokenId id,
                      std::optional<float> log_probability = std::nullopt);
/// A piece as it is told: with its tokens where log-probabilities are wanted.
AnswerPiece told_piece(const Prepared& prepared, TextPiece piece);
/// The echo in front of answer `index` of `answers`; null where none is wanted.
AnswerPiece* echo_of(Prepared& prepared, int index, int answers);
/// What a piece tells of its prompt's tokens joins the echo.
void add_scores(Prepared& prepared, int answers, TextAnswers::Piece& got);
/// How an answer that was taken to its end ended.
std::variant<Finish, ApiError> told_end(const Completion& completion);
/// What is told at the end of all.
AnswerTotals totals(const Prepared& prepared, const TextAnswers& answers);

/// All answers, then one body: `body(choices, totals)`. Throws ApiFailure for an answer that
/// failed.
template <class Body>
http::Task<http::Answered> respond_whole(http::Exchange& exchange, Prepared& prepared,
                                         TextAnswers answers, Body body) {
  std::vector<Choice> choices(static_cast<std::size_t>(answers.count()));
  std::vector<bool> begun(choices.size());
  const auto begin = [&](int index) {
    const auto at = static_cast<std::size_t>(index);
    if (begun[at]) return;
    begun[at] = true;
    if (const auto* echo = echo_of(prepared, index, answers.count())) choices[at].whole = *echo;
  };
  while (auto got = co_await answers.next()) {
    add_scores(prepared, answers.count(), *got);
    begin(got->index);
    AnswerPiece piece = told_piece(prepared, std::move(got->piece));
    AnswerPiece& whole = choices[static_cast<std::size_t>(got->index)].whole;
    whole.text += piece.text;
    std::ranges::move(piece.tokens, std::back_inserter(whole.tokens));
  }
  for (int i = 0; i < answers.count(); ++i) {
    const auto end = told_end(answers.completion(i));
    if (const auto* error = std::get_if<ApiError>(&end)) throw ApiFailure(*error);
    choices[static_cast<std::size_t>(i)].finish = std::get<Finish>(end);
  }
  co_return co_await exchange.respond(
      http::json_response(body(choices, totals(prepared, answers))));
}

/// An event of a stream whose API gives events names.
struct NamedEvent {
  std::string_view name;
  std::string data;
};

// Sends what a shape makes: events with names, or the data of those without one.

inline http::Task<void> send_all(http::EventStream& to, const std::string& data) {
  co_await to.send(data);
}
inline http::Task<void> send_all(http::EventStream& to, const NamedEvent& event) {
  co_await to.send(event.data, event.name);
}
template <class Event>
http::Task<void> send_all(http::EventStream& to, const std::vector<Event>& events) {
  for (const Event& event : events) co_await send_all(to, event);
}

/// The events of answers as they are written. Nothing is sent before there is something to say, or
/// a silence, so that what fails at once has a status of its own: ApiFailure is thrown.
///
/// `shape` makes the events, each a text, a NamedEvent or several of them: piece(index, piece) and
/// end_last(index, finish, totals), or failed(error), behind which nothing comes; if it has them
/// also begin(index), end(index, finish) where there are several answers, and silence() in place of
/// a comment.
template <class Shape>
http::Task<http::Answered> respond_in_events(const Service& service, http::Exchange& exchange,
                                             Prepared& prepared, TextAnswers answers, Shape shape) {
  std::optional<http::EventStream> events;
  std::vector<bool> begun(static_cast<std::size_t>(answers.count()));
  int open = answers.count();
  const auto begin = [&](int index) -> http::Task<void> {
    if (begun[static_cast<std::size_t>(index)]) co_return;
    begun[static_cast<std::size_t>(index)] = true;
    if constexpr (requires { shape.begin(index); }) {
      const auto first = shape.begin(index);
      co_await send_all(*events, first);
    }
    const AnswerPiece* const echo = echo_of(prepared, index, answers.count());
    if (echo == nullptr) co_return;
    const auto event = shape.piece(index, *echo);
    co_await send_all(*events, event);
  };
  for (;;) {
    auto got = co_await answers.next_within(service.options().max_silence_s);
    if (std::holds_alternative<TextAnswers::AllEnded>(got)) break;
    auto* next = std::get_if<TextAnswers::Piece>(&got);
    std::optional<std::variant<Finish, ApiError>> end;
    if (next != nullptr && next->piece.ended) end = told_end(answers.completion(next->index));
    if (end && std::holds_alternative<ApiError>(*end)) {
      const ApiError& error = std::get<ApiError>(*end);
      answers.skip();  // to its figures
      if (!events) throw ApiFailure(error);
      const auto last = shape.failed(error);
      co_await send_all(*events, last);
      co_return co_await events->finish();
    }
    if (!events) events.emplace(co_await exchange.start_events());
    if (next == nullptr) {
      if constexpr (requires { shape.silence(); }) {
        const auto sign = shape.silence();
        co_await send_all(*events, sign);
      } else {
        co_await events->send_comment("still at work");
      }
      continue;
    }
    add_scores(prepared, answers.count(), *next);
    co_await begin(next->index);
    const int index = next->index;
    AnswerPiece piece = told_piece(prepared, std::move(next->piece));
    if (!piece.text.empty() || !piece.tokens.empty()) {
      const auto said = shape.piece(index, piece);
      co_await send_all(*events, said);
    }
    if (!end) continue;
    const Finish finish = std::get<Finish>(*end);
    if (--open > 0) {
      if constexpr (requires { shape.end(index, finish); }) {
        const auto ended = shape.end(index, finish);
        co_await send_all(*events, ended);
      }
      continue;
    }
    // The totals are known once the streams have ended, which is when nothing comes any more.
    while (co_await answers.next()) {
    }
    const auto last = shape.end_last(index, finish, totals(prepared, answers));
    co_await send_all(*events, last);
  }
  co_return co_await events->finish();
}

}  // namespace sirocco
