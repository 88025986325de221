// The making of a structural index: simdjson's first stage, or a plain indexer, then one walk that checks the grammar.
//
// In: bytes of a JSON text. Out: a `Document`. Included by json.hpp only.
#pragma once

#include "json.hpp"

namespace fe {

inline bool Indexer::reserve(uint32_t size) {
    constexpr uint32_t kUsual = 64 * 1024;
    uint32_t wanted = size < kUsual ? kUsual : size;
    // A rare large event must not keep its memory: shrink when the next one is ordinary again.
    bool shrink = capacity_ > 16 * kUsual && wanted == kUsual;
    if (stage1_ && capacity_ >= wanted && !shrink) return true;
    simdjson::error_code error;
    if (!stage1_)
        error = simdjson::get_active_implementation()->create_dom_parser_implementation(wanted, kMaxDepth, stage1_);
    else
        error = stage1_->set_capacity(wanted);
    if (error != simdjson::SUCCESS) {
        stage1_.reset();
        capacity_ = 0;
        return false;
    }
    capacity_ = wanted;
    std::vector<uint32_t>().swap(jump_);
    std::vector<uint32_t>().swap(plain_);
    jump_.resize(wanted + 2);
    return true;
}

// The same positions as simdjson's first stage, for texts that it refuses.
inline uint32_t Indexer::index_plainly(const uint8_t *data, uint32_t size, uint32_t *at, bool &open_string) {
    uint32_t count = 0;
    bool in_token = false;
    for (uint32_t i = 0; i < size; ++i) {
        switch (data[i]) {
        case '{': case '}': case '[': case ']': case ':': case ',':
            at[count++] = i;
            in_token = false;
            break;
        case ' ': case '\n': case '\r': case '\t':
            in_token = false;
            break;
        case '"':
            if (!in_token) at[count++] = i;
            in_token = false;
            for (++i; i < size && data[i] != '"'; ++i)
                if (data[i] == '\\') ++i;
            if (i >= size) open_string = true;
            break;
        default:
            if (!in_token) at[count++] = i;
            in_token = true;
        }
    }
    return count;
}

// Whether a bare token is a number (as leniently as Falco's parser reads them) or a literal.
inline bool is_bare_value(Text token) {
    static constexpr const char *kExact[] = {"true", "false", "null"};
    for (const char *word : kExact)
        if (token.size == std::strlen(word) && std::memcmp(token.data, word, token.size) == 0) return true;
    bool digits = true;
    for (size_t i = 0; i < token.size; ++i) {
        char c = token.data[i];
        digits &= (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.' || c == 'e' || c == 'E';
    }
    if (digits) return true;
    Text t = token;
    if (t.size == 4 && t.data[0] == '-') t = {t.data + 1, 3};
    if (t.size != 3) return false;
    char lower[3];
    for (int i = 0; i < 3; ++i) lower[i] = static_cast<char>(t.data[i] | 0x20);
    return std::memcmp(lower, "nan", 3) == 0 ? t.data == token.data : std::memcmp(lower, "inf", 3) == 0;
}

inline IndexResult Indexer::link(Document &doc, const uint32_t *at, uint32_t *jump, bool open_string) {
    const uint8_t *data = doc.data;
    const uint32_t count = doc.count;
    uint32_t open[kMaxDepth];
    uint32_t depth = 0, p = 0;
    doc.at = at;
    doc.jump = jump;

    enum { value, key, after } state = value;
    while (p < count) {
        uint8_t c = data[at[p]];
        switch (state) {
        case value:
            if (c == '"') {
                ++p;
                state = after;
            } else if (c == '{' || c == '[') {
                open[depth++] = p;
                ++p;
                state = c == '{' ? key : value;
                if (p < count && data[at[p]] == (c == '{' ? '}' : ']')) {
                    jump[open[--depth]] = ++p;
                    state = after;
                } else if (depth == kMaxDepth && p < count) {
                    return IndexResult::malformed;  // whatever stands in it is too deep
                }
            } else if (c == '}' || c == ']' || c == ',' || c == ':') {
                return IndexResult::malformed;
            } else {
                if (!is_bare_value(doc.scalar(p)) && p + 1 < count) return IndexResult::malformed;
                ++p;
                state = after;
            }
            break;
        case key:
            if (c != '"') return IndexResult::malformed;
            if (p + 1 < count && data[at[p + 1]] != ':') return IndexResult::malformed;
            p += 2;
            state = value;
            break;
        case after:
            if (depth == 0) return IndexResult::malformed;
            {
                uint32_t opener = open[depth - 1];
                bool object = data[at[opener]] == '{';
                if (c == ',') {
                    ++p;
                    state = object ? key : value;
                } else if (c == (object ? '}' : ']')) {
                    jump[opener] = ++p;
                    --depth;
                } else {
                    return IndexResult::malformed;
                }
            }
            break;
        }
    }
    if (depth == 0) {
        if (count == 0 || state != after || open_string) return IndexResult::malformed;
        uint8_t c = data[at[0]];
        if (count == 1 && c != '"' && !is_bare_value(doc.scalar(0))) return IndexResult::malformed;
        return IndexResult::ok;
    }
    while (depth) jump[open[--depth]] = kUnknown;
    doc.truncated = true;
    return IndexResult::cut;
}

inline IndexResult Indexer::index(const uint8_t *data, uint32_t size, Document &doc) {
    doc = Document{};
    doc.data = data;
    doc.size = size;
    if (!reserve(size)) throw std::bad_alloc();
    bool open_string = false;
    simdjson::error_code error = stage1_->stage1(data, size, simdjson::stage1_mode::regular);
    if (error == simdjson::SUCCESS || error == simdjson::UTF8_ERROR) {
        doc.count = stage1_->n_structural_indexes;
        return link(doc, stage1_->structural_indexes.get(), jump_.data(), false);
    }
    if (plain_.size() < size + 2u) plain_.resize(size + 2u);
    doc.count = index_plainly(data, size, plain_.data(), open_string);
    plain_[doc.count] = size;
    return link(doc, plain_.data(), jump_.data(), open_string);
}

}  // namespace fe
