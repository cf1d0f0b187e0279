#include "sirocco/engine/model_title.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "sirocco/base/utf8.hpp"

namespace sirocco {
namespace {

constexpr std::size_t kLongestName = 64;  // characters

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_separator(char c) { return c == '.' || c == '-' || c == '_' || c == ' '; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

std::string with_case(std::string_view text, char (*change)(char)) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), change);
  return out;
}

bool ends_with_word(std::string_view text, std::string_view word) {
  return text.size() > word.size() && is_separator(text[text.size() - word.size() - 1]) &&
         with_case(text.substr(text.size() - word.size()), lower) == word;
}

/// Names of files and folders that name nothing; outer folders may.
constexpr std::array<std::string_view, 24> kSayNothing = {
    "",          "model",   "ggml-model", "gguf-model",    "ggml",      "gguf",
    "hf",        "unsloth", "weights",    "pytorch_model", "default",   "consolidated",
    "main",      "final",   "merged",     "merged_model",  "output",    "out",
    "converted", "tmp",     "temp",       "checkpoint",    "snapshots", "latest"};

/// Folders that hold models of many names: there the search ends.
constexpr std::array<std::string_view, 11> kHoldMany = {
    "/",         "models", "model-store", "blobs", "hub", "checkpoints",
    "downloads", "home",   "root",        "data",  "."};

bool is_hash(std::string_view text) {
  if (const std::size_t colon = text.find_first_of(":-");
      colon != text.npos && text.substr(0, colon) == "sha256")
    text.remove_prefix(colon + 1);
  std::size_t digits = 0;
  std::size_t letters = 0;
  for (const char c : text) {
    if (is_digit(c)) {
      ++digits;
    } else if (lower(c) >= 'a' && lower(c) <= 'f') {
      ++letters;
    } else if (c != '-') {
      return false;
    }
  }
  return digits + letters >= 16 && digits > 0;
}

bool is_checkpoint(std::string_view text) {
  constexpr std::string_view kBegin = "checkpoint-";
  return text.starts_with(kBegin) && text.size() > kBegin.size() &&
         std::ranges::all_of(text.substr(kBegin.size()), is_digit);
}

bool says_something(std::string_view name) {
  const std::string word = with_case(name, lower);
  return std::ranges::find(kSayNothing, std::string_view(word)) == kSayNothing.end() &&
         std::ranges::find(kHoldMany, std::string_view(word)) == kHoldMany.end() &&
         !is_hash(word) && !std::ranges::all_of(word, is_digit);
}

/// One line without characters that direct or are invalid, and with single blanks.
std::string readable(std::string_view text) {
  std::string out;
  bool blank = false;
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Unit unit = decode_utf8(text, i);
    const char32_t c = unit.value;
    const bool directs = (c >= 0x200B && c <= 0x200F) || (c >= 0x202A && c <= 0x202E) ||
                         (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF;
    if (c <= 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0x2028 || c == 0x2029) {
      blank = !out.empty();
    } else if (unit.valid && !directs) {
      if (std::exchange(blank, false)) out += ' ';
      out += text.substr(i, unit.size);
    }
    i += unit.size;
  }
  return out;
}

std::string shortened(std::string text) {
  std::size_t end = 0;
  for (std::size_t n = 0; n < kLongestName && end < text.size(); ++n)
    end += decode_utf8(text, end).size;
  return end == text.size() ? text : text.substr(0, end) + "\u2026";
}

/// Whether this is how files are named after a format: Q4_K_M, IQ4_XS, BF16.
bool is_format(std::string_view word) {
  constexpr std::array<std::string_view, 14> kFormats = {
      "F32", "F16",     "BF16",  "FP32",  "FP16",      "FP8",   "F8",
      "F64", "F8_E4M3", "MXFP4", "NVFP4", "MXFP4_MOE", "TQ1_0", "TQ2_0"};
  constexpr std::array<std::string_view, 9> kParts = {"K",   "S",  "M",  "L",  "XS",
                                                      "XXS", "XL", "NL", "XXL"};
  if (std::ranges::find(kFormats, word) != kFormats.end()) return true;
  if (word.starts_with('I')) word.remove_prefix(1);
  if (word.size() < 2 || word[0] != 'Q' || word[1] < '1' || word[1] > '8') return false;
  word.remove_prefix(2);
  while (!word.empty()) {
    if (word[0] != '_') return false;
    word.remove_prefix(1);
    const std::string_view part = word.substr(0, word.find('_'));
    const bool number = part.size() == 1 && is_digit(part[0]);
    if (!number && std::ranges::find(kParts, part) == kParts.end()) return false;
    word.remove_prefix(part.size());
  }
  return true;
}

