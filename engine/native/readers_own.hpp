// The fields that Falco has not: the object as it is after a request, dry runs, source addresses, JSON Patches, and the
// containers of every kind of workload.
//
// In: a slot and an event. Out: a value. Called by read_slot. What rules/fields/own.py says of each is done here.
//
// Whatever may have been cut off makes a value unknown, unless what is there already decides it.
#pragma once

#include "address.hpp"
#include "readers_text.hpp"
#include "uri.hpp"
#include "walk.hpp"

namespace fe {

inline Value truth(bool yes) { return Value::of(yes ? Text("true", 4) : Text("false", 5)); }

class OwnReader {
  public:
    OwnReader(const SlotPlan &slot, const EventView &event, Arena &arena)
        : slot_(slot), event_(event), doc_(event.doc), arena_(arena), texts_(arena) {}

    Value effective() {
        uint32_t p = effective_object();
        for (size_t k = 1; k < slot_.path.size() && is_position(p); ++k) p = child(doc_, p, text_of(slot_.path[k]));
        if (p == kAbsent) return Value::none();
        if (p == kUnknown || doc_.is_cut(p)) return Value::lost();
        return Value::of(field_text(doc_, p, arena_));
    }

    Value effective_list() {
        uint32_t p = effective_object();
        if (p == kUnknown) return Value::lost();
        if (p != kAbsent) gather(p, slot_.path, 1, Leaf::text);
        return list();
    }

    Value patch_members() {
        uint32_t p = locate(event_, slot_.path, slot_.root);
        if (p == kUnknown) return Value::lost();
        if (p == kAbsent || doc_.first(p) != '[') return Value::none();
        Elements e(doc_, p);
        while (e.next())
            if (doc_.first(e.value) == '{') take(find(doc_, e.value, text_of(slot_.key)));
        cut_ |= e.cut;
        return list();
    }

    Value dry_run() {
        Text verb;
        if (!root_text(kRootVerb, verb)) return Value::lost();
        bool deletes = verb == Text("delete", 6) || verb == Text("deletecollection", 16);
        if (!deletes && !(verb == Text("create", 6) || verb == Text("update", 6) || verb == Text("patch", 5)))
            return truth(false);
        if (deletes) {
            uint32_t body = event_.member[kRootRequestObject];
            if (body == kUnknown) return Value::lost();
            if (body != kAbsent) return body_is_dry(body);
            // Where bodies are not logged, an empty one may have made the URI count for nothing.
            Text level;
            if (!root_text(kRootLevel, level)) return Value::lost();
            if (!level.present() || level == Text("Metadata", 8)) return truth(false);
        } else if (verb == Text("create", 6)) {
            Value ignored = ignores_dry_run();
            if (ignored.state != Value::absent) return ignored;
        }
        Text uri;
        if (!root_text(kRootRequestUri, uri)) return Value::lost();
        if (!uri.present()) return truth(false);
        Text found = uri_param_fixed(uri, "dryRun", arena_);
        return truth(found.present() && found == Text("All", 3));
    }

    Value source_address() {
        Text text;
        Value::State state = last_address(text);
        if (state == Value::unknown) return Value::lost();
        return state == Value::present ? Value::of(until_nul(text)) : Value::none();
    }

    Value source_public() {
        Address a;
        Value v = address(a);
        return v.state == Value::present ? truth(is_public(a)) : v;
    }

    Value source_in() {
        constexpr size_t kEntry = 17;  // 16 bytes of address, one of bits
        Address a;
        Value v = address(a);
        if (v.state != Value::present) return v;
        const auto *key = reinterpret_cast<const uint8_t *>(slot_.key.data());
        for (size_t i = 0; i + kEntry <= slot_.key.size(); i += kEntry)
            if (a.in(key + i, key[i + 16])) return truth(true);
        return truth(false);
    }

    Value workload_list(bool joined) {
        each_spec([&](uint32_t spec) {
            from_spec(spec, slot_.path, joined ? Leaf::words : Leaf::text);
            if (!slot_.alt.empty()) from_spec(spec, slot_.alt, Leaf::text);
        });
        return list();
    }

