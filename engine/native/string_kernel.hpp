// Loops over the inside of a JSON string, 64 bytes a step: where it ends, its decoded text, and, where the string holds
// JSON itself, the end of an object or array in it.
//
// In: bytes behind an opening quote. Out: the closing quote; decoded bytes; the end of a container. Called by the page
// splitter, the scanner and the walk over escaped text. Compiled for several instruction sets (string_kernel_body.hpp)
// and chosen once, at the first use, for the machine it runs on.
#pragma once

#include "json.hpp"

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace fe {

struct StringKernel {
    const char *name;
    // The closing quote of a string whose content starts at p; nullptr if there is none before `end`.
    const uint8_t *(*string_end)(const uint8_t *p, const uint8_t *end);
    // Decode [p, end) into `out`, which has room for end - p + 64 bytes; the number of bytes written.
    size_t (*unescape)(const uint8_t *p, const uint8_t *end, uint8_t *out);
    // JSON inside a string, every quote of it escaped by one backslash: the position behind the outermost of `depth`
    // containers that are open at p (0: of the one that opens there). nullptr if it does not end, or if a backslash
    // stands anywhere else.
    const uint8_t *(*container_end)(const uint8_t *p, const uint8_t *end, uint64_t depth);
};

namespace kernel {

// Of a block's backslashes, those that escape the next character. `carry` says that the block before ended in one.
inline uint64_t escaping(uint64_t backslash, uint64_t carry) {
    constexpr uint64_t kEven = 0x5555555555555555u;
    backslash &= ~carry;
    if (!backslash) return 0;
    // Adding a run's first bit to the run clears it: so the runs that start at even (odd) places can be told apart.
    uint64_t starts = backslash & ~(backslash << 1);
    uint64_t even_runs = backslash & ~(backslash + (starts & kEven));
    uint64_t odd_runs = backslash & ~(backslash + (starts & ~kEven));
    return (even_runs & kEven) | (odd_runs & ~kEven);
}

// One escape sequence at p ('\\'); its length in the text, its decoding appended to `out`.
inline size_t one_escape(const uint8_t *p, const uint8_t *end, uint8_t *&out) {
    size_t length = 2;
    if (p + 1 < end && p[1] == 'u') {
        length = 6;
        if (end - p >= 12 && p[6] == '\\' && p[7] == 'u') {
            int32_t high = hex4(reinterpret_cast<const char *>(p + 2));
            int32_t low = hex4(reinterpret_cast<const char *>(p + 8));
            if (high >= 0xd800 && high < 0xdc00 && low >= 0xdc00 && low < 0xe000) length = 12;
        }
    }
    if (length > static_cast<size_t>(end - p)) length = static_cast<size_t>(end - p);
    char decoded[16];
    size_t n = decode_into(Text(reinterpret_cast<const char *>(p), length), decoded, Halves::replaced);
    std::memcpy(out, decoded, n);
    out += n;
    return length;
}

// For each byte of keep bits, the places of the kept bytes, for a byte shuffle.
struct ShuffleTable {
    uint8_t row[256][8];
    constexpr ShuffleTable() : row{} {
        for (int bits = 0; bits < 256; ++bits) {
            int n = 0;
            for (int i = 0; i < 8; ++i)
                if (bits >> i & 1) row[bits][n++] = static_cast<uint8_t>(i);
            while (n < 8) row[bits][n++] = 0x80;
        }
    }
};
inline constexpr ShuffleTable kShuffle{};

struct Block {
    uint64_t quote, backslash, slash;
};

struct Brackets {
    uint64_t quote, backslash, open, close;
};

// Any machine.
namespace plain {
#define FE_TARGET
inline Block look(const uint8_t *p) {
    Block b{0, 0, 0};
    for (int i = 0; i < 64; ++i) {
        b.quote |= static_cast<uint64_t>(p[i] == '"') << i;
        b.backslash |= static_cast<uint64_t>(p[i] == '\\') << i;
        b.slash |= static_cast<uint64_t>(p[i] == '/') << i;
    }
    return b;
}
// Each bit: how many bits up to and including it are set, modulo 2.
inline uint64_t parity_up_to(uint64_t bits) {
    for (int shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
    return bits;
}
inline Brackets brackets(const uint8_t *p) {
    Brackets b{0, 0, 0, 0};
    for (int i = 0; i < 64; ++i) {
        b.quote |= static_cast<uint64_t>(p[i] == '"') << i;
        b.backslash |= static_cast<uint64_t>(p[i] == '\\') << i;
        b.open |= static_cast<uint64_t>((p[i] | 0x20) == '{') << i;
        b.close |= static_cast<uint64_t>((p[i] | 0x20) == '}') << i;
    }
    return b;
}
inline uint8_t *keep_bytes(const uint8_t *p, uint64_t keep, uint8_t *out) {
    for (int i = 0; i < 64; ++i) {
        *out = p[i];
        out += keep >> i & 1;
    }
    return out;
}
#include "string_kernel_body.hpp"
#undef FE_TARGET
}  // namespace plain

#if defined(__x86_64__)
namespace sse {
#define FE_TARGET __attribute__((target("sse4.2,ssse3,pclmul,popcnt")))
FE_TARGET inline uint64_t equal(const __m128i block[4], char wanted) {
    uint64_t bits = 0;
    for (int i = 0; i < 4; ++i) {
        __m128i same = _mm_cmpeq_epi8(block[i], _mm_set1_epi8(wanted));
        bits |= static_cast<uint64_t>(static_cast<uint32_t>(_mm_movemask_epi8(same))) << (16 * i);
    }
    return bits;
}
FE_TARGET inline void load(const uint8_t *p, __m128i block[4]) {
    for (int i = 0; i < 4; ++i) block[i] = _mm_loadu_si128(reinterpret_cast<const __m128i *>(p + 16 * i));
}
FE_TARGET inline Block look(const uint8_t *p) {
    __m128i block[4];
    load(p, block);
    return {equal(block, '"'), equal(block, '\\'), equal(block, '/')};
}
FE_TARGET inline uint64_t parity_up_to(uint64_t bits) {
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<long long>(bits)), _mm_set1_epi8(-1), 0);
    return static_cast<uint64_t>(_mm_cvtsi128_si64(product));
}
FE_TARGET inline Brackets brackets(const uint8_t *p) {
    __m128i block[4], folded[4];
    load(p, block);
    for (int i = 0; i < 4; ++i) folded[i] = _mm_or_si128(block[i], _mm_set1_epi8(0x20));
    return {equal(block, '"'), equal(block, '\\'), equal(folded, '{'), equal(folded, '}')};
}
FE_TARGET inline uint8_t *keep_bytes(const uint8_t *p, uint64_t keep, uint8_t *out) {
    for (int i = 0; i < 8; ++i) {
        unsigned bits = static_cast<unsigned>(keep >> (8 * i)) & 0xffu;
        __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i *>(p + 8 * i));
        __m128i order = _mm_loadl_epi64(reinterpret_cast<const __m128i *>(kShuffle.row[bits]));
        _mm_storel_epi64(reinterpret_cast<__m128i *>(out), _mm_shuffle_epi8(bytes, order));
        out += std::popcount(bits);
    }
    return out;
}
#include "string_kernel_body.hpp"
#undef FE_TARGET
}  // namespace sse

