#include "sirocco/jinja/template.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"

namespace sirocco::jinja {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Text rendered(std::string_view source, const Limits& limits = {}) {
  const Template::Variables variables = {
      {"messages", Value::from_json(R"([{"role": "user", "content": "D<b>"}])")},
      {"bos_token", Value::string("<s>", Origin::kTemplate)},
      {"eos_token", Value::string("</s>", Origin::kTemplate)}};
  return Template(source, limits).render(variables, [] { return std::tm{}; });
}

/// The text with the template's own bytes between « and ».
std::string marked(std::string_view source) {
  const Text text = rendered(source);
  std::string out;
  std::size_t begin = 0;
  for (const Text::Run& run : text.runs()) {
    const std::string part = text.bytes().substr(begin, run.end - begin);
    out += run.origin == Origin::kTemplate ? "«" + part + "»" : part;
    begin = run.end;
  }
  return out;
}

template <class E>
std::string error_of(std::string_view source, const Limits& limits = {}) {
  try {
    rendered(source, limits);
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("another error: ") + error.what();
  }
  return "no error";
}

TEST(TemplateProvenance, FollowsBytesThroughEverything) {
  const std::string c = "{% set c = messages[0].content %}";
  EXPECT_EQ(marked("a{{ bos_token }}" + c + "{{ c }}b"), "«a<s>»D<b>«b»");
  EXPECT_EQ(marked(c + "{{ '[' ~ c ~ ']' }}"), "«[»D<b>«]»");
  EXPECT_EQ(marked(c + "{{ ('[' + c + ']')[1:-1] }}"), "D<b>");
  EXPECT_EQ(marked(c + "{{ ('[' + c + ']')[::-1] }}"), "«]»>b<D«[»");
  EXPECT_EQ(marked(c + "{{ (c + 'x') | upper }}"), "D<B>«X»");
  EXPECT_EQ(marked(c + "{{ c | replace('<', '«') }}"), "D««»b>");
  EXPECT_EQ(marked(c + "{{ 'x-y' | replace('-', c) }}"), "«x»D<b>«y»");
  EXPECT_EQ(marked(c + "{{ [c, 'x', c] | join(',') }}"), "D<b>«,x,»D<b>");
  EXPECT_EQ(marked(c + "{{ c | e }}"), "D&lt;b&gt;");
  EXPECT_EQ(marked(c + "{{ c | tojson }}"), "\"D<b>\"");
  EXPECT_EQ(marked(c + "{{ {'k': c} | tojson }}"), "«{\"k\": »\"D<b>\"«}»");
  EXPECT_EQ(marked(c + "{{ messages[0] | tojson }}"),
            "{\"role\": \"user\", \"content\": \"D<b>\"}");
  EXPECT_EQ(marked(c + "{{ [c] }}"), "«[»'D<b>'«]»");
  EXPECT_EQ(marked(c + "{{ '%s|%5s' % (c, 1) }}"), "D<b>«|    1»");
  EXPECT_EQ(marked(c + "{{ '{}|{x:>6}'.format(c, x=c) }}"), "D<b>«|»  D<b>");
  EXPECT_EQ(marked(c + "{{ c.split('<') | join('<') }}"), "D«<»b>");
  EXPECT_EQ(marked(c + "{{ c | center(6) }}"), " D<b> ");
  EXPECT_EQ(marked(c + "{{ (c ~ '\\n' ~ c) | indent(1) }}"), "D<b>\n« »D<b>");
  EXPECT_EQ(marked(c + "{{ c | list | last }}{{ c | first }}{{ c * 2 }}"), ">DD<b>D<b>");
  EXPECT_EQ(marked(c + "{% set x %}<{{ c }}>{% endset %}{{ x | trim }}"), "«<»D<b>«>»");
  EXPECT_EQ(marked(c + "{% macro m(a) %}({{ a }}){% endmacro %}{{ m(c) }}"), "«(»D<b>«)»");
  EXPECT_EQ(marked(c + "{% filter lower %}A{{ c }}{% endfilter %}"), "«a»d<b>");
  EXPECT_EQ(marked(c + "{{ c | length }}{{ 1 + 1 }}"), "4«2»");
  EXPECT_EQ(marked("{{ messages[0].keys() | list | join }}"), "rolecontent");
}

TEST(TemplateErrors, NameTheLineAndTheReason) {
  EXPECT_THAT(error_of<FormatError>("a\nb\n{% if %}"), HasSubstr("line 3"));
  EXPECT_THAT(error_of<FormatError>("\n{{ x | nothing }}"), HasSubstr("'nothing'"));
  EXPECT_THAT(error_of<FormatError>("{{ \xFF }}"), HasSubstr("UTF-8"));
  EXPECT_THAT(error_of<UnsupportedError>("\n{% include 'x' %}"), HasSubstr("line 2: 'include'"));
  EXPECT_THAT(error_of<UnsupportedError>("{% extends 'x' %}"), HasSubstr("'extends'"));
  EXPECT_THAT(error_of<UnsupportedError>("{% from 'x' import y %}"), HasSubstr("'from'"));
  EXPECT_THAT(error_of<InvalidArgument>("\n\n{{ missing.x }}"), HasSubstr("line 3: 'missing'"));
  EXPECT_THAT(error_of<InvalidArgument>("{{ raise_exception('no\nway') }}"),
              HasSubstr("refuses these messages (line 1): 'no\\x0away'"));
}

TEST(ValueFromJson, RefusesWhatIsNone) {
  EXPECT_THROW(Value::from_json("[}"), InvalidArgument);
  EXPECT_THROW(Value::from_json(std::string(200, '[') + std::string(200, ']')), InvalidArgument);
  EXPECT_THROW(Value::from_json("[\"\xFF\"]"), InvalidArgument);
}

class TemplateLimit : public ::testing::TestWithParam<const char*> {};

TEST_P(TemplateLimit, EndsInAnError) {
  constexpr Limits kLimits{.max_memory = std::size_t{64} << 20,
                           .max_output = std::size_t{4} << 20,
                           .max_steps = 2'000'000};
  EXPECT_THAT(error_of<ResourceExhausted>(GetParam(), kLimits), HasSubstr("line 1"));
}

INSTANTIATE_TEST_SUITE_P(
    Bombs, TemplateLimit,
    ::testing::Values(
        "{{ 'a' * 10 ** 12 }}", "{{ [1] * 10 ** 12 }}", "{{ range(10 ** 9) }}",
        "{{ 'x' | center(10 ** 15) }}", "{{ ('a' * 10 ** 6) | replace('a', 'b' * 10 ** 6) }}",
        "{{ '%999999999d' % 1 }}", "{{ '{:999999999}'.format(1) }}", "{{ 'a' | indent(10 ** 15) }}",
        "{{ [1] | batch(10 ** 15, 0) | list }}", "{{ [1] | slice(10 ** 15) | list }}",
        "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s "
        "%}{% endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(100000) %}{% set ns.l = [ns.l] %}{% "
        "endfor "
        "%}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(140) %}{% set ns.l = [ns.l, ns.l] %}{% "
        "endfor %}{{ ns.l }}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(140) %}{% set ns.l = [ns.l, ns.l] %}{% "
        "endfor %}{{ ns.l | tojson }}",
        "{% set ns = namespace(g=[1]) %}{% for i in range(100000) %}{% set ns.g = ns.g | "
        "map('upper') "
        "%}{% endfor %}{{ ns.g | list }}",
        "{% set ns = namespace() %}{% set ns.n = ns %}{{ ns }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m(x) %}{{ m(x + 1) ~ m(x + 1) }}{% endmacro %}{{ m(0) }}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}",
        "{% for a in range(10000) %}{% for b in range(10000) %}0123456789{% endfor %}{% endfor %}",
        "{% set s = 'a' * 10 ** 6 %}{% for a in range(100000) %}{% set t = s | upper %}{% endfor "
        "%}"));

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

/// Whatever lies between one call and the next, the machine's stack holds.
TEST(TemplateLimits, DeepRunsEndInAnError) {
  const std::string open_loops = repeated("{% for x in [1] %}", 60);
  const std::string close_loops = repeated("{% endfor %}", 60);
  const std::string open_sets = repeated("{% if 1 %}{% set x %}", 30);
  const std::string close_sets = repeated("{% endset %}{% endif %}", 30);
  for (const std::string& body : {
           "{{ " + repeated("[", 90) + "m()" + repeated("]", 90) + " }}",
           "{{ m()" + repeated("|e", 90) + " }}",
           "{{ 1" + repeated("+1", 200) + "+m() }}",
           open_loops + "{{ m() }}" + close_loops,
           open_sets + "{{ m() }}" + close_sets,
           std::string("{% call m() %}{{ m() }}{% endcall %}"),
           std::string("{{ [1] | map('string') | map('e') | select | list | join(m()) }}"),
           std::string("{{ '%s{}' % m() | string | upper }}"),
       }) {
    const std::string source = "{% macro m() %}" + body + "{{ caller }}{% endmacro %}{{ m() }}";
    EXPECT_THAT(error_of<ResourceExhausted>(source), HasSubstr("deep")) << source.substr(0, 60);
  }
  EXPECT_THAT(error_of<ResourceExhausted>("{% macro m(a=m()) %}{% endmacro %}{{ m() }}"),
              HasSubstr("deep"));
}

TEST(TemplateLimits, DeepTemplatesAreRefused) {
  for (const std::string& source :
       {"{{ " + repeated("(", 100000), "{{ " + repeated("[", 100000),
        "{{ " + repeated("{1:", 100000), "{{ " + repeated("-", 100000) + "1 }}",
        "{{ " + repeated("not ", 100000) + "1 }}", "{{ 1" + repeated("+1", 100000) + " }}",
        "{{ a" + repeated(".a", 100000) + " }}", "{{ a" + repeated("|e", 100000) + " }}",
        "{{ a" + repeated("[0]", 100000) + " }}", "{{ a" + repeated("()", 100000) + " }}",
        "{{ 1" + repeated(" if 1 else 1", 100000) + " }}", repeated("{% if 1 %}", 100000),
        repeated("{% for a in b %}", 100000), repeated("{% macro a() %}", 100000),
        "{{ a(" + repeated("a(", 100000)}) {
    EXPECT_THAT(error_of<FormatError>(source), HasSubstr("deep")) << source.substr(0, 20);
  }
}

TEST(TemplateLimits, NoCycleOutlivesARun) {
  // Leaks are the sanitizer build's to find.
  rendered(
      "{% set ns = namespace() %}{% set ns.me = ns %}{% macro m() %}{% endmacro %}{% set ns.m = m "
      "%}{% for i in range(1000) %}{% macro k() %}{{ k }}{{ ns.k }}{% endmacro %}{% set ns.k = k "
      "%}{% endfor %}");
}

TEST(TemplateVariables, AreWhatATemplateReadsFromOutside) {
  const Template parsed("{% if enable_thinking %}{{ tools }}{% endif %}{{ d.member }}");
  EXPECT_TRUE(parsed.uses("enable_thinking"));
  EXPECT_TRUE(parsed.uses("tools"));
  EXPECT_FALSE(parsed.uses("member"));
  EXPECT_FALSE(parsed.uses("loop"));
  EXPECT_THAT(parsed.variables(), ElementsAre("d", "enable_thinking", "tools"));
}

struct Reading {
  const char* source;
  bool uses;     ///< x
  bool offered;  ///< x too
};

TEST(TemplateVariables, AreReadWhereNothingSurelyGaveThemAValue) {
  const Reading cases[] = {
      {"{{ x }}", true, true},
      {"{{ x.y[x](x) }}", true, true},
      {"{{ f(k=x) }}", true, true},
      {"{{ f(*x, **x) }}", true, true},
      {"{{ a if x else b }}", true, true},
      {"{{ 1 is divisibleby(x) }}", true, true},
      {"{% set x = 1 %}{{ x }}", false, false},
      {"{% set x = x or 1 %}{{ x }}", true, false},
      {"{% set x = x | default(1) %}", true, true},
      {"{% if x is not defined %}{% set x = 1 %}{% endif %}{{ x }}", true, true},
      {"{% if not x %}{% set x = 1 %}{% endif %}{{ x }}", true, false},
      {"{% if a %}{% set x = 1 %}{% endif %}{{ x }}", true, false},
      {"{% if a %}{% set x = 1 %}{% else %}{% set x = 2 %}{% endif %}{{ x }}", false, false},
      {"{% if a %}{% set x = 1 %}{% elif b %}{% else %}{% set x = 2 %}{% endif %}{{ x }}", true,
       false},
      {"{% if a %}{% set x = 1 %}{{ x }}{% endif %}", false, false},
      {"{% for x in a %}{{ x }}{% endfor %}", false, false},
      {"{% for b, x in a %}{{ x }}{% endfor %}", false, false},
      {"{% for x in a if x %}{% endfor %}", false, false},
      {"{% for x in x %}{% endfor %}", true, false},
      {"{% for x in a %}{% endfor %}{{ x }}", true, false},
      {"{% for x in a %}{% else %}{{ x }}{% endfor %}", true, false},
      {"{% for b in a %}{% set x = 1 %}{% endfor %}{{ x }}", true, false},
      {"{% macro m(x) %}{{ x }}{% endmacro %}", false, false},
      {"{% macro m(a=x) %}{% endmacro %}", true, true},
      {"{% macro x() %}{{ x }}{% endmacro %}{{ x() }}", false, false},
      {"{% macro m() %}{{ x }}{% endmacro %}{{ m() }}", true, true},
      {"{% call(x) m() %}{{ x }}{% endcall %}", false, false},
      {"{% call m(x) %}{% endcall %}", true, true},
      {"{% with x = 1 %}{{ x }}{% endwith %}", false, false},
      {"{% with x = 1 %}{% endwith %}{{ x }}", true, false},
      {"{% set x %}a{% endset %}{{ x }}", false, false},
      {"{% filter replace('a', x) %}a{% endfilter %}", true, true},
      {"{% set x.y = 1 %}", true, true},
      {"{% set x = namespace() %}{% set x.y = 1 %}", false, false},
      {"{% generation %}{% set x = 1 %}{% endgeneration %}{{ x }}", true, false},
      {"{% for x in a %}{% block b %}{{ x }}{% endblock %}{% endfor %}", true, false},
      {"{% for x in a %}{% block b %}{% endblock %}{{ x }}{% endfor %}", false, false},
      {"{{ y.x }}{{ 'x' }}{{ f(x=1) }}", false, false},
  };
  for (const Reading& each : cases) {
    const Template parsed(each.source);
    const std::vector<std::string> offered = parsed.variables();
    EXPECT_EQ(parsed.uses("x"), each.uses) << each.source;
    EXPECT_EQ(std::ranges::count(offered, "x"), each.offered ? 1 : 0) << each.source;
  }
}

}  // namespace
}  // namespace sirocco::jinja