/// How titles spell a format.
std::string format_label(std::string_view format) {
  const std::string label = with_case(format, upper);
  return label.starts_with("FP") && label != "FP8" ? "F" + label.substr(2) : label;
}

/// Takes a format off a name's end, with what quantizers put beside it; empty without one.
std::string take_format(std::string_view& name) {
  constexpr std::array<std::string_view, 3> kBehind = {"imat", "imatrix", "gguf"};
  constexpr std::array<std::string_view, 2> kBefore = {"ud", "i1"};
  std::string_view rest = name;
  for (const std::string_view word : kBehind) {
    if (ends_with_word(rest, word)) rest.remove_suffix(word.size() + 1);
  }
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (i > 0 && !is_separator(rest[i - 1])) continue;
    const std::string word = with_case(rest.substr(i), upper);
    if (!is_format(word)) continue;
    name = rest.substr(0, i == 0 ? 0 : i - 1);
    for (const std::string_view before : kBefore) {
      if (ends_with_word(name, before)) name.remove_suffix(before.size() + 1);
    }
    return format_label(word);
  }
  return "";
}

/// Without ".gguf" and the "-00001-of-00003" of split files.
std::string_view stem_of(std::string_view file) {
  if (ends_with_word(file, "gguf")) file.remove_suffix(5);
  constexpr std::string_view kPattern = "-00000-of-00000";
  if (file.size() < kPattern.size()) return file;
  const std::string_view end = file.substr(file.size() - kPattern.size());
  for (std::size_t i = 0; i < kPattern.size(); ++i) {
    if (kPattern[i] == '0' ? !is_digit(end[i]) : end[i] != kPattern[i]) return file;
  }
  return file.substr(0, file.size() - kPattern.size());
}

/// What a name is without formats and "-GGUF" at its end, and the format that it had: where there
/// are several, one that isn't of floats.
std::pair<std::string, std::string> without_format(std::string_view name) {
  std::string format;
  while (true) {
    const std::string more = take_format(name);
    if (more.empty()) break;
    const bool of_floats = format.starts_with('F') || format.starts_with('B');
    if (format.empty() || of_floats) format = more;
  }
  while (ends_with_word(name, "gguf")) name.remove_suffix(5);
  return {readable(name), format};
}

/// The model's name in "models--ORGANIZATION--NAME"; empty for other folders.
std::string_view hub_name(std::string_view folder) {
  if (!folder.starts_with("models--")) return {};
  const std::size_t last = folder.rfind("--");
  return folder.substr(last + 2);
}

std::vector<std::string> folders_of(const ModelNameSources& sources) {
  std::vector<std::string> names;
  std::filesystem::path path = sources.path.lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  if (!sources.is_folder) path = path.parent_path();
  while (path.has_filename()) {
    names.push_back(path.filename().string());
    path = path.parent_path();
  }
  return names;
}

std::string name_of_hub_folder(const std::vector<std::string>& folders) {
  constexpr std::size_t kDepth = 4;  // models--…/snapshots/HASH/FOLDER
  for (std::size_t i = 0; i < std::min(folders.size(), kDepth); ++i) {
    if (const std::string_view name = hub_name(folders[i]); !name.empty())
      return without_format(name).first;
  }
  return "";
}

/// The first folder from within that says something.
std::string name_of_folders(const std::vector<std::string>& folders) {
  std::string behind;
  for (const std::string& folder : folders) {
    const std::string name = without_format(folder).first;
    if (says_something(name) && !is_checkpoint(name)) return name + behind;
    if (std::ranges::find(kHoldMany, std::string_view(with_case(folder, lower))) != kHoldMany.end())
      break;
    if (is_checkpoint(name)) behind = "/" + name;
  }
  return behind.empty() ? "" : behind.substr(1);
}

