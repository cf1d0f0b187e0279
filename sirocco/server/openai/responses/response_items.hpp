#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "sirocco/server/http/message.hpp"
#include "sirocco/server/openai/responses/message_item.hpp"

namespace sirocco::openai {

/// Which of a response's input items are wanted.
struct ItemPage {
  std::size_t limit = 20;
  bool newest_first = true;
  std::optional<std::string> after = {};  ///< the item before the first one, in that order
};

/// Reads a page's query. Throws InvalidRequest that names what is wrong.
ItemPage read_item_page(const http::Parameters& query);

/// A list of the items on that page: {"object": "list", "data", "first_id", "last_id", "has_more"}.
/// `items` are all, oldest first. Throws InvalidRequest where `after` is none of them.
std::string item_page_body(std::span<const MessageItem* const> items, const ItemPage& page);

}  // namespace sirocco::openai
