#pragma once

#include <cstring>
#include <filesystem>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/diffusers_folder.hpp"
#include "sirocco/kernels/cpu/cpu_backend.hpp"
#include "sirocco/models/registry.hpp"
#include "sirocco/models/text_encoder.hpp"
#include "tests/golden/recorded_values_testing.hpp"
#include "tests/support/paths_testing.hpp"

/// What the tests of encoders of texts share.
namespace sirocco::testing {

namespace fs = std::filesystem;

inline constexpr double kNear = 1e-5;
using Rows = std::vector<float>;
using Tokens = std::vector<TokenId>;

/// What is recorded of a pipeline.
struct Recorded {
  explicit Recorded(const std::string& pipeline)
      : model(parse_json(read_text(path(pipeline + ".json")), pipeline)),
        values(path(text(model, "values"))) {}
  static std::string path(const std::string& name) {
    return source_path("tests/golden/diffusion/" + name);
  }
  JsonValue model;
  RecordedValues values;
};

inline Tokens tokens_of(const JsonValue& object, std::string_view name) {
  Tokens out;
  for (const std::int32_t id : ids_member(object, name)) out.emplace_back(id);
  return out;
}

inline fs::path folder_path(const std::string& name) {
  return made_golden_path("diffusion/" + name);
}

/// An encoder with what it runs on.
class Encoder {
 public:
  struct Options {
    Isa isa = Isa::kRef;
    int threads = 1;
    bool oracle = true;
  };
  Encoder(const Checkpoint& checkpoint, const Options& options)
      : threads_(options.threads),
        backend_(options.oracle ? make_oracle_backend(options.isa, threads_)
                                : make_cpu_backend(options.isa, threads_)),
        canonical_(canonical_checkpoint(checkpoint.metadata, checkpoint.weights)),
        encoder_(*make_model_builder(*canonical_.metadata, *canonical_.weights, *backend_)) {}
  explicit Encoder(const Checkpoint& checkpoint) : Encoder(checkpoint, Options{}) {}

  const TextEncoder& model() const { return encoder_; }
  const Metadata& metadata() const { return *canonical_.metadata; }

  /// All rows of sequences in one step, through the layers before `end`; the pieces of the way
  /// begin at `cuts`.
  Rows rows(const std::vector<Tokens>& texts, std::int32_t end,
            const std::vector<std::int32_t>& cuts = {0}) {
    Tokens all;
    StepRows rows;
    for (const Tokens& tokens : texts) {
      rows.sequences.emplace_back(SequenceId(static_cast<std::int32_t>(rows.sequences.size())),
                                  Position(0), std::ssize(tokens));
      all.insert(all.end(), tokens.begin(), tokens.end());
    }
    rows.outputs.resize(all.size());
    std::iota(rows.outputs.begin(), rows.outputs.end(), 0);
    return run(rows, [&](TransformContext& context) {
      Hidden hidden = encoder_.embed(TokenBatch(all), context);
      for (std::size_t i = 0; i < cuts.size(); ++i) {
        hidden = encoder_.transform(std::move(hidden), LayerIndex(cuts[i]),
                                    LayerIndex(i + 1 < cuts.size() ? cuts[i + 1] : end), context);
      }
      return hidden;
    });
  }
  Rows rows(const std::vector<Tokens>& texts) { return rows(texts, encoder_.info().layers); }

  /// The row with that number of one sequence.
  Rows row(const Tokens& tokens, std::int64_t number) {
    const StepRows rows{{{SequenceId(0), Position(0), std::ssize(tokens)}},
                        {static_cast<std::int32_t>(number)}};
    return run(rows, [&](TransformContext& context) {
      return encoder_.encode(TokenBatch(tokens), context);
    });
  }

 private:
  template <class Encode>
  Rows run(const StepRows& rows, const Encode& encode) {
    const CacheViews none;
    TransformContext context(*backend_, memory_, rows, none);
    const Hidden hidden = encode(context);
    const std::span<const float> values = backend_->read(hidden.values());
    return {values.begin(), values.end()};
  }

  ThreadGroup threads_;
  std::unique_ptr<Backend> backend_;
  StepMemory memory_;
  CanonicalCheckpoint canonical_;
  TextEncoder encoder_;
};

inline bool same_bits(const Rows& a, const Rows& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

inline Rows joined(const Rows& a, const Rows& b) {
  Rows all = a;
  all.insert(all.end(), b.begin(), b.end());
  return all;
}

template <class E>
std::string refusal(const Checkpoint& checkpoint) {
  try {
    Encoder encoder(checkpoint);
  } catch (const E& e) {
    return e.what();
  } catch (const Error& e) {
    return std::string("another kind: ") + e.what();
  }
  return "it was loaded";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace sirocco::testing
