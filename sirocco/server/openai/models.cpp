#include "sirocco/server/openai/models.hpp"

#include "sirocco/server/json/writer.hpp"

namespace sirocco::openai {
namespace {

void write_card(json::Writer& out, const ModelCard& card) {
  out.open_object().member("id", card.id).member("object", "model");
  out.member("created", card.created).member("owned_by", "sirocco");
  // vLLM's name for it, which clients look for.
  out.member("max_model_len", card.context);
  out.name("capabilities").open_array();
  for (const std::string_view capability : card.capabilities) out.text(capability);
  out.close_array().close_object();
}

}  // namespace

std::string model_body(const ModelCard& card) {
  json::Writer out;
  write_card(out, card);
  return out.take();
}

std::string models_body(std::span<const ModelCard> cards) {
  json::Writer out;
  out.open_object().member("object", "list").name("data").open_array();
  for (const ModelCard& card : cards) write_card(out, card);
  out.close_array().close_object();
  return out.take();
}

}  // namespace sirocco::openai
