// What a slot is for an event.
//
// In: a slot of the plan and an indexed event. Out: absent, present with text, number or list, or unknown (an event was
// cut off before it could say). No input ends in anything else. Called by the interpreter and, through the context, by
// generated predicates and the formatter; each at most once for an event.
//
// Texts point into the event or the arena and live until the next event. Source of every rule here: the field
// reference of Falco's k8saudit and json plugins, as run.
#pragma once

#include "event_fields.hpp"
#include "readers_indent.hpp"
#include "readers_lists.hpp"
#include "readers_own.hpp"
#include "uri.hpp"

namespace fe {

// The one value of a walk with an index: every array on the way is left by that element.
inline Value read_walked_scalar(const SlotPlan &slot, const EventView &event, Arena &arena) {
    Walk w(event, arena, slot, slot.index);
    if (w.result == Walked::absent) return Value::none();
    if (w.result == Walked::unknown || event.doc.is_cut(*w.positions.begin())) return Value::lost();
    return Value::of(field_text(event.doc, *w.positions.begin(), arena));
}

inline Value read_scalar(const SlotPlan &slot, const EventView &event, Arena &arena) {
    if (slot.index >= 0) return read_walked_scalar(slot, event, arena);
    uint32_t p = locate(event, slot.path, slot.root);
    if (p == kAbsent) return Value::none();
    if (p == kUnknown || event.doc.is_cut(p)) return Value::lost();
    return Value::of(field_text(event.doc, p, arena));
}

inline Value read_repository_scalar(const SlotPlan &slot, const EventView &event, Arena &arena, Text (*cut)(Text)) {
    Value v = read_scalar(slot, event, arena);
    if (v.state == Value::present) v.text = cut(v.text);
    return v;
}

inline Value read_uri_param(const SlotPlan &slot, const EventView &event, Arena &arena, bool fixed) {
    uint32_t p = locate(event, slot.path, slot.root);
    if (p == kAbsent) return Value::none();
    if (p == kUnknown || event.doc.is_cut(p)) return Value::lost();
    Text uri = value_text(event.doc, p, arena);
    Text found = (fixed ? uri_param_fixed : uri_param)(uri, View(slot.key), arena);
    return found.present() ? Value::of(until_nul(found)) : Value::none();
}

// Pods only, the pod itself and nothing below it.
inline Value read_target_pod_name(const SlotPlan &slot, const EventView &event, Arena &arena) {
    const Document &doc = event.doc;
    uint32_t target = event.member[kRootObjectRef];
    if (target == kAbsent) return Value::none();
    if (target == kUnknown) return Value::lost();
    uint32_t resource = child(doc, target, {"resource", 8}), below = child(doc, target, {"subresource", 11});
    if (resource == kAbsent) return Value::none();
    if (resource == kUnknown || doc.is_cut(resource)) return Value::lost();
    if (!is_text(doc, resource, {"pods", 4}, arena)) return Value::none();
    if (below == kUnknown || (is_position(below) && doc.is_cut(below))) return Value::lost();
    if (below != kAbsent && doc.first(below) == '"' && !is_text(doc, below, {"", 0}, arena)) return Value::none();
    return read_scalar(slot, event, arena);
}

inline Value read_json_object(const EventView &event, Arena &arena) {
    if (event.doc.is_cut(event.root)) return Value::lost();
    Text t = indented(event.doc.raw(event.root), arena);
    return t.present() ? Value::of(t) : Value::none();
}

// A ka.* field of an event that has an audit id.
inline Value read_audit_field(const SlotPlan &slot, const EventView &event, Arena &arena) {
    using Holes = ListReader::Holes;
    ListReader list(slot, event, arena);
    switch (slot.reader) {
    case Reader::scalar: return read_scalar(slot, event, arena);
    case Reader::plain_list: return list.plain_list();
    case Reader::walk_strict: return list.walk(Holes::strict);
    case Reader::whole_as_list:
    case Reader::walk_skip: return list.walk(Holes::skip);
    case Reader::walk_default:
    case Reader::walk_default_fixed: return list.walk(Holes::fill);
    case Reader::repository: return list.repositories(Holes::strict, repository);
    case Reader::repository_fixed: return list.repositories(Holes::skip, repository_fixed);
    case Reader::repository_scalar: return read_repository_scalar(slot, event, arena, repository);
    case Reader::repository_scalar_fixed: return read_repository_scalar(slot, event, arena, repository_fixed);
    case Reader::container_words: return list.container_words();
    case Reader::host_port: return list.host_ports();
    case Reader::subject_names: return list.subjects(text_of(slot.key), false);
    case Reader::subject_accounts: return list.subjects({"ServiceAccount", 14}, true);
    case Reader::rule_words: return list.words(text_of(slot.key));
    case Reader::capabilities_fixed: return list.words({});
    case Reader::volume_types: return list.volume_types();
    case Reader::hostpath_match: return list.hostpath_match();
    case Reader::any_privileged: return list.any_privileged();
    case Reader::uri_param: return read_uri_param(slot, event, arena, false);
    case Reader::uri_param_fixed: return read_uri_param(slot, event, arena, true);
    case Reader::target_pod_name: return read_target_pod_name(slot, event, arena);
    default: return Value::of(text_of(slot.key));  // constant
    }
}

inline Value read_slot(const SlotPlan &slot, const EventView &event, Arena &arena) {
    switch (slot.reader) {
    case Reader::json_value: return read_scalar(slot, event, arena);
    case Reader::json_object: return read_json_object(event, arena);
    case Reader::static_text: return Value::of(text_of(slot.key));
    default: break;
    }
    bool of_json = slot.reader <= Reader::constant || slot.reader >= Reader::repository_fixed;
    if (!of_json) return event_value(slot, event, arena);
    if (event.audit_id() == kAbsent) return Value::none();
    if (event.audit_id() == kUnknown) return Value::lost();
    return slot.reader >= Reader::effective ? read_own_field(slot, event, arena) : read_audit_field(slot, event, arena);
}

}  // namespace fe