    Value workload_repositories() {
        Value v = workload_list(false);
        if (v.state != Value::present) return v;
        Text *items = arena_.take_array<Text>(v.count);
        for (uint32_t i = 0; i < v.count; ++i) items[i] = repository_fixed(v.items[i]);
        return Value::of_list(items, v.count);
    }

    Value workload_truth() {
        bool any = each_spec([&](uint32_t spec) {
            from_spec(spec, slot_.path, Leaf::truth);
            if (!slot_.alt.empty()) from_spec(spec, slot_.alt, Leaf::truth);
        });
        return yes_or(any);
    }

    // Of each container its own value, else the pod's, else `0`.
    Value workload_default() {
        each_spec([&](uint32_t spec) {
            Text fill("0", 1);
            uint32_t of_pod = down(spec, slot_.alt, 1);
            if (is_value(of_pod)) fill = field_text(doc_, of_pod, arena_);
            for (const char *kind : kContainers) {
                uint32_t containers = member(spec, {kind, std::strlen(kind)});
                if (containers == kAbsent || doc_.first(containers) != '[') continue;
                Elements e(doc_, containers);
                while (e.next()) {
                    if (doc_.first(e.value) != '{') continue;
                    uint32_t own = down(e.value, slot_.path, 2);
                    texts_.add(is_value(own) ? field_text(doc_, own, arena_) : fill);
                }
                cut_ |= e.cut;
            }
        });
        return list();
    }

    Value workload_volume_types() {
        each_spec([&](uint32_t spec) { from_spec(spec, slot_.path, Leaf::keys); });
        return list();
    }

    Value workload_hostpath() {
        bool any = each_spec([&](uint32_t spec) { from_spec(spec, slot_.path, Leaf::path); });
        return yes_or(any);
    }

  private:
    enum class Leaf { text, words, truth, keys, path };

    static constexpr const char *kContainers[] = {"containers", "initContainers", "ephemeralContainers"};

    Value list() const {
        if (cut_) return Value::lost();
        return texts_.count() ? Value::of_list(texts_.data(), texts_.count()) : Value::none();
    }

    Value yes_or(bool any) const {
        if (yes_) return truth(true);
        if (cut_) return Value::lost();
        return any ? truth(false) : Value::none();
    }

    // A member of an object; kAbsent also where it may have been cut off, which is noted.
    uint32_t member(uint32_t p, Text key) {
        if (!is_position(p) || doc_.first(p) != '{') return kAbsent;
        uint32_t found = find(doc_, p, key);
        if (found == kUnknown) cut_ = true;
        return is_position(found) ? found : kAbsent;
    }

    uint32_t down(uint32_t p, const std::vector<std::string> &path, size_t k) {
        for (; k < path.size() && is_position(p); ++k) p = member(p, text_of(path[k]));
        return p;
    }

    // Whether there is a whole value that says something. A null in a patch takes away what was there.
    bool is_value(uint32_t p) {
        if (!is_position(p)) return false;
        if (doc_.is_cut(p)) {
            cut_ = true;
            return false;
        }
        return doc_.first(p) != 'n' || !(doc_.raw(p) == Text("null", 4));
    }

    void take(uint32_t p) {
        if (p == kUnknown) cut_ = true;
        else if (p != kAbsent && doc_.is_cut(p)) cut_ = true;
        else if (p != kAbsent) texts_.add(field_text(doc_, p, arena_));
    }

    // A root member that is a string: its text, none if it is absent or something else. False: it may have been cut off.
    bool root_text(RootKey root, Text &out) {
        uint32_t p = event_.member[root];
        if (p == kUnknown || (p != kAbsent && doc_.is_cut(p))) return false;
        if (p != kAbsent && doc_.first(p) == '"') out = field_text(doc_, p, arena_);
        return true;
    }

