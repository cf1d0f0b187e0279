#include "sirocco/pipeline/stage_setup.hpp"

#include <exception>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/outcome_frames.hpp"
#include "sirocco/transport/byte_reader.hpp"
#include "sirocco/transport/byte_writer.hpp"

namespace sirocco {
namespace {

enum class Part : std::uint8_t { kOffer, kTask, kNeeds, kStart, kReady };

constexpr std::uint64_t kMaxLayers = std::uint64_t{1} << 20;
constexpr std::uint64_t kMaxName = 256;

ByteWriter writer_of(Part part) {
  ByteWriter writer;
  writer.write_enum(part);
  return writer;
}

void send(AnyTransport& transport, int to, ByteWriter& writer) {
  Frame frame;
  frame.header.kind = FrameKind::kSetup;
  frame.payload = writer.take();
  transport.send(to, std::move(frame));
}

ByteReader reader_of(const Frame& frame, Part part) {
  if (frame.header.kind == FrameKind::kError) std::rethrow_exception(read_error(frame));
  if (frame.header.kind != FrameKind::kSetup) {
    throw FormatError("a frame '{}' came before the stages were set up",
                      frame_kind_name(frame.header.kind));
  }
  ByteReader reader(frame.payload, "the set-up of a stage");
  const auto found = reader.read_enum(Part::kReady, "a part of the set-up");
  if (found != part) {
    throw FormatError("part {} of a stage's set-up came; expected part {}", static_cast<int>(found),
                      static_cast<int>(part));
  }
  return reader;
}

}  // namespace

void send_setup(AnyTransport& transport, int to, const StageOffer& offer) {
  ByteWriter writer = writer_of(Part::kOffer);
  writer.write_string(offer.backend);
  writer.write(offer.threads);
  writer.write(offer.memory);
  writer.write(offer.bytes_per_second);
  writer.write_string(offer.machine);
  send(transport, to, writer);
}

void send_setup(AnyTransport& transport, int to, const StageTask& task) {
  ByteWriter writer = writer_of(Part::kTask);
  writer.write(task.first);
  writer.write(task.end);
  writer.write_optional(task.shard, [&](const VocabularyRange& range) {
    writer.write(range.begin);
    writer.write(range.end);
  });
  send(transport, to, writer);
}

void send_setup(AnyTransport& transport, int to, const StageNeeds& needs) {
  ByteWriter writer = writer_of(Part::kNeeds);
  writer.write_each(needs.layers, [&](const CacheNeed& need) {
    writer.write_enum(need.kind);
    writer.write(need.geometry.kv_heads);
    writer.write(need.geometry.key_dim);
    writer.write(need.geometry.value_dim);
    writer.write(need.geometry.value_first);
    writer.write(need.window);
  });
  writer.write(needs.cache_room);
  send(transport, to, writer);
}

void send_setup(AnyTransport& transport, int to, const StageStart& start) {
  ByteWriter writer = writer_of(Part::kStart);
  writer.write_enum(start.cache.type);
  writer.write(std::int32_t{start.cache.block_positions});
  writer.write_values(start.cache.blocks);
  writer.write(start.cache.poison);
  writer.write(start.max_context);
  writer.write(start.max_step);
  send(transport, to, writer);
}

void send_setup(AnyTransport& transport, int to, const StageReady&) {
  ByteWriter writer = writer_of(Part::kReady);
  send(transport, to, writer);
}

void send_error(AnyTransport& transport, int to, const std::exception& error) {
  transport.send(to, error_frame(error, 0, transport.stage()));
}

StageOffer read_offer(const Frame& frame) {
  ByteReader reader = reader_of(frame, Part::kOffer);
  StageOffer offer;
  offer.backend = reader.read_string(kMaxName, "a backend");
  offer.threads = reader.read<std::int32_t>("threads");
  offer.memory = reader.read<std::uint64_t>("memory");
  offer.bytes_per_second = reader.read<double>("bytes a second");
  offer.machine = reader.read_string(kMaxName, "a machine");
  reader.finish();
  if (offer.threads < 1 || !(offer.bytes_per_second > 0))
    throw FormatError("a stage offers {} threads of {} bytes a second", offer.threads,
                      offer.bytes_per_second);
  return offer;
}

StageTask read_task(const Frame& frame) {
  ByteReader reader = reader_of(frame, Part::kTask);
  StageTask task;
  task.first = reader.read<std::int32_t>("the first layer");
  task.end = reader.read<std::int32_t>("the end of the layers");
  task.shard = reader.read_optional(
      [&] {
        const auto begin = reader.read<TokenId>("the first token of a shard");
        return VocabularyRange{begin, reader.read<TokenId>("the end of a shard")};
      },
      "whether the vocabulary's head is shared");
  reader.finish();
  return task;
}

StageNeeds read_needs(const Frame& frame) {
  ByteReader reader = reader_of(frame, Part::kNeeds);
  StageNeeds needs;
  needs.layers = reader.read_each(
      [&] {
        CacheNeed need;
        need.kind = reader.read_enum(CacheKind::kNone, "the kind of a layer's cache");
        need.geometry.kv_heads = reader.read<std::int32_t>("heads of keys");
        need.geometry.key_dim = reader.read<std::int32_t>("elements of a key");
        need.geometry.value_dim = reader.read<std::int32_t>("elements of a value");
        need.geometry.value_first = reader.read<std::int32_t>("where values begin");
        need.window = reader.read<std::int32_t>("a window");
        return need;
      },
      kMaxLayers, "layers");
  needs.cache_room = reader.read<std::uint64_t>("bytes of cache");
  reader.finish();
  return needs;
}

StageStart read_start(const Frame& frame) {
  ByteReader reader = reader_of(frame, Part::kStart);
  StageStart start;
  start.cache.type = reader.read_enum(kv_types().back().type, "the type of a cache");
  start.cache.block_positions = reader.read<std::int32_t>("positions of a block");
  start.cache.blocks = reader.read_values<std::int32_t>(kMaxLayers, "blocks of the cache");
  start.cache.poison = reader.read_bool("whether blocks are poisoned");
  start.max_context = reader.read<std::int32_t>("the context");
  start.max_step = reader.read<std::int32_t>("rows of a step");
  reader.finish();
  if (start.max_context < 1 || start.max_step < 1)
    throw FormatError("a context of {} and steps of {} rows", start.max_context, start.max_step);
  return start;
}

void read_ready(const Frame& frame) { reader_of(frame, Part::kReady).finish(); }

}  // namespace sirocco
