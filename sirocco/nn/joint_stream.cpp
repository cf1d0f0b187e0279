#include "sirocco/nn/joint_stream.hpp"

#include <algorithm>

#include "sirocco/base/error.hpp"

namespace sirocco {

JointRows::JointRows(const JointStream& stream, const TransformContext& context) {
  const StepRows& rows = context.host_rows();
  SIROCCO_CHECK(rows.sequences.size() == 1);
  const SequenceRows& part = rows.sequences.front();
  first = part.first().value();
  text = std::clamp<std::int64_t>(stream.text - first, 0, part.rows());
  picture = part.rows() - text;
}

}  // namespace sirocco
