#include "sirocco/models/canonical.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "sirocco/base/error.hpp"
#include "sirocco/models/companions.hpp"
#include "sirocco/models/derived_weights.hpp"
#include "sirocco/models/folder_description.hpp"
#include "sirocco/models/folder_names.hpp"
#include "sirocco/models/known_names.hpp"
#include "sirocco/models/model.hpp"
#include "sirocco/models/name_pattern.hpp"

namespace sirocco {
namespace {

/// Collects the tensors that a schema makes of a folder's.
class CanonicalWeights {
 public:
  CanonicalWeights(const FolderSchema& schema, const FolderDescription& description,
                   std::shared_ptr<const WeightSource> source)
      : schema_(schema),
        description_(description),
        source_(*source),
        layers_(description.integer("block_count")),
        passed_(*source, layers_,
                description.said<std::int64_t>("num_nextn_predict_layers").value_or(0)),
        companions_(schema.companions, description),
        derived_(std::make_shared<DerivedWeights>(source, schema.rotary_rows)) {}

  std::shared_ptr<const WeightSource> build() {
    for (const StoredTensor& tensor : source_.tensors()) {
      if (!passed_.pass(tensor) && !place(tensor))
        refuse_unknown_tensor(source_.origin(), quoted(tensor.name), schema_.architecture);
    }
    for (const LackingTensor& tensor : source_.lacking()) {
      if (passed_.pass(tensor)) continue;
      if (tensor.stored) throw UnsupportedError("{}", tensor.why);
      if (is_needed(tensor)) throw NotFound("{}", tensor.why);
    }
    for (auto& [name, members] : stacks_) stack(name, members);
    for (const auto& [name, values] : description_.vectors)
      derived_->add(name, derived_->make(values));
    add_tables();
    derived_->finish();
    derived_->name_by([schema = &schema_, prefix = prefix_](std::string_view name) {
      return folder_name(*schema, prefix, name);
    });
    companions_.check(*derived_);
    check_vocabulary();
    return derived_;
  }

  std::vector<PassedCount> passed() const { return passed_.counts(); }

  /// What to tell who wants text of a model whose head is no tensor, nor the token table; empty
  /// where there is one. Embeddings need none.
  const std::string& lacks_head() const { return lacks_head_; }

 private:
  static constexpr std::string_view kHead = "output.weight";
  static constexpr std::string_view kTable = "token_embd.weight";

  /// Calls f(rule, canonical pattern, numbers) for each row that speaks of a folder's tensor, under
  /// the first prefix with which any does and f returns true.
  template <class F>
  bool each_rule(std::string_view name, const F& f) const {
    return std::ranges::any_of(kFolderPrefixes, [&](std::string_view prefix) {
      if (!name.starts_with(prefix)) return false;
      const NamePattern pattern = pattern_of(name.substr(prefix.size()));
      bool known = false;
      for (const TensorRule& rule : schema_.tensors) {
        const std::string canonical = canonical_pattern(rule, pattern.text);
        if (!canonical.empty() && f(rule, canonical, pattern.numbers, prefix)) known = true;
      }
      return known;
    });
  }

  /// Adds all that the rules make of `tensor`; false when no rule knows it.
  bool place(const StoredTensor& tensor) {
    return each_rule(
        tensor.name, [&](const TensorRule& rule, const std::string& canonical,
                         const std::vector<std::int32_t>& numbers, std::string_view prefix) {
          const bool is_extra_bias = canonical.ends_with(".bias") && rule.canonical != canonical &&
                                     !companions_.allow_bias(canonical, tensor.name);
          if (is_extra_bias) return false;
          if (!prefix.empty()) prefix_ = prefix;
          add(rule, canonical, numbers, tensor);
          return true;
        });
  }

  /// Whether a tensor that only an index knows is one that the model is made of and that isn't
  /// there by another name. (Biases are the companions' affair; of token table and head one may do
  /// for both, so that it is noted what there is to say of them.)
  bool is_needed(const LackingTensor& tensor) {
    return each_rule(tensor.name, [&](const TensorRule& rule, const std::string& canonical,
                                      const std::vector<std::int32_t>& numbers, std::string_view) {
      if (canonical == kHead) lacking_head_ = tensor.why;
      if (canonical == kTable) lacking_table_ = tensor.why;
      const bool is_beyond = canonical.starts_with("blk.#.") && numbers[0] >= layers_;
      if (canonical == kHead || canonical == kTable || !canonical.ends_with(".weight") || is_beyond)
        return false;
      const std::string name = with_numbers(canonical, numbers);
      const auto stacked = stacks_.find(name);
      if (placed_.contains(name)) return false;
      return stacked == stacks_.end() || (is_member(rule) && !stacked->second.contains(numbers[1]));
    });
  }

