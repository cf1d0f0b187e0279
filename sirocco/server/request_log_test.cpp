#include "sirocco/server/request_log.hpp"

#include <gtest/gtest.h>

namespace sirocco {
namespace {

http::ExchangeRecord ended() {
  http::ExchangeRecord record;
  record.id = "req-1";
  record.method = "POST";
  record.raw_path = "/v1/a\"b\n";
  record.peer = "10.0.0.1";
  record.status = 200;
  record.sent_bytes = 12;
  record.seconds = 0.25;
  return record;
}

TEST(RequestLog, TellsAnExchangeInALine) {
  EXPECT_EQ(request_line(ended(), 86400),
            R"({"time":"1970-01-02T00:00:00Z","id":"req-1","peer":"10.0.0.1","method":"POST",)"
            R"("path":"/v1/a\"b\n","status":200,"sent_bytes":12,"seconds":0.25})");
  http::ExchangeRecord more = ended();
  more.key_label = "2";
  more.route = "/v1/{a}";
  more.cut_off = true;
  EXPECT_EQ(request_line(more, 0),
            R"({"time":"1970-01-01T00:00:00Z","id":"req-1","peer":"10.0.0.1","key":"2",)"
            R"("method":"POST","path":"/v1/a\"b\n","route":"/v1/{a}","status":200,)"
            R"("sent_bytes":12,"seconds":0.25,"cut_off":true})");
}

}  // namespace
}  // namespace sirocco
