// From a text to a small number: the constants that one operand is compared with.
//
// In: the constants, once; then values. Out: class ids as predicate.h has them. A value of a length that no constant
// has is not even hashed.
#pragma once

#include "arena.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace fe {

inline constexpr uint32_t kClassAbsent = 0, kClassOther = 1, kClassFirst = 2;

inline uint64_t load_bytes(const char *p, size_t n) {
    uint64_t v = 0;
    std::memcpy(&v, p, n);
    return v;
}

inline uint64_t mix(uint64_t a, uint64_t b) {
    __extension__ using wide = unsigned __int128;
    wide r = static_cast<wide>(a ^ 0x9e3779b97f4a7c15u) * (b ^ 0xe7037ed1a0b428dbu);
    return static_cast<uint64_t>(r) ^ static_cast<uint64_t>(r >> 64);
}

// Fast, not for keys that an enemy chooses: tables are built from constants of rules only.
inline uint32_t hash_text(Text t) {
    const char *p = t.data;
    size_t n = t.size;
    uint64_t h = n;
    while (n > 16) {
        h = mix(load_bytes(p, 8) ^ h, load_bytes(p + 8, 8));
        p += 16;
        n -= 16;
    }
    uint64_t a, b;
    if (n >= 8) {
        a = load_bytes(p, 8);
        b = load_bytes(p + n - 8, 8);
    } else if (n >= 4) {
        a = load_bytes(p, 4);
        b = load_bytes(p + n - 4, 4);
    } else {
        a = n ? load_bytes(p, 1) << 16 | load_bytes(p + (n >> 1), 1) << 8 | load_bytes(p + n - 1, 1) : 0;
        b = 0;
    }
    h = mix(a ^ h, b);
    return static_cast<uint32_t>(h ^ h >> 32);
}

class InternTable {
  public:
    InternTable() = default;

    explicit InternTable(const std::vector<std::string> &constants) {
        if (constants.empty()) return;
        size_t size = 4;
        while (size < constants.size() * 2) size *= 2;
        mask_ = static_cast<uint32_t>(size - 1);
        entries_.resize(size);
        texts_.reserve(constants.size());
        for (size_t i = 0; i < constants.size(); ++i) {
            Text t(constants[i].data(), constants[i].size());
            texts_.push_back(t);
            lengths_ |= uint64_t{1} << (t.size & 63);
            if (find(t) != kClassOther) continue;  // a double: the first one counts
            uint32_t hash = hash_text(t), at = hash & mask_;
            while (entries_[at].id) at = (at + 1) & mask_;
            entries_[at] = {hash, static_cast<uint32_t>(i) + kClassFirst};
        }
    }

    // The class of a present value.
    uint32_t find(Text t) const {
        if (!(lengths_ >> (t.size & 63) & 1u)) return kClassOther;
        uint32_t hash = hash_text(t);
        for (uint32_t at = hash & mask_;; at = (at + 1) & mask_) {
            const Entry &e = entries_[at];
            if (e.id == 0) return kClassOther;
            if (e.hash == hash && texts_[e.id - kClassFirst] == t) return e.id;
        }
    }

  private:
    struct Entry {
        uint32_t hash = 0;
        uint32_t id = 0;  // 0: free
    };

    uint64_t lengths_ = 0;  // bit size & 63: some constant has such a size
    uint32_t mask_ = 0;
    std::vector<Entry> entries_;
    std::vector<Text> texts_;  // in the plan's memory
};

}  // namespace fe
