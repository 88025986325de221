// The loops of string_kernel.hpp, compiled once per instruction set with its `look` and `keep_bytes` (hence no guard).

FE_TARGET inline const uint8_t *string_end(const uint8_t *p, const uint8_t *end) {
    const uint8_t *const start = p;
    uint64_t before = 0;  // the block before ended in a backslash (bit 0), in two (bit 1)
    uint8_t rest[64];
    for (; p < end; p += 64) {
        const uint8_t *from = p;
        uint64_t valid = ~uint64_t{0};
        if (end - p < 64) {
            size_t n = static_cast<size_t>(end - p);
            std::memset(rest, 0, sizeof rest);
            std::memcpy(rest, p, n);
            from = rest;
            valid = (uint64_t{1} << n) - 1;
        }
        Block b = look(from);
        uint64_t quote = b.quote & valid;
        uint64_t one = b.backslash << 1 | (before & 1);
        uint64_t two = b.backslash << 2 | (before & 1) << 1 | before >> 1;
        uint64_t bare = quote & ~one;
        // A quote behind one backslash is escaped. Behind two and more it depends on their number, which is rare.
        if (quote & one & two) {
            uint64_t run = 0;
            while (p - run > start && *(p - run - 1) == '\\') ++run;
            uint64_t closing = quote & ~(escaping(b.backslash, run & 1) << 1 | (run & 1));
            if (closing) return p + std::countr_zero(closing);
        } else if (bare) {
            return p + std::countr_zero(bare);
        }
        before = b.backslash >> 63 | (b.backslash >> 62 & b.backslash >> 63 & 1) << 1;
    }
    return nullptr;
}

FE_TARGET inline size_t unescape(const uint8_t *p, const uint8_t *end, uint8_t *out) {
    uint8_t *const start = out;
    uint64_t carry = 0;
    uint8_t rest[64];
    while (p < end) {
        const uint8_t *from = p;
        size_t n = 64;
        uint64_t valid = ~uint64_t{0};
        if (end - p < 64) {
            n = static_cast<size_t>(end - p);
            std::memset(rest, 0, sizeof rest);
            std::memcpy(rest, p, n);
            from = rest;
            valid = (uint64_t{1} << n) - 1;
        }
        Block b = look(from);
        uint64_t escape = escaping(b.backslash, carry);
        uint64_t odd = (escape << 1 | carry) & ~(b.quote | b.backslash | b.slash) & valid;
        if (odd) {
            int at = std::countr_zero(odd);
            // A carried backslash was dropped by the block before: its escape starts one byte before p.
            if (at > 1) out = keep_bytes(from, ~escape & ((uint64_t{1} << (at - 1)) - 1), out);
            p += at - 1;
            p += one_escape(p, end, out);
            carry = 0;
            continue;
        }
        out = keep_bytes(from, ~escape & valid, out);
        carry = escape >> 63;
        p += n;
    }
    return static_cast<size_t>(out - start);
}

FE_TARGET inline const uint8_t *container_end(const uint8_t *p, const uint8_t *end, uint64_t depth) {
    uint64_t escape = 0, inside = 0;  // the block before ended in a backslash; inside a string (all ones)
    uint8_t rest[64];
    for (; p < end; p += 64) {
        const uint8_t *from = p;
        if (end - p < 64) {
            std::memset(rest, 0, sizeof rest);
            std::memcpy(rest, p, static_cast<size_t>(end - p));
            from = rest;
        }
        Brackets b = brackets(from);
        uint64_t in_string = parity_up_to(b.quote) ^ inside;
        uint64_t odd = (b.backslash << 1 | escape) ^ b.quote;
        uint64_t sure = odd ? (odd & (~odd + 1)) - 1 : ~uint64_t{0};  // up to the first backslash out of place
        uint64_t open = b.open & ~in_string & sure, close = b.close & ~in_string & sure;
        uint64_t closings = static_cast<uint64_t>(std::popcount(close));
        if (closings >= depth) {
            for (uint64_t left = close; left; left &= left - 1) {
                uint64_t before = (left & (~left + 1)) - 1;
                uint64_t opened = depth + static_cast<uint64_t>(std::popcount(open & before));
                if (opened == static_cast<uint64_t>(std::popcount(close & before)) + 1)
                    return p + std::countr_zero(left) + 1;
            }
        }
        if (odd) return nullptr;
        depth += static_cast<uint64_t>(std::popcount(open)) - closings;
        inside = in_string >> 63 ? ~uint64_t{0} : 0;
        escape = b.backslash >> 63;
    }
    return nullptr;
}
