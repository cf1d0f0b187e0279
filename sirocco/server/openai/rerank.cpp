#include "sirocco/server/openai/rerank.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "sirocco/server/json/writer.hpp"

namespace sirocco::openai {
namespace {

using json::Boolean;
using json::Field;
using json::Integer;
using json::ListOf;
using json::Member;
using json::MemberReader;
using json::OneOf;
using json::put;
using json::Text;
using json::UnheededMember;

constexpr ListOf kDocuments{"texts, or of objects with a text", 1, kMaxRankedDocuments};

void put_documents(RerankRequest& out, const Field& field) {
  const json::Array& items = field.list(kDocuments);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Field item = field.item(i);
    if (item.value().as<json::Object>() != nullptr) {
      MemberReader reader(item);
      const auto text = reader.find("text");
      if (!text) item.fail("missing_required_parameter", "the document has no text");
      out.documents.push_back(text->text());
    } else {
      out.documents.push_back(item.text());
    }
  }
}

constexpr std::array kMembers = {
    Member<RerankRequest>{"model", Text{1024}, put<&RerankRequest::model>, "which model ranks"},
    Member<RerankRequest>{"query", Text(), put<&RerankRequest::query>, "what is asked"},
    Member<RerankRequest>{"documents", kDocuments, put_documents, "what may answer it"},
    Member<RerankRequest>{"top_n", Integer{1, INT32_MAX}, put<&RerankRequest::top>,
                          "so many of the best; without, all"},
    Member<RerankRequest>{"return_documents", Boolean(), put<&RerankRequest::return_documents>,
                          "results have their documents"},
};
constexpr std::array kUnheeded = {
    UnheededMember{"user", Text(), "it is for statistics that nobody keeps"},
    UnheededMember{"truncate_prompt_tokens", OneOf{"[-1]"}, "an input is never cut"},
};

double length_of(std::span<const float> vector) {
  double squares = 0;
  for (const float x : vector) squares += static_cast<double>(x) * x;
  return std::sqrt(squares);
}

}  // namespace

RerankRequest read_rerank_request(const json::Value& body) {
  return json::read_body(body, kMembers, kUnheeded, {"query", "documents"});
}

std::vector<json::MemberDescription> describe_rerank_members() {
  return json::described_members(kMembers, kUnheeded);
}

std::vector<RankedDocument> ranked(std::span<const float> query,
                                   std::span<const std::vector<float>> documents, std::size_t top) {
  std::vector<RankedDocument> out;
  const double query_length = length_of(query);
  for (std::size_t i = 0; i < documents.size(); ++i) {
    double product = 0;
    for (std::size_t k = 0; k < query.size(); ++k)
      product += static_cast<double>(query[k]) * documents[i][k];
    const double lengths = query_length * length_of(documents[i]);
    out.push_back({i, lengths > 0 ? static_cast<float>(product / lengths) : 0.0f});
  }
  std::ranges::stable_sort(out, std::ranges::greater(), &RankedDocument::score);
  out.resize(std::min(top, out.size()));
  return out;
}

std::string rerank_body(std::string_view model, const RerankRequest& request,
                        std::span<const RankedDocument> ranked, std::int64_t prompt_tokens) {
  json::Writer out;
  out.open_object().member("model", model).name("results").open_array();
  for (const RankedDocument& document : ranked) {
    out.open_object().member("index", static_cast<std::int64_t>(document.index));
    out.name("relevance_score").number(document.score);
    if (request.return_documents) {
      out.name("document").open_object();
      out.member("text", request.documents[document.index]).close_object();
    }
    out.close_object();
  }
  out.close_array().name("usage").open_object();
  out.member("prompt_tokens", prompt_tokens).member("total_tokens", prompt_tokens).close_object();
  out.close_object();
  return out.take();
}

}  // namespace sirocco::openai
