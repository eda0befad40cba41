#pragma once

#include <stddef.h>
#include <stdint.h>

// Vector kernels for the middle of a base64 text (RFC 4648, section 4). They know neither padding nor tails: each does as many
// whole groups as it can and says how far it came; the Swift scalar code in module Base64 does the rest and names the errors.
//
// No kernel reads or writes outside the bounds it is given, none needs alignment, and none keeps state.

enum cbase64_kernel { CBASE64_SSSE3 = 1, CBASE64_AVX2 = 2, CBASE64_NEON = 3, CBASE64_AVX512 = 4 };

/// Whether this processor can run `kernel`. A kernel it cannot run does no groups.
int cbase64_supports(int kernel);

/// Encodes whole groups of 3 bytes from the front of `bytes`; returns how many bytes were encoded, a multiple of 3.
size_t cbase64_encode(int kernel, const uint8_t *bytes, size_t count, uint8_t *output, size_t capacity);

/// Decodes whole groups of 4 characters from the front of `text`; returns how many characters were decoded, a multiple of 4.
/// Stops before the first block that holds a byte outside the alphabet, `=` among them. `output` may be `text` itself; up to
/// 8 bytes behind what was decoded, and within `capacity`, may be overwritten.
size_t cbase64_decode(int kernel, const uint8_t *text, size_t count, uint8_t *output, size_t capacity);
