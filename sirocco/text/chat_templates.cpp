#include "sirocco/text/chat_templates.hpp"

#include <fmt/ranges.h>

#include <array>

#include "sirocco/base/error.hpp"
#include "sirocco/text/readers/json_node.hpp"

namespace sirocco {
namespace {

constexpr std::string_view kDefault = "default";
constexpr std::string_view kWithTools = "tool_use";

constexpr std::size_t kMaxTemplates = 256;
constexpr std::size_t kMaxBytes = std::size_t{64} << 20;

std::string listed(const ChatTemplates& templates) {
  std::vector<std::string> names;
  for (const std::string_view name : templates.names()) names.push_back(quoted(name));
  return fmt::format("{}", fmt::join(names, ", "));
}

/// chat_template.jinja, and the folder of those with names.
void add_files(const CompanionFiles& files, ChatTemplates& out) {
  constexpr std::string_view kFile = "chat_template.jinja";
  constexpr std::string_view kFolder = "additional_chat_templates";
  constexpr std::string_view kEnding = ".jinja";
  if (const auto source = files.find(kFile)) out.add(kDefault, *source);
  for (const std::string& file : files.list(kFolder)) {
    if (!file.ends_with(kEnding)) continue;
    const auto source = files.find(fmt::format("{}/{}", kFolder, file));
    if (source) out.add(std::string_view(file).substr(0, file.size() - kEnding.size()), *source);
  }
}

void add_member(const JsonNode& member, ChatTemplates& out) {
  if (member.is_array()) {
    for (const JsonNode& entry : member.items())
      out.add(entry.at("name").text(), entry.at("template").text());
  } else if (member.is_object()) {
    member.for_each_member(
        [&](std::string_view name, const JsonNode& source) { out.add(name, source.text()); });
  } else {
    out.add(kDefault, member.text());
  }
}

}  // namespace

void ChatTemplates::add(std::string_view name, std::string_view source) {
  if (const auto earlier = sources_.find(name); earlier != sources_.end()) {
    bytes_ -= earlier->second.size();
    sources_.erase(earlier);
  }
  bytes_ += source.size();
  if (sources_.size() >= kMaxTemplates || bytes_ > kMaxBytes) {
    throw FormatError("{}: more chat templates than the {} of {} MiB together that are read",
                      origin_, kMaxTemplates, kMaxBytes >> 20);
  }
  sources_.emplace(name, source);
}

bool ChatTemplates::distinguish_tools() const { return sources_.contains(kWithTools); }

std::vector<std::string_view> ChatTemplates::names() const {
  std::vector<std::string_view> out;
  for (const auto& [name, source] : sources_) out.push_back(name);
  return out;
}

void ChatTemplates::fail_without_any() const {
  throw NotFound(
      "{}: the model has no chat template, so it can't be chatted with; give one with "
      "--chat-template-file, or complete a text with --raw",
      origin_);
}

std::string_view ChatTemplates::choose(bool with_tools) const {
  if (empty()) fail_without_any();
  auto found = with_tools ? sources_.find(kWithTools) : sources_.end();
  if (found == sources_.end()) found = sources_.find(kDefault);
  if (found == sources_.end()) {
    throw NotFound(
        "{}: none of the model's chat templates is the default one; choose one with "
        "--chat-template: there {} {}",
        origin_, sources_.size() == 1 ? "is" : "are", listed(*this));
  }
  return found->second;
}

std::string_view ChatTemplates::named(std::string_view name) const {
  if (empty()) fail_without_any();
  const auto found = sources_.find(name);
  if (found == sources_.end()) {
    throw NotFound(
        "{}: the model has no chat template {}; there {} {} (a file's is given with "
        "--chat-template-file)",
        origin_, quoted(name), sources_.size() == 1 ? "is" : "are", listed(*this));
  }
  return found->second;
}

ChatTemplates read_chat_templates(const Metadata& metadata) {
  constexpr std::string_view kPath = "tokenizer.chat_template";
  constexpr std::string_view kNamed = "tokenizer.chat_template.";
  ChatTemplates out{std::string(metadata.origin())};
  if (const auto source = metadata.get<std::string_view>(kPath)) out.add(kDefault, *source);
  for (const std::string_view path : metadata.paths()) {
    if (path.starts_with(kNamed))
      out.add(path.substr(kNamed.size()), metadata.require<std::string_view>(path));
  }
  return out;
}

ChatTemplates read_chat_templates(const CompanionFiles& files) {
  constexpr std::array<std::string_view, 3> kDescriptions = {
      "tokenizer_config.json", "processor_config.json", "chat_template.json"};
  ChatTemplates out(files.origin(""));
  add_files(files, out);
  for (const std::string_view name : kDescriptions) {
    if (!out.empty()) break;
    const auto json = files.find(name);
    if (!json) continue;
    const std::string origin = files.origin(name);
    const JsonDocument document(*json, origin);
    if (const auto member = document.root().find("chat_template")) add_member(*member, out);
  }
  return out;
}

}  // namespace sirocco
