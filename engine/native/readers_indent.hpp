// json.obj: an event written again with line breaks and indentation.
//
// In: the text of a JSON value, its structure known to be right. Out: two blanks a level, one blank behind each colon,
// empty brackets closed, everything else as it was; no text if the value is not strict JSON (lenient numbers, control
// characters, unknown escapes), as in Falco. Called by the readers.
#pragma once

#include "readers_text.hpp"

namespace fe {

class Indenter {
  public:
    Indenter(Text json, Arena &arena) : p_(json.data), end_(json.data + json.size), out_(arena, json.size * 2 + 64) {}

    Text run() {
        while (p_ < end_) {
            char c = *p_;
            if (Document::is_space(static_cast<uint8_t>(c))) {
                ++p_;
                continue;
            }
            if (c == '}' || c == ']') {
                --depth_;
                if (!opened_) line();
                opened_ = false;
                out_.add(c);
                ++p_;
                continue;
            }
            if (opened_) line();
            opened_ = false;
            if (!piece(c)) return {};
        }
        return out_.text();
    }

  private:
    bool piece(char c) {
        switch (c) {
        case '{': case '[':
            out_.add(c);
            ++depth_;
            opened_ = true;
            ++p_;
            return true;
        case ',':
            out_.add(c);
            line();
            ++p_;
            return true;
        case ':':
            out_.add(": ", 2);
            ++p_;
            return true;
        case '"': return string();
        case 't': return word("true");
        case 'f': return word("false");
        case 'n': return word("null");
        default: return number();
        }
    }

    void line() {
        out_.add('\n');
        out_.blanks(2 * depth_);
    }

    bool string() {
        const char *from = p_++;
        while (p_ < end_ && *p_ != '"') {
            if (static_cast<uint8_t>(*p_) < 0x20) return false;
            if (*p_++ != '\\') continue;
            if (p_ == end_) return false;
            char c = *p_++;
            if (c == 'u') {
                if (end_ - p_ < 4 || hex4(p_) < 0) return false;
                p_ += 4;
            } else if (c == 0 || !std::strchr("\"\\/bfnrt", c)) {
                return false;
            }
        }
        if (p_ == end_) return false;
        ++p_;
        out_.add(from, static_cast<size_t>(p_ - from));
        return true;
    }

    bool word(const char *w) {
        size_t n = std::strlen(w);
        if (static_cast<size_t>(end_ - p_) < n || std::memcmp(p_, w, n) != 0) return false;
        out_.add(p_, n);
        p_ += n;
        return true;
    }

    bool digits() {
        const char *from = p_;
        while (p_ < end_ && *p_ >= '0' && *p_ <= '9') ++p_;
        return p_ != from;
    }

    bool number() {
        const char *from = p_;
        if (p_ < end_ && *p_ == '-') ++p_;
        if (p_ < end_ && *p_ == '0') ++p_;
        else if (!digits()) return false;
        if (p_ < end_ && *p_ == '.') {
            ++p_;
            if (!digits()) return false;
        }
        if (p_ < end_ && (*p_ | 0x20) == 'e') {
            ++p_;
            if (p_ < end_ && (*p_ == '+' || *p_ == '-')) ++p_;
            if (!digits()) return false;
        }
        if (p_ < end_ && !std::strchr(",]} \n\r\t", *p_)) return false;
        out_.add(from, static_cast<size_t>(p_ - from));
        return true;
    }

    const char *p_, *end_;
    ArenaText out_;
    size_t depth_ = 0;
    bool opened_ = false;  // the last thing written was an opening bracket
};

inline Text indented(Text json, Arena &arena) { return Indenter(json, arena).run(); }

}  // namespace fe
