#include "sirocco/server/management.hpp"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <utility>

#include "sirocco/server/api_error.hpp"
#include "sirocco/server/api_routes.hpp"
#include "sirocco/server/generate.hpp"
#include "sirocco/server/invalid_request.hpp"
#include "sirocco/server/json/members.hpp"
#include "sirocco/server/json/writer.hpp"
#include "sirocco/server/media_prompt.hpp"
#include "sirocco/server/metrics.hpp"
#include "sirocco/server/openai/chat_request.hpp"
#include "sirocco/server/openai/error_body.hpp"

namespace sirocco {
namespace {

using http::Answered;
using http::Exchange;
using http::Task;
using json::Member;
using json::put;

Task<Answered> answer_health(const Service& service, Exchange& exchange) {
  const EngineStats stats = service.engine().stats();
  const bool well = stats.in_step.value_or(0) < service.options().max_healthy_step_s;
  json::Writer out;
  out.open_object().member("status", well ? "ok" : "stalled");
  if (stats.in_step) out.member("in_step_s", *stats.in_step);
  out.close_object();
  co_return co_await exchange.respond(http::json_response(out.take(), well ? 200 : 503));
}

Task<Answered> answer_version(const Service&, Exchange& exchange) {
  json::Writer out;
  out.open_object().member("name", "sirocco").member("version", SIROCCO_VERSION).close_object();
  co_return co_await exchange.respond(http::json_response(out.take()));
}

Task<Answered> answer_metrics(const Service& service, Exchange& exchange) {
  http::Response response = http::json_response(metrics_text(service));
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  co_return co_await exchange.respond(std::move(response));
}

struct TokenizeRequest {
  std::optional<std::string> model;
  std::string content;
  bool add_special = false;
  bool parse_special = false;
};
constexpr std::array kTokenizeMembers = {
    Member<TokenizeRequest>{"content", json::Text{}, put<&TokenizeRequest::content>, "the text"},
    Member<TokenizeRequest>{"model", json::Text{}, put<&TokenizeRequest::model>, "whose tokens"},
    Member<TokenizeRequest>{"add_special", json::Boolean{}, put<&TokenizeRequest::add_special>,
                            "with what the model adds around a text"},
    Member<TokenizeRequest>{"parse_special", json::Boolean{}, put<&TokenizeRequest::parse_special>,
                            "special tokens in the text are these"},
};

template <class Request, std::size_t N>
Request read_body(std::string_view body, const std::array<Member<Request>, N>& table,
                  std::string_view required) {
  return json::read_body(json::parse(body), table, {}, {required});
}

std::string tokenized(const Service& service, const std::string& body) {
  const auto request = read_body(body, kTokenizeMembers, "content");
  const ModelLease model = named_model(service, request.model);
  json::Writer out;
  out.open_object().name("tokens").open_array();
  for (const TokenId id : model->tokenizer().tokenize(
           request.content,
           {.parse_special = request.parse_special, .add_special = request.add_special}))
    out.number(std::int64_t{id.value()});
  out.close_array().close_object();
  return out.take();
}

struct DetokenizeRequest {
  std::optional<std::string> model;
  std::vector<TokenId> tokens;
};
void put_tokens(DetokenizeRequest& out, const json::Field& field) {
  const json::Array& items = field.list({.what = "tokens"});
  for (std::size_t i = 0; i < items.size(); ++i) {
    out.tokens.emplace_back(
        static_cast<std::int32_t>(field.item(i).integer({.min = 0, .max = INT32_MAX})));
  }
}
constexpr std::array kDetokenizeMembers = {
    Member<DetokenizeRequest>{"tokens", json::ListOf{"tokens"}, put_tokens, "their ids"},
    Member<DetokenizeRequest>{"model", json::Text{}, put<&DetokenizeRequest::model>,
                              "whose tokens"},
};

std::string detokenized(const Service& service, const std::string& body) {
  const auto request = read_body(body, kDetokenizeMembers, "tokens");
  const ModelLease model = named_model(service, request.model);
  const Tokenizer& tokenizer = model->tokenizer();
  require_known_tokens(request.tokens, static_cast<std::int64_t>(tokenizer.vocabulary().size()),
                       "tokens");
  json::Writer out;
  out.open_object()
      .member("content", tokenizer.detokenize(request.tokens, {.show_control = true}))
      .close_object();
  return out.take();
}

std::string templated(const Service& service, const std::string& body) {
  const openai::ChatRequest request = openai::read_chat_request(json::parse(body));
  const ModelLease model = named_text_model(service, request.generation.model);
  require_senses(*model, openai::media_of(request.messages));
  json::Writer out;
  out.open_object()
      .member("prompt", openai::chat_prompt(request, model->text().chat_format()).rendered.text)
      .close_object();
  return out.take();
}

struct ModelRequest {
  std::string model;
};
constexpr std::array kModelMembers = {
    Member<ModelRequest>{"model", json::Text{}, put<&ModelRequest::model>, "its name"},
};

/// What it fails with is told of the name that it was asked for by.
ModelLease load_and_offer(const Service& service, const std::string& name) {
  try {
    return service.models().offer(service.options().load(name));
  } catch (const Error& e) {
    ApiError error = api_error(e);
    error.param = "model";
    throw ApiFailure(std::move(error));
  }
}

std::string loaded(const Service& service, const std::string& body) {
  const auto request = read_body(body, kModelMembers, "model");
  const ModelLease model = load_and_offer(service, request.model);
  json::Writer out;
  out.open_object().member("model", model->name).member("status", "loaded").close_object();
  return out.take();
}

std::string unloaded(const Service& service, const std::string& body) {
  const auto request = read_body(body, kModelMembers, "model");
  // No name would mean the first model.
  if (request.model.empty()) throw ApiFailure(model_not_found("", service.models().names()));
  const ModelLease model = named_model(service, request.model);
  service.models().take_off(model->name);
  json::Writer out;
  out.open_object().member("model", model->name).member("status", "unloaded").close_object();
  return out.take();
}

/// A route whose answer is made of its body, on a worker.
using FromBody = std::string (*)(const Service&, const std::string&);

Task<Answered> answer_from_body(const Service& service, Exchange& exchange, FromBody answer) {
  std::optional<ApiError> error;
  try {
    std::string body =
        co_await exchange.off_thread([&] { return answer(service, exchange.take_body()); });
    co_return co_await exchange.respond(http::json_response(std::move(body)));
  } catch (const http::ClientGone&) {
    throw;
  } catch (const Error& e) {
    error = api_error(e);
  }
  co_return co_await exchange.respond(error_response(*error, openai::error_body(*error)));
}

http::Route from_body(const Service& service, std::string pattern, FromBody answer) {
  return {http::Method::kPost, std::move(pattern), [&service, answer](Exchange& exchange) {
            return answer_from_body(service, exchange, answer);
          }};
}

}  // namespace

std::vector<http::Route> management_routes(const Service& service) {
  const auto get = [&](std::string pattern, auto answer, bool open) {
    return http::Route{http::Method::kGet, std::move(pattern),
                       [&service, answer](Exchange& exchange) { return answer(service, exchange); },
                       open};
  };
  std::vector<http::Route> routes = {
      get("/health", answer_health, true),
      get("/version", answer_version, false),
      get("/metrics", answer_metrics, false),
      from_body(service, "/tokenize", tokenized),
      from_body(service, "/detokenize", detokenized),
      from_body(service, "/apply-template", templated),
      from_body(service, "/models/unload", unloaded),
  };
  if (service.options().load) routes.push_back(from_body(service, "/models/load", loaded));
  return routes;
}

}  // namespace sirocco