namespace avx2 {
#define FE_TARGET __attribute__((target("avx2,bmi,lzcnt,pclmul,popcnt")))
using sse::keep_bytes, sse::parity_up_to;
FE_TARGET inline uint64_t equal(__m256i a, __m256i b, __m256i c) {
    uint64_t low = static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, c)));
    uint64_t high = static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(b, c)));
    return low | high << 32;
}
FE_TARGET inline Block look(const uint8_t *p) {
    __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(p));
    __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(p + 32));
    return {equal(a, b, _mm256_set1_epi8('"')), equal(a, b, _mm256_set1_epi8('\\')), equal(a, b, _mm256_set1_epi8('/'))};
}
FE_TARGET inline Brackets brackets(const uint8_t *p) {
    __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(p));
    __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(p + 32));
    __m256i case_bit = _mm256_set1_epi8(0x20);
    __m256i c = _mm256_or_si256(a, case_bit), d = _mm256_or_si256(b, case_bit);
    return {equal(a, b, _mm256_set1_epi8('"')), equal(a, b, _mm256_set1_epi8('\\')),
            equal(c, d, _mm256_set1_epi8('{')), equal(c, d, _mm256_set1_epi8('}'))};
}
#include "string_kernel_body.hpp"
#undef FE_TARGET
}  // namespace avx2