  /// Of config.json, which says how many layers there are.
  std::string_view layers_member() const {
    const auto key = std::ranges::find(schema_.keys, "block_count", &ConfigKey::canonical);
    return key == schema_.keys.end() ? "" : key->name;
  }

  /// Whether the row's tensors are members of others.
  static bool is_member(const TensorRule& rule) {
    return rule.folder.find('@') != std::string_view::npos;
  }

  void add(const TensorRule& rule, std::string_view canonical,
           const std::vector<std::int32_t>& numbers, const StoredTensor& tensor) {
    companions_.expect(canonical, numbers, tensor.name);
    if (canonical.starts_with("blk.#.") && numbers[0] >= layers_) {
      throw FormatError("{}: tensor {} is of layer {}, but {} says that there are {}",
                        source_.origin(), quoted(tensor.name), numbers[0],
                        quoted(description_.config_path(layers_member())), layers_);
    }
    std::string name = with_numbers(canonical, numbers);
    StoredTensor arranged = arrange(rule, name.ends_with(".bias"), tensor);
    if (is_member(rule)) {
      stacks_[std::move(name)].emplace(numbers[1], arranged);
      return;
    }
    placed_.insert(name);
    if (name == kHead) {
      head_ = arranged;
    } else {
      if (name == kTable) table_ = arranged;
      derived_->add(std::move(name), arranged);
    }
  }

  [[noreturn]] void broken_shape(const TensorRule& rule, const StoredTensor& tensor) const {
    throw FormatError("{}: tensor {} is {}, which isn't {} equal parts", source_.origin(),
                      quoted(tensor.name), tensor.shape.to_string(), rule.how.parts);
  }

  StoredTensor arrange(const TensorRule& rule, bool bias, const StoredTensor& tensor) {
    StoredTensor out = tensor;
    if (bias) {
      out = bias_part(rule, tensor);
    } else if (tensor.shape.rank() >= 2) {
      out = weight_part(rule, tensor);
    }
    if (!rule.how.one_plus) return out;
    return derived_->make(*find_format(FormatId::kF32), out.shape,
                          std::make_unique<const OnePlusRows>(out));
  }

  StoredTensor bias_part(const TensorRule& rule, const StoredTensor& tensor) {
    if (rule.how.parts == 1) return tensor;
    const std::int64_t size = tensor.columns() / rule.how.parts;
    if (size * rule.how.parts != tensor.columns() || tensor.format->block_elements != 1)
      broken_shape(rule, tensor);
    const Shape shape = tensor.shape.with_innermost(size);
    const std::int64_t offset = rule.how.interleaved ? rule.how.part : rule.how.part * size;
    return derived_->make(*tensor.format, shape,
                          std::make_unique<const StridedColumns>(
                              tensor, offset, rule.how.interleaved ? rule.how.parts : 1));
  }

  StoredTensor weight_part(const TensorRule& rule, const StoredTensor& tensor) {
    // A packed format has its blocks along the inputs, so it is never stored transposed.
    const bool transposed = rule.how.transposed && tensor.format->block_elements == 1;
    const int rank = tensor.shape.rank();
    const std::int64_t outputs = tensor.shape[transposed ? rank - 1 : rank - 2];
    const std::int64_t inputs = tensor.shape[transposed ? rank - 2 : rank - 1];
    const std::int64_t size = outputs / rule.how.parts;
    if (size * rule.how.parts != outputs) broken_shape(rule, tensor);
    if (!transposed && rule.how.parts == 1) return tensor;
    if (!transposed && !rule.how.interleaved && rank == 2)
      return tensor.members(rule.how.part * size, size);
    const ArrangedRows::Order order{
        .rows = size,
        .row_offset = rule.how.interleaved ? rule.how.part : rule.how.part * size,
        .row_step = rule.how.interleaved ? rule.how.parts : 1,
        .transposed = transposed};
    return derived_->make(*tensor.format, tensor.shape.with_matrix(size, inputs),
                          std::make_unique<const ArrangedRows>(tensor, order));
  }

  void stack(const std::string& name, const std::map<std::int32_t, StoredTensor>& members) {
    std::vector<StoredTensor> all;
    const StoredTensor& first = members.begin()->second;
    for (const auto& [index, member] : members) {
      if (index != std::ssize(all)) {
        throw FormatError(
            "{}: of the experts that make {}, number {} is missing; the checkpoint is "
            "incomplete",
            source_.origin(), sirocco::quoted(name), all.size());
      }
      if (member.shape != first.shape || member.format != first.format ||
          member.shape.rank() == Shape::kMaxRank) {
        throw FormatError("{}: the experts that make {} differ: {} of {} and {} of {}",
                          source_.origin(), sirocco::quoted(name), first.shape.to_string(),
                          first.format->name, member.shape.to_string(), member.format->name);
      }
      all.push_back(member);
    }
    const Shape shape = first.shape.with_new_outermost(std::ssize(all));
    derived_->add(name, derived_->make(*first.format, shape,
                                       std::make_unique<const StackedRows>(std::move(all))));
  }

