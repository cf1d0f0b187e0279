#include "sirocco/models/canonical.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "sirocco/base/error.hpp"
#include "sirocco/models/derived_weights.hpp"
#include "sirocco/models/folder_description.hpp"
#include "sirocco/models/known_names.hpp"
#include "sirocco/models/model.hpp"

namespace sirocco {
namespace {

/// What stands in front of a decoder's own names, depending on the class that saved it.
constexpr std::array<std::string_view, 7> kPrefixes = {"model.language_model.",
                                                       "language_model.model.",
                                                       "language_model.",
                                                       "model.",
                                                       "transformer.",
                                                       "bert.",
                                                       ""};
/// Other parts of a model whose text part is run.
constexpr std::array<std::string_view, 6> kOtherParts = {"vision_tower.",
                                                         "model.vision_tower.",
                                                         "multi_modal_projector.",
                                                         "model.multi_modal_projector.",
                                                         "visual.",
                                                         "model.visual."};
/// Tables and masks that are computed here.
constexpr std::array<std::string_view, 4> kBuffers = {"rotary_emb.inv_freq", ".attn.bias",
                                                      ".attn.masked_bias", "position_ids"};
constexpr std::array<std::string_view, 2> kKinds = {".weight", ".bias"};

/// A tensor's name with its first number as #, its second as @.
struct Pattern {
  std::string text;
  std::vector<std::int32_t> numbers;
};

Pattern pattern_of(std::string_view name) {
  constexpr std::string_view kMarks = "#@";
  Pattern out;
  while (true) {
    const std::size_t end = std::min(name.find('.'), name.size());
    const std::string_view part = name.substr(0, end);
    std::int32_t number = 0;
    const auto [rest, status] = std::from_chars(part.data(), part.data() + part.size(), number);
    const bool is_number = status == std::errc() && rest == part.data() + part.size() &&
                           number >= 0 && std::to_string(number) == part;
    if (is_number && out.numbers.size() < kMarks.size()) {
      out.text += kMarks[out.numbers.size()];
      out.numbers.push_back(number);
    } else {
      out.text += part;
    }
    if (end == name.size()) return out;
    out.text += '.';
    name.remove_prefix(end + 1);
  }
}

/// Without ".weight" or ".bias".
std::string_view stem_of(std::string_view name) { return name.substr(0, name.rfind('.')); }

bool speaks_of(const CompanionRule& rule, std::string_view pattern) {
  const std::string_view stem = stem_of(pattern);
  return rule.of.ends_with('*') ? stem.starts_with(rule.of.substr(0, rule.of.size() - 1))
                                : stem == rule.of;
}

/// The canonical name that `rule` gives to a folder's pattern; empty when it speaks of another.
std::string canonical_pattern(const TensorRule& rule, std::string_view pattern) {
  const auto stands_for_itself = [&](std::string_view kind) {
    return rule.canonical.ends_with(kind);
  };
  if (std::ranges::any_of(kKinds, stands_for_itself))
    return pattern == rule.folder ? std::string(rule.canonical) : "";
  for (const std::string_view kind : kKinds) {
    if (pattern.size() == rule.folder.size() + kind.size() && pattern.starts_with(rule.folder) &&
        pattern.ends_with(kind))
      return fmt::format("{}{}", rule.canonical, kind);
  }
  return "";
}

/// Collects the tensors that a schema makes of a folder's.
class CanonicalWeights {
 public:
  CanonicalWeights(const FolderSchema& schema, const FolderDescription& description,
                   std::shared_ptr<const WeightSource> source)
      : schema_(schema),
        description_(description),
        source_(*source),
        layers_(description.integer("block_count")),
        derived_(std::make_shared<DerivedWeights>(source, schema.rotary_rows)) {}

  std::shared_ptr<const WeightSource> build() {
    for (const StoredTensor& tensor : source_.tensors()) {
      if (!place(tensor) && !is_ignored(tensor.name)) {
        throw UnsupportedError(
            "{}: tensor {} isn't known to architecture {}: without it the model's answers would be "
            "wrong",
            source_.origin(), quoted(tensor.name), schema_.architecture);
      }
    }
    for (auto& [name, members] : stacks_) stack(name, members);
    for (const auto& [name, values] : description_.vectors)
      derived_->add(name, derived_->make(values));
    add_head();
    derived_->finish();
    check_companions();
    check_vocabulary();
    return derived_;
  }

