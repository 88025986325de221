// Two ways down into an event: the simple path and the walk (spec: fields, "reading a path").
//
// In: an event and the keys of a path. Out: positions of values, `kAbsent` for a hole, `kUnknown` for what may have
// been in the part of a truncated event that was cut off. Called by the readers.
#pragma once

#include "event.hpp"
#include "plan_data.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace fe {

inline Text text_of(const std::string &s) { return {s.data(), s.size()}; }

// An array index as Go's Atoi reads it; false if it is none.
inline bool array_index(Text key, uint64_t &index) {
    size_t i = key.size && (key.data[0] == '+' || key.data[0] == '-') ? 1 : 0;
    if (i == key.size) return false;
    uint64_t n = 0;
    for (size_t k = i; k < key.size; ++k) {
        auto digit = static_cast<uint8_t>(key.data[k] - '0');
        if (digit > 9) return false;
        if (n < (uint64_t{1} << 40)) n = n * 10 + digit;
    }
    index = n;
    return n == 0 || key.data[0] != '-';
}

// One key down on a simple path.
inline uint32_t child(const Document &doc, uint32_t p, Text key) {
    uint8_t c = doc.first(p);
    if (c == '{') return find(doc, p, key);
    uint64_t index;
    if (c == '[' && array_index(key, index)) return element(doc, p, index);
    return kAbsent;
}

inline uint32_t first_step(const EventView &event, const std::vector<std::string> &path, RootKey root) {
    return root != kRootOther ? event.member[root] : child(event.doc, event.root, text_of(path[0]));
}

// The value at a simple path; the event itself for an empty one.
inline uint32_t locate(const EventView &event, const std::vector<std::string> &path, RootKey root) {
    if (path.empty()) return event.root;
    uint32_t p = first_step(event, path, root);
    for (size_t k = 1; k < path.size() && is_position(p); ++k) p = child(event.doc, p, text_of(path[k]));
    return p;
}

// A few numbers or texts that grow in an arena.
template <typename T> class Gathering {
  public:
    explicit Gathering(Arena &arena) : arena_(arena) {}

    void add(T item) {
        if (count_ == room_) grow();
        items_[count_++] = item;
    }

    const T *data() const { return items_; }
    uint32_t count() const { return count_; }
    const T *begin() const { return items_; }
    const T *end() const { return items_ + count_; }

  private:
    void grow() {
        uint32_t room = room_ ? room_ * 2 : 8;
        T *items = arena_.take_array<T>(room);
        for (uint32_t i = 0; i < count_; ++i) items[i] = items_[i];
        items_ = items;
        room_ = room;
    }

    Arena &arena_;
    T *items_ = nullptr;
    uint32_t count_ = 0, room_ = 0;
};

enum class Walked : uint8_t {
    found,    // `positions` holds the values and holes in their order
    absent,   // there is no such thing at all
    unknown,  // something of it may have been cut off; `positions` holds what was seen
};

// Goes down like a simple path, but spreads over every array that stands before a key, or takes its element `index`.
// Beyond the path it takes up to two further keys; with `into` it also spreads over an array at the end.
class Walk {
  public:
    Walk(const EventView &event, Arena &arena, const SlotPlan &slot, int64_t index, Text more = {}, Text last = {},
         bool into = false)
        : positions(arena), event_(event), doc_(event.doc), path_(slot.path), index_(index), more_{more, last},
          keys_(slot.path.size() + more.present() + last.present()), into_(into) {
        uint32_t p = first_step(event, slot.path, slot.root);
        result = is_position(p) ? from(p, 1) : p == kUnknown ? Walked::unknown : Walked::absent;
        if (result == Walked::found && cut_) result = Walked::unknown;
    }

    Gathering<uint32_t> positions;
    Walked result;

    // Whether element `index` of an array was there, whatever became of the path below it.
    bool reached_element() const { return reached_; }

  private:
    Text key(size_t k) const { return k < path_.size() ? text_of(path_[k]) : more_[k - path_.size()]; }

    Walked from(uint32_t p, size_t k) {
        for (; k < keys_ + into_; ++k) {
            if (doc_.first(p) == '[') {
                if (index_ < 0) {
                    spread(p, k);
                    return Walked::found;
                }
                p = element(doc_, p, static_cast<uint64_t>(index_));
                if (!is_position(p)) return p == kUnknown ? Walked::unknown : Walked::absent;
                reached_ = true;
            }
            if (k == keys_) break;
            p = child(doc_, p, key(k));
            if (!is_position(p)) return p == kUnknown ? Walked::unknown : Walked::absent;
        }
        positions.add(p);
        return Walked::found;
    }

    void spread(uint32_t array, size_t k) {
        Elements elements(doc_, array);
        while (elements.next()) {
            Walked w = from(elements.value, k);
            if (w == Walked::absent) positions.add(kAbsent);
            if (w == Walked::unknown) cut_ = true;
        }
        if (elements.cut) cut_ = true;
    }

    const EventView &event_;
    const Document &doc_;
    const std::vector<std::string> &path_;
    int64_t index_;
    Text more_[2];
    size_t keys_;
    bool into_;
    bool cut_ = false, reached_ = false;
};

}  // namespace fe
