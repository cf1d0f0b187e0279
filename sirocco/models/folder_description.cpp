#include "sirocco/models/folder_description.hpp"

#include <fmt/format.h>

#include <algorithm>
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

void check_rule(const FolderDescription& d, const Metadata& folder, const ConfigRule& rule) {
  const MetadataValue* const value = folder.find(d.config_path(rule.name));
  if (value == nullptr) return;
  const std::string found = spelled(*value);
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

/// Numbers as GGUF holds them.
MetadataValue rounded(const MetadataValue& value) {
  if (const auto* number = std::get_if<double>(&value))
    return static_cast<double>(static_cast<float>(*number));
  return value;
}

}  // namespace

FolderDescription::FolderDescription(const Metadata& folder, const FolderSchema* schema)
    : folder_(folder), architecture_(schema ? schema->architecture : "") {}

std::string FolderDescription::config_path(std::string_view name) const {
  std::string nested = fmt::format("config.text_config.{}", name);
  if (folder_.find(nested) != nullptr) return nested;
  return fmt::format("config.{}", name);
}

double FolderDescription::number(std::string_view name) const {
  const double value = folder_.require<double>(config_path(name));
  if (!std::isfinite(static_cast<float>(value))) {
    throw FormatError("{}: {} is {}; expected a finite number", origin(),
                      sirocco::quoted(config_path(name)), value);
  }
  return value;
}

std::int64_t FolderDescription::whole_number(std::string_view name) const {
  constexpr double kMost = 1 << 30;
  const double value = number(name);
  if (!(value >= 1.0 && value <= kMost)) {
    throw FormatError("{}: {} is {}; expected 1 to {}", origin(),
                      sirocco::quoted(config_path(name)), value, kMost);
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
  for (const ConfigRule& rule : schema.rules) check_rule(d, folder, rule);
  for (const ConfigKey& key : schema.keys) {
    const MetadataValue* value = folder.find(d.config_path(key.name));
    if (value == nullptr && !key.other.empty()) value = folder.find(d.config_path(key.other));
    if (value != nullptr) {
      d.set(key.canonical, *value);
    } else if (key.fallback != 0.0) {
      const bool whole = key.fallback == std::floor(key.fallback);
      d.set(key.canonical, whole ? MetadataValue(static_cast<std::int64_t>(key.fallback))
                                 : MetadataValue(key.fallback));
    }
  }
  if (schema.finish != nullptr) schema.finish(d);
  return d;
}

}  // namespace sirocco