  /// Whether no tensor is the head, and the token table isn't either. That is for who wants text of
  /// the model to complain of: embeddings need none.
  bool lacks_head() const { return lacks_head_; }

 private:
  static constexpr std::string_view kHead = "output.weight";
  static constexpr std::string_view kTable = "token_embd.weight";

  bool is_ignored_by_schema(std::string_view name) const {
    return std::ranges::any_of(kPrefixes, [&](std::string_view prefix) {
      return name.starts_with(prefix) &&
             std::ranges::any_of(schema_.ignored, [&](std::string_view part) {
               return name.substr(prefix.size()).starts_with(part);
             });
    });
  }

  bool is_ignored(std::string_view name) const {
    const auto in_front = [&](std::string_view part) { return name.starts_with(part); };
    const auto behind = [&](std::string_view part) { return name.ends_with(part); };
    return std::ranges::any_of(kBuffers, behind) || is_ignored_by_schema(name) ||
           (description_.has_parts() && std::ranges::any_of(kOtherParts, in_front));
  }

  /// Layers behind the last that guess further tokens, which aren't run.
  bool is_extra_layer(const Pattern& pattern) const {
    const auto extra = description_.said<std::int64_t>("num_nextn_predict_layers").value_or(0);
    return pattern.text.starts_with("layers.#.") && pattern.numbers[0] >= layers_ &&
           pattern.numbers[0] - layers_ < extra;
  }

  /// Adds all that the rules make of `tensor`; false when no rule knows it.
  bool place(const StoredTensor& tensor) {
    for (const std::string_view prefix : kPrefixes) {
      if (!tensor.name.starts_with(prefix)) continue;
      const Pattern pattern = pattern_of(tensor.name.substr(prefix.size()));
      if (is_extra_layer(pattern)) return true;
      bool known = false;
      for (const TensorRule& rule : schema_.tensors) {
        const std::string canonical = canonical_pattern(rule, pattern.text);
        if (canonical.empty() || !belongs(rule, canonical, tensor)) continue;
        known = true;
        add(rule, canonical, pattern.numbers, tensor);
      }
      if (known) return true;
    }
    return false;
  }

  /// Whether what `rule` makes of `tensor` is anything of the family's. Biases that config.json
  /// denies are refused, though transformers drops them with a warning: one of the two is wrong.
  bool belongs(const TensorRule& rule, std::string_view canonical,
               const StoredTensor& tensor) const {
    if (!canonical.ends_with(".bias") || rule.canonical == canonical) return true;
    const auto companion = std::ranges::find_if(schema_.companions, [&](const CompanionRule& c) {
      return c.tensor.empty() && speaks_of(c, canonical);
    });
    if (companion == schema_.companions.end()) return false;
    if (companion->member.empty() || description_.flag(companion->member, false)) return true;
    throw FormatError(
        "{}: tensor {} is there, but {} doesn't say so; correct the one that is wrong",
        source_.origin(), quoted(tensor.name), quoted(description_.config_path(companion->member)));
  }

  /// Notes what has to be there because `tensor` is.
  void expect_companions(std::string_view canonical, std::string_view layer,
                         const StoredTensor& tensor) {
    if (canonical.ends_with(".bias")) return;
    for (const CompanionRule& c : schema_.companions) {
      if (c.optional || !speaks_of(c, canonical)) continue;
      if (!c.member.empty() && !description_.flag(c.member, false)) continue;
      std::string name =
          c.tensor.empty() ? fmt::format("{}.bias", stem_of(canonical)) : std::string(c.tensor);
      if (const std::size_t mark = name.find('#'); mark != std::string::npos)
        name.replace(mark, 1, layer);
      expected_.push_back({std::move(name), tensor.name, c.member});
    }
  }

  void check_companions() const {
    for (const Expected& e : expected_) {
      if (derived_->find(e.name) != nullptr) continue;
      throw FormatError(
          "{}: beside tensor {} the one that stands for {} is missing{}; the checkpoint is "
          "incomplete",
          source_.origin(), quoted(e.beside), quoted(e.name),
          e.member.empty() ? ""
                           : fmt::format(", but {} says that it is there",
                                         quoted(description_.config_path(e.member))));
    }
  }

