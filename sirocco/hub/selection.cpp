#include "sirocco/hub/selection.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/platform/byte_text.hpp"

namespace sirocco {
namespace {

/// Four bits first, as what most machines run well; then what is a little better or larger, then
/// what is worse, then floats. Formats that aren't here are taken by name only.
constexpr std::array<std::string_view, 23> kPreferredFormats = {
    "Q4_K_M", "Q4_K_L", "Q4_K_XL", "Q4_K_S", "Q4_1", "Q4_0", "IQ4_XS", "IQ4_NL",
    "MXFP4",  "Q5_K_M", "Q5_K_S",  "Q5_1",   "Q5_0", "Q6_K", "Q8_0",   "Q3_K_L",
    "Q3_K_M", "Q3_K_S", "Q2_K",    "BF16",   "F16",  "FP16", "F32"};

/// Formats that occur in names besides.
constexpr std::array<std::string_view, 22> kOtherFormats = {
    "Q6_K_L", "Q8_K_XL", "Q5_K_L", "Q5_K_XL", "Q6_K_XL", "Q3_K_XL", "Q2_K_L", "Q2_K_XL",
    "Q2_K_S", "IQ1_S",   "IQ1_M",  "IQ2_XXS", "IQ2_XS",  "IQ2_S",   "IQ2_M",  "IQ3_XXS",
    "IQ3_XS", "IQ3_S",   "IQ3_M",  "TQ1_0",   "TQ2_0",   "FP32"};

constexpr std::string_view kFolderSelector = "safetensors";

/// What of a folder is taken: names in which a star stands for any characters but slashes, and #
/// for a digit.
constexpr std::array kTaken = {
    // What the model is.
    std::string_view("config.json"),
    std::string_view("generation_config.json"),
    std::string_view("processor_config.json"),
    std::string_view("preprocessor_config.json"),
    // Its weights.
    std::string_view("model.safetensors"),
    std::string_view("model.safetensors.index.json"),
    std::string_view("model*-of-*.safetensors"),
    // Its tokenizer.
    std::string_view("tokenizer.json"),
    std::string_view("tokenizer_config.json"),
    std::string_view("special_tokens_map.json"),
    std::string_view("added_tokens.json"),
    std::string_view("vocab.json"),
    std::string_view("vocab.txt"),
    std::string_view("merges.txt"),
    std::string_view("tekken.json"),
    std::string_view("*.model"),
    std::string_view("*.tiktoken"),
    // Its chat templates.
    std::string_view("chat_template.jinja"),
    std::string_view("chat_template.json"),
    std::string_view("additional_chat_templates/*.jinja"),
    // The modules of sentence-transformers.
    std::string_view("modules.json"),
    std::string_view("config_sentence_transformers.json"),
    std::string_view("sentence_*_config.json"),
    std::string_view("#_*/config.json"),
    std::string_view("#_*/model.safetensors"),
};

/// GGUF files that are no language model: how their names, in lower case, begin.
constexpr std::array<std::string_view, 2> kNoModels = {"mmproj", "imatrix"};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string lowered(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), lower);
  return out;
}

bool matches(std::string_view pattern, std::string_view name) {
  if (pattern.empty() || name.empty()) return pattern == name || pattern == "*";
  if (pattern.front() == '*') {
    return matches(pattern.substr(1), name) ||
           (name.front() != '/' && matches(pattern, name.substr(1)));
  }
  const bool same =
      pattern.front() == '#' ? is_digit(name.front()) : pattern.front() == name.front();
  return same && matches(pattern.substr(1), name.substr(1));
}

bool is_taken(const RepositoryPath& path) {
  return std::ranges::any_of(
      kTaken, [&](std::string_view pattern) { return matches(pattern, path.text()); });
}

/// The place of a part in a split GGUF: PREFIX-00002-of-00003.gguf.
struct Place {
  std::string_view prefix;
  unsigned number;
  unsigned count;
};

constexpr std::string_view kGguf = ".gguf";

/// What is before ".gguf", in whatever case that is written.
std::optional<std::string_view> gguf_stem(std::string_view path) {
  if (path.size() <= kGguf.size() || lowered(path.substr(path.size() - kGguf.size())) != kGguf)
    return std::nullopt;
  return path.substr(0, path.size() - kGguf.size());
}

