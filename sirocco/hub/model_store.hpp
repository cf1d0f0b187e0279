#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/hub/hub_name.hpp"
#include "sirocco/hub/selection.hpp"

namespace sirocco {

/// A StoredModel is a model that is whole in the store.
struct StoredModel {
  /// What names it: "ORG/NAME:Q4_K_M" of one that was pulled (without the part behind the colon
  /// where it is the only one of its repository), else the file's or the folder's name.
  std::string name;
  std::filesystem::path path;  ///< what to open: a GGUF file, or a folder
  std::string format;          ///< "Q4_K_M", "safetensors"; empty where the name doesn't say
  std::uint64_t bytes = 0;
  std::string date;      ///< when it was pulled, "2026-11-30T06:40:00Z"; of others, written
  std::string revision;  ///< as it was asked for; empty, as the commit, where it wasn't pulled
  std::string commit;
};

/// A ModelStore is the folder in which models are kept. A pulled one is
///
///     ORG/NAME/KEY/model.json      which says what it is; without it there is no model
///     ORG/NAME/KEY/COMMIT/…        its files, as the repository has them
///
/// where KEY tells models of a repository apart; models that a person puts there lie in the store
/// itself. What isn't whole yet is in .pull, which nobody looks into but `pull`. Whoever changes a
/// repository's models holds its lock. Throws IoError.
class ModelStore {
 public:
  explicit ModelStore(std::filesystem::path root) : root_(std::move(root)) {}

  const std::filesystem::path& root() const { return root_; }

  /// All models, by name. What can't be read as one isn't listed.
  std::vector<StoredModel> list() const;

  /// The model that `name` means, chosen among those of the store as `pull` chooses among those of
  /// a hub: of that revision where the name has one. Nothing where there is none. Throws
  /// InvalidArgument where it means several.
  std::optional<StoredModel> find(const HubName& name) const;

  /// Removes a model that `list` names, with or without ".gguf"; the description goes first, so
  /// that it is gone whole. Of a repository without models, removes what unfinished pulls have
  /// left. Returns what was removed. Throws NotFound, or InvalidArgument where the name means
  /// several.
  StoredModel remove(std::string_view name);

  /// A Lock is held by whoever changes the models of a repository; other processes wait.
  class Lock {
   public:
    explicit Lock(int descriptor) : descriptor_(descriptor) {}
    Lock(Lock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    Lock& operator=(Lock&&) = delete;
    ~Lock();

   private:
    int descriptor_;
  };
  /// Nothing while another one holds it.
  std::optional<Lock> try_lock(const HubName& name);

  /// Where a model that is being fetched is: its files, and their records.
  struct Workshop {
    std::filesystem::path files;
    std::filesystem::path records;
  };
  /// The workshop of a model, in which what an earlier pull left is found again. With the lock
  /// held.
  Workshop workshop(const HubName& name, const ModelFiles& model);

  /// What a pulled model is, as its description says.
  struct Description {
    std::string revision;  ///< as it was asked for
    std::string commit;
    std::string pulled;  ///< when
    ModelFiles model;
  };
  /// Makes the model of the workshop, whose files are all there, the one that the store has: moves
  /// them, then writes the description, then removes what it replaces. With the lock held. Returns
  /// what to open.
  std::filesystem::path publish(const HubName& name, const Description& description);

  /// A pulled model in the store.
  struct Published {
    Description description;
    std::filesystem::path folder;  ///< of its files
    bool is_whole = false;         ///< whether all of them are there
    std::filesystem::path path() const;
  };
  /// The one that `publish` would replace.
  std::optional<Published> published(const HubName& name, const ModelFiles& model) const;
  /// Says of a published one that it is what another commit has too. With the lock held.
  void describe_anew(const HubName& name, const Published& published,
                     const Description& description);

 private:
  std::filesystem::path repository_folder(const HubName& name) const;
  std::filesystem::path pull_folder(const HubName& name) const;
  std::vector<Published> published_of(const HubName& name) const;
  StoredModel remove_pulled(const HubName& name);
  /// Nothing where there is nothing unfinished.
  std::optional<StoredModel> remove_unfinished(const HubName& name);

  std::filesystem::path root_;
};

}  // namespace sirocco
