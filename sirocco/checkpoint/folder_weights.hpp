#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/checkpoint/companions.hpp"
#include "sirocco/checkpoint/derived_weights.hpp"
#include "sirocco/checkpoint/folder_description.hpp"
#include "sirocco/checkpoint/passed_tensors.hpp"
#include "sirocco/checkpoint/token_tables.hpp"

namespace sirocco {

/// FolderWeights are the tensors that a schema makes of a folder's, for one call of `build`.
class FolderWeights {
 public:
  /// Borrows the schema and the description, which has been read by it.
  FolderWeights(const FolderSchema& schema, const FolderDescription& description,
                std::shared_ptr<const WeightSource> source);

  /// Throws UnsupportedError for a tensor that no row speaks of, FormatError and NotFound for what
  /// is missing or doesn't fit.
  std::shared_ptr<const WeightSource> build();

  /// What no answer depends on, once built.
  std::vector<PassedCount> passed() const { return passed_.counts(); }
  /// As TokenTables has it, once built.
  const std::string& lacks_head() const { return tables_.lacks_head(); }

 private:
  struct Match;
  template <class F>
  bool each_match(std::string_view name, const F& f) const;
  bool place(const StoredTensor& tensor);
  void place_all();
  void expect_lacking();
  bool is_needed(const LackingTensor& tensor);
  void add(const Match& match, const StoredTensor& tensor);
  void check_layer(const Match& match, std::string_view tensor) const;
  void check_vocabulary() const;

  const FolderSchema& schema_;
  const FolderDescription& description_;
  const WeightSource& source_;
  std::int64_t layers_;
  PassedTensors passed_;
  Companions companions_;
  TokenTables tables_;
  std::shared_ptr<DerivedWeights> derived_;
  std::string prefix_;                              ///< of the names that have one
  std::map<std::string, std::string_view> placed_;  ///< a folder's names, by Match::place
  std::map<std::string, std::map<std::int32_t, StoredTensor>> stacks_;
};

}  // namespace sirocco
