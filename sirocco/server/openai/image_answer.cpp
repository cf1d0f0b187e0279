#include "sirocco/server/openai/image_answer.hpp"

#include <fmt/format.h>

#include "sirocco/server/json/writer.hpp"

namespace sirocco::openai {
namespace {

std::string_view prefix_of(ImagesRoute route) {
  return route == ImagesRoute::kEdit ? "image_edit" : "image_generation";
}

void write_kind(json::Writer& out, const ImagesHead& head) {
  out.member("background", "opaque").member("output_format", "png").member("quality", "auto");
  out.member("size", fmt::format("{}x{}", head.size.width, head.size.height));
}

/// A token of a picture is a patch.
void write_details(json::Writer& out, const ImagesHead& head) {
  constexpr double kMillisecond = 1e-3;
  const std::int64_t read = head.text_tokens + head.source_patches;
  out.name("usage").open_object();
  out.member("input_tokens", read).member("output_tokens", head.drawn_patches);
  out.member("total_tokens", read + head.drawn_patches);
  out.name("input_tokens_details").open_object();
  out.member("text_tokens", head.text_tokens).member("image_tokens", head.source_patches);
  out.close_object().close_object();
  out.name("timings").open_object();
  out.member("queued_ms", head.timings.queued_s / kMillisecond);
  out.member("drawn_ms", (head.timings.first_s + head.timings.rest_s) / kMillisecond);
  out.member("steps", head.steps).close_object();
  out.member("seed", static_cast<std::int64_t>(head.seed));
  if (head.warnings.empty()) return;
  out.name("warnings").open_array();
  for (const std::string& warning : head.warnings) out.text(warning);
  out.close_array();
}

void open_event(json::Writer& out, const std::string& type, const ImagesHead& head,
                std::string_view file) {
  out.open_object().member("type", type).member("b64_json", file);
  out.member("created_at", std::int64_t{head.created});
  write_kind(out, head);
}

}  // namespace

std::string images_body(const ImagesHead& head, const std::vector<std::string>& files) {
  json::Writer out;
  out.open_object().member("created", std::int64_t{head.created}).name("data").open_array();
  for (const std::string& file : files) out.open_object().member("b64_json", file).close_object();
  out.close_array();
  write_kind(out, head);
  write_details(out, head);
  out.close_object();
  return out.take();
}

std::string partial_image_type(ImagesRoute route) {
  return fmt::format("{}.partial_image", prefix_of(route));
}

std::string partial_image(ImagesRoute route, const ImagesHead& head, std::int64_t index,
                          std::string_view file) {
  json::Writer out;
  open_event(out, partial_image_type(route), head, file);
  out.member("partial_image_index", index).close_object();
  return out.take();
}

std::string completed_image_type(ImagesRoute route) {
  return fmt::format("{}.completed", prefix_of(route));
}

std::string completed_image(ImagesRoute route, const ImagesHead& head, std::string_view file) {
  json::Writer out;
  open_event(out, completed_image_type(route), head, file);
  write_details(out, head);
  out.close_object();
  return out.take();
}

}  // namespace sirocco::openai
