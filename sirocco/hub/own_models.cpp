#include "sirocco/hub/own_models.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "sirocco/hub/selection.hpp"
#include "sirocco/hub/store_files.hpp"

namespace sirocco {
namespace {

namespace fs = std::filesystem;

std::string date_of_file(const fs::path& path) {
  std::error_code error;
  const auto written = fs::last_write_time(path, error);
  if (error) return "";
  return date_text(
      std::chrono::floor<std::chrono::seconds>(std::chrono::file_clock::to_sys(written)));
}

/// A file as one of a repository, so that the same rules find models among them.
std::optional<RepositoryFile> local_file(const fs::path& path, const std::string& name) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return std::nullopt;
  const auto checked = RepositoryPath::parse(name);
  const std::uint64_t size = fs::file_size(path, error);
  if (!checked || error) return std::nullopt;
  static const ContentHash kNone = *ContentHash::parse(std::string("git:") + std::string(40, '0'));
  return RepositoryFile{*checked, size, kNone};
}

}  // namespace

std::vector<OwnModel> own_models(const fs::path& root) {
  std::vector<OwnModel> out;
  std::vector<RepositoryFile> files;
  for (const fs::path& path : folder_entries(root)) {
    const std::string name = path.filename().string();
    if (name.starts_with('.')) continue;
    if (is_folder(path)) {
      std::vector<RepositoryFile> inside;
      for (const fs::path& file : folder_entries(path)) {
        if (auto found = local_file(file, file.filename().string())) inside.push_back(*found);
      }
      for (const ModelFiles& model : models_among(inside)) {
        if (model.kind == ModelFiles::Kind::kFolder)
          out.push_back(
              {{name, path, model.format, model.bytes(), date_of_file(path), "", ""}, {path}});
      }
    } else if (auto file = local_file(path, name)) {
      files.push_back(*file);
    }
  }
  for (const ModelFiles& model : models_among(files)) {
    if (model.kind != ModelFiles::Kind::kGguf) continue;
    const std::string& name = model.files.front().path.text();
    OwnModel own{
        {name, root / name, model.format, model.bytes(), date_of_file(root / name), "", ""}, {}};
    for (const RepositoryFile& file : model.files) own.parts.push_back(root / file.path.text());
    out.push_back(std::move(own));
  }
  return out;
}

}  // namespace sirocco
