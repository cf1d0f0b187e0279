#include "sirocco/checkpoint/folder_weights.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/arrange.hpp"
#include "sirocco/checkpoint/folder_names.hpp"
#include "sirocco/checkpoint/name_pattern.hpp"

namespace sirocco {

/// A row that speaks of a folder's tensor.
struct FolderWeights::Match {
  const TensorRule& rule;
  std::string canonical;  ///< the pattern of its name among models
  const std::vector<std::int32_t>& numbers;
  std::string_view prefix;  ///< of its name in the folder

  std::string name() const { return with_numbers(canonical, numbers); }
  /// What no two tensors can be: the tensor of that name, or a member of it.
  std::string place() const {
    return is_member() ? fmt::format("{}[{}]", name(), numbers[1]) : name();
  }
  /// Whether the tensor is a member of another.
  bool is_member() const { return rule.folder.find('@') != std::string_view::npos; }
  bool is_beyond(std::int64_t layers) const {
    return canonical.starts_with("blk.#.") && numbers[0] >= layers;
  }
};

FolderWeights::FolderWeights(const FolderSchema& schema, const FolderDescription& description,
                             std::shared_ptr<const WeightSource> source)
    : schema_(schema),
      description_(description),
      source_(*source),
      layers_(description.integer("block_count")),
      passed_(*source, layers_,
              description.said<std::int64_t>("num_nextn_predict_layers").value_or(0),
              schema.writer),
      companions_(schema.companions, description),
      tables_(schema, description),
      derived_(std::make_shared<DerivedWeights>(source, schema.rotary_rows)) {}

std::shared_ptr<const WeightSource> FolderWeights::build() {
  place_all();
  expect_lacking();
  for (const auto& [name, members] : stacks_)
    derived_->add(name, stacked(name, members, *derived_));
  for (const auto& [name, values] : description_.vectors)
    derived_->add(name, derived_->make(values));
  tables_.finish(*derived_, prefix_);
  derived_->finish();
  derived_->name_by([schema = &schema_, prefix = prefix_](std::string_view name) {
    return folder_name(schema->tensors, prefix, name);
  });
  companions_.check(*derived_);
  check_vocabulary();
  return derived_;
}

void FolderWeights::place_all() {
  for (const StoredTensor& tensor : source_.tensors()) {
    if (!passed_.pass(tensor) && !place(tensor))
      refuse_unknown_tensor(source_.origin(), quoted(tensor.name), schema_.architecture);
  }
}

void FolderWeights::expect_lacking() {
  for (const LackingTensor& tensor : source_.lacking()) {
    if (passed_.pass(tensor)) continue;
    if (tensor.stored) throw UnsupportedError("{}", tensor.why);
    if (is_needed(tensor)) throw NotFound("{}", tensor.why);
  }
}

/// Calls f for each row that speaks of a folder's tensor, under the first prefix with which any
/// does and f returns true.
template <class F>
bool FolderWeights::each_match(std::string_view name, const F& f) const {
  return std::ranges::any_of(kFolderPrefixes, [&](std::string_view prefix) {
    if (!name.starts_with(prefix)) return false;
    const std::string_view own = name.substr(prefix.size());
    const auto match = [&](const NamePattern& pattern) {
      bool known = false;
      for (const TensorRule& rule : schema_.tensors) {
        std::string canonical = canonical_pattern(rule, pattern.text);
        if (canonical.empty()) continue;
        if (f(Match{rule, std::move(canonical), pattern.numbers, prefix})) known = true;
      }
      return known;
    };
    const NamePattern pattern = pattern_of(own);
    // A row may name the second number itself.
    return match(pattern) || (pattern.numbers.size() == 2 && match(pattern_of(own, 1)));
  });
}

/// Adds all that the rules make of `tensor`; false when no rule knows it.
bool FolderWeights::place(const StoredTensor& tensor) {
  return each_match(tensor.name, [&](const Match& match) {
    const bool is_extra_bias = match.canonical.ends_with(".bias") &&
                               match.rule.canonical != match.canonical &&
                               !companions_.allow_bias(match.canonical, tensor.name);
    if (is_extra_bias) return false;
    if (!match.prefix.empty()) prefix_ = match.prefix;
    add(match, tensor);
    return true;
  });
}

/// Whether a tensor that only an index knows is one that the model is made of and that isn't there
/// by another name. (Biases are the companions' affair; of token table and head one may do for
/// both.)
bool FolderWeights::is_needed(const LackingTensor& tensor) {
  return each_match(tensor.name, [&](const Match& match) {
    if (TokenTables::is_one(match.canonical)) {
      tables_.lack(match.canonical, tensor.why);
      return false;
    }
    if (!match.canonical.ends_with(".weight") || match.is_beyond(layers_)) return false;
    const std::string name = match.name();
    if (placed_.contains(name) || placed_.contains(match.place())) return false;
    return match.is_member() || !stacks_.contains(name);
  });
}

void FolderWeights::add(const Match& match, const StoredTensor& tensor) {
  companions_.expect(match.canonical, match.numbers, tensor.name);
  check_layer(match, tensor.name);
  const auto [placed, is_first] = placed_.emplace(match.place(), tensor.name);
  if (!is_first) {
    throw FormatError(
        "{}: tensors {} and {} are one and the same to a model; the checkpoint holds two models, "
        "or parts of two: keep one of them",
        source_.origin(), quoted(placed->second), quoted(tensor.name));
  }
  std::string name = match.name();
  TensorRule rule = match.rule;
  if (const std::string_view inputs = rule.how.inputs; !inputs.empty())
    rule.how.transposed = tensor.columns() != description_.integer(inputs);
  const StoredTensor made = arranged(rule, name.ends_with(".bias"), tensor, *derived_);
  if (match.is_member()) {
    stacks_[std::move(name)].emplace(match.numbers[1], made);
    return;
  }
  if (TokenTables::is_one(name))
    tables_.take(name, made, *derived_);
  else
    derived_->add(std::move(name), made);
}

void FolderWeights::check_layer(const Match& match, std::string_view tensor) const {
  if (!match.is_beyond(layers_)) return;
  // Of config.json, which says how many layers there are.
  const auto key = std::ranges::find(schema_.keys, "block_count", &ConfigKey::canonical);
  const std::string_view member = key == schema_.keys.end() ? "" : key->name;
  throw FormatError("{}: tensor {} is of layer {}, but {} says that there are {}", source_.origin(),
                    quoted(tensor), match.numbers[0], quoted(description_.config_path(member)),
                    layers_);
}

void FolderWeights::check_vocabulary() const {
  const auto size = description_.get<std::int64_t>(description_.path("vocab_size"));
  const StoredTensor* const table = derived_->find(TokenTables::kTable);
  if (!size || table == nullptr || table->shape[0] == *size) return;
  throw FormatError("{}: the token table has {} rows, but {} says {}", source_.origin(),
                    table->shape[0], quoted(description_.config_path("vocab_size")), *size);
}

}  // namespace sirocco
