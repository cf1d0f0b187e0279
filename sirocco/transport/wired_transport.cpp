#include "sirocco/transport/wired_transport.hpp"

#include <utility>

#include "sirocco/transport/wired_end.hpp"

namespace sirocco {

WiredTransport::WiredTransport(std::unique_ptr<Wire> wire, const std::vector<Term>& terms,
                               WiredOptions options)
    : end_(std::make_unique<WiredEnd>(std::move(wire), std::move(options))) {
  end_->agree(terms);
}
WiredTransport::WiredTransport(WiredTransport&&) noexcept = default;
WiredTransport::~WiredTransport() = default;

int WiredTransport::stage() const { return end_->stage(); }
int WiredTransport::stages() const { return end_->stages(); }
void WiredTransport::send(int to, Frame frame) { end_->send(to, std::move(frame)); }
std::optional<Received> WiredTransport::receive(Seconds longest) { return end_->receive(longest); }
void WiredTransport::shutdown() { end_->shutdown(); }
void WiredTransport::fail(std::string_view why) noexcept { end_->fail(why); }
void WiredTransport::join() { end_->join(); }
bool WiredTransport::wind_up() noexcept { return end_->wind_up(); }

}  // namespace sirocco
