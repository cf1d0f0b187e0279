#include "sirocco/checkpoint/token_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/folder_names.hpp"

namespace sirocco {
namespace {

/// As two tensors of the same kind are stored, a piece at a time.
bool same_values(const StoredTensor& a, const StoredTensor& b, const WeightSource& source) {
  constexpr std::int64_t kPiece = std::int64_t{1} << 20;
  if (a.format != b.format || a.shape != b.shape) return false;
  const std::size_t size = row_bytes(*a.format, a.columns());
  const std::int64_t step = std::max<std::int64_t>(1, kPiece / static_cast<std::int64_t>(size));
  std::vector<std::byte> left(static_cast<std::size_t>(std::min(step, a.rows())) * size);
  std::vector<std::byte> right(left.size());
  bool same = true;
  for (std::int64_t row = 0; same && row < a.rows(); row += step) {
    const std::int64_t count = std::min(step, a.rows() - row);
    const auto read = [&](const StoredTensor& from, std::vector<std::byte>& to) {
      from.read_rows(row, count, to.data());
      source.release(from.row_range(row, count));
    };
    read(a, left);
    read(b, right);
    same = std::equal(left.begin(), left.begin() + count * static_cast<std::int64_t>(size),
                      right.begin());
  }
  return same;
}

}  // namespace

bool TokenTables::tied() const {
  if (schema_.one_table) return true;
  constexpr std::string_view kTied = "tie_word_embeddings";
  if (description_.flag(kTied, schema_.tied)) return true;
  return schema_.tied_by_part && description_.folder().get_or<bool>(
                                     fmt::format("config.{}.{}", schema_.part, kTied), false);
}

void TokenTables::take(std::string_view name, const StoredTensor& tensor, DerivedWeights& weights) {
  (name == kHead ? head_ : table_) = tensor;
  if (name == kTable) weights.add(std::string(name), tensor);
}

void TokenTables::lack(std::string_view name, std::string_view why) {
  (name == kHead ? lacking_head_ : lacking_table_) = why;
}

void TokenTables::finish(DerivedWeights& weights, std::string_view prefix) {
  if (!table_ && head_) return add_table_of_head(weights, prefix);
  if (!table_ && !lacking_table_.empty()) throw NotFound("{}", lacking_table_);
  if (schema_.encodes) return;
  if (!head_) {
    if (!tied()) lacks_head_ = missing_head(weights.origin());
    return;
  }
  if (!tied() || !table_ || !same_values(*table_, *head_, weights))
    weights.add(std::string(kHead), *head_);
}

void TokenTables::add_table_of_head(DerivedWeights& weights, std::string_view prefix) const {
  if (!tied()) {
    if (!lacking_table_.empty()) throw NotFound("{}", lacking_table_);
    throw FormatError(
        "{}: tensor {} is missing, and {} doesn't say that {} stands for it too; the checkpoint is "
        "incomplete",
        weights.origin(), quoted(folder_name(schema_.tensors, prefix, kTable)),
        quoted(description_.config_path("tie_word_embeddings")),
        quoted(folder_name(schema_.tensors, "", kHead)));
  }
  weights.add(std::string(kTable), *head_);
}

std::string TokenTables::missing_head(std::string_view origin) const {
  const std::string why =
      !lacking_head_.empty()
          ? std::string(lacking_head_)
          : fmt::format(
                "{}: the head is missing: there is no tensor {}, and {} doesn't say that it is the "
                "token table: fetch the rest of the checkpoint",
                origin, quoted(folder_name(schema_.tensors, "", kHead)),
                quoted(description_.config_path("tie_word_embeddings")));
  return fmt::format(
      "{}. Without its head the model makes embeddings (`sirocco embed`) and no text", why);
}

}  // namespace sirocco