  /// As two tensors of the same kind are stored, a piece at a time.
  bool same_values(const StoredTensor& a, const StoredTensor& b) const {
    constexpr std::int64_t kPiece = std::int64_t{1} << 20;
    if (a.format != b.format || a.shape != b.shape) return false;
    const std::size_t size = row_bytes(*a.format, a.columns());
    const std::int64_t most = std::max<std::int64_t>(1, kPiece / static_cast<std::int64_t>(size));
    std::vector<std::byte> left(static_cast<std::size_t>(std::min(most, a.rows())) * size);
    std::vector<std::byte> right(left.size());
    bool same = true;
    for (std::int64_t row = 0; same && row < a.rows(); row += most) {
      const std::int64_t count = std::min(most, a.rows() - row);
      const auto read = [&](const StoredTensor& from, std::vector<std::byte>& to) {
        from.read_rows(row, count, to.data());
        derived_->release(from.row_range(row, count));
      };
      read(a, left);
      read(b, right);
      same = std::equal(left.begin(), left.begin() + count * static_cast<std::int64_t>(size),
                        right.begin());
    }
    return same;
  }

  /// Token table and head, which may be one under either name, or under both. A head with values of
  /// its own counts, whatever is said: transformers ties only what a checkpoint leaves out.
  void add_tables() {
    if (!table_ && head_) return add_table_of_head();
    if (!table_ && !lacking_table_.empty()) throw NotFound("{}", lacking_table_);
    if (schema_.encodes) return;
    if (!head_) {
      if (!tied()) lacks_head_ = missing_head();
      return;
    }
    if (!tied() || !table_ || !same_values(*table_, *head_))
      derived_->add(std::string(kHead), *head_);
  }

  void add_table_of_head() {
    if (!tied()) {
      if (!lacking_table_.empty()) throw NotFound("{}", lacking_table_);
      throw FormatError(
          "{}: tensor {} is missing, and {} doesn't say that {} stands for it too; the checkpoint "
          "is incomplete",
          source_.origin(), quoted(folder_name(schema_, prefix_, kTable)),
          quoted(description_.config_path("tie_word_embeddings")),
          quoted(folder_name(schema_, "", kHead)));
    }
    derived_->add(std::string(kTable), *head_);
  }

  std::string missing_head() const {
    const std::string why =
        !lacking_head_.empty()
            ? std::string(lacking_head_)
            : fmt::format(
                  "{}: the head is missing: there is no tensor {}, and {} doesn't say that "
                  "it is the token table: fetch the rest of the checkpoint",
                  source_.origin(), quoted(folder_name(schema_, "", kHead)),
                  quoted(description_.config_path("tie_word_embeddings")));
    return fmt::format(
        "{}. Without its head the model makes embeddings (`sirocco embed`) and no text", why);
  }

  bool tied() const { return description_.flag("tie_word_embeddings", schema_.tied); }

  void check_vocabulary() const {
    const auto size = description_.get<std::int64_t>(description_.path("vocab_size"));
    const StoredTensor* const table = derived_->find("token_embd.weight");
    if (!size || table == nullptr || table->shape[0] == *size) return;
    throw FormatError("{}: the token table has {} rows, but {} says {}", source_.origin(),
                      table->shape[0], quoted(description_.config_path("vocab_size")), *size);
  }

