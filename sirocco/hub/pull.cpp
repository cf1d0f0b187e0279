#include "sirocco/hub/pull.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/hub/store_files.hpp"
#include "sirocco/platform/byte_text.hpp"
#include "sirocco/platform/mapped_file.hpp"

namespace sirocco {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMainRevision = "main";

ModelStore::Lock wait_for_lock(const HubName& name, ModelStore& store, HubClock& clock,
                               PullObserver& observer, const std::stop_token& stop) {
  constexpr std::chrono::milliseconds kBetween{200};
  bool said = false;
  while (true) {
    if (std::optional<ModelStore::Lock> lock = store.try_lock(name)) return std::move(*lock);
    if (!std::exchange(said, true))
      observer.note(
          fmt::format("another pull of {} is at work; waiting for it", name.repository()));
    clock.wait(kBetween, stop);
    if (stop.stop_requested()) throw Cancelled("interrupted");
  }
}

ModelFiles chosen(const std::vector<ModelFiles>& models, const std::vector<RepositoryFile>& files,
                  const HubName& name, PullObserver& observer) {
  auto choice = choose_model(models, files, name.what(), name.repository());
  if (auto* const model = std::get_if<ModelFiles>(&choice)) return std::move(*model);
  const Undecided& undecided = std::get<Undecided>(choice);
  observer.choices(undecided.models);
  throw InvalidArgument("{}: {}; say which, as in {}", name.repository(), undecided.why,
                        name.with_what(undecided.models.front().selector).text());
}

bool same_files(const ModelFiles& a, const ModelFiles& b) {
  return std::ranges::equal(a.files, b.files, [](const RepositoryFile& x, const RepositoryFile& y) {
    return x.path == y.path && x.hash == y.hash && x.size == y.size;
  });
}

void check_space(const fs::path& folder, std::uint64_t needed) {
  // Records, descriptions and what a file system needs for itself.
  constexpr std::uint64_t kBesides = std::uint64_t{1} << 20;
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (error || needed == 0 || space.available >= needed + kBesides) return;
  throw IoError(
      "the disk of {} has {} free, and {} are to be fetched: free some space, or keep models "
      "elsewhere (SIROCCO_HOME)",
      printable(folder), byte_text(space.available), byte_text(needed));
}

}  // namespace

Pulled pull(const HubName& name, ModelStore& store, const HubConnection& connection,
            const PullOptions& options, PullObserver& observer, const std::stop_token& stop) {
  std::optional<ModelStore::Lock> lock;
  if (!options.dry_run) lock.emplace(wait_for_lock(name, store, connection.clock, observer, stop));

  const std::unique_ptr<HttpTransport> transport = connection.connect();
  HubClient client(connection.hub, *transport, connection.clock,
                   [&](const std::string& line) { observer.note(line); });
  const std::string revision = name.revision().value_or(std::string(kMainRevision));
  Pulled out;
  out.commit = client.commit_of(name, revision, stop);
  const std::vector<RepositoryFile> files = client.files_of(name, out.commit, stop);
  out.model = chosen(models_among(files), files, name, observer);
  out.name = fmt::format("{}:{}", name.repository(), out.model.selector);

  ModelStore::Description description{revision, out.commit, date_text(connection.clock.date()),
                                      out.model};
  const auto there = store.published(name, out.model);
  out.was_there = there && there->is_whole && same_files(there->description.model, out.model);
  if (out.was_there && !options.force) {
    out.path = there->path();
    if (!options.dry_run &&
        (there->description.commit != out.commit || there->description.revision != revision)) {
      description.pulled = there->description.pulled;
      store.describe_anew(name, *there, description);
    }
    return out;
  }
  out.was_there = false;
  out.fetched = out.model.bytes();
  if (options.dry_run) return out;

  {
    const ModelStore::Workshop workshop = store.workshop(name, out.model);
    std::vector<std::unique_ptr<PartialFile>> parts;
    for (const RepositoryFile& file : out.model.files) {
      parts.push_back(std::make_unique<PartialFile>(workshop.files / file.path.text(),
                                                    workshop.records / file.path.text(), file));
      out.fetched -= parts.back()->bytes_there();
    }
    check_space(workshop.files, out.fetched);
    observer.begins(out.name, out.model, out.fetched);
    download(connection, name, out.commit, parts, observer, stop);
  }
  out.path = store.publish(name, description);
  return out;
}

}  // namespace sirocco
