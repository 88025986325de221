// Fields made of several values: containers, volumes, rules, subjects.
//
// In: a slot and an event. Out: a list of texts, or `true`/`false`. Called by read_slot.
//
// A list of which anything may have been cut off is unknown as a whole; a yes that is already certain stays a yes.
#pragma once

#include "readers_text.hpp"
#include "walk.hpp"

namespace fe {

class ListReader {
  public:
    ListReader(const SlotPlan &slot, const EventView &event, Arena &arena)
        : slot_(slot), event_(event), doc_(event.doc), arena_(arena), texts_(arena) {}

    enum class Holes { strict, skip, fill };

    Value plain_list() {
        uint32_t p = locate(event_, slot_.path, slot_.root);
        if (p == kUnknown) return Value::lost();
        if (p == kAbsent || doc_.first(p) != '[') return Value::none();
        if (slot_.index >= 0) {
            p = element(doc_, p, static_cast<uint64_t>(slot_.index));
            if (p == kUnknown) return Value::lost();
            if (p == kAbsent) return Value::none();
            add(p);
        } else {
            add_elements(p);
        }
        return result();
    }

    Value walk(Holes holes) {
        Text fill;
        bool fixed = slot_.reader == Reader::walk_default_fixed;
        if (fixed && is_array_body()) return Value::none();
        if (holes == Holes::fill && !default_text(fill)) return Value::lost();
        Walk w = walk_with_default(holes, fixed, fill);
        if (w.result == Walked::absent) return result();  // a default may have been added
        if (w.result == Walked::unknown) return Value::lost();
        for (uint32_t p : w.positions) {
            if (p != kAbsent) add(p);
            else if (holes == Holes::strict) return Value::none();
            else if (holes == Holes::fill) texts_.add(fill);
        }
        return result();
    }

    Value repositories(Holes holes, Text (*cut)(Text)) {
        Value v = walk(holes);
        if (v.state != Value::present) return v;
        Text *items = arena_.take_array<Text>(v.count);
        for (uint32_t i = 0; i < v.count; ++i) items[i] = cut(v.items[i]);
        return Value::of_list(items, v.count);
    }

    // The elements of the array that each walked value is; `only_strings` joins them by a blank.
    Value words(Text more) {
        Walk w(event_, arena_, slot_, slot_.index, more);
        if (w.result != Walked::found) return nothing(w);
        for (uint32_t p : w.positions)
            if (p != kAbsent && doc_.first(p) == '[') add_elements(p);
        return result();
    }

    Value container_words() {
        Walk w(event_, arena_, slot_, slot_.index);
        if (w.result != Walked::found) return nothing(w);
        for (uint32_t p : w.positions) {
            if (p == kAbsent) continue;
            if (doc_.first(p) != '[') return Value::none();
            ArenaText joined(arena_);
            Elements e(doc_, p);
            for (bool first = true; e.next(); first = false) {
                if (doc_.is_cut(e.value)) return Value::lost();
                if (doc_.first(e.value) != '"') return Value::none();
                if (!first) joined.add(' ');
                joined.add(decode(arena_, doc_.inside(e.value)));
            }
            if (e.cut) return Value::lost();
            texts_.add(until_nul(joined.text()));
        }
        return result();
    }

    Value host_ports() {
        bool names_ports = slot_.path.back() == "ports";
        Walk w(event_, arena_, slot_, slot_.index, names_ports ? Text() : Text("ports", 5));
        if (w.result != Walked::found) return nothing(w);
        for (uint32_t p : w.positions) {
            if (p == kAbsent) continue;
            if (doc_.first(p) != '[') return Value::none();
            Elements e(doc_, p);
            while (e.next()) {
                uint32_t port = child(doc_, e.value, {"hostPort", 8});
                if (port == kAbsent) port = child(doc_, e.value, {"containerPort", 13});
                if (port == kUnknown) return Value::lost();
                if (port != kAbsent) add(port);
            }
            cut_ |= e.cut;
        }
        return result();
    }

    // Names of the subjects of a kind, or `namespace:name` of the service accounts.
    Value subjects(Text kind, bool with_namespace) {
        uint32_t p = locate(event_, slot_.path, slot_.root);
        if (p == kUnknown) return Value::lost();
        if (p == kAbsent || doc_.first(p) != '[') return Value::none();
        Elements e(doc_, p);
        while (e.next()) add_subject(e.value, kind, with_namespace);
        cut_ |= e.cut;
        return result();
    }

