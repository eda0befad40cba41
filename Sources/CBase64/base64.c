// The vector steps follow the methods that Wojciech Mula and Daniel Lemire published in "Faster Base64 Encoding and Decoding
// using AVX2 Instructions", ACM Transactions on the Web 12 (3), 2018, and for AVX-512 in "Base64 encoding and decoding at
// almost the speed of a memory copy", Software: Practice and Experience 50 (2), 2020.

#include "cbase64.h"

#if defined(__x86_64__) || (defined(__aarch64__) && defined(__ARM_NEON))

static const uint8_t alphabet[64] = {
    'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V',
    'W', 'X', 'Y', 'Z', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r',
    's', 't', 'u', 'v', 'w', 'x', 'y', 'z', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '+', '/',
};

// The fields of the characters 0x00...0x3f and 0x40...0x7f; 0xff is outside the alphabet.
#define NO 0xff
static const uint8_t fields_below_64[64] = {
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, 62, NO, NO, NO, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, NO, NO, NO, NO, NO, NO,
};
static const uint8_t fields_from_64[64] = {
    NO, 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, NO, NO, NO, NO, NO,
    NO, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, NO, NO, NO, NO, NO,
};

#endif

#if defined(__x86_64__)

#include <immintrin.h>

#define SSSE3 __attribute__((target("ssse3")))
#define AVX2 __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vbmi")))

// The same 16 bytes in each 128-bit lane: byte shuffles never leave their lane.
#define LANES(table) _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)(table)))
#define LANE(table) _mm_load_si128((const __m128i *)(table))
#define TABLE static const _Alignas(16) int8_t

// Encoding. Each group of three bytes a b c becomes the 32-bit word b a c b, so that each of its four 6-bit fields lies
// whole within a 16-bit half, and a multiplication shifts both halves' fields into their own bytes.
TABLE spread_groups[16] = {1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10};
enum { FIELDS_0_2 = 0x0fc0fc00, DOWN_10_6 = 0x04000040, FIELDS_1_3 = 0x003f03f0, UP_4_8 = 0x01000010 };

// What to add to a field to make it its character, by the field's class:
// 0 for a-z, 1...10 for a digit, 11 for +, 12 for /, 13 for A-Z.
TABLE to_character[16] = {
    'a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
    '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 'A',      0,        0,
};

// Decoding. A character is outside the alphabet when its high half, as a row, and its low half, as a column, share a bit.
// Rows: 1 is 0x2_ (only + and /), 2 is 0x3_ (digits), 4 is 0x4_ and 0x6_, 8 is 0x5_ and 0x7_ (letters), 16 is never right.
TABLE row_bit[16] = {16, 16, 1, 2, 4, 8, 4, 8, 16, 16, 16, 16, 16, 16, 16, 16};
TABLE column_refuses[16] = {
    16 | 4 | 1, 16 | 1, 16 | 1, 16 | 1, 16 | 1, 16 | 1, 16 | 1, 16 | 1,
    16 | 1, 16 | 1, 16 | 2 | 1, 16 | 8 | 2, 16 | 8 | 2 | 1, 16 | 8 | 2 | 1, 16 | 8 | 2 | 1, 16 | 8 | 2,
};

// What to add to a character to make it its field, by its high half; `/` alone shares its high half with +, and takes 1.
TABLE to_field[16] = {0, 63 - '/', 62 - '+', 52 - '0', 0 - 'A', 0 - 'A', 26 - 'a', 26 - 'a'};

// Four fields to 24 bits: pairs by a << 6 | b, then pairs of pairs by a << 12 | b, then the three bytes, the highest first.
enum { JOIN_FIELDS = 0x01400140, JOIN_PAIRS = 0x00011000 };
TABLE gather_bytes[16] = {2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1};

SSSE3 static size_t encode_ssse3(const uint8_t *bytes, size_t count, uint8_t *output, size_t capacity) {
    const __m128i spread = LANE(spread_groups), characters = LANE(to_character);
    size_t from = 0, to = 0;
    // 16 bytes are loaded, 12 used.
    for (; count - from >= 16 && capacity - to >= 16; from += 12, to += 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(bytes + from));
        block = _mm_shuffle_epi8(block, spread);
        __m128i even = _mm_mulhi_epu16(_mm_and_si128(block, _mm_set1_epi32(FIELDS_0_2)), _mm_set1_epi32(DOWN_10_6));
        __m128i odd = _mm_mullo_epi16(_mm_and_si128(block, _mm_set1_epi32(FIELDS_1_3)), _mm_set1_epi32(UP_4_8));
        __m128i fields = _mm_or_si128(even, odd);
        __m128i capital = _mm_and_si128(_mm_cmplt_epi8(fields, _mm_set1_epi8(26)), _mm_set1_epi8(13));
        __m128i class = _mm_or_si128(_mm_subs_epu8(fields, _mm_set1_epi8(51)), capital);
        __m128i text = _mm_add_epi8(fields, _mm_shuffle_epi8(characters, class));
        _mm_storeu_si128((__m128i *)(output + to), text);
    }
    return from;
}

