#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "sirocco/transport/transport.hpp"

namespace sirocco {

/// An AnyTransport is one stage's end of some transport: what `Transport` says of it holds. So what
/// stages do is written once, whatever lies between them.
class AnyTransport {
 public:
  template <Transport T>
  explicit AnyTransport(std::unique_ptr<T> end)
      : impl_(std::make_unique<Impl<T>>(std::move(end))) {}

  int stage() const { return impl_->stage(); }
  int stages() const { return impl_->stages(); }
  void send(int to, Frame frame) { impl_->send(to, std::move(frame)); }
  std::optional<Received> receive(Seconds longest) { return impl_->receive(longest); }
  void shutdown() { impl_->shutdown(); }
  void fail(std::string_view why) noexcept { impl_->fail(why); }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual int stage() const = 0;
    virtual int stages() const = 0;
    virtual void send(int to, Frame frame) = 0;
    virtual std::optional<Received> receive(Seconds longest) = 0;
    virtual void shutdown() = 0;
    virtual void fail(std::string_view why) noexcept = 0;
  };
  template <class T>
  struct Impl final : Interface {
    explicit Impl(std::unique_ptr<T> e) : end(std::move(e)) {}
    int stage() const override { return end->stage(); }
    int stages() const override { return end->stages(); }
    void send(int to, Frame frame) override { end->send(to, std::move(frame)); }
    std::optional<Received> receive(Seconds longest) override { return end->receive(longest); }
    void shutdown() override { end->shutdown(); }
    void fail(std::string_view why) noexcept override { end->fail(why); }
    std::unique_ptr<T> end;
  };
  std::unique_ptr<Interface> impl_;
};

static_assert(Transport<AnyTransport>);

}  // namespace sirocco
