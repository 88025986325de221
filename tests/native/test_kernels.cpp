// Every string kernel that this machine can run against a byte by byte reading of its contract, on random bytes of all
// small sizes, between two pages that cannot be touched: a byte read or written too far ends the program.
#include "checks.hpp"
#include "string_kernel.hpp"

#include <random>
#include <string_view>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

using namespace fe;

namespace {

// Memory whose neighbours on both sides fault.
class Guarded {
  public:
    Guarded() : page_(static_cast<size_t>(sysconf(_SC_PAGESIZE))) {
        void *all = mmap(nullptr, 3 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (all == MAP_FAILED) std::abort();
        begin_ = static_cast<uint8_t *>(all) + page_;
        if (mprotect(begin_, page_, PROT_READ | PROT_WRITE) != 0) std::abort();
    }
    Guarded(const Guarded &) = delete;
    ~Guarded() { munmap(begin_ - page_, 3 * page_); }

    // `size` bytes that end, or begin, where the guard does.
    uint8_t *last(size_t size) { return begin_ + page_ - size; }
    uint8_t *first() { return begin_; }

  private:
    size_t page_;
    uint8_t *begin_;
};

std::vector<StringKernel> kernels() {
    std::vector<StringKernel> all;
    for (const simdjson::implementation *one : simdjson::get_available_implementations())
        if (one->supported_by_runtime_system()) all.push_back(string_kernel_for(one->name()));
    return all;
}

constexpr size_t kNone = std::string_view::npos;

size_t plain_string_end(std::string_view s) {
    for (size_t i = 0; i < s.size(); ++i) {
        if (s[i] == '\\') ++i;
        else if (s[i] == '"') return i;
    }
    return kNone;
}

std::string plain_unescape(std::string_view s) {
    std::string out(s.size() + 3, 0);
    out.resize(decode_into(Text(s.data(), s.size()), out.data(), Halves::replaced));
    return out;
}

size_t plain_container_end(std::string_view s, uint64_t depth) {
    bool inside = false;
    for (size_t i = 0; i < s.size(); ++i) {
        char c = s[i];
        if (c == '\\') {
            if (i + 1 == s.size() || s[i + 1] != '"') return kNone;
            ++i;
            inside = !inside;
        } else if (c == '"') {
            return kNone;
        } else if (!inside && (c == '{' || c == '[')) {
            ++depth;
        } else if (!inside && (c == '}' || c == ']') && --depth == 0) {
            return i + 1;
        }
    }
    return kNone;
}

using Chance = std::mt19937;

size_t below(Chance &chance, size_t limit) { return chance() % limit; }

// Escapes and brackets are frequent, and runs of them longer than a block occur.
std::string random_text(Chance &chance, size_t size) {
    static const std::vector<std::string> kPieces = {
        "\\", "\\\\", "\\\"", "\"", "/", "\\/", "\\n", "\\t", "\\b", "\\u0041", "\\u00e9", "\\ud83d\\ude00", "\\ud800",
        "\\udc00",
        "\\u", "\\u12", "\\x", "{", "}", "[", "]", "{\\\"a\\\":\\\"b\\\"}", "[{}]", std::string(1, '\0'), "\xff",
        "\xc3\xa9", "a", " ", "plain text", "012345678901234567890123456789"};
    std::string out;
    const size_t rich = 1 + below(chance, kPieces.size());
    while (out.size() < size) {
        const size_t which = below(chance, 3) ? below(chance, rich) : kPieces.size() - 1 - below(chance, 4);
        const std::string &piece = kPieces[which];
        for (size_t n = below(chance, 40) ? 1 : 1 + below(chance, 150); n; --n) out += piece;
    }
    return out.substr(0, size);
}

// As a message's JSON looks inside a page: each quote behind one backslash, mostly balanced brackets.
std::string random_inner(Chance &chance, size_t size) {
    static const char *const kPieces[] = {"{", "}", "[", "]", R"(\"}\")", R"(\"key\":)", R"(\"a value{[\")",
                                          ",", "12", R"(\"\")"};
    std::string out(below(chance, 70), ' ');
    while (out.size() < size) out += kPieces[below(chance, std::size(kPieces))];
    return out.substr(0, size);
}

// What decoding gives for a string that a JSON text can hold: every escape is one that JSON knows.
bool is_json_string(std::string_view s) {
    for (size_t i = 0; i < s.size(); ++i) {
        if (s[i] != '\\') continue;
        if (++i == s.size()) return false;
        if (s[i] == 'u') {
            if (s.size() - i < 5 || hex4(s.data() + i + 1) < 0) return false;
            i += 4;
        } else if (!std::strchr("\"\\/bfnrt", s[i]) || s[i] == 0) {
            return false;
        }
    }
    return true;
}

void compare(const std::vector<StringKernel> &all, std::string_view text, Guarded &in, Guarded &out) {
    const size_t size = text.size();
    const size_t wanted_end = plain_string_end(text);
    const uint64_t depth = size % 3;
    const bool opens = depth || (size && (text[0] == '{' || text[0] == '['));
    const size_t wanted_container = opens ? plain_container_end(text, depth) : kNone;
    const bool decodable = is_json_string(text);
    const std::string wanted = decodable ? plain_unescape(text) : std::string();
    std::string of_plain;
    for (const StringKernel &k : all) {
        for (uint8_t *p : {in.last(size), in.first()}) {
            std::memcpy(p, text.data(), size);
            const std::string where = std::string(k.name) + " <" + std::string(text) + ">";
            const uint8_t *found = k.string_end(p, p + size);
            test::check_that((found ? static_cast<size_t>(found - p) : kNone) == wanted_end, "string_end", 0, where);
            if (opens) {
                found = k.container_end(p, p + size, depth);
                const size_t end = found ? static_cast<size_t>(found - p) : kNone;
                test::check_that(end == wanted_container, "container_end", 0, where);
            }
            uint8_t *to = out.last(size + 64);
            std::string got(reinterpret_cast<char *>(to), k.unescape(p, p + size, to));
            if (&k == &all[0]) of_plain = got;
            test::check_that(got == (decodable ? wanted : of_plain), "unescape", 0, where);
        }
    }
}

}  // namespace

int main() {
    const std::vector<StringKernel> all = kernels();
    Guarded in, out;
    Chance chance(20260102);
    for (size_t size = 0; size <= 200; ++size)
        for (int round = 0; round < 120 && !test::failures; ++round) {
            compare(all, random_text(chance, size), in, out);
            compare(all, random_inner(chance, size), in, out);
        }
    // One escape at every place of three blocks, alone and behind a run of backslashes of every parity.
    for (const char *piece : {"\"", "\\\"", "\\u0041", "\\ud83d\\ude00", "\\ud800", "\\n", "\\\\"})
        for (size_t run = 0; run < 4; ++run)
            for (size_t before = 0; before < 192 && !test::failures; ++before)
                compare(all, std::string(before, 'x') + std::string(2 * run, '\\') + piece + "end", in, out);
    for (int round = 0; round < 300 && !test::failures; ++round) {
        compare(all, random_text(chance, 200 + below(chance, 3500)), in, out);
        compare(all, random_inner(chance, 200 + below(chance, 3500)), in, out);
    }
    return test::failures != 0;
}
