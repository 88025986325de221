// SHA-256, from FIPS 180-4; with the processor's own instructions where it has them.
//
// In: pieces of text. Out: 32 bytes. Called for alert ids.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace fe {

namespace sha256_detail {

inline constexpr uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

inline uint32_t load_word(const uint8_t *p) {
    uint32_t word = 0;
    for (int i = 0; i < 4; ++i) word = word << 8 | p[i];
    return word;
}

inline void plain_block(uint32_t *state, const uint8_t *block) {
    uint32_t w[64];
    for (int i = 0; i < 16; ++i) w[i] = load_word(block + 4 * i);
    for (int i = 16; i < 64; ++i) {
        uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
        uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 64; ++i) {
        uint32_t s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
        uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + kRound[i] + w[i];
        uint32_t s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
        uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g; g = f; f = e; e = d + t1;
        d = c; c = b; b = a; a = t1 + t2;
    }
    const uint32_t add[8] = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < 8; ++i) state[i] += add[i];
}

#if defined(__x86_64__)
__attribute__((target("sha,sse4.1,ssse3"))) inline void native_block(uint32_t *s, const uint8_t *block) {
    const __m128i swap = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    auto word = [](uint32_t v) { return static_cast<int>(v); };
    __m128i abef = _mm_set_epi32(word(s[0]), word(s[1]), word(s[4]), word(s[5]));
    __m128i cdgh = _mm_set_epi32(word(s[2]), word(s[3]), word(s[6]), word(s[7]));
    const __m128i abef0 = abef, cdgh0 = cdgh;
    __m128i m[4];
    for (int i = 0; i < 4; ++i)
        m[i] = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i *>(block) + i), swap);
    for (int i = 0; i < 16; ++i) {
        __m128i w = _mm_add_epi32(m[0], _mm_loadu_si128(reinterpret_cast<const __m128i *>(kRound) + i));
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, w);
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(w, 0x0e));
        __m128i next = _mm_add_epi32(_mm_sha256msg1_epu32(m[0], m[1]), _mm_alignr_epi8(m[3], m[2], 4));
        next = _mm_sha256msg2_epu32(next, m[3]);
        m[0] = m[1]; m[1] = m[2]; m[2] = m[3]; m[3] = next;
    }
    alignas(16) uint32_t out[8];
    _mm_store_si128(reinterpret_cast<__m128i *>(out), _mm_add_epi32(abef, abef0));
    _mm_store_si128(reinterpret_cast<__m128i *>(out) + 1, _mm_add_epi32(cdgh, cdgh0));
    s[0] = out[3]; s[1] = out[2]; s[4] = out[1]; s[5] = out[0];
    s[2] = out[7]; s[3] = out[6]; s[6] = out[5]; s[7] = out[4];
}

inline bool has_native() {
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__builtin_cpu_supports("sse4.1") || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
    return (b >> 29 & 1u) != 0;
}
#endif

using BlockFunction = void (*)(uint32_t *, const uint8_t *);

inline BlockFunction block_function() {
#if defined(__x86_64__)
    static const BlockFunction chosen = has_native() ? native_block : plain_block;
    return chosen;
#else
    return plain_block;
#endif
}

}  // namespace sha256_detail

class Sha256 {
  public:
    explicit Sha256(sha256_detail::BlockFunction block = sha256_detail::block_function()) : block_(block) {}

    Sha256 &add(const char *text, size_t size) {
        const auto *p = reinterpret_cast<const uint8_t *>(text);
        total_ += size;
        while (size) {
            if (filled_ == 0 && size >= 64) {
                block_(state_, p);
                p += 64;
                size -= 64;
                continue;
            }
            size_t n = 64 - filled_ < size ? 64 - filled_ : size;
            std::memcpy(pending_ + filled_, p, n);
            p += n;
            size -= n;
            filled_ += n;
            if (filled_ == 64) {
                block_(state_, pending_);
                filled_ = 0;
            }
        }
        return *this;
    }

    std::array<uint8_t, 32> digest() {
        uint64_t bits = total_ * 8;
        pending_[filled_++] = 0x80;
        if (filled_ > 56) {
            std::memset(pending_ + filled_, 0, 64 - filled_);
            block_(state_, pending_);
            filled_ = 0;
        }
        std::memset(pending_ + filled_, 0, 56 - filled_);
        for (int i = 0; i < 8; ++i) pending_[56 + i] = static_cast<uint8_t>(bits >> (56 - 8 * i));
        block_(state_, pending_);
        std::array<uint8_t, 32> out;
        for (size_t i = 0; i < 32; ++i) out[i] = static_cast<uint8_t>(state_[i / 4] >> (24 - 8 * (i % 4)));
        return out;
    }

  private:
    sha256_detail::BlockFunction block_;
    uint32_t state_[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    uint8_t pending_[64];
    size_t filled_ = 0;
    uint64_t total_ = 0;
};

}  // namespace fe
