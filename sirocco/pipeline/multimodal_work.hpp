#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "sirocco/pipeline/encoder_pass.hpp"
#include "sirocco/pipeline/multimodal_job.hpp"

namespace sirocco {

/// An answer to a prompt of several kinds in the making: first its pictures and sounds are encoded,
/// those that nothing is known of, then it is a text's work. The room for all of it is held from
/// the beginning.
class MultimodalWork {
 public:
  static constexpr bool kOverlapsSteps = true;

  MultimodalWork(MultimodalWork&&) noexcept = default;
  MultimodalWork& operator=(MultimodalWork&&) noexcept = default;

  SequenceId id() const { return text_.id(); }

  /// While something is encoded, what is left of that.
  Demand demand() const;
  std::optional<TextEvent> next_event() { return text_.next_event(); }
  const std::optional<Ending>& ending() const { return ending_ ? ending_ : text_.ending(); }
  Usage usage() const { return text_.usage(); }
  void cancel_choices(std::uint64_t choices) { text_.cancel_choices(choices); }

 private:
  friend class MultimodalPipeline;
  struct Awaited {
    std::shared_ptr<EncoderPass> pass;
    CheckedMultimodalJob::Promised promised;
  };
  MultimodalWork(TextWork text, std::vector<Awaited> awaited);

  /// The first pass that hasn't ended; null when there is none.
  EncoderPass* encoding() const;
  /// Puts in the rows of passes that have ended; false when one of them has none, which ends this.
  bool settle();

  TextWork text_;
  std::vector<Awaited> awaited_;
  bool encodes_ = false;  // a piece of it is in a step
  std::optional<Ending> ending_;
};

}  // namespace sirocco
