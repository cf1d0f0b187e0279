#include "sirocco/media/resampler.hpp"

#include <soxr.h>

#include <algorithm>
#include <cstdint>

#include "sirocco/base/checked.hpp"
#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

/// Samples that soxr is asked for at a time.
constexpr std::size_t kPiece = 16384;

struct DeleteResampler {
  void operator()(soxr* resampler) const { soxr_delete(resampler); }
};

}  // namespace

struct Resampler::State {
  int from;
  int to;
  std::uint64_t taken = 0;
  std::uint64_t made = 0;
  std::unique_ptr<soxr, DeleteResampler> resampler;  // none at equal rates

  /// How many there will be of what has been taken.
  std::uint64_t wanted() const {
    // Beyond what memory holds long before the product wraps.
    return ceil_div(taken * static_cast<std::uint64_t>(to), static_cast<std::uint64_t>(from));
  }

  /// Gives soxr `input` (null: the end) and appends what it makes, as much as is wanted at most.
  /// True when it has taken all, or has nothing more to give.
  bool turn(std::span<const float>& input, bool end, std::vector<float>& out) {
    const std::size_t before = out.size();
    out.resize(before + kPiece);
    const float* in = input.data();
    float* result = out.data() + before;
    std::size_t used = 0;
    std::size_t ready = 0;
    const soxr_error_t error = soxr_process(
        resampler.get(), end ? nullptr : static_cast<soxr_in_t>(&in), end ? 0 : input.size(), &used,
        static_cast<soxr_out_t>(&result), kPiece, &ready);
    if (error != nullptr) throw UnsupportedError("sound can't be resampled: {}", quoted(error));
    const std::uint64_t kept = std::min<std::uint64_t>(ready, std::max(wanted(), made) - made);
    out.resize(before + static_cast<std::size_t>(kept));
    made += kept;
    input = input.subspan(end ? 0 : used);
    return end ? ready == 0 : input.empty() && ready < kPiece;
  }
};

Resampler::Resampler(int from, int to) : state_(std::make_unique<State>()) {
  SIROCCO_CHECK(from > 0 && to > 0);
  state_->from = from;
  state_->to = to;
  if (from == to) return;
  // Split channels, as the Python package calls it for one channel.
  const soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_S, SOXR_FLOAT32_S);
  const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
  const soxr_runtime_spec_t one_thread = soxr_runtime_spec(1);
  soxr_error_t error = nullptr;
  state_->resampler.reset(soxr_create(from, to, 1, &error, &io, &quality, &one_thread));
  if (error != nullptr || state_->resampler == nullptr) {
    throw UnsupportedError("sound of {} samples a second can't be resampled to {}: {}", from, to,
                           quoted(error == nullptr ? "no memory" : error));
  }
}

Resampler::~Resampler() = default;

void Resampler::add(std::span<const float> samples, std::vector<float>& out) {
  state_->taken += samples.size();
  if (state_->resampler == nullptr) {
    out.insert(out.end(), samples.begin(), samples.end());
    return;
  }
  while (!samples.empty() && !state_->turn(samples, false, out)) {
  }
}

void Resampler::finish(std::vector<float>& out) {
  if (state_->resampler == nullptr) return;
  std::span<const float> none;
  while (!state_->turn(none, true, out)) {
  }
  const std::uint64_t missing = state_->wanted() - std::min(state_->wanted(), state_->made);
  out.insert(out.end(), static_cast<std::size_t>(missing), 0.0f);
}

}  // namespace sirocco
