#include "sirocco/hub/model_store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <set>
#include <variant>

#include "sirocco/base/error.hpp"
#include "sirocco/hub/model_description.hpp"
#include "sirocco/hub/own_models.hpp"
#include "sirocco/hub/store_files.hpp"
#include "sirocco/platform/atomic_file.hpp"
#include "sirocco/platform/mapped_file.hpp"

namespace sirocco {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDescription = "model.json";
constexpr std::string_view kFilesOfFolder = "weights";

[[noreturn]] void fail(std::string_view what, const fs::path& path, const std::string& why) {
  throw IoError("can't {} {}: {}", what, printable(path), why);
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail("make the folder", folder, error.message());
}

void erase(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) fail("remove", path, error.message());
}

/// Removes a folder, and those around it up to `top`, while nothing is in them.
void remove_empty(fs::path folder, const fs::path& top) {
  std::error_code error;
  while (folder != top && fs::remove(folder, error) && !error) folder = folder.parent_path();
}

/// So that names survive a power cut; file systems that can't are right without.
void sync_folder(const fs::path& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  fsync(descriptor);
  close(descriptor);
}

/// The name under which a model is kept beside others of its repository.
std::string key_of(const ModelFiles& model) {
  if (model.kind == ModelFiles::Kind::kFolder) return std::string(kFilesOfFolder);
  const std::string& path = model.files.front().path.text();
  std::string key;
  for (const char c : path) {
    if (c == '/' || c == '%') {
      key += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      key += c;
    }
  }
  constexpr std::size_t kMaxKeyBytes = 200;  // names of files have 255 at most
  if (key.size() <= kMaxKeyBytes) return key;
  ContentHasher hasher(ContentHash::Kind::kSha256, path.size());
  hasher.add(std::as_bytes(std::span(path)));
  return hasher.finish().text().substr(7);
}

/// What tells the models of a repository that the store has apart.
void name_apart(std::vector<ModelStore::Published>& all) {
  for (ModelStore::Published& one : all) {
    ModelFiles& model = one.description.model;
    const auto same = std::ranges::count_if(
        all, [&](const auto& other) { return other.description.model.format == model.format; });
    model.selector =
        model.format.empty() || same > 1 ? model.files.front().path.text() : model.format;
  }
}

StoredModel stored(const HubName& name, const ModelStore::Published& one, bool only) {
  const ModelFiles& model = one.description.model;
  return {only ? name.repository() : fmt::format("{}:{}", name.repository(), model.selector),
          one.path(),
          model.format,
          model.bytes(),
          one.description.pulled,
          one.description.revision,
          one.description.commit};
}

bool is_of_revision(const ModelStore::Description& description,
                    const std::optional<std::string>& revision) {
  constexpr std::size_t kShortestCommit = 7;
  return !revision || *revision == description.revision ||
         (revision->size() >= kShortestCommit && description.commit.starts_with(*revision));
}

