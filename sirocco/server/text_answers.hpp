#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "sirocco/engine/session.hpp"
#include "sirocco/server/http/exchange.hpp"
#include "sirocco/server/model_figures.hpp"

namespace sirocco {

/// The answers of one exchange while they are written: several choices to each of several prompts.
/// The j-th to the i-th prompt has the index i · choices + j. Belongs to the exchange's handler;
/// when it goes, what isn't finished is cancelled. It keeps the exchange's figures.
class TextAnswers {
 public:
  /// `figures` tells the model and its prompts.
  TextAnswers(http::Exchange& exchange, std::vector<TextStream> streams, int choices,
              ModelFigures figures);

  struct Piece {
    int index;
    TextPiece piece;
  };
  /// The next piece of any answer; nothing when all have ended. Throws http::ClientGone.
  http::Task<std::optional<Piece>> next();
  struct Silence {};
  struct AllEnded {};
  /// The same, or Silence when none came for so long.
  http::Task<std::variant<Piece, Silence, AllEnded>> next_within(Seconds longest);

  /// Passes over what is there now.
  void skip();

  /// Answers in all.
  int count() const { return static_cast<int>(streams_.size()) * choices_; }
  const Completion& completion(int index) const;
  /// Of all prompts and answers; whole when all have ended.
  Usage usage() const;
  /// From the first admission on, as far as it can be said of several: the longest of each.
  RequestTimings timings() const;

 private:
  std::optional<Piece> try_next();
  bool ended() const;
  void note_end(std::size_t stream);

  http::Exchange& exchange_;
  std::vector<TextStream> streams_;
  int choices_;
  std::size_t turn_ = 0;     // the stream that is looked at next
  std::vector<bool> noted_;  // of each stream, whether its end is among the figures
  std::shared_ptr<ModelFigures> figures_;
};

}  // namespace sirocco
