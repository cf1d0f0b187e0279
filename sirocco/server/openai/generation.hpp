#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "sirocco/server/generation.hpp"
#include "sirocco/server/json/members.hpp"

namespace sirocco::openai {

// What requests that may have several answers, which nobody keeps, have besides.
std::span<const json::Member<Generation>> choice_members();
std::span<const json::UnheededMember> unkept_members();

/// Of members that limit an answer, whatever they are called; -1 is llama.cpp's word for none.
void put_max_tokens(Generation& out, const json::Field& field);
inline constexpr std::string_view kMaxTokensWords =
    "a whole number of at least 1, or -1 for the default limit";

/// Reads the members that all requests for answers have; those that limit an answer were read
/// before, and choice_members where the request has them. Throws InvalidRequest, also for members
/// that contradict each other.
void read_generation(json::MemberReader& reader, Generation& out);
/// Reads choice_members and unkept_members.
void read_choices(json::MemberReader& reader, Generation& out);

/// The members that it heeds, for documentation.
void describe_generation(std::vector<json::MemberDescription>& out);
/// Those that change nothing.
std::span<const json::UnheededMember> unheeded_members();

}  // namespace sirocco::openai