SSSE3 static size_t decode_ssse3(const uint8_t *text, size_t count, uint8_t *output, size_t capacity) {
    const __m128i rows = LANE(row_bit), columns = LANE(column_refuses), shifts = LANE(to_field), gather = LANE(gather_bytes);
    const __m128i half = _mm_set1_epi8(0x0f);
    size_t from = 0, to = 0;
    // 16 bytes are stored, 12 meant.
    for (; count - from >= 16 && capacity - to >= 16; from += 16, to += 12) {
        __m128i block = _mm_loadu_si128((const __m128i *)(text + from));
        __m128i high = _mm_and_si128(_mm_srli_epi32(block, 4), half);
        __m128i low = _mm_and_si128(block, half);
        __m128i refused = _mm_and_si128(_mm_shuffle_epi8(rows, high), _mm_shuffle_epi8(columns, low));
        if (_mm_movemask_epi8(_mm_cmpeq_epi8(refused, _mm_setzero_si128())) != 0xffff) break;
        __m128i slash = _mm_cmpeq_epi8(block, _mm_set1_epi8('/'));
        __m128i fields = _mm_add_epi8(block, _mm_shuffle_epi8(shifts, _mm_add_epi8(high, slash)));
        __m128i pairs = _mm_maddubs_epi16(fields, _mm_set1_epi32(JOIN_FIELDS));
        __m128i groups = _mm_madd_epi16(pairs, _mm_set1_epi32(JOIN_PAIRS));
        _mm_storeu_si128((__m128i *)(output + to), _mm_shuffle_epi8(groups, gather));
    }
    return from;
}

AVX2 static size_t encode_avx2(const uint8_t *bytes, size_t count, uint8_t *output, size_t capacity) {
    const __m256i spread = LANES(spread_groups), characters = LANES(to_character);
    size_t from = 0, to = 0;
    // 12 bytes a lane: the second lane's load ends 28 bytes on.
    for (; count - from >= 28 && capacity - to >= 32; from += 24, to += 32) {
        __m128i first = _mm_loadu_si128((const __m128i *)(bytes + from));
        __m128i second = _mm_loadu_si128((const __m128i *)(bytes + from + 12));
        __m256i block = _mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1);
        block = _mm256_shuffle_epi8(block, spread);
        __m256i even =
            _mm256_mulhi_epu16(_mm256_and_si256(block, _mm256_set1_epi32(FIELDS_0_2)), _mm256_set1_epi32(DOWN_10_6));
        __m256i odd =
            _mm256_mullo_epi16(_mm256_and_si256(block, _mm256_set1_epi32(FIELDS_1_3)), _mm256_set1_epi32(UP_4_8));
        __m256i fields = _mm256_or_si256(even, odd);
        __m256i capital = _mm256_and_si256(_mm256_cmpgt_epi8(_mm256_set1_epi8(26), fields), _mm256_set1_epi8(13));
        __m256i class = _mm256_or_si256(_mm256_subs_epu8(fields, _mm256_set1_epi8(51)), capital);
        __m256i text = _mm256_add_epi8(fields, _mm256_shuffle_epi8(characters, class));
        _mm256_storeu_si256((__m256i *)(output + to), text);
    }
    return from;
}

