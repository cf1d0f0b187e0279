#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "sirocco/engine/media_reader.hpp"
#include "sirocco/engine/served_model.hpp"
#include "sirocco/server/http/exchange.hpp"
#include "sirocco/server/sent_medium.hpp"
#include "sirocco/server/service.hpp"

namespace sirocco {

/// SentMediaLimits are what the pictures and sounds of one request may ask for. Files and headers
/// are held against them before any pixel is decoded; files are decoded one after another.
struct SentMediaLimits {
  std::size_t max_pictures = 64;
  std::size_t max_bytes = std::size_t{64} << 20;      ///< of all files
  std::int64_t max_pixels = std::int64_t{128} << 20;  ///< of all pictures
  PictureLimits each = {};
  std::size_t max_sounds = 64;
  SoundLimits each_sound = {};  ///< and no more than the context of the model has room for
  Seconds max_fetch_s = 60;     ///< for all that are fetched
};

/// Throws InvalidRequest that names the first of `media` which the model can't see or hear.
void require_senses(const ServedModel& model, std::span<const SentMedium> media);

/// The pictures and sounds, ready for the model's encoders. For a worker: it takes as long as
/// decoding them does. Throws InvalidRequest that names what is none, isn't read, is too large or
/// has more rows than the context of the model; and as require_senses.
std::vector<ReadMedium> read_media(const ServedModel& model, std::span<const SentMedium> media,
                                   const SentMediaLimits& limits = {});

/// What the model is given: tokens or, where there are pictures or sounds, these in their places.
/// Throws InvalidRequest, which names `param`, where the chat template hasn't shown all of them.
TextPrompt shown_prompt(const ServedText& model, const RenderedPrompt& rendered,
                        std::span<const ReadMedium> media, std::string_view param);

/// Puts what is found at the addresses among `media` into them, a few at a time. Throws
/// InvalidRequest that names the picture whose address isn't one, may not be asked, or has no file
/// within the limits; ApiFailure where too much is fetched now, http::ClientGone.
http::Task<void> fetch_pictures(const Service& service, http::Exchange& exchange,
                                std::span<SentMedium> media, const SentMediaLimits& limits = {});

/// What is made of a request by workers: `read()` gives it, with the `model` that it names and the
/// `media` that it has, and `make(request, media)` the result. These are fetched
/// and read in between, where nobody's texts wait for them. Throws what these throw, and as
/// fetch_pictures and read_media.
template <class Read, class Make>
http::Task<std::invoke_result_t<Make&, std::invoke_result_t<Read&>&, std::span<const ReadMedium>>>
made_with_media(const Service& service, http::Exchange& exchange, Read read, Make make) {
  using Request = std::invoke_result_t<Read&>;
  using Result = std::invoke_result_t<Make&, Request&, std::span<const ReadMedium>>;
  std::optional<Request> request;
  std::optional<Result> result;
  co_await exchange.off_thread([&] {
    request.emplace(read());
    if (request->media.empty()) result.emplace(make(*request, std::span<const ReadMedium>()));
  });
  if (!result) {
    require_senses(*request->model, request->media);
    co_await fetch_pictures(service, exchange, request->media);
    const std::vector<ReadMedium> read_ones = co_await exchange.off_thread(
        [&] { return read_media(*request->model, request->media); }, http::Labor::kLong);
    co_await exchange.off_thread(
        [&] { result.emplace(make(*request, std::span<const ReadMedium>(read_ones))); });
  }
  co_return std::move(*result);
}

}  // namespace sirocco
