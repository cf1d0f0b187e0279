#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "sirocco/engine/picture_reader.hpp"
#include "sirocco/engine/served_model.hpp"
#include "sirocco/media/picture_file.hpp"
#include "sirocco/server/http/exchange.hpp"
#include "sirocco/server/sent_picture.hpp"
#include "sirocco/server/service.hpp"

namespace sirocco {

/// SentPictureLimits are what the pictures of one request may ask for. Files and headers are held
/// against them before any pixel is decoded; pictures are decoded one after another.
struct SentPictureLimits {
  std::size_t max_pictures = 64;
  std::size_t max_bytes = std::size_t{64} << 20;      ///< of all files
  std::int64_t max_pixels = std::int64_t{128} << 20;  ///< of all pictures
  PictureLimits each = {};
  Seconds max_fetch_s = 60;  ///< for all that are fetched
};

/// Throws InvalidRequest that names the first of `pictures` unless there is none or the model sees.
void require_sight(const ServedText& model, std::span<const SentPicture> pictures);

/// The pictures, ready for prompts of the model. For a worker: it takes as long as decoding them
/// does. Throws InvalidRequest that names the picture which is none, isn't read, is too large or
/// has more rows than the context of the model; and as require_sight.
std::vector<ReadPicture> read_pictures(const ServedText& model,
                                       std::span<const SentPicture> pictures,
                                       const SentPictureLimits& limits = {});

/// What the model is given: tokens or, where there are pictures, these in their places. Throws
/// InvalidRequest, which names `param`, where the chat template hasn't shown all of them.
TextPrompt shown_prompt(const ServedText& model, const RenderedPrompt& rendered,
                        std::span<const ReadPicture> pictures, std::string_view param);

/// Puts what is found at the addresses among `pictures` into them, a few at a time. Throws
/// InvalidRequest that names the picture whose address isn't one, may not be asked, or has no file
/// within the limits; ApiFailure where too much is fetched now, http::ClientGone.
http::Task<void> fetch_pictures(const Service& service, http::Exchange& exchange,
                                std::span<SentPicture> pictures,
                                const SentPictureLimits& limits = {});

/// What is made of a request by workers: `read()` gives it, with the `model` that it names and the
/// `pictures` that it has, and `make(request, pictures)` the result. Pictures are
/// fetched and read in between, where nobody's texts wait for them. Throws what these throw, and as
/// fetch_pictures and read_pictures.
template <class Read, class Make>
http::Task<std::invoke_result_t<Make&, std::invoke_result_t<Read&>&, std::span<const ReadPicture>>>
made_with_pictures(const Service& service, http::Exchange& exchange, Read read, Make make) {
  using Request = std::invoke_result_t<Read&>;
  using Result = std::invoke_result_t<Make&, Request&, std::span<const ReadPicture>>;
  std::optional<Request> request;
  std::optional<Result> result;
  co_await exchange.off_thread([&] {
    request.emplace(read());
    if (request->pictures.empty()) result.emplace(make(*request, std::span<const ReadPicture>()));
  });
  if (!result) {
    require_sight(request->model->text(), request->pictures);
    co_await fetch_pictures(service, exchange, request->pictures);
    const std::vector<ReadPicture> pictures = co_await exchange.off_thread(
        [&] { return read_pictures(request->model->text(), request->pictures); },
        http::Labor::kLong);
    co_await exchange.off_thread(
        [&] { result.emplace(make(*request, std::span<const ReadPicture>(pictures))); });
  }
  co_return std::move(*result);
}

}  // namespace sirocco
