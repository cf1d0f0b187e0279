#include "sirocco/jinja/expression_parser.hpp"

#include <algorithm>

#include "sirocco/base/error.hpp"

namespace sirocco::jinja {
namespace {

/// Operators and members in a row make trees that lean to the left.
constexpr int kMaxTreeDepth = 250;

}  // namespace

Symbol ExpressionParser::symbol(const std::string& name) {
  const auto [found, added] = numbers_.emplace(name, static_cast<Symbol>(symbols_.size()));
  if (added) symbols_.push_back(name);
  return found->second;
}

ExprPtr ExpressionParser::sealed(ExprPtr expr) const {
  int depth = 0;
  const auto look = [&](const ExprPtr& child) {
    if (child != nullptr) depth = std::max(depth, child->depth);
  };
  for (const ExprPtr& item : expr->items) look(item);
  if (expr->call != nullptr) {
    for (const ExprPtr& argument : expr->call->positional) look(argument);
    for (const auto& [name, argument] : expr->call->named) look(argument);
    look(expr->call->star);
    look(expr->call->star_star);
  }
  expr->depth = depth + 1;
  if (expr->depth > kMaxTreeDepth) {
    fail("an expression is more than {} operations deep", kMaxTreeDepth);
  }
  return expr;
}

ExprPtr ExpressionParser::constant(Value value, int at) {
  ExprPtr expr = node(ExprKind::kConst, at);
  expr->value = std::move(value);
  return expr;
}

ExprPtr ExpressionParser::name_node(const std::string& name, int at) {
  ExprPtr expr = node(ExprKind::kName, at);
  expr->attribute = name;
  expr->symbol = symbol(name);
  return expr;
}

ExprPtr ExpressionParser::expression(bool with_condition) {
  const Nested nested(*this);
  return with_condition ? condition() : disjunction();
}

ExprPtr ExpressionParser::condition() {
  const Nested nested(*this);
  const int at = line();
  ExprPtr value = disjunction();
  while (skip_word("if")) {
    ExprPtr test = disjunction();
    ExprPtr otherwise = skip_word("else") ? condition() : nullptr;
    value = node(ExprKind::kCondition, at, std::move(test), std::move(value), std::move(otherwise));
  }
  return value;
}

ExprPtr ExpressionParser::disjunction() {
  const int at = line();
  ExprPtr left = conjunction();
  while (skip_word("or")) {
    ExprPtr right = conjunction();
    left = node(ExprKind::kOr, at, std::move(left), std::move(right));
  }
  return left;
}

ExprPtr ExpressionParser::conjunction() {
  const int at = line();
  ExprPtr left = negation();
  while (skip_word("and")) {
    ExprPtr right = negation();
    left = node(ExprKind::kAnd, at, std::move(left), std::move(right));
  }
  return left;
}

ExprPtr ExpressionParser::negation() {
  const int at = line();
  if (!skip_word("not")) return comparison();
  const Nested nested(*this);
  return node(ExprKind::kNot, at, negation());
}

std::optional<Comparison> ExpressionParser::comparison_operator() {
  struct Row {
    std::string_view symbol;
    Comparison comparison;
  };
  constexpr Row kRows[] = {{"==", Comparison::kEq}, {"!=", Comparison::kNe},
                           {"<", Comparison::kLt},  {"<=", Comparison::kLe},
                           {">", Comparison::kGt},  {">=", Comparison::kGe}};
  for (const auto& [symbol, comparison] : kRows) {
    if (skip_op(symbol)) return comparison;
  }
  if (skip_word("in")) return Comparison::kIn;
  if (is_word("not") && following().kind == LexemeKind::kName && following().text == "in") {
    next();
    next();
    return Comparison::kNotIn;
  }
  return std::nullopt;
}

ExprPtr ExpressionParser::comparison() {
  const int at = line();
  ExprPtr first = sum();
  auto comparison = comparison_operator();
  if (!comparison) return first;
  ExprPtr chain = node(ExprKind::kCompare, at);
  chain->items.push_back(std::move(first));
  for (; comparison; comparison = comparison_operator()) {
    chain->comparisons.push_back(*comparison);
    chain->items.push_back(sum());
  }
  return sealed(std::move(chain));
}

ExprPtr ExpressionParser::sum() {
  const int at = line();
  ExprPtr left = concatenation();
  while (is_op("+") || is_op("-")) {
    const Binary operation = next().text == "+" ? Binary::kAdd : Binary::kSub;
    ExprPtr right = concatenation();
    left = node(ExprKind::kBinary, at, std::move(left), std::move(right));
    left->binary = operation;
  }
  return left;
}

ExprPtr ExpressionParser::concatenation() {
  const int at = line();
  ExprPtr first = product();
  if (!is_op("~")) return first;
  ExprPtr all = node(ExprKind::kConcat, at);
  all->items.push_back(std::move(first));
  while (skip_op("~")) all->items.push_back(product());
  return sealed(std::move(all));
}

ExprPtr ExpressionParser::product() {
  const int at = line();
  ExprPtr left = power();
  while (is_op("*") || is_op("/") || is_op("//") || is_op("%")) {
    const std::string& symbol = next().text;
    const Binary operation = symbol == "*"    ? Binary::kMul
                             : symbol == "/"  ? Binary::kDiv
                             : symbol == "//" ? Binary::kFloorDiv
                                              : Binary::kMod;
    ExprPtr right = power();
    left = node(ExprKind::kBinary, at, std::move(left), std::move(right));
    left->binary = operation;
  }
  return left;
}

ExprPtr ExpressionParser::power() {
  const int at = line();
  ExprPtr left = unary(true);
  while (skip_op("**")) {
    ExprPtr right = unary(true);
    left = node(ExprKind::kBinary, at, std::move(left), std::move(right));
    left->binary = Binary::kPow;
  }
  return left;
}

ExprPtr ExpressionParser::unary(bool with_filter) {
  const Nested nested(*this);
  const int at = line();
  ExprPtr value;
  if (is_op("-") || is_op("+")) {
    const ExprKind kind = next().text == "-" ? ExprKind::kNegate : ExprKind::kPosit;
    value = node(kind, at, unary(false));
  } else {
    value = primary(false);
  }
  value = postfix(std::move(value));
  return with_filter ? filters_and_tests(std::move(value)) : std::move(value);
}

ExprPtr ExpressionParser::primary(bool with_namespace) {
  const int at = line();
  switch (current().kind) {
    case LexemeKind::kName: {
      const std::string name = next().text;
      if (name == "true" || name == "True") return constant(Value::boolean(true), at);
      if (name == "false" || name == "False") return constant(Value::boolean(false), at);
      if (name == "none" || name == "None") return constant(Value::none(), at);
      ExprPtr expr = name_node(name, at);
      if (with_namespace && skip_op(".")) {
        expr->kind = ExprKind::kMember;
        expr->attribute = expect_name();
      }
      return expr;
    }
    case LexemeKind::kString: {
      std::string text = next().text;
      while (is(LexemeKind::kString)) text += next().text;
      return constant(Value::string(text, Origin::kTemplate), at);
    }
    case LexemeKind::kInteger:
      return constant(Value::integer(next().integer), at);
    case LexemeKind::kFloat:
      return constant(Value::real(next().real), at);
    default:
      break;
  }
  if (skip_op("(")) {
    ExprPtr value = tuple({.parentheses = true});
    expect_op(")");
    return value;
  }
  if (is_op("[")) return list();
  if (is_op("{")) return dict();
  fail("expected an expression, found {}", describe());
}

bool ExpressionParser::at_tuple_end(std::string_view end_word) const {
  return is(LexemeKind::kVariableEnd) || is(LexemeKind::kBlockEnd) || is_op(")") ||
         (!end_word.empty() && is_word(end_word));
}

ExprPtr ExpressionParser::tuple(const TupleRules& rules) {
  const Nested nested(*this);
  const int at = line();
  std::vector<ExprPtr> items;
  bool is_tuple = false;
  while (true) {
    if (!items.empty()) expect_op(",");
    if (at_tuple_end(rules.end_word)) break;
    items.push_back(rules.simple ? primary(rules.with_namespace)
                                 : expression(rules.with_condition));
    if (!is_op(",")) break;
    is_tuple = true;
  }
  if (!is_tuple) {
    if (!items.empty()) return std::move(items[0]);
    if (!rules.parentheses) fail("expected an expression, found {}", describe());
  }
  ExprPtr expr = node(ExprKind::kTuple, at);
  expr->items = std::move(items);
  return sealed(std::move(expr));
}

ExprPtr ExpressionParser::list() {
  ExprPtr expr = node(ExprKind::kList, line());
  expect_op("[");
  while (!is_op("]")) {
    if (!expr->items.empty()) expect_op(",");
    if (is_op("]")) break;
    expr->items.push_back(expression());
  }
  expect_op("]");
  return sealed(std::move(expr));
}

ExprPtr ExpressionParser::dict() {
  ExprPtr expr = node(ExprKind::kDict, line());
  expect_op("{");
  while (!is_op("}")) {
    if (!expr->items.empty()) expect_op(",");
    if (is_op("}")) break;
    expr->items.push_back(expression());
    expect_op(":");
    expr->items.push_back(expression());
  }
  expect_op("}");
  return sealed(std::move(expr));
}

ExprPtr ExpressionParser::postfix(ExprPtr value) {
  while (true) {
    if (is_op(".") || is_op("[")) {
      value = subscript(std::move(value));
    } else if (is_op("(")) {
      value = call(std::move(value));
    } else {
      return value;
    }
  }
}

ExprPtr ExpressionParser::filters_and_tests(ExprPtr value) {
  while (true) {
    if (is_op("|")) {
      value = filters(std::move(value), false);
    } else if (is_word("is")) {
      value = test(std::move(value));
    } else if (is_op("(")) {
      value = call(std::move(value));
    } else {
      return value;
    }
  }
}

ExprPtr ExpressionParser::subscript(ExprPtr value) {
  const int at = line();
  if (skip_op(".")) {
    if (is(LexemeKind::kName)) {
      ExprPtr expr = node(ExprKind::kGetattr, at, std::move(value));
      expr->attribute = next().text;
      return expr;
    }
    if (!is(LexemeKind::kInteger)) fail("expected a name or a number, found {}", describe());
    ExprPtr index = constant(Value::integer(next().integer), at);
    return node(ExprKind::kGetitem, at, std::move(value), std::move(index));
  }
  expect_op("[");
  std::vector<ExprPtr> indices;
  while (!is_op("]")) {
    if (!indices.empty()) expect_op(",");
    indices.push_back(index());
  }
  expect_op("]");
  if (indices.size() == 1) {
    return node(ExprKind::kGetitem, at, std::move(value), std::move(indices[0]));
  }
  ExprPtr key = node(ExprKind::kTuple, at);
  key->items = std::move(indices);
  return node(ExprKind::kGetitem, at, std::move(value), sealed(std::move(key)));
}

ExprPtr ExpressionParser::index() {
  const int at = line();
  ExprPtr start;
  if (!is_op(":")) {
    start = expression();
    if (!is_op(":")) return start;
  }
  expect_op(":");
  const auto at_bound_end = [&] { return is_op("]") || is_op(","); };
  ExprPtr stop;
  if (!is_op(":") && !at_bound_end()) stop = expression();
  ExprPtr step;
  if (skip_op(":") && !at_bound_end()) step = expression();
  return node(ExprKind::kSlice, at, std::move(start), std::move(stop), std::move(step));
}

std::unique_ptr<CallArguments> ExpressionParser::arguments() {
  auto call = std::make_unique<CallArguments>();
  expect_op("(");
  bool first = true;
  while (!is_op(")")) {
    if (!first) {
      expect_op(",");
      if (is_op(")")) break;
    }
    first = false;
    const auto require = [&](bool holds) {
      if (!holds) fail("invalid syntax in the arguments of a call");
    };
    if (skip_op("*")) {
      require(call->star == nullptr && call->star_star == nullptr);
      call->star = expression();
    } else if (skip_op("**")) {
      require(call->star_star == nullptr);
      call->star_star = expression();
    } else if (is(LexemeKind::kName) && following().kind == LexemeKind::kOperator &&
               following().text == "=") {
      require(call->star_star == nullptr);
      std::string name = next().text;
      next();
      const auto same = [&](const auto& other) { return other.first == name; };
      if (std::any_of(call->named.begin(), call->named.end(), same)) {
        fail("the argument {} is given twice", quoted(name));
      }
      call->named.emplace_back(std::move(name), expression());
    } else {
      require(call->star == nullptr && call->star_star == nullptr && call->named.empty());
      call->positional.push_back(expression());
    }
  }
  expect_op(")");
  return call;
}

ExprPtr ExpressionParser::call(ExprPtr callee) {
  ExprPtr expr = node(ExprKind::kCall, line());
  expr->items.push_back(std::move(callee));
  expr->call = arguments();
  return sealed(std::move(expr));
}

std::string ExpressionParser::dotted_name() {
  std::string name = expect_name();
  while (skip_op(".")) name += "." + expect_name();
  return name;
}

ExprPtr ExpressionParser::filters(ExprPtr value, bool start_inline) {
  while (start_inline || is_op("|")) {
    if (!start_inline) next();
    start_inline = false;
    ExprPtr expr = node(ExprKind::kFilter, line());
    expr->attribute = dotted_name();
    expr->items.push_back(std::move(value));
    expr->call = is_op("(") ? arguments() : std::make_unique<CallArguments>();
    value = sealed(std::move(expr));
  }
  return value;
}

ExprPtr ExpressionParser::test(ExprPtr value) {
  const int at = line();
  next();
  const bool negated = skip_word("not");
  ExprPtr expr = node(ExprKind::kTest, at);
  expr->attribute = dotted_name();
  expr->items.push_back(std::move(value));
  if (is_op("(")) {
    expr->call = arguments();
  } else {
    expr->call = std::make_unique<CallArguments>();
    const bool starts_value = is(LexemeKind::kName) || is(LexemeKind::kString) ||
                              is(LexemeKind::kInteger) || is(LexemeKind::kFloat) || is_op("[") ||
                              is_op("{");
    if (starts_value && !is_any_word({"else", "or", "and"})) {
      if (is_word("is")) fail("tests can't be chained with 'is'");
      expr->call->positional.push_back(postfix(primary(false)));
    }
  }
  expr = sealed(std::move(expr));
  return negated ? node(ExprKind::kNot, at, std::move(expr)) : std::move(expr);
}

}  // namespace sirocco::jinja
