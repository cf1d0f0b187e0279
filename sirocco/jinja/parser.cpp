#include <memory>
#include <set>
#include <string>
#include <unordered_map>

#include "sirocco/base/error.hpp"
#include "sirocco/jinja/ast.hpp"
#include "sirocco/jinja/checker.hpp"
#include "sirocco/jinja/expression_parser.hpp"

namespace sirocco::jinja {
namespace {

class Parser : private ExpressionParser {
 public:
  explicit Parser(std::string_view source) : ExpressionParser(source) {}

  Program run() {
    Program program;
    program.body = parse_until({});
    program.symbols = take_symbols();
    check_program(program);
    return program;
  }

 private:
  /// Statements until a tag of `ends`, which becomes the current lexeme; the whole template
  /// without any.
  Body parse_until(Words ends) {
    Body body;
    while (!at_end()) {
      switch (current().kind) {
        case LexemeKind::kData: {
          auto text = std::make_unique<Stmt>(StmtKind::kText, line());
          text->text = next().text;
          body.push_back(std::move(text));
          break;
        }
        case LexemeKind::kVariableBegin: {
          auto print = std::make_unique<Stmt>(StmtKind::kPrint, line());
          next();
          print->exprs.push_back(tuple({}));
          expect(LexemeKind::kVariableEnd, "'}}'");
          body.push_back(std::move(print));
          break;
        }
        case LexemeKind::kBlockBegin:
          next();
          if (ends.size() != 0 && is_any_word(ends)) return body;
          if (StmtPtr stmt = statement()) body.push_back(std::move(stmt));
          expect(LexemeKind::kBlockEnd, "'%}'");
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
    expect(LexemeKind::kBlockEnd, "'%}'");
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
    if (!is(LexemeKind::kName)) fail("expected the name of a tag, found {}", describe());
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
    while (!is(LexemeKind::kBlockEnd)) {
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
    while (!is(LexemeKind::kBlockEnd)) {
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

  std::set<std::string> blocks_;
};

}  // namespace

Program parse(std::string_view source) { return Parser(source).run(); }

}  // namespace sirocco::jinja
