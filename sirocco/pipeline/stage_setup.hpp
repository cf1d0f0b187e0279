#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sirocco/nn/cache.hpp"
#include "sirocco/nn/vocabulary_range.hpp"
#include "sirocco/pipeline/cache_memory.hpp"
#include "sirocco/pipeline/pipeline.hpp"
#include "sirocco/transport/any_transport.hpp"

namespace sirocco {

// What the head and a stage in another process say before the first step, each once and in this
// order, as frames of the kind kSetup. In the place of any of them may come an error, which the
// other end throws.

/// What a stage has to offer. From the stage.
struct StageOffer {
  std::string backend;  ///< its name
  std::int32_t threads = 0;
  std::uint64_t memory = 0;     ///< bytes that it may take
  double bytes_per_second = 0;  ///< of weights that it goes through
  std::string machine = {};     ///< the name of its machine, as `machine_id` has it
};
/// The layers [first, end) that it is to load; with the last of the model, the vocabulary's head,
/// or that part of it which the head stage doesn't have. From the head.
struct StageTask {
  std::int32_t first = 0;
  std::int32_t end = 0;
  std::optional<VocabularyRange> shard = std::nullopt;
};
/// What its layers keep of sequences. From the stage, which has loaded them.
struct StageNeeds {
  std::vector<CacheNeed> layers;
  std::uint64_t cache_room = 0;  ///< bytes that its cache may take where nobody says
};
/// How much it is to keep, and what steps will be. From the head.
struct StageStart {
  CacheShape cache;
  std::int32_t max_context = 0;
  std::int32_t max_step = 0;
};
/// It has made room, and waits for steps. From the stage.
struct StageReady {};

void send_setup(AnyTransport& transport, int to, const StageOffer& offer);
void send_setup(AnyTransport& transport, int to, const StageTask& task);
void send_setup(AnyTransport& transport, int to, const StageNeeds& needs);
void send_setup(AnyTransport& transport, int to, const StageStart& start);
void send_setup(AnyTransport& transport, int to, const StageReady& ready);
void send_error(AnyTransport& transport, int to, const std::exception& error);

/// Reads what the frame is expected to be. Throws FormatError, and the error that is in its place.
StageOffer read_offer(const Frame& frame);
StageTask read_task(const Frame& frame);
StageNeeds read_needs(const Frame& frame);
StageStart read_start(const Frame& frame);
void read_ready(const Frame& frame);

}  // namespace sirocco
