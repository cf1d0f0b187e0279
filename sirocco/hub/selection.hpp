#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sirocco/hub/content_hash.hpp"
#include "sirocco/hub/hub_name.hpp"

/// Which files of a repository are a model. Two tables say it: what of a folder is taken (files
/// that can't run anything: JSON, text, safetensors), and in which order weight formats of GGUF
/// files are preferred.
namespace sirocco {

/// A RepositoryFile is a file as the hub lists it.
struct RepositoryFile {
  RepositoryPath path;
  std::uint64_t size = 0;
  ContentHash hash;
};

/// A ModelFiles is one model of a repository: a GGUF file with all its parts, or a folder.
struct ModelFiles {
  enum class Kind { kGguf, kFolder };
  Kind kind = Kind::kGguf;
  /// What chooses it behind the repository's name: its format where no other model of the
  /// repository has that one, else its file; "safetensors" for a folder.
  std::string selector;
  std::string format;                 ///< "Q4_K_M"; "safetensors" for a folder; empty if unknown
  std::vector<RepositoryFile> files;  ///< sorted by path; the first one is what to open of a GGUF
  std::uint64_t bytes() const;
};

/// All models among the files. Parts of a GGUF that isn't all there, and what isn't a language
/// model (projectors, importance matrices), are no models.
std::vector<ModelFiles> models_among(std::span<const RepositoryFile> files);

/// An Undecided is a choice that only a person can make; `models` has two at least.
struct Undecided {
  std::string why;  ///< "none of their formats is preferred", for a message
  std::vector<ModelFiles> models;
};

/// The model that `what` chooses among those of a repository: a file, a format in any case, or
/// "safetensors". Without: the first format of the order of preference, which has to have one
/// model; then the only GGUF, whatever its format; then the folder. Throws NotFound, which says
/// what there is, where there is none. `repository` names it in messages.
std::variant<ModelFiles, Undecided> choose_model(std::span<const ModelFiles> models,
                                                 std::span<const RepositoryFile> files,
                                                 std::string_view what,
                                                 std::string_view repository);

/// The order of preference.
std::span<const std::string_view> preferred_formats();

}  // namespace sirocco
