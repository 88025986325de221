// One parameter of a request URI, by the rules of Go's net/url, which Falco's plugin uses.
//
// In: the URI and the name of a parameter. Out: its first value, decoded. Called by the reader of ka.uri.param.
//
// An error anywhere in the URI (a bad escape, a semicolon in the query, a control character, a bad port ...) hides
// every parameter. `uri_param_fixed` hides only the bad parameter: `&x=%zz` must not switch a rule off.
#pragma once

#include "arena.hpp"
#include "json.hpp"

#include <cstdint>
#include <string_view>

namespace fe {

using View = std::string_view;

inline View view(Text t) { return {t.data, t.size}; }
inline Text text(View v) { return {v.data(), v.size()}; }

// The part before the first `c`; `rest` becomes what stands behind it.
inline View cut_at(View &rest, char c) {
    size_t at = rest.find(c);
    View head = rest.substr(0, at);
    rest = at == View::npos ? View{} : rest.substr(at + 1);
    return head;
}

inline bool is_escape(View s, size_t i) {
    auto hex = [s](size_t at) { return hex_digit(static_cast<uint8_t>(s[at])) >= 0; };
    return i + 2 < s.size() && hex(i + 1) && hex(i + 2);
}

inline int escaped_byte(View s, size_t i) {
    return hex_digit(static_cast<uint8_t>(s[i + 1])) * 16 + hex_digit(static_cast<uint8_t>(s[i + 2]));
}

inline bool good_escapes(View s) {
    for (size_t i = s.find('%'); i != View::npos; i = s.find('%', i + 1))
        if (!is_escape(s, i)) return false;
    return true;
}

inline bool is_alpha(char c) { return static_cast<uint8_t>((c | 0x20) - 'a') < 26; }
inline bool is_decimal(char c) { return static_cast<uint8_t>(c - '0') < 10; }

inline bool one_of(char c, View set) { return set.find(c) != View::npos; }

inline bool may_stand_in_host(char c) {
    return is_alpha(c) || is_decimal(c) || one_of(c, "!$&'()*+,;=:[]<>\"-_.~");
}

// Go allows in a host only `%25` and escaped bytes beyond ASCII; in the zone of an IPv6 address also blanks and
// characters that need no escape.
inline bool good_host_text(View s, bool zone) {
    for (size_t i = 0; i < s.size(); ++i) {
        if (s[i] == '%') {
            if (!is_escape(s, i)) return false;
            int byte = escaped_byte(s, i);
            bool of_zone = byte == ' ' || may_stand_in_host(static_cast<char>(byte));
            if (byte != '%' && !(zone ? of_zone : byte >= 0x80)) return false;
            i += 2;
        } else if (static_cast<uint8_t>(s[i]) < 0x80 && !may_stand_in_host(s[i])) {
            return false;
        }
    }
    return true;
}

inline bool good_port(View s) {
    if (s.empty()) return true;
    if (s[0] != ':') return false;
    for (char c : s.substr(1))
        if (!is_decimal(c)) return false;
    return true;
}

inline bool good_host(View host) {
    if (host.starts_with('[')) {
        size_t close = host.rfind(']');
        if (close == View::npos || !good_port(host.substr(close + 1))) return false;
        size_t zone = host.substr(0, close).find("%25");
        if (zone != View::npos)
            return good_host_text(host.substr(0, zone), false) &&
                   good_host_text(host.substr(zone, close - zone), true) && good_host_text(host.substr(close), false);
    } else {
        size_t colon = host.rfind(':');
        if (colon != View::npos && !good_port(host.substr(colon))) return false;
    }
    return good_host_text(host, false);
}

inline bool good_authority(View authority) {
    size_t at = authority.rfind('@');
    if (at == View::npos) return good_host(authority);
    if (!good_host(authority.substr(at + 1))) return false;
    View user = authority.substr(0, at);
    for (char c : user)
        if (!is_alpha(c) && !is_decimal(c) && !one_of(c, "-._:~!$&'()*+,;=%@")) return false;
    View password = user;
    View name = cut_at(password, ':');
    return good_escapes(name) && good_escapes(password);
}

// Whether the text begins with a scheme; 0 no, else its length. `bad`: it begins with a colon.
inline size_t scheme_length(View uri, bool &bad) {
    for (size_t i = 0; i < uri.size(); ++i) {
        char c = uri[i];
        if (is_alpha(c)) continue;
        if (c == ':') {
            bad = i == 0;
            return i;
        }
        if (i == 0 || (!is_decimal(c) && !one_of(c, "+-."))) return 0;
    }
    return 0;
}

// The query of a URI; false if Go would refuse the URI.
inline bool uri_query(View uri, View &query) {
    View fragment = uri;
    View rest = cut_at(fragment, '#');
    query = {};
    if (!good_escapes(fragment)) return false;
    for (char c : rest)
        if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) return false;
    if (rest == "*") return true;
    bool bad = false;
    size_t scheme = scheme_length(rest, bad);
    if (bad) return false;
    if (scheme) rest = rest.substr(scheme + 1);
    query = rest;
    rest = cut_at(query, '?');
    if (!rest.starts_with('/')) {
        if (scheme) return true;
        if (rest.substr(0, rest.find('/')).find(':') != View::npos) return false;
    }
    if (rest.starts_with("//") && (scheme || !rest.starts_with("///"))) {
        View authority = rest.substr(2);
        size_t slash = authority.find('/');
        rest = slash == View::npos ? View{} : authority.substr(slash);
        if (!good_authority(authority.substr(0, slash))) return false;
    }
    return good_escapes(rest);
}

// Decode `+` and escapes; the escapes are good.
inline Text decode_query_part(View part, Arena &arena) {
    if (part.find_first_of("%+") == View::npos) return part.empty() ? Text("", 0) : text(part);
    char *out = arena.take(part.size() + 1), *end = out;
    for (size_t i = 0; i < part.size(); ++i) {
        if (part[i] == '%') {
            *end++ = static_cast<char>(escaped_byte(part, i));
            i += 2;
        } else {
            *end++ = part[i] == '+' ? ' ' : part[i];
        }
    }
    return {out, static_cast<size_t>(end - out)};
}

// The first value of parameter `name`; no text if there is none. `lenient`: bad parameters are only left out.
inline Text query_param(View query, View name, bool lenient, Arena &arena) {
    Text found;
    while (!query.empty()) {
        View value = cut_at(query, '&');
        if (value.empty()) continue;
        bool good = value.find(';') == View::npos;
        View key = cut_at(value, '=');
        good = good && good_escapes(key) && good_escapes(value);
        if (!good) {
            if (lenient) continue;
            return {};
        }
        if (!found.present() && view(decode_query_part(key, arena)) == name) {
            found = decode_query_part(value, arena);
            if (lenient) return found;
        }
    }
    return found;
}

inline Text uri_param(Text uri, View name, Arena &arena) {
    View query;
    if (!uri_query(view(uri), query)) return {};
    return query_param(query, name, false, arena);
}

inline Text uri_param_fixed(Text uri, View name, Arena &arena) {
    View query = view(uri);
    query = cut_at(query, '#');
    cut_at(query, '?');
    return query_param(query, name, true, arena);
}

}  // namespace fe
