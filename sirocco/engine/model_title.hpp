#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "sirocco/quant/format.hpp"
#include "sirocco/tensor/metadata.hpp"
#include "sirocco/tensor/weight_source.hpp"

namespace sirocco {

/// What people call a model: "SmolLM2-135M-Instruct" in "Q4_1".
struct ModelTitle {
  std::string name;    ///< one line of text, never empty
  std::string format;  ///< of most weights; empty where there are none

  /// Both: "SmolLM2-135M-Instruct (Q4_1)".
  std::string text() const;
};

/// What may tell a model's name; each may be empty, and hold whatever a file or a folder can.
struct ModelNameSources {
  std::filesystem::path path;  ///< absolute; of the file or the folder
  bool is_folder = false;
  std::string_view general_name;  ///< general.name, or where a folder says that it comes from
  std::string_view basename;      ///< these four: general.basename and so on
  std::string_view size_label;
  std::string_view finetune;
  std::string_view version;
  std::string_view architecture;
  std::string_view format;  ///< of most weights: "q4_1"
};

/// Chooses the name. People know a model by the name of its file or folder, without extension,
/// number of the part, and format (which is the format of the title then, since it tells more:
/// "Q4_K_M"). Where that says nothing ("model.gguf", a hash, "checkpoint-500"), the name is that of
/// the hub's folder around it, the checkpoint's own name unless it is that of a training run, the
/// one put together of its parts, that of an outer folder, the architecture: the first that says
/// something.
ModelTitle model_title(const ModelNameSources& sources);

/// The title of a checkpoint. `path`: how it was opened; `quantized`: the format that its float
/// matrices are converted to, or null.
ModelTitle model_title(const std::filesystem::path& path, const Metadata& metadata,
                       const WeightSource& weights, const Format* quantized = nullptr);

/// The name of the format that most of the weights' bytes are in, as the table of formats has it;
/// empty without weights.
std::string_view main_format(const WeightSource& weights);

}  // namespace sirocco