    Value volume_types() {
        Walk w(event_, arena_, slot_, slot_.index, {}, {}, true);
        if (w.result != Walked::found) return nothing(w);
        for (uint32_t p : w.positions) {
            if (p == kAbsent || doc_.first(p) != '{') continue;
            Members m(doc_, p);
            while (m.next()) {
                Text key = decode(arena_, m.key);
                if (!(key == Text("name", 4))) texts_.add(until_nul(key));
            }
            cut_ |= m.cut;
        }
        return result();
    }

    Value any_privileged() {
        Walk w(event_, arena_, slot_, -1, {"securityContext", 15}, {"privileged", 10});
        if (w.result == Walked::absent) return Value::none();
        for (uint32_t p : w.positions)
            if (p != kAbsent && !doc_.is_cut(p) && doc_.first(p) == 't') return yes();
        return no(w);
    }

    Value hostpath_match() {
        const std::string &key = slot_.key;
        bool prefix = !key.empty() && key.back() == '*';
        size_t size = key.size() - prefix;
        Walk w(event_, arena_, slot_, -1, {"hostPath", 8}, {"path", 4});
        if (w.result == Walked::absent) return Value::none();
        for (uint32_t p : w.positions) {
            if (p == kAbsent) continue;
            if (doc_.is_cut(p)) {
                cut_ = true;
                continue;
            }
            Text path = value_text(doc_, p, arena_);
            if (path == text_of(key)) return yes();
            if (prefix && path.size >= size && std::memcmp(path.data, key.data(), size) == 0) return yes();
        }
        return no(w);
    }

  private:
    static Value yes() { return Value::of({"true", 4}); }
    Value no(const Walk &w) const {
        return cut_ || w.result == Walked::unknown ? Value::lost() : Value::of({"false", 5});
    }
    static Value nothing(const Walk &w) { return w.result == Walked::unknown ? Value::lost() : Value::none(); }

    Value result() const {
        if (cut_) return Value::lost();
        return texts_.count() ? Value::of_list(texts_.data(), texts_.count()) : Value::none();
    }

    void add(uint32_t p) {
        if (doc_.is_cut(p)) cut_ = true;
        else texts_.add(field_text(doc_, p, arena_));
    }

    void add_elements(uint32_t array) {
        Elements e(doc_, array);
        while (e.next()) add(e.value);
        cut_ |= e.cut;
    }

    // What the part of a subject that may have been cut off could still change makes the list unknown.
    void add_subject(uint32_t subject, Text kind, bool with_namespace) {
        if (doc_.first(subject) != '{') return;
        uint32_t kind_at = find(doc_, subject, {"kind", 4}), name = find(doc_, subject, {"name", 4});
        if (kind_at == kAbsent || name == kAbsent) return;
        if (kind_at == kUnknown || doc_.is_cut(kind_at)) { cut_ = true; return; }
        if (!(value_text(doc_, kind_at, arena_) == kind)) return;
        if (name == kUnknown || doc_.is_cut(name)) { cut_ = true; return; }
        if (!with_namespace) return add(name);
        uint32_t space = find(doc_, subject, {"namespace", 9});
        if (space == kAbsent) return;
        if (space == kUnknown || doc_.is_cut(space)) { cut_ = true; return; }
        ArenaText joined(arena_);
        joined.add(value_text(doc_, space, arena_));
        joined.add(':');
        joined.add(value_text(doc_, name, arena_));
        texts_.add(until_nul(joined.text()));
    }

    // The text that stands for a hole. False if it may have been cut off.
    bool default_text(Text &fill) {
        fill = {"0", 1};
        if (slot_.alt.empty()) return true;
        uint32_t p = locate(event_, slot_.alt, slot_.alt_root);
        if (p == kUnknown) return false;
        if (p == kAbsent) return true;
        if (doc_.is_cut(p)) return false;
        fill = field_text(doc_, p, arena_);
        return true;
    }

    // With a corrected index, a container that is there but says nothing has the default too.
    Walk walk_with_default(Holes holes, bool fixed, Text fill) {
        Walk w(event_, arena_, slot_, slot_.index);
        if (w.result == Walked::absent && holes == Holes::fill && fixed && slot_.index >= 0 && w.reached_element())
            texts_.add(fill);
        return w;
    }

    // A JSON Patch: its operations are no containers.
    bool is_array_body() const {
        uint32_t p = first_step(event_, slot_.path, slot_.root);
        return is_position(p) && doc_.first(p) == '[';
    }

    const SlotPlan &slot_;
    const EventView &event_;
    const Document &doc_;
    Arena &arena_;
    Gathering<Text> texts_;
    bool cut_ = false;
};

}  // namespace fe
