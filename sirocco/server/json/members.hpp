#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/server/json/field.hpp"

namespace sirocco::json {

/// A member of a request that is heeded: a row of the table that reading, error texts and
/// documentation come from. Members that write the same thing are names for one: a request may
/// give both only with one value.
template <class T>
struct Member {
  std::string_view name;
  Expected expected;
  /// Takes a value that is as expected. Throws InvalidRequest for what only it can know.
  void (*put)(T& out, const Field& field);
  std::string_view meaning;
};

/// A member that changes nothing as long as its value is as expected; with another one the request
/// is refused.
struct UnheededMember {
  std::string_view name;
  Expected expected;
  std::string_view why;  ///< it has no effect, or isn't there
};

// What `put` does of fields of the usual kinds.

inline void store(bool& out, const Field& field) { out = field.boolean(); }
inline void store(std::int32_t& out, const Field& field) {
  using Limits = std::numeric_limits<std::int32_t>;
  out = static_cast<std::int32_t>(field.integer({Limits::min(), Limits::max()}));
}
inline void store(std::int64_t& out, const Field& field) { out = field.integer(); }
inline void store(float& out, const Field& field) {
  constexpr double kMax = std::numeric_limits<float>::max();
  out = static_cast<float>(field.number({-kMax, kMax}));
}
inline void store(double& out, const Field& field) { out = field.number(); }
inline void store(std::string& out, const Field& field) { out = field.text(); }
template <class V>
void store(std::optional<V>& out, const Field& field) {
  V value{};
  store(value, field);
  out = std::move(value);
}

namespace detail {
template <class Pointer>
struct ClassOf;
template <class T, class V>
struct ClassOf<V T::*> {
  using Type = T;
};
}  // namespace detail

/// Member::put of a field: put<&Generation::stream>.
template <auto Pointer>
void put(typename detail::ClassOf<decltype(Pointer)>::Type& out, const Field& field) {
  store(out.*Pointer, field);
}

/// Reads the members of one object: `read` for each table, then `finish`. A member that is null
/// counts as left out. Throws InvalidRequest that names the member.
class MemberReader {
 public:
  /// Throws unless the field is an object.
  explicit MemberReader(const Field& object);

  template <class T>
  void read(T& out, std::span<const Member<T>> table) {
    // The rows that were there, for names of one thing.
    std::vector<const Member<T>*> seen;
    std::vector<const Object::value_type*> given;
    for (const Member<T>& row : table) {
      const Object::value_type* const member = take(row.name);
      if (member == nullptr) continue;
      const Field field = object_.member(*member);
      field.require(row.expected);
      for (std::size_t i = 0; i < seen.size(); ++i) {
        if (seen[i]->put == row.put) refuse_unless_equal(*given[i], *member);
      }
      seen.push_back(&row);
      given.push_back(member);
      row.put(out, field);
    }
  }
  template <class T, std::size_t N>
  void read(T& out, const std::array<Member<T>, N>& table) {
    read(out, std::span<const Member<T>>(table));
  }
  void pass(std::span<const UnheededMember> table);

  /// The member of that name, unless it is left out.
  std::optional<Field> find(std::string_view name) const;
  /// Throws where it is left out of a whole body.
  void require(std::string_view name) const;

  /// Throws for the first member that no table knew.
  void finish() const;

 private:
  /// The member of that name, known from now on; null where it is left out.
  const Object::value_type* take(std::string_view name);
  void refuse_unless_equal(const Object::value_type& a, const Object::value_type& b) const;

  Field object_;
  const Object& members_;
  std::vector<bool> known_;
  std::vector<std::string_view> names_;  // of all tables
};

/// A whole body with the members of two tables and no others, among them those that `required`
/// names. Throws InvalidRequest that names the member.
template <class T, std::size_t N>
T read_body(const Value& body, const std::array<Member<T>, N>& members,
            std::span<const UnheededMember> unheeded,
            std::initializer_list<std::string_view> required) {
  const Field whole(body);
  MemberReader reader(whole);
  T out;
  reader.read(out, members);
  reader.pass(unheeded);
  reader.finish();
  for (const std::string_view name : required) reader.require(name);
  return out;
}

/// What documentation says of a member.
struct MemberDescription {
  std::string_view name;
  std::string values;
  std::string_view meaning;
  bool heeded;
};

template <class T>
void describe(std::span<const Member<T>> table, std::vector<MemberDescription>& out) {
  for (const Member<T>& row : table)
    out.push_back({row.name, words(row.expected), row.meaning, true});
}
void describe(std::span<const UnheededMember> table, std::vector<MemberDescription>& out);

/// All members of a body that two tables tell.
template <class T, std::size_t N>
std::vector<MemberDescription> described_members(const std::array<Member<T>, N>& members,
                                                 std::span<const UnheededMember> unheeded) {
  std::vector<MemberDescription> out;
  describe(std::span<const Member<T>>(members), out);
  describe(unheeded, out);
  return out;
}

}  // namespace sirocco::json
