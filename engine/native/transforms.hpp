// Transformers: values made from values.
//
// In: present values. Out: text, lists and numbers in the arena. Called by the evaluator for operands that are no slot.
// Where Falco's transformers have bugs that depend on memory layout, these do what the documentation says.
#pragma once

#include "plan_data.hpp"
#include "readers_text.hpp"

#include <charconv>

namespace fe {

inline Text decimal(uint64_t number, Arena &arena) {
    char *out = arena.take(24);
    char *end = std::to_chars(out, out + 24, number).ptr;
    return {out, static_cast<size_t>(end - out)};
}

inline Text change_case(Text in, bool upper, Arena &arena) {
    char *out = arena.take(in.size + 1);
    const char low = upper ? 'a' : 'A', high = upper ? 'z' : 'Z';
    for (size_t i = 0; i < in.size; ++i) {
        char c = in.data[i];
        out[i] = c >= low && c <= high ? static_cast<char>(c ^ 0x20) : c;
    }
    return {out, in.size};
}

inline Text basename_of(Text in) {
    size_t from = in.size;
    while (from > 0 && in.data[from - 1] != '/') --from;
    return {in.data + from, in.size - from};
}

// Strict standard alphabet, up to two `=` dropped, NULs at the end removed. False if it is no base64.
inline bool decode_b64(Text in, Text &result, Arena &arena) {
    auto digit = [](char c) -> int {
        if (c >= 'A' && c <= 'Z') return c - 'A';
        if (c >= 'a' && c <= 'z') return c - 'a' + 26;
        if (c >= '0' && c <= '9') return c - '0' + 52;
        return c == '+' ? 62 : c == '/' ? 63 : -1;
    };
    size_t n = in.size;
    for (int i = 0; i < 2 && n > 0 && in.data[n - 1] == '='; ++i) --n;
    if (n % 4 == 1) return false;
    char *out = arena.take(n + 1), *start = out;
    uint32_t bits = 0;
    int held = 0;
    for (size_t i = 0; i < n; ++i) {
        int d = digit(in.data[i]);
        if (d < 0) return false;
        bits = bits << 6 | static_cast<uint32_t>(d);
        held += 6;
        if (held >= 8) {
            held -= 8;
            *out++ = static_cast<char>(bits >> held);
        }
    }
    if (bits & ((1u << held) - 1u)) return false;
    while (out > start && out[-1] == 0) --out;
    result = {start, static_cast<size_t>(out - start)};
    return true;
}

inline Text join(Text separator, const Text *items, uint32_t count, Arena &arena) {
    size_t size = 0;
    for (uint32_t i = 0; i < count; ++i) size += items[i].size + (i ? separator.size : 0);
    char *out = arena.take(size + 1), *start = out;
    auto put = [&out](Text t) {
        if (t.size) std::memcpy(out, t.data, t.size);
        out += t.size;
    };
    for (uint32_t i = 0; i < count; ++i) {
        if (i) put(separator);
        put(items[i]);
    }
    return {start, size};
}

// POSIX short options over `argv`; `emit(option, value, written)` for each one found: `option` is '?' if unknown and 0
// if its value is missing, `value` is not present if it takes none, `written` is the letter in `argv`.
template <typename Emit> void walk_options(const Text *argv, uint32_t count, Text options, Emit emit) {
    enum : uint8_t { unknown, plain, valued };
    uint8_t kinds[256] = {};
    size_t from = options.size && options.data[0] == ':' ? 1 : 0;
    for (size_t i = from; i < options.size; ++i) {
        if (options.data[i] == ':') continue;
        bool takes_value = i + 1 < options.size && options.data[i + 1] == ':';
        kinds[static_cast<uint8_t>(options.data[i])] = takes_value ? valued : plain;
    }
    for (uint32_t i = 0; i < count; ++i) {
        Text word = argv[i];
        if (word.size < 2 || word.data[0] != '-') return;
        if (word.data[1] == '-') {
            if (word.size == 2) return;
            continue;
        }
        for (size_t k = 1; k < word.size; ++k) {
            char c = word.data[k];
            uint8_t kind = kinds[static_cast<uint8_t>(c)];
            if (kind == unknown) {
                emit('?', Text(), c);
            } else if (kind == plain) {
                emit(c, Text(), c);
            } else {
                if (k + 1 < word.size) emit(c, Text(word.data + k + 1, word.size - k - 1), c);
                else if (i + 1 < count) emit(c, argv[++i], c);
                else emit(0, Text("", 0), c);
                break;
            }
        }
    }
}

// Everything found, one after the other; possibly nothing, which is still a value.
inline Value getopt_list(const Text *argv, uint32_t count, Text options, Arena &arena) {
    uint32_t found = 0, n = 0;
    walk_options(argv, count, options, [&found](char option, Text value, char) {
        found += (option ? 1u : 0u) + (value.present() ? 1u : 0u);
    });
    Text *items = arena.take_array<Text>(found + 1);
    walk_options(argv, count, options, [&](char option, Text value, char) {
        if (option) items[n++] = arena.copy(&option, 1);
        if (value.present()) items[n++] = value;
    });
    return Value::of_list(items, n);
}

// The last value of one option; absent if it does not occur.
inline Value getopt_one(const Text *argv, uint32_t count, Text options, char wanted, Arena &arena) {
    Value found;
    walk_options(argv, count, options, [&](char option, Text value, char written) {
        if (written != wanted || option == '?') return;
        if (option && !value.present()) found = Value::of(arena.copy(&option, 1));
        else found = Value::of(value);
    });
    return found;
}

}  // namespace fe
