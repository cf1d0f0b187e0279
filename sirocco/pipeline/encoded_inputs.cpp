#include "sirocco/pipeline/encoded_inputs.hpp"

namespace sirocco {

std::shared_ptr<EncoderPass> EncodedInputs::pass(const std::shared_ptr<const EncoderInput>& input) {
  const Key key = key_of(input->key());
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    kept_.splice(kept_.begin(), kept_, found->second);
    return kept_.front().pass;
  }
  std::weak_ptr<EncoderPass>& known = under_way_[key];
  if (auto pass = known.lock(); pass != nullptr && !pass->fault()) return pass;
  auto made = std::make_shared<EncoderPass>(input, &ledger_);
  known = made;
  std::erase_if(under_way_, [](const auto& entry) { return entry.second.expired(); });
  return made;
}

void EncodedInputs::keep(std::shared_ptr<EncoderPass> pass) {
  const Key key = key_of(pass->key());
  if (by_key_.contains(key)) return;
  const std::uint64_t bytes = pass->rows().size() * sizeof(float);
  if (bytes > max_bytes_) return;
  while (bytes_ + bytes > max_bytes_) {
    bytes_ -= kept_.back().held.bytes();
    by_key_.erase(key_of(kept_.back().pass->key()));
    kept_.pop_back();
  }
  kept_.push_front({std::move(pass), ledger_.charge(bytes, "encoded pictures and sound")});
  by_key_.emplace(key, kept_.begin());
  bytes_ += bytes;
  under_way_.erase(key);
}

}  // namespace sirocco