namespace avx512 {
#define FE_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi2,avx2,bmi,lzcnt,pclmul,popcnt")))
using sse::parity_up_to;
FE_TARGET inline Block look(const uint8_t *p) {
    __m512i a = _mm512_loadu_si512(p);
    return {_mm512_cmpeq_epi8_mask(a, _mm512_set1_epi8('"')), _mm512_cmpeq_epi8_mask(a, _mm512_set1_epi8('\\')),
            _mm512_cmpeq_epi8_mask(a, _mm512_set1_epi8('/'))};
}
FE_TARGET inline Brackets brackets(const uint8_t *p) {
    __m512i a = _mm512_loadu_si512(p), c = _mm512_or_si512(a, _mm512_set1_epi8(0x20));
    return {_mm512_cmpeq_epi8_mask(a, _mm512_set1_epi8('"')), _mm512_cmpeq_epi8_mask(a, _mm512_set1_epi8('\\')),
            _mm512_cmpeq_epi8_mask(c, _mm512_set1_epi8('{')), _mm512_cmpeq_epi8_mask(c, _mm512_set1_epi8('}'))};
}
FE_TARGET inline uint8_t *keep_bytes(const uint8_t *p, uint64_t keep, uint8_t *out) {
    _mm512_storeu_si512(out, _mm512_maskz_compress_epi8(keep, _mm512_loadu_si512(p)));
    return out + std::popcount(keep);
}
#include "string_kernel_body.hpp"
#undef FE_TARGET
}  // namespace avx512
#elif defined(__aarch64__)
namespace neon {
#define FE_TARGET
inline uint64_t equal(const uint8x16_t block[4], uint8_t wanted) {
    const uint8x16_t weights = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t m[4];
    for (int i = 0; i < 4; ++i) m[i] = vandq_u8(vceqq_u8(block[i], vdupq_n_u8(wanted)), weights);
    uint8x16_t sum = vpaddq_u8(vpaddq_u8(m[0], m[1]), vpaddq_u8(m[2], m[3]));
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(sum, sum)), 0);
}
inline Block look(const uint8_t *p) {
    const uint8x16_t block[4] = {vld1q_u8(p), vld1q_u8(p + 16), vld1q_u8(p + 32), vld1q_u8(p + 48)};
    return {equal(block, '"'), equal(block, '\\'), equal(block, '/')};
}
inline uint64_t parity_up_to(uint64_t bits) {
    for (int shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
    return bits;
}
inline Brackets brackets(const uint8_t *p) {
    uint8x16_t block[4], folded[4];
    for (int i = 0; i < 4; ++i) {
        block[i] = vld1q_u8(p + 16 * i);
        folded[i] = vorrq_u8(block[i], vdupq_n_u8(0x20));
    }
    return {equal(block, '"'), equal(block, '\\'), equal(folded, '{'), equal(folded, '}')};
}
inline uint8_t *keep_bytes(const uint8_t *p, uint64_t keep, uint8_t *out) {
    for (int i = 0; i < 8; ++i) {
        unsigned bits = static_cast<unsigned>(keep >> (8 * i)) & 0xffu;
        vst1_u8(out, vtbl1_u8(vld1_u8(p + 8 * i), vld1_u8(kShuffle.row[bits])));
        out += std::popcount(bits);
    }
    return out;
}
#include "string_kernel_body.hpp"
#undef FE_TARGET
}  // namespace neon
#endif

}  // namespace kernel

// The kernel for the instruction set of a simdjson implementation, by its name. simdjson has asked the processor, and
// what it found stands for the kernel too: SIMDJSON_FORCE_IMPLEMENTATION in the environment chooses both.
inline StringKernel string_kernel_for(const std::string &implementation) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (implementation == "icelake" && __builtin_cpu_supports("avx512vl"))
        return {"avx512", kernel::avx512::string_end, kernel::avx512::unescape, kernel::avx512::container_end};
    if (implementation == "icelake" || implementation == "haswell")
        return {"avx2", kernel::avx2::string_end, kernel::avx2::unescape, kernel::avx2::container_end};
    if (implementation == "westmere" && __builtin_cpu_supports("popcnt"))
        return {"sse", kernel::sse::string_end, kernel::sse::unescape, kernel::sse::container_end};
#elif defined(__aarch64__)
    if (implementation == "arm64")
        return {"neon", kernel::neon::string_end, kernel::neon::unescape, kernel::neon::container_end};
#endif
    return {"plain", kernel::plain::string_end, kernel::plain::unescape, kernel::plain::container_end};
}

inline const StringKernel &string_kernel() {
    static const StringKernel chosen = string_kernel_for(simdjson::get_active_implementation()->name());
    return chosen;
}

}  // namespace fe
