#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/encoder_input.hpp"
#include "sirocco/pipeline/placed_stage.hpp"

namespace sirocco {

/// Why a picture or a sound could not be encoded.
struct EncoderFault {
  ErrorKind kind;
  std::string message;
};

/// A picture or a sound on its way through its encoder: piece by piece, in each layer by layer, and
/// in each layer row by row, twice, since all keys and values of a layer have to be there before a
/// row is mixed with them. What is done at once is a row at least. The rows that are made are the
/// same bits however it is cut.
class EncoderPass {
 public:
  /// `ledger`, when given, is charged for what is held between two calls of `advance`, and outlives
  /// the pass.
  explicit EncoderPass(std::shared_ptr<const EncoderInput> input, ByteLedger* ledger = nullptr);

  const EmbeddingKey& key() const { return key_; }
  /// Whether there is nothing more to do: the rows are there, or they can't be.
  bool ended() const { return ended_; }
  /// Why there are none.
  const std::optional<EncoderFault>& fault() const { return fault_; }
  /// Of what is left.
  EncoderCost left() const { return left_; }
  /// The next row, and what more costs no more than `budget` together with it. What goes wrong ends
  /// it with a fault.
  void advance(EncoderCost budget, Backend& backend, StepMemory& memory);
  /// f32 [rows, width], once it has ended without a fault: those of all pieces, and the encoder's
  /// row for the end of a row of tiles behind them, where it has one.
  const std::vector<float>& rows() const { return rows_; }

 private:
  /// What is done to the rows of a piece, in this order; the middle two in each layer.
  enum class Stage : std::uint8_t { kEmbed, kRemember, kForward, kProject };

  /// The rows of the stage that it is in, and what one of them costs.
  std::int64_t stage_rows() const;
  EncoderCost row_cost() const;
  void run(EncoderCost budget, Backend& backend, StepMemory& memory);
  void run_rows(RowRange rows, Backend& backend, StepMemory& memory);
  void next_stage();
  void end(std::optional<EncoderFault> fault);

  AnyEncoder encoder_;
  std::shared_ptr<const EncoderInput> input_;  // until it has ended
  EmbeddingKey key_;
  std::size_t piece_ = 0;
  Stage stage_ = Stage::kEmbed;
  LayerIndex layer_ = LayerIndex(0);
  std::int64_t row_ = 0;  // the next of the stage
  Arena arena_;
  std::optional<EncoderStream> stream_;  // of the piece, in the arena
  std::vector<float> rows_;
  EncoderCost left_ = 0;
  bool ended_ = false;
  std::optional<EncoderFault> fault_;
};

}  // namespace sirocco
