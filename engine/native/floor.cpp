// The floor of the benchmarks: a bare simdjson walk over the same raw pages, without any rules.
//
// In: a FilterLogEvents body with SIMDJSON_PADDING readable bytes behind it. Out: a checksum over twelve fields of each
// event, so that nothing is optimised away. Called by `falcoeks_fast.engine._core.floor` only. Built for AVX2 where the
// compiler can, since simdjson's on-demand front end is chosen at compile time; the caller checks the machine.
#if defined(__x86_64__) && defined(__GNUC__)
#pragma GCC target("avx2,bmi,lzcnt,pclmul,popcnt")
#endif

#include "floor.hpp"

#include <simdjson.h>

#include <string_view>

namespace fe {

namespace {

using namespace simdjson;

struct Sum {
    uint64_t value = 0;
    void add(std::string_view text) {
        for (size_t i = 0; i < text.size(); i += 8) value = value * 31 + static_cast<uint8_t>(text[i]);
        value += text.size();
    }
};

void add_string(Sum &sum, ondemand::value value) {
    std::string_view text;
    if (!value.get_string().get(text)) sum.add(text);
}

void add_members(Sum &sum, ondemand::value value, std::initializer_list<std::string_view> names) {
    ondemand::object object;
    if (value.get_object().get(object)) return;
    for (auto field : object) {
        ondemand::raw_json_string raw;
        if (field.key().get(raw)) return;
        for (std::string_view name : names) {
            if (!raw.unsafe_is_equal(name)) continue;
            ondemand::value member;
            if (field.value().get(member)) return;
            if (name == "code") {
                uint64_t code = 0;
                if (!member.get_uint64().get(code)) sum.value += code;
            } else {
                add_string(sum, member);
            }
            break;
        }
    }
}

void read_event(Sum &sum, ondemand::object event) {
    for (auto field : event) {
        ondemand::raw_json_string raw;
        ondemand::value value;
        if (field.key().get(raw) || field.value().get(value)) return;
        const char *key = raw.raw();
        switch (key[0]) {
        case 'a':
            if (raw.unsafe_is_equal("auditID")) add_string(sum, value);
            else if (raw.unsafe_is_equal("annotations")) add_members(sum, value, {"authorization.k8s.io/decision"});
            break;
        case 's':
            if (raw.unsafe_is_equal("stage") || raw.unsafe_is_equal("stageTimestamp")) add_string(sum, value);
            break;
        case 'r':
            if (raw.unsafe_is_equal("requestURI")) add_string(sum, value);
            else if (raw.unsafe_is_equal("responseStatus")) add_members(sum, value, {"code"});
            break;
        case 'v':
            if (raw.unsafe_is_equal("verb")) add_string(sum, value);
            break;
        case 'u':
            if (raw.unsafe_is_equal("userAgent")) add_string(sum, value);
            else if (raw.unsafe_is_equal("user")) add_members(sum, value, {"username"});
            break;
        case 'o':
            if (raw.unsafe_is_equal("objectRef")) add_members(sum, value, {"resource", "namespace", "name"});
            break;
        default: break;
        }
    }
}

}  // namespace

FloorCount floor_walk(const uint8_t *body, size_t size) {
    static thread_local ondemand::parser outer, inner;
    FloorCount count;
    Sum sum;
    ondemand::document page;
    padded_string_view view(reinterpret_cast<const char *>(body), size, size + SIMDJSON_PADDING);
    if (outer.iterate(view).get(page)) return count;
    ondemand::array events;
    if (page.find_field("events").get_array().get(events)) return count;
    for (auto item : events) {
        std::string_view message;
        if (item.find_field("message").get_string().get(message)) continue;
        // The decoded message stands in the parser's string buffer, which is larger than the page by the padding.
        ondemand::document document;
        ondemand::object event;
        padded_string_view text(message.data(), message.size(), message.size() + SIMDJSON_PADDING);
        if (inner.iterate(text).get(document) || document.get_object().get(event)) continue;
        read_event(sum, event);
        ++count.events;
    }
    count.checksum = sum.value;
    return count;
}

}  // namespace fe
