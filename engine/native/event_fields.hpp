// The fields that are not in the event's JSON: evt.*, json.rawtime and the facts about its origin.
//
// In: an event view. Out: values. Called by read_slot.
#pragma once

#include "plan_data.hpp"
#include "readers_text.hpp"
#include "time_text.hpp"

namespace fe {

inline Value time_value(uint64_t time_ns, TimeForm form, Arena &arena) {
    char *out = arena.take(kTimeTextBytes);
    return Value::of({out, static_cast<size_t>(put_time(out, time_ns, form) - out)});
}

inline Value number_text(uint64_t n, Arena &arena) {
    char *out = arena.take(24);
    return Value::of({out, static_cast<size_t>(put_number(out, n) - out)});
}

inline Value text_if_any(Text t) { return t.size ? Value::of(t) : Value::none(); }
inline Value text_if_any(const std::string &s) { return text_if_any(Text(s.data(), s.size())); }

// The event as it would be printed: compact. Unknown if its end was cut off.
inline Value whole_event(const EventView &event, Arena &arena) {
    if (event.doc.is_cut(event.root)) return Value::lost();
    return Value::of(field_text(event.doc, event.root, arena));
}

inline Value meta_value(const SlotPlan &slot, const EventView &event, Arena &arena) {
    static const OriginFacts kNowhere;
    const OriginFacts &origin = event.origin ? *event.origin : kNowhere;
    switch (static_cast<MetaField>(slot.index)) {
    case MetaField::cluster: return text_if_any(origin.cluster);
    case MetaField::account: return text_if_any(origin.account);
    case MetaField::region: return text_if_any(origin.region);
    case MetaField::log_group: return text_if_any(origin.log_group);
    case MetaField::log_stream: return text_if_any(event.log_stream);
    case MetaField::event_id: return text_if_any(event.event_id);
    case MetaField::truncated:
        if (slot.type == ValueType::boolean) return Value::of_number(event.truncated);
        return Value::of(event.truncated ? Text("true", 4) : Text("false", 5));
    case MetaField::ingestion_time_ms:
        if (event.ingestion_ms == 0) return Value::none();
        return slot.type == ValueType::string ? number_text(event.ingestion_ms, arena)
                                              : Value::of_number(event.ingestion_ms);
    default: return Value::none();
    }
}

inline Value event_value(const SlotPlan &slot, const EventView &event, Arena &arena) {
    constexpr uint64_t kSecond = 1000000000u;
    const uint64_t reltime_ns = event.time_ns - event.first_time_ns;  // wraps before the first, as in Falco
    switch (slot.reader) {
    case Reader::json_rawtime: return number_text(event.time_ns, arena);
    case Reader::evt_num: return Value::of_number(event.number);
    case Reader::evt_time: return time_value(event.time_ns, TimeForm::clock, arena);
    case Reader::evt_time_s: return time_value(event.time_ns, TimeForm::clock_seconds, arena);
    case Reader::evt_time_iso8601: return time_value(event.time_ns, TimeForm::iso8601, arena);
    case Reader::evt_datetime: return time_value(event.time_ns, TimeForm::datetime, arena);
    case Reader::evt_datetime_s: return time_value(event.time_ns, TimeForm::datetime_seconds, arena);
    case Reader::evt_rawtime: return Value::of_number(event.time_ns);
    case Reader::evt_rawtime_s: return Value::of_number(event.time_ns / kSecond);
    case Reader::evt_rawtime_ns: return Value::of_number(event.time_ns % kSecond);
    case Reader::evt_reltime: return Value::of_number(reltime_ns);
    case Reader::evt_reltime_s: return Value::of_number(reltime_ns / kSecond);
    case Reader::evt_reltime_ns: return Value::of_number(reltime_ns % kSecond);
    case Reader::evt_pluginname: return Value::of(event.plugin.present() ? event.plugin : Text("", 0));
    case Reader::evt_plugininfo: return whole_event(event, arena);
    case Reader::evt_source: return Value::of({"k8s_audit", 9});
    case Reader::evt_is_async: return Value::of_number(0);
    case Reader::evt_hostname: return Value::of(event.hostname.present() ? event.hostname : Text("", 0));
    case Reader::meta: return meta_value(slot, event, arena);
    default: return Value::none();  // evt.asynctype
    }
}

}  // namespace fe
