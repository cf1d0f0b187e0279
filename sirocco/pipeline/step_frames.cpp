#include "sirocco/pipeline/step_frames.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/choice_limit.hpp"
#include "sirocco/pipeline/frame_of.hpp"
#include "sirocco/pipeline/sampler_bytes.hpp"
#include "sirocco/transport/byte_reader.hpp"
#include "sirocco/transport/byte_writer.hpp"

namespace sirocco {
namespace {

constexpr std::string_view kOfStep = "a step of the head";

void write_rows(ByteWriter& writer, const StepRows& rows) {
  writer.write_each(rows.sequences, [&](const SequenceRows& s) {
    writer.write(s.sequence());
    writer.write(s.first());
    writer.write(s.rows());
    writer.write(s.key_length());
    writer.write(s.rotary_shift());
    writer.write_each(s.spans(), [&](const MutualSpan& span) {
      writer.write(span.first);
      writer.write(span.end);
    });
    writer.write_optional(s.rotary(), [&](const RotaryPositions& rotary) {
      writer.write(std::int32_t{rotary.axes()});
      writer.write_values(rotary.numbers());
    });
  });
  writer.write_values(rows.outputs);
}

// Of a row of a block table only the part that holds blocks.
void write_table(ByteWriter& writer, const GroupCaches& group) {
  const auto width = static_cast<std::size_t>(group.blocks_a_sequence);
  writer.write(std::int32_t{group.blocks_a_sequence});
  writer.write(static_cast<std::uint64_t>(group.table.size() / width));
  for (std::size_t begin = 0; begin < group.table.size(); begin += width) {
    const std::span<const std::int32_t> row = std::span(group.table).subspan(begin, width);
    const auto held = [](std::int32_t block) { return block >= 0; };
    const auto first = std::ranges::find_if(row, held);
    auto end = row.end();
    while (end != first && !held(*(end - 1))) --end;
    writer.write(static_cast<std::int32_t>(first - row.begin()));
    writer.write_values(std::span<const std::int32_t>(first, end));
  }
}

void write_caches(ByteWriter& writer, const StageCaches& caches) {
  writer.write(caches.step);
  writer.write_each(caches.groups, [&](const GroupCaches& group) {
    writer.write_each(group.commands, [&](const BlockCommand& command) {
      writer.write_enum(command.kind);
      writer.write(command.from);
      writer.write(command.to);
    });
    write_table(writer, group);
  });
}

SequenceRows read_sequence_rows(ByteReader& reader, const StepBoundsOnWire& bounds) {
  const auto id = reader.read<SequenceId>("a sequence");
  const auto first = reader.read<Position>("its first position");
  const auto count = reader.read<std::int64_t>("its rows");
  if (first.value() < 0 || count < 1 || count > bounds.max_step ||
      count > bounds.max_context - first.value()) {
    throw FormatError("{}: {} rows from position {} on; a step has {}, a sequence {}", kOfStep,
                      count, first.value(), bounds.max_step, bounds.max_context);
  }
  const auto key_length = reader.read<std::int32_t>("its key length");
  const auto shift = reader.read<std::int32_t>("its rotary shift");
  const auto max = static_cast<std::uint64_t>(bounds.max_step);
  auto spans = reader.read_each(
      [&] {
        const auto begin = reader.read<Position>("the beginning of a span");
        return MutualSpan{begin, reader.read<Position>("the end of a span")};
      },
      max, "spans");
  SequenceRows rows(id, first, count, std::move(spans));
  if (key_length != 0) rows = std::move(rows).with_key_length(key_length);
  auto rotary = reader.read_optional(
      [&] {
        const auto axes = reader.read<std::int32_t>("rotary axes");
        return RotaryPositions(axes, reader.read_values<std::int32_t>(
                                         max * RotaryPositions::kMaxAxes, "rotary positions"));
      },
      "whether there are rotary positions");
  if (rotary) return std::move(rows).with_rotary(std::move(*rotary));
  if (shift != 0) return std::move(rows).with_rotary_shift(shift);
  return rows;
}

void read_rows(ByteReader& reader, const StepBoundsOnWire& bounds, StepRows& rows) {
  const auto max = static_cast<std::uint64_t>(bounds.max_step);
  rows.sequences =
      reader.read_each([&] { return read_sequence_rows(reader, bounds); }, max, "sequences");
  const std::int64_t count = rows.rows();
  if (count > bounds.max_step)
    throw FormatError("{}: {} rows, and a step has {}", kOfStep, count, bounds.max_step);
  reader.read_values(rows.outputs, max, "wanted rows");
  std::int32_t before = -1;
  for (const std::int32_t row : rows.outputs) {
    if (row <= before || row >= count)
      throw FormatError("{}: row {} behind {} can't be wanted of {}", kOfStep, row, before, count);
    before = row;
  }
}

void require_block(std::int32_t block, std::int32_t blocks) {
  if (block < 0 || block >= blocks)
    throw FormatError("{}: there is no block {} among {}", kOfStep, block, blocks);
}

void read_table(ByteReader& reader, std::int32_t blocks, std::size_t sequences,
                GroupCaches& group) {
  const auto width = reader.read<std::int32_t>("blocks of a sequence");
  const auto rows = reader.read<std::uint64_t>("rows of a block table");
  if (width < 1 || width > std::max(blocks, 1) || rows != sequences) {
    throw FormatError("{}: a block table of {} rows of {} blocks; expected {} of at most {}",
                      kOfStep, rows, width, sequences, blocks);
  }
  group.blocks_a_sequence = width;
  group.table.assign(sequences * static_cast<std::size_t>(width), -1);
  std::vector<std::int32_t> held;
  for (std::size_t row = 0; row < sequences; ++row) {
    const auto first = reader.read<std::int32_t>("the first block of a row");
    reader.read_values(held, static_cast<std::uint64_t>(width), "the blocks of a row");
    if (first < 0 || first > width - std::ssize(held))
      throw FormatError("{}: {} blocks from the place {} on in a row of {}", kOfStep, held.size(),
                        first, width);
    for (const std::int32_t block : held)
      if (block != -1) require_block(block, blocks);
    std::ranges::copy(held, group.table.begin() + std::ptrdiff_t{first} +
                                static_cast<std::ptrdiff_t>(row) * width);
  }
}

void read_caches(ByteReader& reader, const StepBoundsOnWire& bounds, std::size_t sequences,
                 StageCaches& caches) {
  caches.step = reader.read<std::uint64_t>("the step of the caches");
  const auto groups = reader.read<std::uint64_t>("groups of the cache");
  if (groups != bounds.blocks.size())
    throw FormatError("{}: {} groups of the cache; expected {}", kOfStep, groups,
                      bounds.blocks.size());
  caches.groups.resize(bounds.blocks.size());
  for (std::size_t g = 0; g < caches.groups.size(); ++g) {
    const std::int32_t blocks = bounds.blocks[g];
    caches.groups[g].commands = reader.read_each(
        [&] {
          BlockCommand command;
          command.kind = reader.read_enum(BlockCommand::Kind::kPoison, "a command");
          command.from = reader.read<BlockId>("a command's source");
          command.to = reader.read<BlockId>("a command's target");
          require_block(command.to.value(), blocks);
          if (command.kind == BlockCommand::Kind::kCopy)
            require_block(command.from.value(), blocks);
          return command;
        },
        std::uint64_t{1} << 32, "commands");
    read_table(reader, blocks, sequences, caches.groups[g]);
  }
}

enum class WantedKind : std::uint8_t { kToken, kScore, kLogits };

}  // namespace

Frame StepWriter::step(const StagedStep& step, std::uint64_t number, int stage) {
  ByteWriter writer;
  write_rows(writer, step.rows);
  write_caches(writer, step.caches.stages[static_cast<std::size_t>(stage)]);
  return frame_of(FrameKind::kStep, number, writer);
}

Frame StepWriter::step_of_tail(const StagedStep& step, std::uint64_t number, int stage,
                               bool lasting) {
  ByteWriter writer;
  write_rows(writer, step.rows);
  write_caches(writer, step.caches.stages[static_cast<std::size_t>(stage)]);
  for (const WantedRow& row : step.wanted) {
    writer.write(row.sequence);
    writer.write(row.next);
    if (const auto* score = std::get_if<WantScore>(&row.what)) {
      writer.write_enum(WantedKind::kScore);
      writer.write(score->following);
      writer.write(score->alternatives);
      continue;
    }
    const auto* token = std::get_if<WantToken>(&row.what);
    writer.write_enum(token != nullptr ? WantedKind::kToken : WantedKind::kLogits);
    if (token == nullptr) continue;
    writer.write(token->choice);
    writer.write(token->choices);
    writer.write_optional(token->alternatives, [&](std::int32_t count) { writer.write(count); });
    writer.write(lasting);
    std::size_t known = 0;
    const bool first = !lasting || !told_.contains(row.sequence);
    writer.write(first);
    if (first) write_sampler(writer, *token->sampler);
    if (lasting) known = std::exchange(told_[row.sequence][token->choice], token->own.size());
    writer.write(static_cast<std::uint64_t>(known));
    writer.write_values(token->own.subspan(known));
  }
  return frame_of(FrameKind::kStep, number, writer);
}

std::optional<Frame> StepWriter::finished(SequenceId sequence) {
  if (told_.erase(sequence) == 0) return std::nullopt;
  Frame frame;
  frame.header.kind = FrameKind::kFinished;
  frame.header.sequence = sequence;
  return frame;
}

void StepReader::step(const Frame& frame, bool tail, ReceivedStep& out) {
  ByteReader reader(frame.payload, kOfStep);
  out.number = frame.header.step;
  read_rows(reader, bounds_, out.rows);
  read_caches(reader, bounds_, out.rows.sequences.size(), out.caches);
  if (out.caches.step != next_step_)
    throw FormatError("{}: step {} of the caches; expected {}", kOfStep, out.caches.step,
                      next_step_);
  ++next_step_;
  out.wanted.clear();
  of_step_.clear();
  asked_.clear();
  if (tail)
    for (std::size_t row = 0; row < out.rows.outputs.size(); ++row)
      out.wanted.push_back(wanted(reader));
  reader.finish();
}

WantedRow StepReader::wanted(ByteReader& reader) {
  WantedRow row{.sequence = reader.read<SequenceId>("a wanted row's sequence"),
                .next = reader.read<Position>("a wanted row's position"),
                .what = WantRowLogits{}};
  const auto kind = reader.read_enum(WantedKind::kLogits, "what is wanted");
  if (kind == WantedKind::kLogits) return row;
  const auto vocabulary = bounds_.vocabulary;
  if (kind == WantedKind::kScore) {
    WantScore score{.following = reader.read<TokenId>("a token that follows"),
                    .alternatives = reader.read<std::int32_t>("alternatives")};
    if (score.following.value() < 0 || score.following.value() >= vocabulary ||
        score.alternatives < 0)
      throw FormatError("{}: a score of token {} with {} alternatives", kOfStep,
                        score.following.value(), score.alternatives);
    row.what = score;
    return row;
  }
  WantToken token;
  token.choice = reader.read<std::uint32_t>("a choice");
  token.choices = reader.read<std::uint32_t>("choices");
  token.alternatives = reader.read_optional(
      [&] { return reader.read<std::int32_t>("alternatives"); }, "whether alternatives are wanted");
  constexpr auto kMaxChoices = static_cast<std::uint32_t>(kMaxTextChoices);
  if (token.choice >= kMaxChoices || token.choices < 1 || token.choices > kMaxChoices ||
      token.alternatives.value_or(0) < 0) {
    throw FormatError("{}: {} choices from {} on", kOfStep, token.choices, token.choice);
  }
  const bool lasting = reader.read_bool("whether a sequence lasts");
  const bool first = reader.read_bool("whether a sampler follows");
  Told& told = lasting ? sequences_[row.sequence] : of_step_.emplace_back();
  // What was read of the step before borrows from what is told.
  if (lasting && !asked_.emplace(row.sequence, token.choice).second)
    throw FormatError("{}: a token of sequence {} is wanted twice", kOfStep, row.sequence.value());
  if (first && told.sampler)
    throw FormatError("{}: sequence {} has a sampler already", kOfStep, row.sequence.value());
  if (first) told.sampler.emplace(read_sampler(reader, vocabulary));
  std::vector<TokenId>& own = told.own[token.choice];
  const auto known = reader.read<std::uint64_t>("tokens that are known");
  if (!told.sampler || known != own.size())
    throw FormatError("{}: {} tokens of sequence {} should be known, {} are", kOfStep, known,
                      row.sequence.value(), own.size());
  const auto more = reader.read_values<TokenId>(
      static_cast<std::uint64_t>(bounds_.max_context) + 1 - known, "tokens of a sequence");
  own.insert(own.end(), more.begin(), more.end());
  token.sampler = &*told.sampler;
  token.own = own;
  row.what = token;
  return row;
}

}  // namespace sirocco