  void add(const TensorRule& rule, std::string_view canonical,
           const std::vector<std::int32_t>& numbers, const StoredTensor& tensor) {
    std::string name(canonical);
    expect_companions(canonical, numbers.empty() ? "" : std::to_string(numbers[0]), tensor);
    if (const std::size_t mark = name.find('#'); mark != std::string::npos) {
      if (name.starts_with("blk.") && numbers[0] >= layers_) {
        throw FormatError("{}: tensor {} is of layer {}, but {} says that there are {}",
                          source_.origin(), quoted(tensor.name), numbers[0],
                          quoted(description_.path("block_count")), layers_);
      }
      name.replace(mark, 1, std::to_string(numbers[0]));
    }
    StoredTensor arranged = arrange(rule, name.ends_with(".bias"), tensor);
    if (rule.folder.find('@') != std::string_view::npos) {
      stacks_[std::move(name)].emplace(numbers[1], arranged);
    } else if (name == kHead) {
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

  /// A head that is the token table is not there twice. One with values of its own counts, whatever
  /// is said: transformers ties only what a checkpoint leaves out.
  void add_head() {
    if (!head_) {
      lacks_head_ = !tied();
      return;
    }
    if (!tied() || !table_ || !same_values(*table_, *head_))
      derived_->add(std::string(kHead), *head_);
  }

  bool tied() const { return description_.flag("tie_word_embeddings", schema_.tied); }

  void check_vocabulary() const {
    const auto size = description_.get<std::int64_t>(description_.path("vocab_size"));
    const StoredTensor* const table = derived_->find("token_embd.weight");
    if (!size || table == nullptr || table->shape[0] == *size) return;
    throw FormatError("{}: the token table has {} rows, but {} says {}", source_.origin(),
                      table->shape[0], quoted(description_.config_path("vocab_size")), *size);
  }

  struct Expected {
    std::string name;
    std::string_view beside;  ///< the folder's tensor
    std::string_view member;  ///< that says so
  };

  const FolderSchema& schema_;
  const FolderDescription& description_;
  const WeightSource& source_;
  std::int64_t layers_;
  std::shared_ptr<DerivedWeights> derived_;
  std::map<std::string, std::map<std::int32_t, StoredTensor>> stacks_;
  std::optional<StoredTensor> head_;
  std::optional<StoredTensor> table_;
  bool lacks_head_ = false;
  std::vector<Expected> expected_;
};

/// A description that keeps what its texts point into.
struct OwnedDescription {
  std::shared_ptr<const Metadata> folder;
  FolderDescription description;
};

void check_class(const FolderSchema& schema, const Metadata& folder) {
  const auto* const named = folder.get_array<std::vector<std::string_view>>("config.architectures");
  if (named == nullptr) return;
  for (const std::string_view name : *named) {
    if (std::ranges::find(schema.classes, name) != schema.classes.end()) return;
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

}  // namespace

CanonicalCheckpoint canonical_checkpoint(std::shared_ptr<const Metadata> folder,
                                         std::shared_ptr<const WeightSource> weights,
                                         const FolderSchema& schema) {
  check_class(schema, *folder);
  auto owned = std::make_shared<OwnedDescription>(
      OwnedDescription{folder, describe_folder(*folder, schema)});
  CanonicalWeights collected(schema, owned->description, std::move(weights));
  auto canonical = collected.build();
  if (collected.lacks_head()) owned->description.set("lacks_head", true);
  return {{owned, &owned->description}, std::move(canonical)};
}

CanonicalCheckpoint canonical_checkpoint(std::shared_ptr<const Metadata> metadata,
                                         std::shared_ptr<const WeightSource> weights) {
  if (metadata->find("general.architecture") != nullptr ||
      metadata->find("config.model_type") == nullptr)
    return {std::move(metadata), std::move(weights)};
  const FolderSchema& schema = find_schema(*metadata);
  return canonical_checkpoint(std::move(metadata), std::move(weights), schema);
}

}  // namespace sirocco
