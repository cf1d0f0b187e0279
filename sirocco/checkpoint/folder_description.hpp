#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/checkpoint/folder_schema.hpp"
#include "sirocco/tensor/metadata.hpp"

namespace sirocco {

/// A FolderDescription is a folder's config.json on its way to the keys that models read: what the
/// folder says, and what has been set. Numbers are rounded to F32, as GGUF holds them. A model of
/// several parts is described by its text part ("text_config"), and by the whole where that says
/// nothing.
class FolderDescription final : public Metadata {
 public:
  /// Borrows `folder`. `schema` may be null while it is looked for.
  FolderDescription(const Metadata& folder, const FolderSchema* schema);

  // What the folder says, by the names in config.json ("rope_scaling.factor").

  /// The whole path of a member: the text part's when that has it, or a model of several parts says
  /// such things only there.
  std::string config_path(std::string_view name) const;
  /// Whether it is a model of several parts.
  bool has_parts() const { return has_parts_; }
  /// The folder's own, whose config.json is below "config.".
  const Metadata& folder() const { return folder_; }
  /// Whether it has the member, be it null, and whether it is null.
  bool says(std::string_view name) const;
  bool says_null(std::string_view name) const { return folder_.is_null(config_path(name)); }
  /// Whether it has members below the name.
  bool says_below(std::string_view name) const;
  template <class T>
  std::optional<T> said(std::string_view name) const {
    return folder_.get<T>(config_path(name));
  }
  template <class T>
  const T* said_array(std::string_view name) const {
    return folder_.get_array<T>(config_path(name));
  }
  /// A number and a text that must be there, a flag that may be; a FormatError where it is null.
  double number(std::string_view name) const;
  std::string_view text(std::string_view name) const;
  bool flag(std::string_view name, bool fallback) const;
  /// The same, as a count of 1 to 2^30.
  std::int64_t whole_number(std::string_view name) const;

  // What models are told, by the keys below the architecture.

  void set(std::string_view key, MetadataValue value);
  void unset(std::string_view key);
  bool is_set(std::string_view key) const { return find(path(key)) != nullptr; }
  /// A positive integer that has been set.
  std::int64_t integer(std::string_view key) const;
  std::string path(std::string_view key) const;

  /// Vectors that take the place of tensors of the folder's ("rope_freqs.weight").
  std::map<std::string, std::vector<float>, std::less<>> vectors;

  const MetadataValue* find(std::string_view path) const override;
  std::vector<std::string_view> paths() const override;
  std::string_view origin() const override { return folder_.origin(); }

 private:
  friend FolderDescription describe_folder(const Metadata& folder, const FolderSchema& schema);

  const Metadata& folder_;
  std::string_view architecture_;
  std::string_view part_;
  bool has_parts_;
  std::map<std::string, MetadataValue, std::less<>> values_;
};

/// Reads config.json by the schema's rows. Throws FormatError and UnsupportedError naming the
/// member.
FolderDescription describe_folder(const Metadata& folder, const FolderSchema& schema);

/// A FolderYarn is YaRN's stretch of a rotary encoding, as config.json spells it. (Peng et al.
/// 2023)
struct FolderYarn {
  double factor;
  std::int64_t original_positions;  ///< that the model was trained for before
  double beta_fast = 32.0;
  double beta_slow = 1.0;
  bool truncate = true;
};

/// RotaryDefaults say where rotary encoding is described, and what holds where the folder leaves it
/// out.
struct RotaryDefaults {
  std::string_view group = {};  ///< the kind of layers, where kinds differ ("full_attention")
  double base = 10000.0;        ///< of the frequencies
  double part = 1.0;            ///< of a head that is rotated; 1: no other part will do
  std::optional<FolderYarn> unsaid = {};  ///< the scaling; nothing: none
  /// By how many pairs each axis of positions turns; nothing: positions have one axis.
  std::optional<std::array<std::int64_t, 3>> sections = {};
};

/// Sets the keys of rotary encoding from "rope_parameters", or "rope_theta" and "rope_scaling".
/// Throws UnsupportedError for a scaling that isn't known, and for heads that rotate in part where
/// the family's don't.
void set_rotary(FolderDescription& d, const RotaryDefaults& defaults = {});

}  // namespace sirocco
