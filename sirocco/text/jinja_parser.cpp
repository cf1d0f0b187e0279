#include <algorithm>
#include <initializer_list>
#include <optional>
#include <set>
#include <unordered_map>

#include "sirocco/base/error.hpp"
#include "sirocco/text/jinja_ast.hpp"
#include "sirocco/text/jinja_checker.hpp"
#include "sirocco/text/jinja_lexer.hpp"

namespace sirocco::jinja {
namespace {

/// Brackets and statements inside one another, each of which counts up to four times. Python's own
/// compiler takes fewer.
constexpr int kMaxNesting = 400;
/// Operators and members in a row make trees that lean to the left.
constexpr int kMaxTreeDepth = 250;

using Words = std::initializer_list<std::string_view>;

class Parser {
 public:
  explicit Parser(std::string_view source) : lexemes_(lex(source)) {
    for (const char* name : {"loop", "caller", "varargs", "kwargs"}) symbol(name);
  }

  Program run() {
    Program program;
    program.body = parse_until({});
    program.symbols = std::move(symbols_);
    check_program(program);
    return program;
  }

 private:
  /// Counts nesting while it lives.
  class Nested {
   public:
    explicit Nested(Parser& parser) : parser_(parser) {
      if (++parser_.nesting_ > kMaxNesting) {
        parser_.fail("the template is nested too deeply");
      }
    }
    ~Nested() { --parser_.nesting_; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;

   private:
    Parser& parser_;
  };

  // ---- the stream of lexemes

  const Lexeme& current() const { return lexemes_[at_]; }
  const Lexeme& following() const { return lexemes_[std::min(at_ + 1, lexemes_.size() - 1)]; }
  int line() const { return current().line; }
  bool at_end() const { return current().kind == TokenKind::kEnd; }
  bool is(TokenKind kind) const { return current().kind == kind; }
  bool is_op(std::string_view symbol) const {
    return is(TokenKind::kOperator) && current().text == symbol;
  }
  bool is_word(std::string_view word) const {
    return is(TokenKind::kName) && current().text == word;
  }
  bool is_any_word(Words words) const {
    return std::any_of(words.begin(), words.end(), [&](auto word) { return is_word(word); });
  }
  const Lexeme& next() {
    const Lexeme& lexeme = current();
    if (!at_end()) ++at_;
    return lexeme;
  }
  bool skip_op(std::string_view symbol) {
    if (!is_op(symbol)) return false;
    next();
    return true;
  }
  bool skip_word(std::string_view word) {
    if (!is_word(word)) return false;
    next();
    return true;
  }

  template <class... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) const {
    throw FormatError("chat template, line {}: {}", line(),
                      fmt::format(format, std::forward<Args>(args)...));
  }

  std::string describe() const {
    switch (current().kind) {
      case TokenKind::kData:
        return "text";
      case TokenKind::kBlockBegin:
        return "'{%'";
      case TokenKind::kBlockEnd:
        return "'%}'";
      case TokenKind::kVariableBegin:
        return "'{{'";
      case TokenKind::kVariableEnd:
        return "'}}'";
      case TokenKind::kEnd:
        return "the end of the template";
      default:
        return quoted(current().text);
    }
  }

  void expect_op(std::string_view symbol) {
    if (!skip_op(symbol)) fail("expected '{}', found {}", symbol, describe());
  }
  void expect_word(std::string_view word) {
    if (!skip_word(word)) fail("expected '{}', found {}", word, describe());
  }
  void expect(TokenKind kind, std::string_view what) {
    if (!is(kind)) fail("expected {}, found {}", what, describe());
    next();
  }
  std::string expect_name() {
    if (!is(TokenKind::kName)) fail("expected a name, found {}", describe());
    return next().text;
  }

  Symbol symbol(const std::string& name) {
    const auto [found, added] = numbers_.emplace(name, static_cast<Symbol>(symbols_.size()));
    if (added) symbols_.push_back(name);
    return found->second;
  }

  // ---- nodes

  ExprPtr node(ExprKind kind, int at) { return std::make_unique<Expr>(kind, at); }

  template <class... Items>
  ExprPtr node(ExprKind kind, int at, Items... items) {
    ExprPtr expr = node(kind, at);
    (expr->items.push_back(std::move(items)), ...);
    return sealed(std::move(expr));
  }