std::optional<Place> place_of(std::string_view stem) {
  constexpr std::string_view kPattern = "-00000-of-00000";
  if (stem.size() <= kPattern.size()) return std::nullopt;
  const std::string_view end = stem.substr(stem.size() - kPattern.size());
  for (std::size_t i = 0; i < kPattern.size(); ++i) {
    if (kPattern[i] == '0' ? !is_digit(end[i]) : end[i] != kPattern[i]) return std::nullopt;
  }
  Place place{stem.substr(0, stem.size() - kPattern.size()), 0, 0};
  std::from_chars(end.data() + 1, end.data() + 6, place.number);
  std::from_chars(end.data() + 10, end.data() + 15, place.count);
  return place;
}

/// Whether `stem` ends in `word` behind a separator, or is it. Both in lower case.
bool ends_with_word(std::string_view stem, std::string_view word) {
  if (!stem.ends_with(word)) return false;
  if (stem.size() == word.size()) return true;
  const char before = stem[stem.size() - word.size() - 1];
  return before == '-' || before == '.' || before == '_' || before == '/';
}

/// The longest known format that a name ends in.
std::string format_of(std::string_view stem) {
  const std::string name = lowered(stem);
  std::string_view found;
  const auto look = [&](std::string_view format) {
    if (format.size() > found.size() && ends_with_word(name, lowered(format))) found = format;
  };
  std::ranges::for_each(kPreferredFormats, look);
  std::ranges::for_each(kOtherFormats, look);
  return std::string(found);
}

struct ByPath {
  bool operator()(const RepositoryFile& a, const RepositoryFile& b) const {
    return a.path < b.path;
  }
};

/// A GGUF and all its parts, or nothing where some are missing.
using Parts = std::map<unsigned, RepositoryFile>;

std::vector<ModelFiles> ggufs_among(std::span<const RepositoryFile> files) {
  // By the name without the number, and the count, which is 0 for whole files.
  std::map<std::pair<std::string, unsigned>, Parts> groups;
  for (const RepositoryFile& file : files) {
    const std::optional<std::string_view> stem = gguf_stem(file.path.text());
    if (!stem) continue;
    const std::string name = lowered(file.path.file_name());
    if (std::ranges::any_of(kNoModels, [&](auto no) { return name.find(no) != name.npos; }))
      continue;
    const Place place = place_of(*stem).value_or(Place{*stem, 1, 0});
    const std::string_view ending = std::string_view(file.path.text()).substr(stem->size());
    groups[{fmt::format("{}{}", place.prefix, ending), place.count}].emplace(place.number, file);
  }
  std::vector<ModelFiles> out;
  for (const auto& [key, parts] : groups) {
    const unsigned count = std::max(key.second, 1U);
    if (parts.size() != count || parts.begin()->first != 1 || parts.rbegin()->first != count)
      continue;
    ModelFiles model;
    model.format = format_of(*gguf_stem(key.first));
    for (const auto& [number, file] : parts) model.files.push_back(file);
    out.push_back(std::move(model));
  }
  for (ModelFiles& model : out) {
    const auto same = std::ranges::count(out, model.format, &ModelFiles::format);
    model.selector =
        model.format.empty() || same > 1 ? model.files.front().path.text() : model.format;
  }
  return out;
}

std::optional<ModelFiles> folder_among(std::span<const RepositoryFile> files) {
  ModelFiles model{
      ModelFiles::Kind::kFolder, std::string(kFolderSelector), std::string(kFolderSelector), {}};
  std::ranges::copy_if(files, std::back_inserter(model.files),
                       [](const RepositoryFile& file) { return is_taken(file.path); });
  std::ranges::sort(model.files, ByPath());
  const auto has = [&](std::string_view name) {
    return std::ranges::any_of(model.files, [&](const auto& f) { return f.path.text() == name; });
  };
  const auto is_shard = [](const RepositoryFile& file) {
    return file.path.text().find('/') == std::string::npos &&
           file.path.text().ends_with(".safetensors") && file.path.text() != "model.safetensors";
  };
  const bool whole = has("model.safetensors");
  const bool sharded =
      has("model.safetensors.index.json") && std::ranges::any_of(model.files, is_shard);
  if (!has("config.json") || (!whole && !sharded)) return std::nullopt;
  if (whole) {
    // The same weights a second time.
    std::erase_if(model.files, [&](const RepositoryFile& file) {
      return is_shard(file) || file.path.text() == "model.safetensors.index.json";
    });
  }
  return model;
}