std::string names_of(const std::vector<StoredModel>& models) {
  std::vector<std::string> names;
  for (const StoredModel& model : models) names.push_back(model.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

ModelStore::Lock::~Lock() {
  if (descriptor_ >= 0) close(descriptor_);
}

fs::path ModelStore::Published::path() const {
  return description.model.kind == ModelFiles::Kind::kFolder
             ? folder
             : folder / description.model.files.front().path.text();
}

fs::path ModelStore::repository_folder(const HubName& name) const {
  return root_ / name.repository();
}
fs::path ModelStore::pull_folder(const HubName& name) const {
  return root_ / ".pull" / name.repository();
}

std::vector<ModelStore::Published> ModelStore::published_of(const HubName& name) const {
  std::vector<Published> out;
  for (const fs::path& folder : folder_entries(repository_folder(name))) {
    if (std::optional<Published> one = read_description(folder / kDescription))
      out.push_back(std::move(*one));
  }
  name_apart(out);
  return out;
}

std::vector<StoredModel> ModelStore::list() const {
  std::vector<StoredModel> out;
  for (OwnModel& own : own_models(root_)) out.push_back(std::move(own.model));
  for (const fs::path& organization : folder_entries(root_)) {
    if (organization.filename().string().starts_with('.')) continue;
    for (const fs::path& repository : folder_entries(organization)) {
      const auto name =
          HubName::parse(organization.filename().string() + "/" + repository.filename().string());
      if (!name) continue;
      const std::vector<Published> all = published_of(*name);
      for (const Published& one : all) {
        if (one.is_whole) out.push_back(stored(*name, one, all.size() == 1));
      }
    }
  }
  std::ranges::sort(out, {}, &StoredModel::name);
  return out;
}

std::optional<StoredModel> ModelStore::find(const HubName& name) const {
  std::vector<Published> all = published_of(name);
  const bool only = all.size() == 1;
  std::erase_if(all, [&](const Published& one) {
    return !one.is_whole || !is_of_revision(one.description, name.revision());
  });
  std::vector<ModelFiles> models;
  for (const Published& one : all) models.push_back(one.description.model);
  if (models.empty()) return std::nullopt;
  try {
    const auto chosen = choose_model(models, {}, name.what(), name.repository());
    if (const auto* const undecided = std::get_if<Undecided>(&chosen)) {
      std::vector<std::string> names;
      for (const ModelFiles& model : undecided->models)
        names.push_back(fmt::format("{}:{}", name.repository(), model.selector));
      throw InvalidArgument("{} means several models: {}; say which", name.text(),
                            fmt::join(names, ", "));
    }
    const std::string key = key_of(std::get<ModelFiles>(chosen));
    const auto found = std::ranges::find_if(
        all, [&](const Published& one) { return key_of(one.description.model) == key; });
    SIROCCO_CHECK(found != all.end());
    return stored(name, *found, only);
  } catch (const NotFound&) {
    return std::nullopt;
  }
}

StoredModel ModelStore::remove(std::string_view name) {
  const std::string with_ending = std::string(name) + ".gguf";
  for (const OwnModel& own : own_models(root_)) {
    if (own.model.name != name && own.model.name != with_ending) continue;
    // The first part last: while it is there, the model can be named and removed again.
    for (auto part = own.parts.rbegin(); part != own.parts.rend(); ++part) erase(*part);
    return own.model;
  }
  const std::optional<HubName> hub_name = HubName::parse(name);
  if (!hub_name)
    throw NotFound("no model {} in the store {}; sirocco list shows those there are",
                   sirocco::quoted(name, 400), printable(root_));
  return remove_pulled(*hub_name);
}

StoredModel ModelStore::remove_pulled(const HubName& name) {
  const std::optional<Lock> lock = try_lock(name);
  if (!lock) throw IoError("{} is being pulled; stop that first", name.repository());
  std::vector<Published> all = published_of(name);
  const bool only = all.size() == 1;
  std::erase_if(all, [&](const Published& one) {
    const ModelFiles& model = one.description.model;
    if (!is_of_revision(one.description, name.revision())) return true;
    if (name.what().empty() || model.selector == name.what()) return false;
    try {
      return std::holds_alternative<Undecided>(
          choose_model(std::span(&model, 1), {}, name.what(), name.repository()));
    } catch (const NotFound&) {
      return true;
    }
  });
  std::vector<StoredModel> found;
  for (const Published& one : all) found.push_back(stored(name, one, only));
  if (found.empty() && name.what().empty() && !name.revision()) {
    if (std::optional<StoredModel> unfinished = remove_unfinished(name)) return *unfinished;
  }
  if (found.empty())
    throw NotFound("no model {} in the store {}; sirocco list shows those there are", name.text(),
                   printable(root_));
  if (found.size() > 1)
    throw InvalidArgument("{} means several models: {}; say which", name.text(), names_of(found));
  const std::string key = key_of(all.front().description.model);
  const fs::path folder = repository_folder(name) / key;
  erase(folder / kDescription);
  sync_folder(folder);
  erase(folder);
  erase(pull_folder(name) / key);
  remove_empty(repository_folder(name), root_);
  return found.front();
}

std::optional<StoredModel> ModelStore::remove_unfinished(const HubName& name) {
  StoredModel out;
  out.name = fmt::format("what was unfinished of {}", name.repository());
  bool any = false;
  for (const fs::path& folder : folder_entries(pull_folder(name))) {
    if (!is_folder(folder)) continue;
    any = true;
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(folder / "files", error)) {
      const std::uint64_t size = fs::file_size(entry, error);
      if (!error) out.bytes += size;
    }
    erase(folder);
  }
  return any ? std::optional(std::move(out)) : std::nullopt;
}

std::optional<ModelStore::Lock> ModelStore::try_lock(const HubName& name) {
  const fs::path folder = pull_folder(name);
  make_folder(folder);
  const fs::path path = folder / "lock";
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0) fail("open", path, std::strerror(errno));
  Lock lock(descriptor);
  if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) fail("lock", path, std::strerror(errno));
  return std::nullopt;
}

