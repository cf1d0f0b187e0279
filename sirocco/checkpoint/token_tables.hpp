#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sirocco/checkpoint/derived_weights.hpp"
#include "sirocco/checkpoint/folder_description.hpp"

namespace sirocco {

/// TokenTables are the token table and the head of a folder's model, which may be one under either
/// name, or under both: as transformers has it, a head with values of its own counts whatever is
/// said, and only what a checkpoint leaves out is tied.
class TokenTables {
 public:
  static constexpr std::string_view kTable = "token_embd.weight";
  static constexpr std::string_view kHead = "output.weight";
  static constexpr bool is_one(std::string_view name) { return name == kTable || name == kHead; }

  /// Borrows its arguments.
  TokenTables(const FolderSchema& schema, const FolderDescription& description)
      : schema_(schema), description_(description) {}

  /// Takes one of the two, which may be a name for both. A table is added to `weights` at once.
  void take(std::string_view name, const StoredTensor& tensor, DerivedWeights& weights);
  /// Notes what there is to say of one that only an index knows. `why` lives as long as this.
  void lack(std::string_view name, std::string_view why);

  /// Adds what is still missing for models, when all have been taken; the names of the folder's
  /// decoder begin with `prefix`. Throws FormatError and NotFound where there is no token table.
  void finish(DerivedWeights& weights, std::string_view prefix);

  /// What to tell who wants text of a model whose head is no tensor, nor the token table; empty
  /// where there is one. Embeddings need none.
  const std::string& lacks_head() const { return lacks_head_; }

 private:
  void add_table_of_head(DerivedWeights& weights, std::string_view prefix) const;
  std::string missing_head(std::string_view origin) const;
  bool tied() const;

  const FolderSchema& schema_;
  const FolderDescription& description_;
  std::optional<StoredTensor> table_;
  std::optional<StoredTensor> head_;
  std::string_view lacking_table_;  ///< what an index's user is to be told; empty: nothing
  std::string_view lacking_head_;
  std::string lacks_head_;
};

}  // namespace sirocco