  const FolderSchema& schema_;
  const FolderDescription& description_;
  const WeightSource& source_;
  std::int64_t layers_;
  PassedTensors passed_;
  Companions companions_;
  std::shared_ptr<DerivedWeights> derived_;
  std::string prefix_;              ///< of the names that have one
  std::set<std::string> placed_;    ///< names, but for those that are made of members
  std::string_view lacking_table_;  ///< what an index's user is to be told; empty: nothing
  std::string_view lacking_head_;
  std::map<std::string, std::map<std::int32_t, StoredTensor>> stacks_;
  std::optional<StoredTensor> head_;
  std::optional<StoredTensor> table_;
  std::string lacks_head_;
};

/// A description that keeps what its texts point into.
struct OwnedDescription {
  std::shared_ptr<const Metadata> folder;
  FolderDescription description;
  std::string lacks_head;
};

/// What stands behind a family's name in those of the classes that put a head of another task onto
/// the same layers.
constexpr std::array<std::string_view, 5> kOtherTasks = {
    "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering",
    "ForMultipleChoice", "ForNextSentencePrediction"};

/// Some were written before the libraries agreed on capital letters ("LLaMAForCausalLM").
bool same_letters(std::string_view a, std::string_view b) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::ranges::equal(a, b, {}, lower, lower);
}

/// Whether a class is `known`, or has the layers of a known one without a head.
bool is_of_class(std::string_view name, std::string_view known) {
  if (same_letters(name, known)) return true;
  for (const std::string_view bare : {"TextModel", "Model"}) {
    if (!known.ends_with(bare)) continue;
    const std::string_view family = known.substr(0, known.size() - bare.size());
    if (!name.starts_with(family)) return false;
    return std::ranges::find(kOtherTasks, name.substr(family.size())) != kOtherTasks.end();
  }
  return false;
}

void check_class(const FolderSchema& schema, const Metadata& folder) {
  const auto* const named = folder.get_array<std::vector<std::string_view>>("config.architectures");
  if (named == nullptr) return;
  for (const std::string_view name : *named) {
    if (std::ranges::any_of(schema.classes,
                            [&](std::string_view known) { return is_of_class(name, known); }))
      return;
  }
  throw UnsupportedError("{}: is saved as {}, which isn't supported; of model type {} known are {}",
                         folder.origin(), quoted(named->front()), schema.model_types.front(),
                         fmt::join(schema.classes, ", "));
}

const FolderSchema& find_schema(const Metadata& folder) {
  const FolderDescription description(folder, nullptr);
  const auto type = description.said<std::string_view>("model_type");
  if (!type) {
    throw FormatError("{}: config.json has no 'model_type', so it is no Hugging Face model",
                      folder.origin());
  }
  std::vector<std::string_view> known;
  for (const FolderSchema* schema : folder_schemas()) {
    for (const std::string_view name : schema->model_types) {
      if (name == *type && (schema->applies == nullptr || schema->applies(description)))
        return *schema;
      if (std::ranges::find(known, name) == known.end()) known.push_back(name);
    }
  }
  throw UnsupportedError("{}: model type {} isn't supported; known are {}", folder.origin(),
                         quoted(*type), known_names(known, *type));
}

/// A GGUF file without the tensors that no answer depends on.
CanonicalCheckpoint passed_gguf(std::shared_ptr<const Metadata> metadata,
                                std::shared_ptr<const WeightSource> weights) {
  const auto architecture = metadata->require<std::string_view>("general.architecture");
  const std::span<const std::string_view> known = known_architectures();
  // What no family runs, and what doesn't say how many layers it has, is for the model to refuse.
  if (std::ranges::find(known, architecture) == known.end() ||
      metadata->find(fmt::format("{}.block_count", architecture)) == nullptr)
    return {std::move(metadata), std::move(weights)};
  const GgufLayers layers = gguf_layers(*metadata);
  PassedTensors passed(*weights, layers.run, layers.guessing);
  auto kept = std::make_shared<DerivedWeights>(weights, weights->rotary_rows());
  for (const StoredTensor& tensor : weights->tensors()) {
    if (!passed.pass(tensor)) kept->add(std::string(tensor.name), tensor);
  }
  if (passed.counts().empty()) return {std::move(metadata), std::move(weights)};
  kept->finish();
  return {std::move(metadata), std::move(kept), passed.counts()};
}

}  // namespace

CanonicalCheckpoint canonical_checkpoint(std::shared_ptr<const Metadata> folder,
                                         std::shared_ptr<const WeightSource> weights,
                                         const FolderSchema& schema) {
  check_class(schema, *folder);
  auto owned = std::make_shared<OwnedDescription>(
      OwnedDescription{folder, describe_folder(*folder, schema), {}});
  CanonicalWeights canonical(schema, owned->description, std::move(weights));
  std::shared_ptr<const WeightSource> built = canonical.build();
  owned->lacks_head = canonical.lacks_head();
  if (!owned->lacks_head.empty())
    owned->description.set("lacks_head", std::string_view(owned->lacks_head));
  return {{owned, &owned->description}, std::move(built), canonical.passed()};
}

CanonicalCheckpoint canonical_checkpoint(std::shared_ptr<const Metadata> metadata,
                                         std::shared_ptr<const WeightSource> weights) {
  if (metadata->find("general.architecture") != nullptr)
    return passed_gguf(std::move(metadata), std::move(weights));
  if (metadata->find("config.model_type") == nullptr)
    return {std::move(metadata), std::move(weights)};
  const FolderSchema& schema = find_schema(*metadata);
  return canonical_checkpoint(std::move(metadata), std::move(weights), schema);
}

}  // namespace sirocco
