#include "sirocco/text/stages/oniguruma_properties.hpp"

#include <algorithm>
#include <iterator>

namespace sirocco {
namespace {

std::string lower(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ' ' || c == '_' || c == '-') continue;
    out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c);
  }
  return out;
}

struct Named {
  std::string_view name;  // lower case, without _ and -
  std::string_view body;  // the inside of a PCRE2 class
};

// Long names of general categories, and the POSIX names that are sets of their own.
constexpr Named kProperties[] = {
    {"letter", "\\p{L}"},
    {"uppercaseletter", "\\p{Lu}"},
    {"lowercaseletter", "\\p{Ll}"},
    {"titlecaseletter", "\\p{Lt}"},
    {"modifierletter", "\\p{Lm}"},
    {"otherletter", "\\p{Lo}"},
    {"mark", "\\p{M}"},
    {"nonspacingmark", "\\p{Mn}"},
    {"spacingmark", "\\p{Mc}"},
    {"enclosingmark", "\\p{Me}"},
    {"number", "\\p{N}"},
    {"decimalnumber", "\\p{Nd}"},
    {"letternumber", "\\p{Nl}"},
    {"othernumber", "\\p{No}"},
    {"punctuation", "\\p{P}"},
    {"connectorpunctuation", "\\p{Pc}"},
    {"dashpunctuation", "\\p{Pd}"},
    {"openpunctuation", "\\p{Ps}"},
    {"closepunctuation", "\\p{Pe}"},
    {"initialpunctuation", "\\p{Pi}"},
    {"finalpunctuation", "\\p{Pf}"},
    {"otherpunctuation", "\\p{Po}"},
    {"symbol", "\\p{S}"},
    {"mathsymbol", "\\p{Sm}"},
    {"currencysymbol", "\\p{Sc}"},
    {"modifiersymbol", "\\p{Sk}"},
    {"othersymbol", "\\p{So}"},
    {"separator", "\\p{Z}"},
    {"spaceseparator", "\\p{Zs}"},
    {"lineseparator", "\\p{Zl}"},
    {"paragraphseparator", "\\p{Zp}"},
    {"other", "\\p{C}"},
    {"control", "\\p{Cc}"},
    {"format", "\\p{Cf}"},
    {"surrogate", "\\p{Cs}"},
    {"privateuse", "\\p{Co}"},
    {"unassigned", "\\p{Cn}"},
    {"alpha", "\\p{Alphabetic}"},
    {"alphabetic", "\\p{Alphabetic}"},
    {"digit", "\\p{Nd}"},
    {"alnum", "\\p{Alphabetic}\\p{Nd}"},
    {"space", kWhiteSpaceClass},
    {"whitespace", kWhiteSpaceClass},
    {"upper", "\\p{Uppercase}"},
    {"lower", "\\p{Lowercase}"},
    {"cntrl", "\\p{Cc}"},
    {"xdigit", kHexClass},
    {"word", kWordProperty},
    {"blank", "\\p{Zs}\\t"},
    {"punct", "\\p{P}"},
    {"ascii", "\\x{0}-\\x{7f}"},
};

// Names that PCRE2 takes as they are, and not for a script.
constexpr std::string_view kPlainProperties[] = {"any",
                                                 "l",
                                                 "lu",
                                                 "ll",
                                                 "lt",
                                                 "lm",
                                                 "lo",
                                                 "m",
                                                 "mn",
                                                 "mc",
                                                 "me",
                                                 "n",
                                                 "nd",
                                                 "nl",
                                                 "no",
                                                 "p",
                                                 "pc",
                                                 "pd",
                                                 "ps",
                                                 "pe",
                                                 "pi",
                                                 "pf",
                                                 "po",
                                                 "s",
                                                 "sm",
                                                 "sc",
                                                 "sk",
                                                 "so",
                                                 "z",
                                                 "zs",
                                                 "zl",
                                                 "zp",
                                                 "c",
                                                 "cc",
                                                 "cf",
                                                 "cn",
                                                 "co",
                                                 "cs",
                                                 "uppercase",
                                                 "lowercase",
                                                 "ideographic",
                                                 "emoji",
                                                 "math",
                                                 "dash",
                                                 "emojipresentation",
                                                 "emojimodifier",
                                                 "emojimodifierbase",
                                                 "emojicomponent",
                                                 "extendedpictographic",
                                                 "hexdigit",
                                                 "asciihexdigit",
                                                 "idstart",
                                                 "idcontinue",
                                                 "xidstart",
                                                 "xidcontinue",
                                                 "cased",
                                                 "caseignorable",
                                                 "diacritic",
                                                 "extender",
                                                 "variationselector",
                                                 "joincontrol",
                                                 "quotationmark",
                                                 "regionalindicator",
                                                 "terminalpunctuation",
                                                 "unifiedideograph",
                                                 "radical",
                                                 "softdotted",
                                                 "graphemebase",
                                                 "graphemeextend",
                                                 "patternwhitespace",
                                                 "sentenceterminal",
                                                 "noncharactercodepoint",
                                                 "defaultignorablecodepoint",
                                                 "bidicontrol",
                                                 "patternsyntax",
                                                 "deprecated"};

const Named* find_property(std::string_view key) {
  const auto* const known = std::ranges::find(kProperties, key, &Named::name);
  return known == std::end(kProperties) ? nullptr : known;
}

}  // namespace

std::optional<std::string> class_of_property(std::string_view name) {
  const std::string key = lower(name);
  const bool sound = !key.empty() && std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '=' || c == ':';
  });
  if (!sound) return std::nullopt;
  if (const Named* const known = find_property(key)) return std::string(known->body);
  const bool plain = std::ranges::find(kPlainProperties, key) != std::end(kPlainProperties);
  return "\\p{" + std::string(plain ? "" : "sc:") + std::string(name) + "}";
}

std::optional<std::string> class_of_posix(std::string_view name) {
  const Named* const known = find_property(name);
  if (known == nullptr) return std::nullopt;
  std::string body(known->body);
  if (name == "punct") body += "\\p{S}";  // unlike \p{Punct}
  return body;
}

}  // namespace sirocco
