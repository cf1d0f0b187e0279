#include <fmt/format.h>

#include "sirocco/base/error.hpp"
#include "sirocco/server/http/server.hpp"

namespace sirocco::http {

std::string access_line(const ExchangeRecord& record) {
  std::string line = fmt::format("{} {} {} {} {} {} bytes {:.3f} s", record.id, record.peer,
                                 record.method, sirocco::quoted(record.raw_path, 200),
                                 record.status, record.sent_bytes, record.seconds);
  if (!record.key_label.empty()) line += " key " + record.key_label;
  if (record.cut_off) line += " cut off";
  return line;
}

}  // namespace sirocco::http
