// Two functions that the Swift runtime and libstdc++ take from a glibc newer than 2.34, which RHEL 9 has. They stand in the
// executable of `make dist` in their place. Hidden: libraries that are loaded later keep those of their own glibc.
#include <math.h>
#include <unistd.h>

#define OURS __attribute__((visibility("hidden")))

// GLIBC_2.35. A double holds the squares of floats exactly enough, and cannot overflow with them.
OURS float hypotf(float x, float y) {
    if (isinf(x) || isinf(y)) return INFINITY;
    return (float)sqrt((double)x * x + (double)y * y);
}

// GLIBC_2.36, for std::random_device. getentropy fails only where the kernel has no randomness: then there is no going on.
OURS unsigned arc4random(void) {
    unsigned value;
    if (getentropy(&value, sizeof value) != 0) __builtin_trap();
    return value;
}
