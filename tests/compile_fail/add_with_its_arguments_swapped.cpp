// expect-gcc: cannot convert 'const sirocco::Tensor' to 'const sirocco::Out<sirocco::Tensor>&'
// expect-clang: no viable conversion from 'const .*Tensor' to 'const .*Out<.*Tensor>'
// What an op writes is marked where it is passed: the residual stream isn't an addend.
#include "sirocco/kernels/backend.hpp"

namespace sirocco {

void advance(Ops& ops, const Tensor& stream, const Tensor& mixed) {
#ifdef SIROCCO_CONTROL
  ops.add(Out(stream), mixed);
#else
  ops.add(mixed, Out(stream));
#endif
}

}  // namespace sirocco
