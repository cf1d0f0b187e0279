// docs/supported-models.md is made of the registry and of the headers of its families. This test
// compares it; with SIROCCO_UPDATE_DOCS in the environment it writes it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <span>
#include <sstream>
#include <string>

#include "sirocco/models/picture_folders.hpp"
#include "sirocco/models/registry.hpp"
#include "sirocco/models/sound_folders.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco::testing {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = source_path("");

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

fs::path source(std::string_view stem, std::string_view end) {
  return kRoot / "sirocco/models" / (std::string(stem) + std::string(end));
}

/// The blocks of a family as its header spells them, a line each.
std::string blocks(std::string_view stem) {
  const std::string text = content(source(stem, ".hpp"));
  const std::regex alias(R"(using (\w+Block) = (TransformerBlock<[^;]*>);)");
  std::string out;
  for (std::sregex_iterator at(text.begin(), text.end(), alias), end; at != end; ++at) {
    const std::string type = std::regex_replace(at->str(2), std::regex(R"(\s+)"), " ");
    out += (out.empty() ? "`" : "<br>`") + at->str(1) + " = " + type + "`";
  }
  EXPECT_FALSE(out.empty()) << stem;
  return out;
}

std::ptrdiff_t lines(const fs::path& path) {
  const std::string text = content(path);
  return std::count(text.begin(), text.end(), '\n');
}

std::string joined(const std::vector<std::string>& parts, const char* between) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : between) + part;
  return out;
}

/// One row a pair of files, in the order of the registry.
std::string document() {
  struct Row {
    std::string stem;
    std::vector<std::string> models, architectures, types;
  };
  std::vector<Row> rows;
  const auto add = [](std::vector<std::string>& to, std::string_view name) {
    const std::string quoted = "`" + std::string(name) + "`";
    if (std::find(to.begin(), to.end(), quoted) == to.end()) to.push_back(quoted);
  };
  for (const SupportedModel& model : supported_models()) {
    auto row = std::find_if(rows.begin(), rows.end(),
                            [&](const Row& r) { return r.stem == model.source; });
    if (row == rows.end())
      row = rows.insert(rows.end(), Row{std::string(model.source), {}, {}, {}});
    row->models.emplace_back(model.models);
    add(row->architectures, model.architecture);
    for (const std::string_view type : model.model_types) add(row->types, type);
  }
  std::string out =
      "# Supported models\n\n"
      "Made of the registry (`sirocco/models/registry.cpp`) and of the families' headers; a test "
      "compares it, and\n"
      "`SIROCCO_UPDATE_DOCS=1 build/release/models_supported_test` writes it anew. Blocks are "
      "spelled as the headers\n"
      "spell them: norm, mixer, feed-forward, wiring. Lines are those of the family's header and "
      "source, and of the\n"
      "table that its Hugging Face folders are read by.\n\n"
      "| models | GGUF architecture | folders' `model_type` | blocks | files | lines |\n"
      "|---|---|---|---|---|---|\n";
  for (const Row& row : rows) {
    const fs::path folder = source(row.stem, "_folder.cpp");
    std::string count =
        std::to_string(lines(source(row.stem, ".hpp")) + lines(source(row.stem, ".cpp")));
    if (fs::exists(folder)) count += " + " + std::to_string(lines(folder));
    out += "| " + joined(row.models, "; ") + " | " + joined(row.architectures, ", ") + " | " +
           (row.types.empty() ? "–" : joined(row.types, ", ")) + " | " + blocks(row.stem) + " | `" +
           row.stem + "` | " + count + " |\n";
  }
  out +=
      "\n## Pictures and sound\n\n"
      "What the tables of encoders say (`sirocco/models/picture_folders.cpp`, "
      "`sound_folders.cpp`): "
      "folders of these types, and\n"
      "GGUF models with a file of llama.cpp's whose projector is named here. Whisper "
      "(`whisper` folders) writes speech down\n"
      "([sound.md](sound.md)); how pictures are prepared is in [pictures.md](pictures.md).\n\n"
      "| models | takes | folders' `model_type` | projector |\n"
      "|---|---|---|---|\n";
  const auto add_encoders = [&](std::span<const EncoderSchema* const> encoders) {
    for (const EncoderSchema* encoder : encoders) {
      std::vector<std::string> types;
      for (const std::string_view type : encoder->of.model_types) add(types, type);
      out += "| " + std::string(encoder->models) + " | " + (encoder->hears ? "sound" : "pictures") +
             " | " + joined(types, ", ") + " | `" + std::string(encoder->projector) + "` |\n";
    }
  };
  add_encoders(known_encoders());
  add_encoders(known_sound_encoders());
  return out;
}

TEST(SupportedModels, DocumentIsWhatTheRegistrySays) {
  const fs::path path = kRoot / "docs/supported-models.md";
  const std::string expected = document();
  if (std::getenv("SIROCCO_UPDATE_DOCS") != nullptr) {
    std::ofstream(path, std::ios::binary) << expected;
  }
  EXPECT_EQ(content(path), expected) << "run: SIROCCO_UPDATE_DOCS=1 models_supported_test";
}

TEST(SupportedModels, AreTheKnownArchitectures) {
  const auto models = supported_models();
  ASSERT_EQ(models.size(), known_families().gguf_architectures.size());
  for (std::size_t i = 0; i < models.size(); ++i)
    EXPECT_EQ(models[i].architecture, known_families().gguf_architectures[i]);
}

}  // namespace
}  // namespace sirocco::testing
