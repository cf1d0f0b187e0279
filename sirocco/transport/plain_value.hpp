#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <type_traits>

#include "sirocco/base/ids.hpp"

namespace sirocco {

static_assert(std::endian::native == std::endian::little);

namespace detail {
template <class T>
struct IsStrongId : std::false_type {};
template <class Tag, class Rep>
struct IsStrongId<StrongId<Tag, Rep>> : std::true_type {};
}  // namespace detail

/// Values whose every byte means something, and which every combination of bytes is one of:
/// integers, floats and ids. (A bool or an enum isn't.)
template <class T>
concept PlainValue = (std::integral<T> && !std::same_as<T, bool>) || std::same_as<T, float> ||
                     std::same_as<T, double> || detail::IsStrongId<T>::value;

}  // namespace sirocco
