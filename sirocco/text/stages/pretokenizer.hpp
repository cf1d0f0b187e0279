#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "sirocco/base/function_ref.hpp"
#include "sirocco/text/stages/split_pattern.hpp"

namespace sirocco {

/// A StageKind is how one stage of a pre-tokenizer cuts each piece that the stage before left.
enum class StageKind : std::uint8_t {
  kIsolate,       ///< every match becomes a piece, and so does what lies between
  kDigitGroups,   ///< as kIsolate, each match cut further in threes counted from its end
  kDigitCuts,     ///< cuts inside each match, in threes from its end; not around it
  kNumeralBytes,  ///< isolates runs of bytes whose byte-level spelling is numeric (no pattern)
  kAsciiTriples,  ///< isolates each three ASCII digits, from the left (no pattern)
};

struct PretokenizerStage {
  StageKind kind = StageKind::kIsolate;
  std::string_view pattern = {};
};

enum class Normalization : std::uint8_t { kNone, kNfc };

/// A PretokenizerRow is what a name in `tokenizer.ggml.pre` stands for.
struct PretokenizerRow {
  std::string_view name;
  std::span<const PretokenizerStage> stages;
  Normalization normalization = Normalization::kNone;
  bool ignore_merges = false;  ///< a piece that is a token needs no merges
  bool add_bos = false;        ///< where the file doesn't say
};

/// The table: a row a name.
std::span<const PretokenizerRow> pretokenizer_rows();

/// The row of this name, or null.
const PretokenizerRow* find_pretokenizer(std::string_view name);

/// A Pretokenizer cuts text into the pieces that are tokenized by themselves, and normalizes it
/// first where the model was trained so. Immutable, safe to share between threads.
class Pretokenizer {
 public:
  Pretokenizer(std::span<const PretokenizerStage> stages, Normalization normalization);

  /// Calls `emit` for each piece of `text`, in order. Bytes that aren't UTF-8 pass unchanged, a run
  /// of them a piece. The pieces together are `text`, normalized; a view lives only as long as the
  /// call.
  void split(std::string_view text, SplitRun& run, FunctionRef<void(std::string_view)> emit) const;

 private:
  struct Stage {
    StageKind kind;
    std::vector<SplitPattern> pattern;  // one, or none for the stages over bytes
  };

  void run_stage(std::size_t stage, std::string_view text, SplitRun& run,
                 FunctionRef<void(std::string_view)> emit) const;

  std::vector<Stage> stages_;
  Normalization normalization_;
};

}  // namespace sirocco