  /// Sets the depth of a node whose children are complete.
  ExprPtr sealed(ExprPtr expr) const {
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

  ExprPtr constant(Value value, int at) {
    ExprPtr expr = node(ExprKind::kConst, at);
    expr->value = std::move(value);
    return expr;
  }

  ExprPtr name_node(const std::string& name, int at) {
    ExprPtr expr = node(ExprKind::kName, at);
    expr->attribute = name;
    expr->symbol = symbol(name);
    return expr;
  }

  // ---- expressions, loosest first

  ExprPtr expression(bool with_condition = true) {
    const Nested nested(*this);
    return with_condition ? condition() : disjunction();
  }

  ExprPtr condition() {
    const Nested nested(*this);
    const int at = line();
    ExprPtr value = disjunction();
    while (skip_word("if")) {
      ExprPtr test = disjunction();
      ExprPtr otherwise = skip_word("else") ? condition() : nullptr;
      value =
          node(ExprKind::kCondition, at, std::move(test), std::move(value), std::move(otherwise));
    }
    return value;
  }

  ExprPtr disjunction() {
    const int at = line();
    ExprPtr left = conjunction();
    while (skip_word("or")) {
      ExprPtr right = conjunction();
      left = node(ExprKind::kOr, at, std::move(left), std::move(right));
    }
    return left;
  }

  ExprPtr conjunction() {
    const int at = line();
    ExprPtr left = negation();
    while (skip_word("and")) {
      ExprPtr right = negation();
      left = node(ExprKind::kAnd, at, std::move(left), std::move(right));
    }
    return left;
  }

  ExprPtr negation() {
    const int at = line();
    if (!skip_word("not")) return comparison();
    const Nested nested(*this);
    return node(ExprKind::kNot, at, negation());
  }

  std::optional<Comparison> comparison_operator() {
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
    if (is_word("not") && following().kind == TokenKind::kName && following().text == "in") {
      next();
      next();
      return Comparison::kNotIn;
    }
    return std::nullopt;
  }

  ExprPtr comparison() {
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

  ExprPtr sum() {
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

  ExprPtr concatenation() {
    const int at = line();
    ExprPtr first = product();
    if (!is_op("~")) return first;
    ExprPtr all = node(ExprKind::kConcat, at);
    all->items.push_back(std::move(first));
    while (skip_op("~")) all->items.push_back(product());
    return sealed(std::move(all));
  }

  ExprPtr product() {
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

  ExprPtr power() {
    const int at = line();
    ExprPtr left = unary(true);
    while (skip_op("**")) {
      ExprPtr right = unary(true);
      left = node(ExprKind::kBinary, at, std::move(left), std::move(right));
      left->binary = Binary::kPow;
    }
    return left;
  }

  ExprPtr unary(bool with_filter) {
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

  ExprPtr primary(bool with_namespace) {
    const int at = line();
    switch (current().kind) {
      case TokenKind::kName: {
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
      case TokenKind::kString: {
        std::string text = next().text;
        while (is(TokenKind::kString)) text += next().text;
        return constant(Value::string(text, Origin::kTemplate), at);
      }
      case TokenKind::kInteger:
        return constant(Value::integer(next().integer), at);
      case TokenKind::kFloat:
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

  struct TupleRules {
    bool simple = false;  ///< names only, as targets of assignments
    bool with_condition = true;
    bool parentheses = false;
    bool with_namespace = false;
    std::string_view end_word = "";
  };

  bool at_tuple_end(std::string_view end_word) const {
    return is(TokenKind::kVariableEnd) || is(TokenKind::kBlockEnd) || is_op(")") ||
           (!end_word.empty() && is_word(end_word));
  }

  ExprPtr tuple(const TupleRules& rules) {
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

  ExprPtr list() {
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

  ExprPtr dict() {
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

  ExprPtr postfix(ExprPtr value) {
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

  ExprPtr filters_and_tests(ExprPtr value) {
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

  ExprPtr subscript(ExprPtr value) {
    const int at = line();
    if (skip_op(".")) {
      if (is(TokenKind::kName)) {
        ExprPtr expr = node(ExprKind::kGetattr, at, std::move(value));
        expr->attribute = next().text;
        return expr;
      }
      if (!is(TokenKind::kInteger)) fail("expected a name or a number, found {}", describe());
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

  ExprPtr index() {
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

  std::unique_ptr<CallArguments> arguments() {
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
      } else if (is(TokenKind::kName) && following().kind == TokenKind::kOperator &&
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

  ExprPtr call(ExprPtr callee) {
    ExprPtr expr = node(ExprKind::kCall, line());
    expr->items.push_back(std::move(callee));
    expr->call = arguments();
    return sealed(std::move(expr));
  }

  std::string dotted_name() {
    std::string name = expect_name();
    while (skip_op(".")) name += "." + expect_name();
    return name;
  }

  /// `value | filter…`; with `start_inline` the first filter has no bar before it.
  ExprPtr filters(ExprPtr value, bool start_inline) {
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

  ExprPtr test(ExprPtr value) {
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
      const bool starts_value = is(TokenKind::kName) || is(TokenKind::kString) ||
                                is(TokenKind::kInteger) || is(TokenKind::kFloat) || is_op("[") ||
                                is_op("{");
      if (starts_value && !is_any_word({"else", "or", "and"})) {
        if (is_word("is")) fail("tests can't be chained with 'is'");
        expr->call->positional.push_back(postfix(primary(false)));
      }
    }
    expr = sealed(std::move(expr));
    return negated ? node(ExprKind::kNot, at, std::move(expr)) : std::move(expr);
  }

  // ---- statements

  /// Statements until a tag of `ends`, which becomes the current lexeme; the whole template
  /// without any.
  Body parse_until(Words ends) {
    Body body;
    while (!at_end()) {
      switch (current().kind) {
        case TokenKind::kData: {
          auto text = std::make_unique<Stmt>(StmtKind::kText, line());
          text->text = next().text;
          body.push_back(std::move(text));
          break;
        }
        case TokenKind::kVariableBegin: {
          auto print = std::make_unique<Stmt>(StmtKind::kPrint, line());
          next();
          print->exprs.push_back(tuple({}));
          expect(TokenKind::kVariableEnd, "'}}'");
          body.push_back(std::move(print));
          break;
        }
        case TokenKind::kBlockBegin:
          next();
          if (ends.size() != 0 && is_any_word(ends)) return body;
          if (StmtPtr stmt = statement()) body.push_back(std::move(stmt));
          expect(TokenKind::kBlockEnd, "'%}'");
          break;
        default:
          fail("unexpected {}", describe());
      }
    }
    if (ends.size() != 0) fail("the template ends where '{}' is due", *ends.begin());
    return body;
  }

  /// A statement's body: from the end of its opening tag to a tag of `ends`.
  Body block(Words ends) {
    skip_op(":");
    expect(TokenKind::kBlockEnd, "'%}'");
    return parse_until(ends);
  }
  Body block_to(std::string_view end) {
    Body body = block({end});
    next();
    return body;
  }

  StmtPtr statement() {
    const Nested nested(*this);
    using Handler = StmtPtr (Parser::*)(int);
    static const std::unordered_map<std::string_view, Handler> kStatements = {
        {"for", &Parser::parse_for},         {"if", &Parser::parse_if},
        {"set", &Parser::parse_set},         {"macro", &Parser::parse_macro},
        {"call", &Parser::parse_call_block}, {"filter", &Parser::parse_filter_block},
        {"with", &Parser::parse_with},       {"print", &Parser::parse_print},
        {"block", &Parser::parse_block},     {"generation", &Parser::parse_generation},
        {"break", &Parser::parse_break},     {"continue", &Parser::parse_continue},
    };
    if (!is(TokenKind::kName)) fail("expected the name of a tag, found {}", describe());
    const int at = line();
    const auto found = kStatements.find(current().text);
    if (found != kStatements.end()) {
      next();
      return (this->*found->second)(at);
    }
    if (is_any_word({"include", "import", "from", "extends", "autoescape"})) {
      throw UnsupportedError(
          "chat template, line {}: '{}' is not supported: a chat template stands alone and writes "
          "plain text",
          at, current().text);
    }
    fail("unknown tag {}", quoted(current().text));
  }

  void require_target(const Expr& target) const {
    if (target.kind == ExprKind::kName || target.kind == ExprKind::kMember) return;
    if (target.kind != ExprKind::kTuple) fail("can't assign to this expression");
    for (const ExprPtr& item : target.items) require_target(*item);
  }

  ExprPtr assign_target(bool with_namespace, std::string_view end_word = "") {
    ExprPtr target =
        tuple({.simple = true, .with_namespace = with_namespace, .end_word = end_word});
    require_target(*target);
    return target;
  }

  std::string assign_name() {
    std::string name = expect_name();
    for (const std::string_view constant : {"true", "false", "none", "True", "False", "None"}) {
      if (name == constant) fail("can't assign to '{}'", name);
    }
    return name;
  }

  StmtPtr parse_for(int at) {
    auto stmt = std::make_unique<Stmt>(StmtKind::kFor, at);
    stmt->target = assign_target(false, "in");
    expect_word("in");
    stmt->exprs.push_back(tuple({.with_condition = false, .end_word = "recursive"}));
    stmt->exprs.push_back(skip_word("if") ? expression() : nullptr);
    stmt->recursive = skip_word("recursive");
    stmt->body = block({"endfor", "else"});
    if (next().text == "else") stmt->otherwise = block_to("endfor");
    return stmt;
  }

  StmtPtr parse_if(int at) {
    auto stmt = std::make_unique<Stmt>(StmtKind::kIf, at);
    while (true) {
      stmt->exprs.push_back(tuple({.with_condition = false}));
      stmt->branches.push_back(block({"elif", "else", "endif"}));
      const std::string& word = next().text;
      if (word == "endif") return stmt;
      if (word == "else") {
        stmt->otherwise = block_to("endif");
        return stmt;
      }
    }
  }

  StmtPtr parse_set(int at) {
    auto stmt = std::make_unique<Stmt>(StmtKind::kSet, at);
    stmt->target = assign_target(true);
    if (skip_op("=")) {
      stmt->exprs.push_back(tuple({}));
      return stmt;
    }
    stmt->kind = StmtKind::kSetBlock;
    stmt->exprs.push_back(is_op("|") ? filters(nullptr, false) : nullptr);
    stmt->body = block_to("endset");
    return stmt;
  }

  void signature(MacroDefinition& macro) {
    expect_op("(");
    while (!is_op(")")) {
      if (!macro.names.empty()) expect_op(",");
      std::string name = assign_name();
      if (std::find(macro.names.begin(), macro.names.end(), name) != macro.names.end()) {
        fail("duplicate parameter {}", quoted(name));
      }
      if (skip_op("=")) {
        macro.defaults.push_back(expression());
      } else if (!macro.defaults.empty()) {
        fail("a parameter without a default follows one with a default");
      }
      macro.parameters.push_back(symbol(name));
      macro.names.push_back(std::move(name));
    }
    expect_op(")");
  }

  StmtPtr parse_macro(int at) {
    auto stmt = std::make_unique<Stmt>(StmtKind::kMacro, at);
    stmt->macro = std::make_unique<MacroDefinition>();
    stmt->macro->name = assign_name();
    stmt->macro->symbol = symbol(stmt->macro->name);
    signature(*stmt->macro);
    stmt->macro->body = block_to("endmacro");
    return stmt;
  }

  StmtPtr parse_call_block(int at) {
    auto stmt = std::make_unique<Stmt>(StmtKind::kCall, at);
    stmt->macro = std::make_unique<MacroDefinition>();
    if (is_op("(")) signature(*stmt->macro);
    stmt->target = expression();
    if (stmt->target->kind != ExprKind::kCall) fail("a call block needs a call");
    for (const auto& [name, value] : stmt->target->call->named) {
      if (name == "caller") fail("the argument 'caller' is given twice");
    }
    stmt->macro->body = block_to("endcall");
    return stmt;
  }

  StmtPtr parse_filter_block(int at) {
    auto stmt = std::make_unique<Stmt>(StmtKind::kFilter, at);
    stmt->target = filters(nullptr, true);
    stmt->body = block_to("endfilter");
    return stmt;
  }

  StmtPtr parse_with(int at) {
    auto stmt = std::make_unique<Stmt>(StmtKind::kWith, at);
    while (!is(TokenKind::kBlockEnd)) {
      if (!stmt->exprs.empty()) expect_op(",");
      stmt->exprs.push_back(assign_target(false));
      expect_op("=");
      stmt->exprs.push_back(expression());
    }
    stmt->body = block_to("endwith");
    return stmt;
  }

  StmtPtr parse_print(int at) {
    auto stmt = std::make_unique<Stmt>(StmtKind::kPrint, at);
    while (!is(TokenKind::kBlockEnd)) {
      if (!stmt->exprs.empty()) expect_op(",");
      stmt->exprs.push_back(expression());
    }
    return stmt;
  }

  StmtPtr parse_block(int at) {
    auto stmt = std::make_unique<Stmt>(StmtKind::kScope, at);
    const std::string name = expect_name();
    if (!blocks_.insert(name).second) fail("block {} defined twice", quoted(name));
    stmt->root_scope = !skip_word("scoped");
    skip_word("required");
    stmt->body = block_to("endblock");
    skip_word(name);
    return stmt;
  }

  StmtPtr parse_generation(int at) {
    auto stmt = std::make_unique<Stmt>(StmtKind::kScope, at);
    stmt->body = block_to("endgeneration");
    return stmt;
  }

  StmtPtr parse_break(int at) { return std::make_unique<Stmt>(StmtKind::kBreak, at); }
  StmtPtr parse_continue(int at) { return std::make_unique<Stmt>(StmtKind::kContinue, at); }

  std::vector<Lexeme> lexemes_;
  std::size_t at_ = 0;
  int nesting_ = 0;
  std::vector<std::string> symbols_;
  std::unordered_map<std::string, Symbol> numbers_;
  std::set<std::string> blocks_;
};

}  // namespace

Program parse(std::string_view source) { return Parser(source).run(); }

}  // namespace sirocco::jinja
