#include "sirocco/server/request_log.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "sirocco/server/model_figures.hpp"

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

TEST(RequestLog, TellsWhatAModelDid) {
  http::ExchangeRecord record = ended();
  const auto figures = std::make_shared<ModelFigures>();
  record.figures = figures;
  *figures = {.model = "a\"b", .prompt_tokens = 30, .generated_tokens = 7};
  EXPECT_TRUE(request_line(record, 0).ends_with(
      R"("seconds":0.25,"model":"a\"b","prompt_tokens":30,"generated_tokens":7,)"
      R"("finish":"cancelled"})"))
      << request_line(record, 0);
  EXPECT_EQ(log_words(record),
            http::access_line(record) + " model 'a\"b' prompt 30 generated 7 cancelled");
  figures->add_end(FinishReason::kLength, 16, {.queued_s = 0.5, .first_s = 1, .rest_s = 2});
  EXPECT_TRUE(request_line(record, 0).ends_with(
      R"("finish":"length","cached_tokens":16,"queued_seconds":0.5,"first_token_seconds":1.5})"))
      << request_line(record, 0);
  EXPECT_TRUE(
      log_words(record).ends_with(" generated 7 length cached 16 queued 0.500 s first 1.500 s"))
      << log_words(record);
  record.figures = nullptr;
  EXPECT_EQ(log_words(record), http::access_line(record));
}

}  // namespace
}  // namespace sirocco