    // The object as the request leaves it: of a patch the answer, as only that is whole.
    uint32_t effective_object() {
        Text verb;
        if (!root_text(kRootVerb, verb)) return kUnknown;
        uint32_t asked = event_.member[kRootRequestObject];
        if (!(verb == Text("patch", 5))) return asked;
        uint32_t answer = event_.member[kRootResponseObject];
        if (answer == kUnknown) return kUnknown;
        if (answer == kAbsent || doc_.first(answer) != '{')
            return is_position(asked) && doc_.first(asked) == '[' ? kAbsent : asked;
        uint32_t kind = find(doc_, answer, {"kind", 4});
        if (kind == kUnknown || (kind != kAbsent && doc_.is_cut(kind))) return kUnknown;
        return kind != kAbsent && is_text(doc_, kind, {"Status", 6}, arena_) ? kAbsent : answer;
    }

    Value body_is_dry(uint32_t body) {
        if (doc_.first(body) != '{') return truth(false);
        uint32_t said = find(doc_, body, {"dryRun", 6});
        if (said == kUnknown) return Value::lost();
        if (said == kAbsent || doc_.first(said) != '[') return truth(false);
        Elements e(doc_, said);
        while (e.next()) {
            if (doc_.is_cut(e.value)) return Value::lost();
            if (is_text(doc_, e.value, {"All", 3}, arena_)) return truth(true);
        }
        return e.cut ? Value::lost() : truth(false);
    }

    // False as a value for what is done whatever the URI says: connections, and tokens. Absent for everything else.
    Value ignores_dry_run() {
        uint32_t target = event_.member[kRootObjectRef];
        if (target == kUnknown) return Value::lost();
        if (target == kAbsent || doc_.first(target) != '{') return Value::none();
        uint32_t below = find(doc_, target, {"subresource", 11});
        if (below == kUnknown || (below != kAbsent && doc_.is_cut(below))) return Value::lost();
        if (below == kAbsent) return Value::none();
        for (const char *name : {"exec", "attach", "portforward", "proxy", "token"})
            if (is_text(doc_, below, {name, std::strlen(name)}, arena_)) return truth(false);
        return Value::none();
    }

    Value::State last_address(Text &out) {
        uint32_t p = locate(event_, slot_.path, slot_.root);
        if (p == kUnknown) return Value::unknown;
        if (p == kAbsent || doc_.first(p) != '[') return Value::absent;
        uint32_t last = kAbsent;
        Elements e(doc_, p);
        while (e.next()) last = e.value;
        if (e.cut) return Value::unknown;
        if (last == kAbsent || doc_.first(last) != '"') return Value::absent;
        out = decode(arena_, doc_.inside(last));
        return Value::present;
    }

    Value address(Address &out) {
        Text text;
        Value::State state = last_address(text);
        if (state == Value::unknown) return Value::lost();
        if (state == Value::absent || !parse_address(text, out)) return Value::none();
        return Value::of(text);
    }

    // What the caller asked for: the request, of a JSON Patch the answer. Calls `with` for every place in it where a
    // pod's spec may stand, so that no second one hides the first. False if there is no object.
    template <typename With> bool each_spec(With &&with) {
        uint32_t body = event_.member[kRootRequestObject];
        if (is_position(body) && doc_.first(body) == '[') body = event_.member[kRootResponseObject];
        if (body == kUnknown) cut_ = true;
        if (!is_position(body) || doc_.first(body) != '{') return false;
        auto spec_of = [&](uint32_t p) { return member(p, {"spec", 4}); };
        uint32_t spec = spec_of(body), job = spec_of(member(spec, {"jobTemplate", 11}));
        for (uint32_t p : {spec, spec_of(member(spec, {"template", 8})), spec_of(member(job, {"template", 8})),
                           spec_of(member(body, {"template", 8}))})
            if (is_position(p)) with(p);
        return true;
    }

    void from_spec(uint32_t spec, const std::vector<std::string> &path, Leaf leaf) {
        if (path[1] != kContainers[0]) return gather(spec, path, 1, leaf);
        for (const char *kind : kContainers) {
            uint32_t p = member(spec, {kind, std::strlen(kind)});
            if (p != kAbsent) gather(p, path, 2, leaf);
        }
    }