AVX2 static size_t decode_avx2(const uint8_t *text, size_t count, uint8_t *output, size_t capacity) {
    const __m256i rows = LANES(row_bit), columns = LANES(column_refuses), shifts = LANES(to_field), gather = LANES(gather_bytes);
    const __m256i half = _mm256_set1_epi8(0x0f), close_lanes = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7);
    size_t from = 0, to = 0;
    // 32 bytes are stored, 24 meant. In place that is safe: `to` never passes `from`, and this block is already loaded.
    for (; count - from >= 32 && capacity - to >= 32; from += 32, to += 24) {
        __m256i block = _mm256_loadu_si256((const __m256i *)(text + from));
        __m256i high = _mm256_and_si256(_mm256_srli_epi32(block, 4), half);
        __m256i low = _mm256_and_si256(block, half);
        if (!_mm256_testz_si256(_mm256_shuffle_epi8(rows, high), _mm256_shuffle_epi8(columns, low))) break;
        __m256i slash = _mm256_cmpeq_epi8(block, _mm256_set1_epi8('/'));
        __m256i fields = _mm256_add_epi8(block, _mm256_shuffle_epi8(shifts, _mm256_add_epi8(high, slash)));
        __m256i pairs = _mm256_maddubs_epi16(fields, _mm256_set1_epi32(JOIN_FIELDS));
        __m256i groups = _mm256_madd_epi16(pairs, _mm256_set1_epi32(JOIN_PAIRS));
        __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(groups, gather), close_lanes);
        _mm256_storeu_si256((__m256i *)(output + to), bytes);
    }
    return from;
}

// With 64 bytes to a register a table holds the alphabet, and bytes move anywhere.

// 48 of 64 bytes: what stands for a whole register of characters.
static const uint64_t meant = ((uint64_t)1 << 48) - 1;

#define WORDS(word) word(0), word(1), word(2), word(3), word(4), word(5), word(6), word(7), \
    word(8), word(9), word(10), word(11), word(12), word(13), word(14), word(15)
#define SPREAD(group) 3 * group + 1, 3 * group, 3 * group + 2, 3 * group + 1
#define GATHER(word) 4 * word + 2, 4 * word + 1, 4 * word
static const uint8_t spread_wide[64] = {WORDS(SPREAD)}, gather_wide[64] = {WORDS(GATHER)};

// Where the fields begin, as bits of two words b a c b.
enum { FIRST_FIELDS = 0x1016040a, SECOND_FIELDS = 0x3036242a };

AVX512 static size_t encode_avx512(const uint8_t *bytes, size_t count, uint8_t *output, size_t capacity) {
    const __m512i spread = _mm512_loadu_si512(spread_wide), characters = _mm512_loadu_si512(alphabet);
    const __m512i fields = _mm512_set1_epi64((int64_t)SECOND_FIELDS << 32 | FIRST_FIELDS);
    size_t from = 0, to = 0;
    for (; count - from >= 48 && capacity - to >= 64; from += 48, to += 64) {
        __m512i block = _mm512_permutexvar_epi8(spread, _mm512_maskz_loadu_epi8(meant, bytes + from));
        // What stands above the 6 bits of a field the look-up passes over.
        __m512i text = _mm512_permutexvar_epi8(_mm512_multishift_epi64_epi8(fields, block), characters);
        _mm512_storeu_si512(output + to, text);
    }
    return from;
}

AVX512 static size_t decode_avx512(const uint8_t *text, size_t count, uint8_t *output, size_t capacity) {
    const __m512i below = _mm512_loadu_si512(fields_below_64), above = _mm512_loadu_si512(fields_from_64);
    const __m512i gather = _mm512_loadu_si512(gather_wide);
    size_t from = 0, to = 0;
    // In place that is safe: `to` never passes `from`, and this block is already loaded.
    for (; count - from >= 64 && capacity - to >= 48; from += 64, to += 48) {
        __m512i block = _mm512_loadu_si512(text + from);
        __m512i fields = _mm512_permutex2var_epi8(below, block, above);
        // The look-up passes over a character's high bit, which refuses it.
        if (_mm512_movepi8_mask(_mm512_or_si512(fields, block)) != 0) break;
        __m512i pairs = _mm512_maddubs_epi16(fields, _mm512_set1_epi32(JOIN_FIELDS));
        __m512i groups = _mm512_madd_epi16(pairs, _mm512_set1_epi32(JOIN_PAIRS));
        _mm512_mask_storeu_epi8(output + to, meant, _mm512_permutexvar_epi8(gather, groups));
    }
    return from;
}

int cbase64_supports(int kernel) {
    switch (kernel) {
    case CBASE64_SSSE3: return __builtin_cpu_supports("ssse3") != 0;
    case CBASE64_AVX2: return __builtin_cpu_supports("avx2") != 0;
    case CBASE64_AVX512: return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi");
    default: return 0;
    }
}

size_t cbase64_encode(int kernel, const uint8_t *bytes, size_t count, uint8_t *output, size_t capacity) {
    if (!cbase64_supports(kernel)) return 0;
    switch (kernel) {
    case CBASE64_AVX512: return encode_avx512(bytes, count, output, capacity);
    case CBASE64_AVX2: return encode_avx2(bytes, count, output, capacity);
    default: return encode_ssse3(bytes, count, output, capacity);
    }
}

