#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/tensor/metadata.hpp"
#include "sirocco/tensor/weight_source.hpp"

namespace sirocco {

/// A PassedCount is of tensors of a kind that a checkpoint holds and no answer depends on.
struct PassedCount {
  std::string_view what;  ///< "of heads for other tasks"
  std::int64_t tensors = 0;
  bool is_part = false;  ///< of the model, which a person may miss; else buffers and the like
  bool senses = false;   ///< of the parts for pictures and sound, which may be run by themselves
};

/// PassedTensors tells the tensors of a checkpoint that no answer depends on, by one table for the
/// names of folders and of GGUF files: what is computed here (frequencies, masks, ids of
/// positions), scales of values that stay in float, heads for other tasks, layers that guess
/// further tokens, parts for pictures and sound. All others have to be run, or the checkpoint
/// isn't.
class PassedTensors {
 public:
  /// The checkpoint's first `layers` layers are run. The `guessing` ones behind them guess further
  /// tokens, as it says; so does any other behind them that holds what only such a layer has.
  /// Tensors whose names begin with one of `writer` are of the half that writes, which isn't run.
  PassedTensors(const WeightSource& source, std::int64_t layers, std::int64_t guessing,
                std::span<const std::string_view> writer = {});

  /// Whether no answer depends on the tensor, which is counted then if some file holds it.
  bool pass(const StoredTensor& tensor);
  bool pass(const LackingTensor& tensor);

  /// What has been counted, by kind.
  std::vector<PassedCount> counts() const;

 private:
  enum class Kind : std::uint8_t { kComputed, kScale, kHead, kGuessing, kSenses, kWriter };
  static constexpr std::size_t kKinds = 6;
  struct Row;
  static std::span<const Row> table();

  bool pass(std::string_view name, const Shape* shape, bool counts);
  bool is_guessing(std::string_view name) const;

  std::int64_t layers_;
  std::int64_t guessing_;
  std::span<const std::string_view> writer_;
  std::set<std::int64_t> found_guessing_;
  std::array<std::int64_t, kKinds> counts_{};
};

/// The layers of a GGUF file that are run, which its block_count counts together with `guessing`
/// ones. FormatError when the numbers make no sense.
struct GgufLayers {
  std::int64_t run;
  std::int64_t guessing;
};
GgufLayers gguf_layers(const Metadata& metadata);

/// One line in the log, if there is anything to say: "PATH: 18 tensors aren't run: 16 of …".
void log_passed(std::string_view origin, std::span<const PassedCount> counts);

/// Throws the UnsupportedError that names a tensor which nobody knows what to do with. `origin` is
/// its file, `tensor` its name there, between quotes.
[[noreturn]] void refuse_unknown_tensor(std::string_view origin, std::string_view tensor,
                                        std::string_view architecture);

}  // namespace sirocco
