#include <array>

#include "sirocco/text/stages/pretokenizer.hpp"

// The pre-tokenizers behind the names that converters write into `tokenizer.ggml.pre`. The patterns
// are those of the models' own tokenizer.json (or tiktoken encoding), not adaptations of them: case
// folding, Unicode classes and the order of stages matter for rare characters.
namespace sirocco {
namespace {

using enum StageKind;
using Stage = PretokenizerStage;

constexpr Stage kDigits{kIsolate, R"(\p{N})"};
constexpr Stage kUpToThreeDigits{kIsolate, R"(\p{N}{1,3})"};
constexpr Stage kLineEnds{kIsolate, R"([\r\n])"};
constexpr Stage kHanAndHangul{kIsolate, "[一-龥ࠀ-一가-퟿]+"};
constexpr Stage kHanAndKana{kIsolate, "[一-龥぀-ゟ゠-ヿ]+"};

// The pattern of tokenizers' ByteLevel, which is GPT-2's.
constexpr Stage kByteLevel{
    kIsolate, R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"};

constexpr std::array kGpt2{kByteLevel};
constexpr std::array kDigitsThenGpt2{kDigits, kByteLevel};

constexpr std::array kLlama3{Stage{
    kIsolate,
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}};
constexpr Stage kQwen2Stage{
    kIsolate,
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"};
constexpr std::array kQwen2{kQwen2Stage};
constexpr std::array kQwen35{Stage{
    kIsolate,
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}};
constexpr std::array kNoContractions{
    Stage{kIsolate,
          R"([^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}};
constexpr std::array kMiniCpm5{
    kUpToThreeDigits,
    Stage{
        kIsolate,
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}};
// Long runs of spaces are taken in steps. Looking for the line end again at each step would be
// quadratic: the lookbehind looks only where no other space stands before, which is enough, since a
// step is taken only where the rest of the run holds no line end.
constexpr std::array kJais2{Stage{
    kIsolate,
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|(?<!(?![\r\n])\s)\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1})"}};
constexpr std::array kBailing{Stage{
    kIsolate,
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)"}};
constexpr std::array kSeedCoder{Stage{
    kIsolate,
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+)"}};
// The repeated group is possessive here: nothing follows it, so it never needs to give back.
constexpr std::array kExaoneMoe{Stage{
    kIsolate,
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*+(?: \p{L}\p{M}*+)*+)++|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)"}};

// o200k and what descends from it: words end where lower case turns into upper case.
constexpr Stage kO200kStage{
    kIsolate,
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"};
constexpr std::array kO200k{kO200kStage};
constexpr std::array kTinyAya{
    // \d{1,3}(?=(?:\d{3})*\b), which looks at the rest of a number from each of its digits.
    // The class is Oniguruma's \w: in Latin-1 it counts all numerals.
    Stage{kDigitGroups, R"((?<!\p{Nd})\p{Nd}++(?![\p{Alphabetic}\p{M}\p{Nd}\p{Pc}²³¹¼½¾]))"},
    kO200kStage};
constexpr std::array kTekken{Stage{
    kIsolate,
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}};
constexpr std::array kYoutu{
    Stage{
        kIsolate,
        "[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-"
        "ゟ゠-"
        "ヿ]"
        "+"},
    Stage{
        kIsolate,
        R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}};
// The original subtracts Han from both classes of letters. A class can't be subtracted from in
// PCRE2, but general categories partition all characters: everything else, and Han, excluded.
constexpr std::array kKimiK2{Stage{
    kIsolate,
    R"(\p{sc:Han}+|[^\r\n\p{L}\p{N}]?[^\p{Ll}\p{N}\p{P}\p{S}\p{Z}\p{C}\p{sc:Han}]*[^\p{Lu}\p{Lt}\p{N}\p{P}\p{S}\p{Z}\p{C}\p{sc:Han}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[^\p{Ll}\p{N}\p{P}\p{S}\p{Z}\p{C}\p{sc:Han}]+[^\p{Lu}\p{Lt}\p{N}\p{P}\p{S}\p{Z}\p{C}\p{sc:Han}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}};

constexpr std::array kDeepSeekLlm{
    kLineEnds,
    Stage{kIsolate,
          R"(\s?[A-Za-z\x{b5}\x{c0}-\x{d6}\x{d8}-\x{f6}\x{f8}-\x{1ba}\x{1bc}-\x{1bf})"
          R"(\x{1c4}-\x{293}\x{295}-\x{2af}\x{370}-\x{373}\x{376}\x{377}\x{37b}-\x{37d})"
          R"(\x{37f}\x{386}\x{388}-\x{38a}\x{38c}\x{38e}-\x{3a1}\x{3a3}-\x{3f5})"
          R"(\x{3f7}-\x{481}\x{48a}-\x{52f}\x{531}-\x{556}\x{10a0}-\x{10c5}\x{13a0}-\x{13f5})"
          R"(\x{13f8}-\x{13fd}\x{1c90}-\x{1cba}\x{1cbd}-\x{1cbf}\x{1d00}-\x{1d2b})"
          R"(\x{1d6b}-\x{1d77}\x{1d79}-\x{1d9a}\x{1e00}-\x{1f15}\x{1f18}-\x{1f1d})"
          R"(\x{1f20}-\x{1f45}\x{1f48}-\x{1f4d}\x{1f50}-\x{1f57}\x{1f59}\x{1f5b}\x{1f5d})"
          R"(\x{1f5f}-\x{1f7d}\x{1f80}-\x{1fb4}\x{1fb6}-\x{1fbc}\x{1fbe}\x{1fc2}-\x{1fc4})"
          R"(\x{1fc6}-\x{1fcc}\x{1fd0}-\x{1fd3}\x{1fd6}-\x{1fdb}\x{1fe0}-\x{1fec})"
          R"(\x{1ff2}-\x{1ff4}\x{1ff6}-\x{1ffc}\x{2102}\x{2107}\x{210a}-\x{2113}\x{2115})"
          R"(\x{2119}-\x{211d}\x{2124}\x{2126}\x{2128}\x{212a}-\x{212d}\x{212f}-\x{2134})"
          R"(\x{2139}\x{213c}-\x{213f}\x{2145}-\x{2149}\x{214e}\x{2183}\x{2184})"
          R"(\x{2c00}-\x{2c7b}\x{2c7e}-\x{2ce4}\x{2ceb}-\x{2cee}\x{2cf2}\x{2cf3})"
          R"(\x{a640}-\x{a66d}\x{a680}-\x{a69b}\x{a722}-\x{a76f}\x{a771}-\x{a787})"
          R"(\x{a78b}-\x{a78e}\x{ab70}-\x{abbf}\x{fb00}-\x{fb06}\x{fb13}-\x{fb17})"
          R"(\x{ff21}-\x{ff3a}\x{ff41}-\x{ff5a}\x{10400}-\x{1044f}\x{104b0}-\x{104d3})"
          R"(\x{104d8}-\x{104fb}\x{10c80}-\x{10cb2}\x{10cc0}-\x{10cf2}\x{118a0}-\x{118df})"
          R"(\x{1e900}-\x{1e943}]+)"},
    Stage{kIsolate, R"(\s?[!-/:-~！-／：-～‘-‟　-。]+)"},
    // \s+$ of the original, which tries every start within a run of spaces. The lookbehind leaves
    // the first.
    Stage{kIsolate, R"((?<!\s)\s++\z)"}, kHanAndHangul, kDigits};
constexpr std::array kDeepSeekCoder{kLineEnds, Stage{kIsolate, R"(\s?\p{L}+)"},
                                    Stage{kIsolate, R"(\s?\p{P}+)"}, kHanAndHangul, kDigits};
constexpr std::array kDeepSeek3{
    kUpToThreeDigits, kHanAndKana,
    Stage{
        kIsolate,
        R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}};
constexpr std::array kSpark25{
    kUpToThreeDigits, kHanAndKana,
    Stage{
        kIsolate,
        R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+)"},
    kDigits};

// Punctuation, ByteLevel, Digits and triples in this order: the last two see spelled bytes.
constexpr std::array kFalcon{Stage{kIsolate, R"([\p{P}$+<=>^`|~]+)"}, kByteLevel,
                             Stage{kNumeralBytes}, Stage{kAsciiTriples}};
// For files from before the key existed, as llama.cpp reads them.
constexpr std::array kDefault{Stage{kIsolate, R"([\p{P}$+<=>^~|]+)"}, kByteLevel,
                              Stage{kIsolate, R"(\p{N}+)"}, Stage{kIsolate, "[0-9][0-9][0-9]"}};

constexpr Stage kBloomStage{kIsolate, R"( ?[^(\s|.,!?…。，、।۔،)]+)"};
constexpr std::array kBloom{kBloomStage};
constexpr std::array kViking{kBloomStage, kDigits};

constexpr std::array kChameleon{
    Stage{kIsolate, "<sentinel:[0-9]+>"},       Stage{kIsolate, "(?:IMGIMG)[A-I]{1,4}Z"},
    Stage{kIsolate, R"([\t\n]|    |  )"},       kDigits,
    Stage{kIsolate, R"([\p{P}!-/:-@\[-`{-~])"}, kByteLevel};
// \p{N}+ and then a cut wherever whole threes remain, (?=(\d{3})+(?!\d)): no words at all.
constexpr std::array kSuperBpe{Stage{kIsolate, R"(\p{N}+)"}, Stage{kDigitCuts, R"(\p{Nd}+)"}};
constexpr std::array kLaguna{Stage{kIsolate, R"([^\n]+|[\n]+)"}, kQwen2Stage};

constexpr Normalization kNfc = Normalization::kNfc;
constexpr Normalization kRaw = Normalization::kNone;

constexpr PretokenizerRow kRows[] = {
    // name, stages, normalization, ignore_merges, add_bos
    {"default", kDefault, kRaw, false, false},
    {"llama-bpe", kLlama3, kRaw, true, true},
    {"llama3", kLlama3, kRaw, true, true},
    {"llama-v3", kLlama3, kRaw, true, true},
    {"falcon3", kLlama3, kRaw, true, true},
    {"falcon-h1", kLlama3, kRaw, true, true},
    {"pixtral", kLlama3, kRaw, true, true},
    {"midm-2.0", kLlama3, kRaw, true, true},
    {"lfm2", kLlama3, kRaw, true, true},
    {"jina-v5-nano", kLlama3, kRaw, true, true},
    {"dbrx", kLlama3, kRaw, false, false},
    {"smaug-bpe", kLlama3, kRaw, false, false},
    {"chatglm-bpe", kLlama3, kRaw, false, false},
    {"glm4", kLlama3, kRaw, true, false},
    {"glm5", kLlama3, kRaw, true, false},
    {"jais-2", kJais2, kRaw, false, false},
    {"minicpm5", kMiniCpm5, kRaw, true, false},
    {"deepseek-llm", kDeepSeekLlm, kRaw, false, false},
    {"deepseek-coder", kDeepSeekCoder, kRaw, false, false},
    {"deepseek-v3", kDeepSeek3, kRaw, false, false},
    {"hunyuan-dense", kDeepSeek3, kRaw, false, false},
    {"joyai-llm", kDeepSeek3, kRaw, false, false},
    {"hy_v4", kDeepSeek3, kRaw, false, false},
    {"spark2_5", kSpark25, kRaw, false, false},
    {"falcon", kFalcon, kRaw, false, false},
    {"gpt-2", kGpt2, kRaw, false, false},
    {"phi-2", kGpt2, kRaw, false, false},
    {"jina-es", kGpt2, kRaw, false, false},
    {"jina-de", kGpt2, kRaw, false, false},
    {"jina-v2-es", kGpt2, kRaw, false, false},
    {"jina-v2-de", kGpt2, kRaw, false, false},
    {"jina-v1-en", kGpt2, kRaw, false, false},
    {"jina-v2-code", kGpt2, kRaw, false, false},
    {"roberta-bpe", kGpt2, kRaw, false, false},
    {"gigachat", kGpt2, kRaw, false, false},
    {"a.x-4.0", kGpt2, kRaw, false, false},
    {"mellum", kGpt2, kRaw, false, false},
    {"exaone4", kGpt2, kRaw, false, false},
    {"jais", kGpt2, kRaw, false, false},
    {"trillion", kGpt2, kRaw, false, false},
    {"granite-docling", kGpt2, kRaw, false, false},
    {"mpt", kGpt2, kNfc, false, false},
    {"olmo", kGpt2, kNfc, false, false},
    {"modern-bert", kGpt2, kNfc, false, false},
    {"smollm", kDigitsThenGpt2, kRaw, false, false},
    {"starcoder", kDigitsThenGpt2, kRaw, false, false},
    {"refact", kDigitsThenGpt2, kRaw, false, false},
    {"command-r", kDigitsThenGpt2, kNfc, false, false},
    {"codeshell", kDigitsThenGpt2, kRaw, false, false},
    {"exaone", kDigitsThenGpt2, kRaw, false, false},
    {"minerva-7b", kDigitsThenGpt2, kRaw, false, false},
    {"mellum2", kDigitsThenGpt2, kRaw, false, false},
    {"qwen2", kQwen2, kNfc, false, false},
    {"deepseek-r1-qwen", kQwen2, kNfc, false, false},
    {"qwen35", kQwen35, kNfc, false, false},
    {"stablelm2", kQwen2, kRaw, false, false},
    {"megrez", kQwen2, kRaw, false, false},
    {"hunyuan", kQwen2, kRaw, false, false},
    {"solar-open", kQwen2, kRaw, false, false},
    {"grok-2", kQwen2, kRaw, false, false},
    {"kormo", kQwen2, kRaw, false, false},
    {"f2llmv2", kQwen2, kNfc, false, false},
    {"ufakzeka", kNoContractions, kRaw, false, false},
    {"laguna", kLaguna, kRaw, false, false},
    {"poro-chat", kBloom, kRaw, false, false},
    {"bloom", kBloom, kRaw, false, false},
    {"gpt3-finnish", kBloom, kRaw, false, false},
    {"viking", kViking, kRaw, false, false},
    {"tekken", kTekken, kRaw, true, true},
    {"gpt-4o", kO200k, kRaw, false, false},
    {"o200k", kO200k, kRaw, false, false},
    {"llama4", kO200k, kRaw, false, false},
    {"kanana2", kO200k, kRaw, false, false},
    {"talkie", kO200k, kRaw, false, false},
    {"minimax-m2", kO200k, kRaw, false, false},
    {"granite-embed-multi-97m", kO200k, kRaw, true, false},
    {"tiny_aya", kTinyAya, kRaw, false, false},
    {"cohere2moe", kTinyAya, kRaw, false, false},
    {"youtu", kYoutu, kRaw, true, false},
    {"kimi-k2", kKimiK2, kRaw, false, false},
    {"superbpe", kSuperBpe, kRaw, false, false},
    {"bailingmoe", kBailing, kRaw, false, false},
    {"bailingmoe2", kBailing, kRaw, false, false},
    {"llada-moe", kBailing, kRaw, false, false},
    {"seed-coder", kSeedCoder, kRaw, false, false},
    {"exaone-moe", kExaoneMoe, kRaw, false, false},
    {"chameleon", kChameleon, kRaw, false, true},
};

}  // namespace

std::span<const PretokenizerRow> pretokenizer_rows() { return kRows; }

}  // namespace sirocco
