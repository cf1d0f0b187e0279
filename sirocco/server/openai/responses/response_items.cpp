#include "sirocco/server/openai/responses/response_items.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/server/invalid_request.hpp"
#include "sirocco/server/json/writer.hpp"

namespace sirocco::openai {
namespace {

constexpr std::size_t kMaxLimit = 100;

[[noreturn]] void refuse(std::string_view name, std::string_view value, std::string_view expected) {
  throw InvalidRequest(
      std::string(name), "invalid_value",
      fmt::format("{}: found {}; expected {}", name, sirocco::quoted(value), expected));
}

std::size_t limit_of(std::string_view value) {
  std::size_t limit = 0;
  const auto [end, status] = std::from_chars(value.data(), value.data() + value.size(), limit);
  if (status != std::errc() || end != value.data() + value.size() || limit < 1 || limit > kMaxLimit)
    refuse("limit", value, fmt::format("a whole number from 1 to {}", kMaxLimit));
  return limit;
}

bool newest_first(std::string_view value) {
  if (value != "asc" && value != "desc") refuse("order", value, "asc or desc");
  return value == "desc";
}

void write_id(json::Writer& out, std::string_view name, const MessageItem* item) {
  if (item != nullptr) {
    out.member(name, item->id);
  } else {
    out.member(name, nullptr);
  }
}

}  // namespace

ItemPage read_item_page(const http::Parameters& query) {
  ItemPage out;
  for (const auto& [name, value] : query) {
    if (name == "limit") out.limit = limit_of(value);
    if (name == "order") out.newest_first = newest_first(value);
    if (name == "after") out.after = value;
  }
  return out;
}

std::string item_page_body(std::span<const MessageItem* const> items, const ItemPage& page) {
  std::vector<const MessageItem*> ordered(items.begin(), items.end());
  if (page.newest_first) std::ranges::reverse(ordered);
  auto first = ordered.begin();
  if (page.after) {
    first = std::ranges::find(ordered, *page.after, &MessageItem::id);
    if (first == ordered.end()) refuse("after", *page.after, "the id of an item of this response");
    ++first;
  }
  const auto left = static_cast<std::size_t>(ordered.end() - first);
  const std::size_t count = std::min(page.limit, left);
  const std::span<const MessageItem* const> shown(first, count);

  json::Writer out;
  out.open_object().member("object", "list").name("data").open_array();
  for (const MessageItem* item : shown) write_item(out, *item);
  out.close_array();
  write_id(out, "first_id", shown.empty() ? nullptr : shown.front());
  write_id(out, "last_id", shown.empty() ? nullptr : shown.back());
  out.member("has_more", count < left).close_object();
  return out.take();
}

}  // namespace sirocco::openai
