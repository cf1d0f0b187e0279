#include "sirocco/checkpoint/folder_description.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

/// A value as the rules spell it; empty for those that they don't speak of.
std::string spelled(const MetadataValue& value) {
  if (const auto* text = std::get_if<std::string_view>(&value)) return std::string(*text);
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* number = std::get_if<double>(&value)) return fmt::format("{}", *number);
  return "";
}

/// Members of a model of several parts that the whole has.
constexpr std::array<std::string_view, 3> kOfTheWhole = {"architectures", "tie_word_embeddings",
                                                         "_name_or_path"};

bool has(const Metadata& folder, std::string_view path) {
  return folder.find(path) != nullptr || folder.is_null(path);
}

[[noreturn]] void refuse_null(const Metadata& folder, std::string_view path) {
  throw FormatError("{}: {} is null, which says nothing that could be run; give it a value",
                    folder.origin(), sirocco::quoted(path));
}

void check_rule(const FolderDescription& d, const Metadata& folder, const ConfigRule& rule) {
  if (!d.says(rule.name)) return;
  const MetadataValue* const value = folder.find(d.config_path(rule.name));
  const std::string found = value == nullptr ? "null" : spelled(*value);
  if (!found.empty() &&
      std::ranges::find(rule.values, std::string_view(found)) != rule.values.end())
    return;
  std::string known;
  for (const std::string_view v : rule.values) {
    if (!v.empty()) known += fmt::format("{}{}", known.empty() ? "" : " or ", quoted(v));
  }
  throw UnsupportedError("{}: {} is {}, but only {} is supported for this architecture",
                         folder.origin(), sirocco::quoted(d.config_path(rule.name)),
                         found.empty() ? "a list" : sirocco::quoted(found), known);
}

void set_fallback(FolderDescription&, std::string_view, std::monostate) {}
template <class T>
void set_fallback(FolderDescription& d, std::string_view canonical, T value) {
  d.set(canonical, value);
}

/// Numbers as GGUF holds them.
MetadataValue rounded(const MetadataValue& value) {
  if (const auto* number = std::get_if<double>(&value))
    return static_cast<double>(static_cast<float>(*number));
  return value;
}

bool describes_part(const Metadata& folder, std::string_view part, bool alone) {
  if (!alone) return folder.find(fmt::format("config.{}.model_type", part)) != nullptr;
  const std::string prefix = fmt::format("config.{}.", part);
  return std::ranges::any_of(folder.paths(),
                             [&](std::string_view path) { return path.starts_with(prefix); });
}

}  // namespace

FolderDescription::FolderDescription(const Metadata& folder, const FolderSchema* schema)
    : folder_(folder),
      architecture_(schema ? schema->architecture : ""),
      part_(schema ? schema->part : FolderSchema().part),
      has_parts_(describes_part(folder, part_, schema != nullptr && schema->part_alone)) {}

std::string FolderDescription::config_path(std::string_view name) const {
  std::string nested = fmt::format("config.{}.{}", part_, name);
  const bool of_the_whole = std::ranges::find(kOfTheWhole, name) != kOfTheWhole.end();
  if (has_parts() ? !of_the_whole : has(folder_, nested)) return nested;
  return fmt::format("config.{}", name);
}

bool FolderDescription::says(std::string_view name) const {
  return has(folder_, config_path(name));
}

bool FolderDescription::says_below(std::string_view name) const {
  const std::string prefix = config_path(name) + ".";
  return std::ranges::any_of(folder_.paths(),
                             [&](std::string_view path) { return path.starts_with(prefix); });
}

std::string_view FolderDescription::text(std::string_view name) const {
  if (says_null(name)) refuse_null(folder_, config_path(name));
  return folder_.require<std::string_view>(config_path(name));
}

bool FolderDescription::flag(std::string_view name, bool fallback) const {
  if (says_null(name)) refuse_null(folder_, config_path(name));
  return said<bool>(name).value_or(fallback);
}

double FolderDescription::number(std::string_view name) const {
  if (says_null(name)) refuse_null(folder_, config_path(name));
  const double value = folder_.require<double>(config_path(name));
  if (!std::isfinite(static_cast<float>(value))) {
    throw FormatError("{}: {} is {}; expected a finite number", origin(),
                      sirocco::quoted(config_path(name)), value);
  }
  return value;
}

std::int64_t FolderDescription::whole_number(std::string_view name) const {
  constexpr double kMax = 1 << 30;
  const double value = number(name);
  if (!(value >= 1.0 && value <= kMax)) {
    throw FormatError("{}: {} is {}; expected 1 to {}", origin(),
                      sirocco::quoted(config_path(name)), value, kMax);
  }
  return static_cast<std::int64_t>(value);
}

std::string FolderDescription::path(std::string_view key) const {
  return fmt::format("{}.{}", architecture_, key);
}

void FolderDescription::set(std::string_view key, MetadataValue value) {
  values_.insert_or_assign(path(key), rounded(value));
}

void FolderDescription::unset(std::string_view key) { values_.erase(path(key)); }

std::int64_t FolderDescription::integer(std::string_view key) const {
  const auto value = require<std::int64_t>(path(key));
  if (value < 1) {
    throw FormatError("{}: {} is {}; expected a positive integer", origin(),
                      sirocco::quoted(path(key)), value);
  }
  return value;
}

const MetadataValue* FolderDescription::find(std::string_view wanted) const {
  const auto at = values_.find(wanted);
  return at == values_.end() ? nullptr : &at->second;
}

std::vector<std::string_view> FolderDescription::paths() const {
  std::vector<std::string_view> out;
  for (const auto& [key, value] : values_) out.push_back(key);
  return out;
}

FolderDescription describe_folder(const Metadata& folder, const FolderSchema& schema) {
  FolderDescription d(folder, &schema);
  d.values_.insert_or_assign("general.architecture", schema.architecture);
  if (const auto name = d.said<std::string_view>("_name_or_path"); name && !name->empty())
    d.values_.insert_or_assign("general.name", *name);
  if (constexpr std::string_view kByLayer = "per_layer_config"; d.says_below(kByLayer)) {
    throw UnsupportedError("{}: {} gives layers descriptions of their own, which isn't supported",
                           d.origin(), sirocco::quoted(d.config_path(kByLayer)));
  }
  for (const ConfigRule& rule : schema.rules) check_rule(d, folder, rule);
  for (const ConfigKey& key : schema.keys) {
    const std::string_view name = d.says(key.name) || key.other.empty() ? key.name : key.other;
    if (name.empty() || !d.says(name)) {
      std::visit([&](auto value) { set_fallback(d, key.canonical, value); }, key.fallback);
    } else if (!d.says_null(name)) {
      d.set(key.canonical, *folder.find(d.config_path(name)));
    } else if (key.null == Null::kRefused) {
      refuse_null(folder, d.config_path(name));
    } else if (key.null == Null::kZero) {
      d.set(key.canonical, 0.0);
    }
  }
  if (schema.finish != nullptr) schema.finish(d);
  return d;
}

}  // namespace sirocco