/// What to say of a repository in which nothing is found.
std::string contents(std::span<const ModelFiles> models, std::span<const RepositoryFile> files) {
  if (!models.empty()) {
    std::vector<std::string> selectors;
    for (const ModelFiles& model : models) {
      if (selectors.size() < 12) selectors.push_back(sirocco::quoted(model.selector));
    }
    const std::size_t more = models.size() - selectors.size();
    return fmt::format("it has {}{}", fmt::join(selectors, ", "),
                       more == 0 ? "" : fmt::format(" and {} more", more));
  }
  const auto any = [&](auto... endings) {
    return std::ranges::any_of(files, [&](const RepositoryFile& file) {
      return (file.path.text().ends_with(endings) || ...);
    });
  };
  if (any(".gguf")) return "it has no GGUF model of which all parts are there";
  if (any("adapter_model.safetensors"))
    return "it has an adapter, which is no model of its own: pull a model that it was merged into";
  if (any(".bin", ".pt", ".pth", ".ckpt"))
    return "its weights are pickled files, which can run code and aren't fetched: look for the "
           "same "
           "model as GGUF or safetensors";
  if (any(".safetensors"))
    return "it has safetensors, but not with the names of a language model's folder (config.json "
           "with model.safetensors or its parts)";
  return "it has neither GGUF nor safetensors files";
}

std::vector<ModelFiles> by_name(std::span<const ModelFiles> models, std::string_view what) {
  std::vector<ModelFiles> found;
  const auto collect = [&](auto is_meant) {
    if (found.empty()) std::ranges::copy_if(models, std::back_inserter(found), is_meant);
  };
  const std::string wanted = lowered(what);
  const auto names_a_file = [&](auto name_of) {
    return [&what, name_of](const ModelFiles& model) {
      return std::ranges::any_of(model.files,
                                 [&](const RepositoryFile& f) { return name_of(f) == what; }) &&
             model.kind == ModelFiles::Kind::kGguf;
    };
  };
  collect(names_a_file([](const RepositoryFile& f) { return std::string_view(f.path.text()); }));
  collect(names_a_file([](const RepositoryFile& f) { return f.path.file_name(); }));
  collect([&](const ModelFiles& model) { return lowered(model.format) == wanted; });
  collect([&](const ModelFiles& model) {
    const std::string_view stem = gguf_stem(model.files.front().path.text()).value_or("");
    const std::optional<Place> place = place_of(stem);
    return ends_with_word(lowered(place ? place->prefix : stem), wanted);
  });
  return found;
}

}  // namespace

std::uint64_t ModelFiles::bytes() const {
  return std::transform_reduce(files.begin(), files.end(), std::uint64_t{0}, std::plus(),
                               [](const RepositoryFile& file) { return file.size; });
}

std::vector<ModelFiles> models_among(std::span<const RepositoryFile> files) {
  std::vector<ModelFiles> out = ggufs_among(files);
  if (std::optional<ModelFiles> folder = folder_among(files)) out.push_back(std::move(*folder));
  return out;
}

std::variant<ModelFiles, Undecided> choose_model(std::span<const ModelFiles> models,
                                                 std::span<const RepositoryFile> files,
                                                 std::string_view what,
                                                 std::string_view repository) {
  if (!what.empty()) {
    std::vector<ModelFiles> found = by_name(models, what);
    if (found.empty())
      throw NotFound("{} has no model {}; {}", repository, sirocco::quoted(what, 400),
                     contents(models, files));
    if (found.size() == 1) return std::move(found.front());
    return Undecided{
        fmt::format("{} of its files are meant by {}", found.size(), sirocco::quoted(what, 400)),
        std::move(found)};
  }
  std::vector<ModelFiles> ggufs;
  std::ranges::copy_if(models, std::back_inserter(ggufs), [](const ModelFiles& model) {
    return model.kind == ModelFiles::Kind::kGguf;
  });
  for (const std::string_view format : kPreferredFormats) {
    std::vector<ModelFiles> found;
    std::ranges::copy_if(ggufs, std::back_inserter(found),
                         [&](const ModelFiles& model) { return model.format == format; });
    if (found.size() == 1) return std::move(found.front());
    if (found.size() > 1)
      return Undecided{fmt::format("{} of its files are {}", found.size(), format),
                       std::move(found)};
  }
  if (ggufs.size() == 1) return std::move(ggufs.front());
  if (ggufs.size() > 1)
    return Undecided{"none of its formats comes before the others", std::move(ggufs)};
  // Without a GGUF there is a folder, or nothing.
  if (!models.empty()) return models.front();
  throw NotFound("{} has no model that sirocco opens: {}", repository, contents(models, files));
}

std::span<const std::string_view> preferred_formats() { return kPreferredFormats; }

}  // namespace sirocco
