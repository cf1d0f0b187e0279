#include "sirocco/checkpoint/arrange.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

[[noreturn]] void refuse_parts(const TensorRule& rule, const StoredTensor& tensor,
                               const WeightSource& source) {
  throw FormatError("{}: tensor {} is {}, which isn't {} equal parts", source.origin(),
                    quoted(tensor.name), tensor.shape.to_string(), rule.how.parts);
}

StoredTensor bias_part(const TensorRule& rule, const StoredTensor& tensor, DerivedWeights& maker) {
  const Arrangement& how = rule.how;
  if (how.parts == 1) return tensor;
  const std::int64_t size = tensor.columns() / how.parts;
  if (size * how.parts != tensor.columns() || tensor.format->block_elements != 1)
    refuse_parts(rule, tensor, maker);
  const std::int64_t offset = how.interleaved ? how.part : how.part * size;
  return maker.make(
      *tensor.format, tensor.shape.with_innermost(size),
      std::make_unique<const StridedColumns>(tensor, offset, how.interleaved ? how.parts : 1));
}

StoredTensor weight_part(const TensorRule& rule, const StoredTensor& tensor,
                         DerivedWeights& maker) {
  const Arrangement& how = rule.how;
  // A packed format has its blocks along the inputs, so it is never stored transposed.
  const bool transposed = how.transposed && tensor.format->block_elements == 1;
  const int rank = tensor.shape.rank();
  const std::int64_t outputs = tensor.shape[transposed ? rank - 1 : rank - 2];
  const std::int64_t inputs = tensor.shape[transposed ? rank - 2 : rank - 1];
  const std::int64_t size = outputs / how.parts;
  if (size * how.parts != outputs) refuse_parts(rule, tensor, maker);
  if (!transposed && how.parts == 1) return tensor;
  if (!transposed && !how.interleaved && rank == 2) return tensor.members(how.part * size, size);
  const ArrangedRows::Order order{.rows = size,
                                  .row_offset = how.interleaved ? how.part : how.part * size,
                                  .row_step = how.interleaved ? how.parts : 1,
                                  .transposed = transposed};
  return maker.make(*tensor.format, tensor.shape.with_matrix(size, inputs),
                    std::make_unique<const ArrangedRows>(tensor, order));
}

}  // namespace

StoredTensor arranged(const TensorRule& rule, bool is_bias, const StoredTensor& tensor,
                      DerivedWeights& maker) {
  StoredTensor out = tensor;
  if (is_bias) {
    out = bias_part(rule, tensor, maker);
  } else if (tensor.shape.rank() >= 2) {
    out = weight_part(rule, tensor, maker);
  }
  if (!rule.how.one_plus) return out;
  return maker.make(*find_format(FormatId::kF32), out.shape,
                    std::make_unique<const OnePlusRows>(out));
}

StoredTensor stacked(std::string_view name, const std::map<std::int32_t, StoredTensor>& members,
                     DerivedWeights& maker) {
  std::vector<StoredTensor> all;
  const StoredTensor& first = members.begin()->second;
  for (const auto& [index, member] : members) {
    if (index != std::ssize(all)) {
      throw FormatError(
          "{}: of the experts that make {}, number {} is missing; the checkpoint is incomplete",
          maker.origin(), quoted(name), all.size());
    }
    if (member.shape != first.shape || member.format != first.format ||
        member.shape.rank() == Shape::kMaxRank) {
      throw FormatError("{}: the experts that make {} differ: {} of {} and {} of {}",
                        maker.origin(), quoted(name), first.shape.to_string(), first.format->name,
                        member.shape.to_string(), member.format->name);
    }
    all.push_back(member);
  }
  const Shape shape = first.shape.with_new_outermost(std::ssize(all));
  return maker.make(*first.format, shape, std::make_unique<const StackedRows>(std::move(all)));
}

}  // namespace sirocco