    // Down the keys from k on, spreading over every array; a list of words is one thing.
    void gather(uint32_t p, const std::vector<std::string> &path, size_t k, Leaf leaf) {
        if (k == path.size() && leaf == Leaf::words) return add_words(p);
        if (doc_.first(p) == '[') {
            Elements e(doc_, p);
            while (e.next()) gather(e.value, path, k, leaf);
            cut_ |= e.cut;
        } else if (k == path.size()) {
            add(p, leaf);
        } else {
            p = member(p, text_of(path[k]));
            if (p != kAbsent) gather(p, path, k + 1, leaf);
        }
    }

    void add(uint32_t p, Leaf leaf) {
        if (leaf == Leaf::keys) return add_keys(p);
        if (!is_value(p)) return;
        if (leaf == Leaf::text) texts_.add(field_text(doc_, p, arena_));
        else if (leaf == Leaf::truth) yes_ |= doc_.first(p) == 't';
        else yes_ |= reaches(value_text(doc_, p, arena_));
    }

    void add_keys(uint32_t p) {
        if (doc_.first(p) != '{') return;
        Members m(doc_, p);
        while (m.next()) {
            Text key = decode(arena_, m.key);
            if (!(key == Text("name", 4))) texts_.add(until_nul(key));
        }
        cut_ |= m.cut;
    }

    void add_words(uint32_t p) {
        if (doc_.first(p) != '[') return;
        ArenaText joined(arena_);
        Elements e(doc_, p);
        bool first = true;
        while (e.next()) {
            if (doc_.is_cut(e.value)) cut_ = true;
            if (doc_.is_cut(e.value) || doc_.first(e.value) != '"') continue;
            if (!first) joined.add(' ');
            first = false;
            joined.add(field_text(doc_, e.value, arena_));
        }
        cut_ |= e.cut;
        texts_.add(joined.text());
    }

    // The path without double slashes and dots, beginning with a slash; the root is empty.
    Text cleaned(Text path) {
        char *out = arena_.take(path.size + 1), *start = out, *end = out;
        for (size_t i = 0; i < path.size;) {
            size_t from = i;
            while (i < path.size && path.data[i] != '/') ++i;
            Text part(path.data + from, i - from);
            ++i;
            if (part.size == 0 || part == Text(".", 1)) continue;
            if (part == Text("..", 2)) {
                while (end > start && *--end != '/') continue;
                continue;
            }
            *end++ = '/';
            std::memcpy(end, part.data, part.size);
            end += part.size;
        }
        return {start, static_cast<size_t>(end - start)};
    }

    static bool at_or_below(Text path, Text directory) {
        return path.size >= directory.size && std::memcmp(path.data, directory.data, directory.size) == 0 &&
               (path.size == directory.size || path.data[directory.size] == '/');
    }

    bool reaches(Text text) {
        Text path = cleaned(text);
        View keys(slot_.key);
        while (!keys.empty()) {
            View rest = keys;
            View one = cut_at(rest, ',');
            keys = rest;
            Text directory(one.data(), one == "/" ? 0 : one.size());
            if (at_or_below(path, directory) || at_or_below(directory, path)) return true;
        }
        return false;
    }

    const SlotPlan &slot_;
    const EventView &event_;
    const Document &doc_;
    Arena &arena_;
    Gathering<Text> texts_;
    bool cut_ = false, yes_ = false;
};

inline Value read_own_field(const SlotPlan &slot, const EventView &event, Arena &arena) {
    OwnReader own(slot, event, arena);
    switch (slot.reader) {
    case Reader::effective: return own.effective();
    case Reader::effective_list: return own.effective_list();
    case Reader::dry_run: return own.dry_run();
    case Reader::source_address: return own.source_address();
    case Reader::source_public: return own.source_public();
    case Reader::source_in: return own.source_in();
    case Reader::patch_members: return own.patch_members();
    case Reader::workload_list: return own.workload_list(false);
    case Reader::workload_words: return own.workload_list(true);
    case Reader::workload_truth: return own.workload_truth();
    case Reader::workload_repository: return own.workload_repositories();
    case Reader::workload_default: return own.workload_default();
    case Reader::workload_volume_types: return own.workload_volume_types();
    default: return own.workload_hostpath();
    }
}

}  // namespace fe
