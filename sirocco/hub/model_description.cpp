#include "sirocco/hub/model_description.hpp"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

namespace sirocco {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxBytes = std::size_t{16} << 20;
constexpr int kVersion = 1;

std::optional<std::string> read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string text;
  char piece[1 << 14];
  while (file.read(piece, sizeof piece), file.gcount() > 0) {
    text.append(piece, static_cast<std::size_t>(file.gcount()));
    if (text.size() > kMaxBytes) return std::nullopt;
  }
  return text;
}

std::optional<RepositoryFile> file_of(const Json& entry) {
  const auto path = RepositoryPath::parse(entry.at("path").get<std::string>());
  const auto hash = ContentHash::parse(entry.at("hash").get<std::string>());
  if (!path || !hash) return std::nullopt;
  return RepositoryFile{*path, entry.at("size").get<std::uint64_t>(), *hash};
}

bool is_there(const fs::path& folder, const RepositoryFile& file) {
  std::error_code error;
  const fs::path path = folder / file.path.text();
  return fs::is_regular_file(path, error) && fs::file_size(path, error) == file.size;
}

}  // namespace

std::string description_text(const HubName& name, const ModelStore::Description& description,
                             const std::string& folder) {
  Json out;
  out["version"] = kVersion;
  out["repository"] = name.repository();
  out["revision"] = description.revision;
  out["commit"] = description.commit;
  out["pulled"] = description.pulled;
  out["kind"] = description.model.kind == ModelFiles::Kind::kFolder ? "folder" : "gguf";
  out["format"] = description.model.format;
  out["folder"] = folder;
  Json& files = out["files"] = Json::array();
  for (const RepositoryFile& file : description.model.files) {
    files.push_back({{"path", file.path.text()}, {"size", file.size}, {"hash", file.hash.text()}});
  }
  return out.dump(1) + "\n";
}

std::optional<ModelStore::Published> read_description(const fs::path& path) {
  const std::optional<std::string> text = read_text(path);
  if (!text) return std::nullopt;
  try {
    const Json json = Json::parse(*text);
    if (json.at("version").get<int>() != kVersion) return std::nullopt;
    ModelStore::Published out;
    out.description.revision = json.at("revision").get<std::string>();
    out.description.commit = json.at("commit").get<std::string>();
    out.description.pulled = json.at("pulled").get<std::string>();
    ModelFiles& model = out.description.model;
    model.kind = json.at("kind").get<std::string>() == "folder" ? ModelFiles::Kind::kFolder
                                                                : ModelFiles::Kind::kGguf;
    model.format = json.at("format").get<std::string>();
    const auto folder = RepositoryPath::parse(json.at("folder").get<std::string>());
    if (!folder) return std::nullopt;
    out.folder = path.parent_path() / folder->text();
    for (const Json& entry : json.at("files")) {
      std::optional<RepositoryFile> file = file_of(entry);
      if (!file) return std::nullopt;
      model.files.push_back(std::move(*file));
    }
    if (model.files.empty()) return std::nullopt;
    out.is_whole = std::ranges::all_of(
        model.files, [&](const RepositoryFile& file) { return is_there(out.folder, file); });
    return out;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace sirocco
