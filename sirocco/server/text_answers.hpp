#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "sirocco/engine/session.hpp"
#include "sirocco/server/http/exchange.hpp"

namespace sirocco {

/// The answers of one exchange while they are written: several choices to each of several prompts.
/// The j-th to the i-th prompt has the index i · choices + j. Belongs to the exchange's handler;
/// when it goes, what isn't finished is cancelled.
class TextAnswers {
 public:
  TextAnswers(http::Exchange& exchange, std::vector<TextStream> streams, int choices)
      : exchange_(exchange), streams_(std::move(streams)), choices_(choices) {}

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

  http::Exchange& exchange_;
  std::vector<TextStream> streams_;
  int choices_;
  std::size_t turn_ = 0;  // the stream that is looked at next
};

}  // namespace sirocco