/// Whether a name has words of the training that made the model rather than of the model: ep2,
/// step1000, mix1.
bool is_of_a_run(std::string_view name) {
  constexpr std::array<std::string_view, 12> kCounted = {
      "ep", "epoch", "step", "steps", "iter", "ckpt", "run", "mix", "seed", "lr", "bs", "lc"};
  while (!name.empty()) {
    const auto end = std::ranges::find_if(name, is_separator);
    const std::string word = with_case({name.begin(), end}, lower);
    const std::size_t digits = word.find_first_of("0123456789");
    if (digits != word.npos &&
        std::ranges::find(kCounted, word.substr(0, digits)) != kCounted.end())
      return true;
    name.remove_prefix(word.size());
    if (!name.empty()) name.remove_prefix(1);
  }
  return false;
}

/// A name as the checkpoint has it; the last part of what is a path.
std::string own_name(std::string_view name) {
  while (name.ends_with('/') || name.ends_with('\\')) name.remove_suffix(1);
  if (const std::size_t slash = name.find_last_of("/\\"); slash != name.npos)
    name.remove_prefix(slash + 1);
  std::string out = without_format(stem_of(name)).first;
  return says_something(out) && !is_checkpoint(out) ? out : "";
}

/// As GGUF's naming convention puts the parts together.
std::string name_of_parts(const ModelNameSources& s) {
  std::string out = readable(s.basename);
  if (!says_something(out)) return "";
  for (const std::string_view part : {s.size_label, s.finetune, s.version}) {
    if (const std::string text = readable(part); !text.empty() && !is_of_a_run(text))
      out += "-" + text;
  }
  return readable(out);
}

std::string_view text_at(const Metadata& metadata, std::string_view path) {
  const MetadataValue* const value = metadata.find(path);
  const auto* text = value == nullptr ? nullptr : std::get_if<std::string_view>(value);
  return text == nullptr ? std::string_view() : *text;
}

}  // namespace

std::string ModelTitle::text() const {
  return format.empty() ? name : fmt::format("{} ({})", name, format);
}

ModelTitle model_title(const ModelNameSources& sources) {
  const std::vector<std::string> folders = folders_of(sources);
  const std::string file = sources.is_folder ? "" : sources.path.filename().string();
  const auto [stem, stem_format] = without_format(stem_of(file));
  const std::string folder_name =
      sources.is_folder && !folders.empty() ? without_format(folders.front()).first : "";
  const bool folder_counts =
      says_something(folder_name) && !is_checkpoint(folder_name) && hub_name(folder_name).empty();
  const std::string own = own_name(sources.general_name);
  const std::array<std::string, 8> names = {
      says_something(stem) ? stem : "",
      folder_counts ? folder_name : "",
      name_of_hub_folder(folders),
      is_of_a_run(own) ? "" : own,
      name_of_parts(sources),
      name_of_folders(folders),
      own,
      readable(sources.architecture),
  };
  ModelTitle title;
  const auto first = std::ranges::find_if(names, [](const auto& name) { return !name.empty(); });
  title.name = first == names.end() ? "model" : shortened(*first);
  title.format = stem_format.empty() ? format_label(sources.format) : stem_format;
  return title;
}

ModelTitle model_title(const std::filesystem::path& path, const Metadata& metadata,
                       const WeightSource& weights, const Format* quantized) {
  std::error_code failed;
  ModelNameSources sources;
  // Symbolic links stay: the hub's cache keeps files under their names as links to hashes.
  sources.path = std::filesystem::absolute(path, failed);
  if (failed) sources.path = path;
  sources.is_folder = std::filesystem::is_directory(path, failed);
  sources.general_name = text_at(metadata, "general.name");
  if (sources.general_name.empty())
    sources.general_name = text_at(metadata, "config._name_or_path");
  sources.basename = text_at(metadata, "general.basename");
  sources.size_label = text_at(metadata, "general.size_label");
  sources.finetune = text_at(metadata, "general.finetune");
  sources.version = text_at(metadata, "general.version");
  sources.architecture = text_at(metadata, "general.architecture");
  if (sources.architecture.empty()) sources.architecture = text_at(metadata, "config.model_type");
  sources.format = main_format(weights);
  ModelTitle title = model_title(sources);
  if (quantized != nullptr) title.format = format_label(quantized->name);
  return title;
}

std::string_view main_format(const WeightSource& weights) {
  std::map<std::string_view, std::uint64_t> bytes;
  for (const StoredTensor& t : weights.tensors()) bytes[t.format->name] += t.size_bytes();
  const auto most = std::ranges::max_element(
      bytes, [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == bytes.end() ? std::string_view() : most->first;
}

}  // namespace sirocco
