#pragma once

#if defined(__x86_64__) || defined(__i386__)
#include <xmmintrin.h>
#else
#include <cfenv>
#endif

namespace sirocco {

/// While it lives, this thread rounds to nearest even, traps nothing and keeps denormals; then what
/// was set before is back. The only place that touches floating-point control registers.
class ScopedFloatEnvironment {
 public:
#if defined(__x86_64__) || defined(__i386__)
  ScopedFloatEnvironment() noexcept : before_(_mm_getcsr()) {
    if ((before_ & kControlBits) != kDefaults) _mm_setcsr(kDefaults);
  }
  ~ScopedFloatEnvironment() {
    if ((_mm_getcsr() & kControlBits) != (before_ & kControlBits)) _mm_setcsr(before_);
  }
#else
  ScopedFloatEnvironment() noexcept {
    std::fegetenv(&before_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~ScopedFloatEnvironment() { std::fesetenv(&before_); }
#endif
  ScopedFloatEnvironment(const ScopedFloatEnvironment&) = delete;
  ScopedFloatEnvironment& operator=(const ScopedFloatEnvironment&) = delete;

 private:
#if defined(__x86_64__) || defined(__i386__)
  // MXCSR (Intel SDM vol. 1, 10.2.3): bits 0-5 are sticky flags, the rest is control; the default
  // masks all exceptions, with rounding, flush-to-zero and denormals-are-zero at 0.
  static constexpr unsigned kControlBits = 0xFFC0;
  static constexpr unsigned kDefaults = 0x1F80;
  unsigned before_;
#else
  std::fenv_t before_;
#endif
};

}  // namespace sirocco
