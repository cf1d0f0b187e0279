// expect-gcc: conversion from 'StrongId<sirocco::PositionTag.*' to non-scalar type 'StrongId<sirocco::TokenIdTag
// expect-clang: no viable conversion from 'StrongId<struct PositionTag.*' to 'StrongId<struct TokenIdTag
// A place in a sequence is not an entry of a vocabulary, although both are 32-bit integers.
#include "sirocco/base/ids.hpp"

#ifdef SIROCCO_CONTROL
sirocco::TokenId token(sirocco::TokenId id) {
#else
sirocco::TokenId token(sirocco::Position id) {
#endif
  sirocco::TokenId result = id;
  return result;
}