size_t cbase64_decode(int kernel, const uint8_t *text, size_t count, uint8_t *output, size_t capacity) {
    if (!cbase64_supports(kernel)) return 0;
    switch (kernel) {
    case CBASE64_AVX512: return decode_avx512(text, count, output, capacity);
    case CBASE64_AVX2: return decode_avx2(text, count, output, capacity);
    default: return decode_ssse3(text, count, output, capacity);
    }
}

#elif defined(__aarch64__) && defined(__ARM_NEON)

#include <arm_neon.h>

static uint8x16x4_t table(const uint8_t *bytes) {
    uint8x16x4_t rows = {{vld1q_u8(bytes), vld1q_u8(bytes + 16), vld1q_u8(bytes + 32), vld1q_u8(bytes + 48)}};
    return rows;
}

int cbase64_supports(int kernel) { return kernel == CBASE64_NEON; }

size_t cbase64_encode(int kernel, const uint8_t *bytes, size_t count, uint8_t *output, size_t capacity) {
    if (!cbase64_supports(kernel)) return 0;
    const uint8x16x4_t characters = table(alphabet);
    const uint8x16_t field = vdupq_n_u8(0x3f);
    size_t from = 0, to = 0;
    for (; count - from >= 48 && capacity - to >= 64; from += 48, to += 64) {
        uint8x16x3_t in = vld3q_u8(bytes + from);
        uint8x16x4_t text;
        text.val[0] = vqtbl4q_u8(characters, vshrq_n_u8(in.val[0], 2));
        text.val[1] = vqtbl4q_u8(characters, vandq_u8(vsliq_n_u8(vshrq_n_u8(in.val[1], 4), in.val[0], 4), field));
        text.val[2] = vqtbl4q_u8(characters, vandq_u8(vsliq_n_u8(vshrq_n_u8(in.val[2], 6), in.val[1], 2), field));
        text.val[3] = vqtbl4q_u8(characters, vandq_u8(in.val[2], field));
        vst4q_u8(output + to, text);
    }
    return from;
}

size_t cbase64_decode(int kernel, const uint8_t *text, size_t count, uint8_t *output, size_t capacity) {
    if (!cbase64_supports(kernel)) return 0;
    const uint8x16x4_t below = table(fields_below_64), above = table(fields_from_64);
    size_t from = 0, to = 0;
    for (; count - from >= 64 && capacity - to >= 48; from += 64, to += 48) {
        uint8x16x4_t block = vld4q_u8(text + from), fields;
        uint8x16_t refused = vdupq_n_u8(0);
        for (int lane = 0; lane < 4; lane++) {
            // An index past a table's end looks up 0, so at most one of the two tables answers. Characters above 0x7f are in
            // neither: their own high bit refuses them, as 0xff does.
            uint8x16_t low = vqtbl4q_u8(below, block.val[lane]);
            uint8x16_t high = vqtbl4q_u8(above, vsubq_u8(block.val[lane], vdupq_n_u8(64)));
            fields.val[lane] = vorrq_u8(low, high);
            refused = vorrq_u8(refused, vorrq_u8(fields.val[lane], block.val[lane]));
        }
        if (vmaxvq_u8(refused) >= 0x80) break;
        uint8x16x3_t bytes;
        bytes.val[0] = vorrq_u8(vshlq_n_u8(fields.val[0], 2), vshrq_n_u8(fields.val[1], 4));
        bytes.val[1] = vorrq_u8(vshlq_n_u8(fields.val[1], 4), vshrq_n_u8(fields.val[2], 2));
        bytes.val[2] = vorrq_u8(vshlq_n_u8(fields.val[2], 6), fields.val[3]);
        vst3q_u8(output + to, bytes);
    }
    return from;
}

#else

int cbase64_supports(int kernel) {
    (void)kernel;
    return 0;
}

size_t cbase64_encode(int kernel, const uint8_t *bytes, size_t count, uint8_t *output, size_t capacity) {
    (void)kernel, (void)bytes, (void)count, (void)output, (void)capacity;
    return 0;
}

size_t cbase64_decode(int kernel, const uint8_t *text, size_t count, uint8_t *output, size_t capacity) {
    (void)kernel, (void)text, (void)count, (void)output, (void)capacity;
    return 0;
}

#endif