ModelStore::Workshop ModelStore::workshop(const HubName& name, const ModelFiles& model) {
  const std::string key = key_of(model);
  const fs::path folder = pull_folder(name) / key;
  Workshop out{folder / "files", folder / "records"};
  // What was moved by a process that ended before it could say so.
  const fs::path kept = repository_folder(name) / key;
  const std::optional<Published> published = read_description(kept / kDescription);
  for (const fs::path& path : folder_entries(kept)) {
    if (!is_folder(path) || (published && published->folder == path)) continue;
    std::error_code error;
    if (!is_folder(out.files)) fs::rename(path, out.files, error);
    if (is_folder(path)) erase(path);
  }
  std::set<fs::path> wanted;
  for (const RepositoryFile& file : model.files) {
    wanted.insert(out.files / file.path.text());
    wanted.insert(out.records / file.path.text());
  }
  std::error_code error;
  std::vector<fs::path> unwanted;
  if (is_folder(folder)) {
    for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end;
         at.increment(error)) {
      if (!at->is_directory() && !wanted.contains(at->path())) unwanted.push_back(at->path());
    }
  }
  for (const fs::path& path : unwanted) erase(path);
  make_folder(out.files);
  make_folder(out.records);
  return out;
}

fs::path ModelStore::publish(const HubName& name, const Description& description) {
  const Workshop from = workshop(name, description.model);
  const fs::path kept = repository_folder(name) / key_of(description.model);
  make_folder(kept);
  std::string folder = description.commit;
  for (int i = 2; is_folder(kept / folder); ++i)
    folder = fmt::format("{}-{}", description.commit, i);
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(from.files, error)) {
    if (entry.is_directory()) sync_folder(entry.path());
  }
  sync_folder(from.files);
  fs::rename(from.files, kept / folder, error);
  if (error) fail("move", from.files, error.message());
  for (fs::path outer = kept; outer != root_; outer = outer.parent_path()) sync_folder(outer);
  sync_folder(root_);
  AtomicFile file(kept / kDescription);
  file.write(description_text(name, description, folder));
  file.commit();
  for (const fs::path& path : folder_entries(kept)) {
    if (is_folder(path) && path != kept / folder) erase(path);
  }
  erase(from.records.parent_path());
  return Published{description, kept / folder, true}.path();
}

std::optional<ModelStore::Published> ModelStore::published(const HubName& name,
                                                           const ModelFiles& model) const {
  return read_description(repository_folder(name) / key_of(model) / kDescription);
}

void ModelStore::describe_anew(const HubName& name, const Published& published,
                               const Description& description) {
  AtomicFile file(published.folder.parent_path() / kDescription);
  file.write(description_text(name, description, published.folder.filename().string()));
  file.commit();
}

}  // namespace sirocco
