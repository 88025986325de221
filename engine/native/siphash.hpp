// SipHash-2-4 with 128 bits of output: a keyed hash, so that nobody who can choose a text can make two of them meet.
//
// In: a 16-byte key, any bytes. Out: 128 bits. Called by the set of seen event ids.
// Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", with the 128-bit variant of the reference.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace fe {

struct Hash128 {
    uint64_t high = 0, low = 0;
    bool operator==(const Hash128 &) const = default;
    bool operator<(const Hash128 &o) const { return high != o.high ? high < o.high : low < o.low; }
};

class SipHash {
  public:
    explicit SipHash(const uint8_t key[16]) : k0_(load(key)), k1_(load(key + 8)) {}

    Hash128 operator()(const char *text, size_t size) const {
        State s{k0_ ^ 0x736f6d6570736575u, k1_ ^ 0x646f72616e646f6du ^ 0xee, k0_ ^ 0x6c7967656e657261u,
                k1_ ^ 0x7465646279746573u};
        const auto *p = reinterpret_cast<const uint8_t *>(text);
        size_t whole = size & ~size_t{7};
        for (size_t i = 0; i < whole; i += 8) s.absorb(load(p + i));
        uint64_t last = static_cast<uint64_t>(size) << 56;
        for (size_t i = 0; i < size - whole; ++i) last |= static_cast<uint64_t>(p[whole + i]) << (8 * i);
        s.absorb(last);
        s.v2 ^= 0xee;
        for (int i = 0; i < 4; ++i) s.round();
        uint64_t first = s.fold();
        s.v1 ^= 0xdd;
        for (int i = 0; i < 4; ++i) s.round();
        return {first, s.fold()};
    }

  private:
    struct State {
        uint64_t v0, v1, v2, v3;

        void round() {
            v0 += v1; v2 += v3;
            v1 = std::rotl(v1, 13) ^ v0; v3 = std::rotl(v3, 16) ^ v2;
            v0 = std::rotl(v0, 32);
            v2 += v1; v0 += v3;
            v1 = std::rotl(v1, 17) ^ v2; v3 = std::rotl(v3, 21) ^ v0;
            v2 = std::rotl(v2, 32);
        }

        void absorb(uint64_t word) {
            v3 ^= word;
            round();
            round();
            v0 ^= word;
        }

        uint64_t fold() const { return v0 ^ v1 ^ v2 ^ v3; }
    };

    static uint64_t load(const uint8_t *p) {
        uint64_t word;
        std::memcpy(&word, p, 8);
        if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
        return word;
    }

    uint64_t k0_, k1_;
};

}  // namespace fe
