// IP addresses: text to bytes, and what networks they lie in.
//
// In: the text of an address, IPv4 or IPv6. Out: its 16 bytes (IPv4 mapped into ::ffff:0:0/96), and tests on them. Called
// by the readers of source addresses. Which networks are not of the internet: IANA's registries of special-purpose
// addresses; those reserved for documentation count as public, as nobody can come from there.
#pragma once

#include "arena.hpp"

#include <arpa/inet.h>

#include <cstdint>
#include <cstring>

namespace fe {

struct Address {
    uint8_t bytes[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

    // Whether the first `bits` bits are those of `network`.
    bool in(const uint8_t *network, unsigned bits) const {
        unsigned whole = bits / 8, rest = bits % 8;
        if (whole > 16 || (whole == 16 && rest) || std::memcmp(bytes, network, whole) != 0) return false;
        return rest == 0 || (bytes[whole] ^ network[whole]) >> (8 - rest) == 0;
    }

    bool is_ipv4() const { return in(Address().bytes, 96); }
};

// False if the text is no address. A zone (`%eth0`) is left out.
inline bool parse_address(Text text, Address &out) {
    char copy[INET6_ADDRSTRLEN + 1];
    size_t size = 0;
    while (size < text.size && text.data[size] != '%') ++size;
    if (size == 0 || size >= sizeof copy) return false;
    std::memcpy(copy, text.data, size);
    copy[size] = 0;
    out = Address();
    if (std::memchr(copy, ':', size)) return inet_pton(AF_INET6, copy, out.bytes) == 1;
    return inet_pton(AF_INET, copy, out.bytes + 12) == 1;
}

inline bool is_public_ipv4(const uint8_t *a) {
    static constexpr struct { uint8_t first, second, third, bits; } kElsewhere[] = {
        {0, 0, 0, 8},     {10, 0, 0, 8},     {100, 64, 0, 10}, {127, 0, 0, 8}, {169, 254, 0, 16}, {172, 16, 0, 12},
        {192, 0, 0, 24},  {192, 168, 0, 16}, {198, 18, 0, 15}, {224, 0, 0, 4}, {240, 0, 0, 4},
    };
    uint32_t head = uint32_t{a[0]} << 16 | uint32_t{a[1]} << 8 | a[2];
    for (const auto &n : kElsewhere) {
        uint32_t network = uint32_t{n.first} << 16 | uint32_t{n.second} << 8 | n.third;
        if ((head ^ network) >> (24 - n.bits) == 0) return false;
    }
    return true;
}

inline bool is_public(const Address &a) {
    static constexpr uint8_t kNat64[16] = {0, 0x64, 0xff, 0x9b};
    if (a.is_ipv4() || a.in(kNat64, 96)) return is_public_ipv4(a.bytes + 12);
    return a.bytes[0] >> 5 == 1;  // 2000::/3, all that has been given out
}

}  // namespace fe
