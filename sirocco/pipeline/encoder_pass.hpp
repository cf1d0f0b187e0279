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

/// A picture or a sound on its way through its encoder, piece by piece and in each layer by layer:
/// what is done at once is a layer of a piece at least. The rows are the same bits however it is
/// cut.
class EncoderPass {
 public:
  explicit EncoderPass(std::shared_ptr<const EncoderInput> input);

  const EmbeddingKey& key() const { return key_; }
  /// Whether there is nothing more to do: the rows are there, or they can't be.
  bool ended() const { return ended_; }
  /// Why there are none.
  const std::optional<EncoderFault>& fault() const { return fault_; }
  /// Of what is left, and of the next layer of it.
  EncoderCost left() const { return left_; }
  EncoderCost next_layer() const;
  /// The next layer, and what more of the same piece costs no more than `budget` together with it.
  /// What goes wrong ends it with a fault.
  void advance(EncoderCost budget, Backend& backend, StepMemory& memory);
  /// f32 [rows, width], once it has ended without a fault: those of all pieces, and the encoder's
  /// row for the end of a row of tiles behind them, where it has one.
  const std::vector<float>& rows() const { return rows_; }

 private:
  void run(EncoderCost budget, Backend& backend, StepMemory& memory);
  void end(std::optional<EncoderFault> fault);

  AnyEncoder encoder_;
  std::shared_ptr<const EncoderInput> input_;  // until it has ended
  EmbeddingKey key_;
  std::size_t piece_ = 0;
  std::int32_t layer_ = 0;       // of the piece; its rows are before this one
  std::vector<float> residual_;  // of the piece, when it is amid its layers: as embed made it
  std::int64_t residual_rows_ = 0;
  std::vector<float> rows_;
  EncoderCost left_ = 0;
  bool ended_ = false;
  std::optional<EncoderFault> fault_;
};

}  // namespace sirocco
