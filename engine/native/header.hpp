// The short way to strings in an event's header.
//
// In: slots that are a top-level member or a member of one, and an event. Out: the same text as read_slot gives, or
// "ask read_slot". It answers for whole events where the value is a plain string and no white space is in the way; that
// is almost always, and these are what rules are chosen by.
#pragma once

#include "plan_data.hpp"
#include "readers_text.hpp"

namespace fe {

class HeaderSlot {
  public:
    HeaderSlot() = default;

    explicit HeaderSlot(const SlotPlan &slot) {
        if (slot.reader != Reader::scalar && slot.reader != Reader::json_value) return;
        if (slot.path.empty() || slot.path.size() > 2 || slot.root == kRootOther || slot.index >= 0) return;
        root_ = slot.root;
        needs_audit_id_ = slot.reader == Reader::scalar;
        if (slot.path.size() == 2) {
            const std::string &key = slot.path[1];
            if (key.empty() || key.size() > 16) return;
            size_ = static_cast<uint32_t>(key.size());
            char padded[16] = {}, ones[16] = {};
            std::memcpy(padded, key.data(), key.size());
            std::memset(ones, 0xff, key.size());
            std::memcpy(key_, padded, 16);
            std::memcpy(mask_, ones, 16);
        }
        usable_ = true;
    }

    // False: read_slot has to be asked. True: `value` is absent or present with its text; nothing else of it is set.
    bool read(const EventView &event, Value &value) const {
        const Document &doc = event.doc;
        if (!usable_ || event.truncated) return false;
        uint32_t p = event.member[root_];
        if (p == kAbsent || (needs_audit_id_ && event.audit_id() == kAbsent)) {
            value.state = Value::absent;
            return true;
        }
        if (size_) {
            if (doc.first(p) != '{' || !find_member(doc, p)) return false;
            if (p == kAbsent) {
                value.state = Value::absent;
                return true;
            }
        }
        const uint32_t from = doc.at[p], to = doc.at[p + 1];
        if (doc.data[from] != '"' || doc.data[to - 1] != '"') return false;
        Text text(reinterpret_cast<const char *>(doc.data) + from + 1, to - from - 2);
        if (has_backslash_or_nul(text)) return false;
        value.state = Value::present;
        value.text = text;
        return true;
    }

  private:
    // From an object to its member, kAbsent if it has none. False if a key has escapes in it or blanks behind it.
    bool find_member(const Document &doc, uint32_t &p) const {
        const char *data = reinterpret_cast<const char *>(doc.data);
        uint64_t odd = 0;
        for (uint32_t q = p + 1; doc.first(q) != '}';) {
            const uint32_t from = doc.at[q], to = doc.at[q + 1];
            const char *key = data + from + 1;
            const uint32_t size = to - from - 2;
            odd |= data[to - 1] ^ '"';
            if (size == size_ && matches(key)) {
                p = q + 2;
                return odd == 0;
            }
            if (size > size_)  // with escapes, a key is longer than what it means
                for (uint32_t i = 0; i < size; i += 8) odd |= backslashes(word_at(key + i));
            q = doc.after(q + 2);
            if (doc.first(q) == ',') ++q;
        }
        p = kAbsent;
        return odd == 0;
    }

    bool matches(const char *key) const {
        if ((word_at(key) ^ key_[0]) & mask_[0]) return false;
        return size_ <= 8 || ((word_at(key + 8) ^ key_[1]) & mask_[1]) == 0;
    }

    // Reads up to 15 bytes behind a key; documents are padded.
    static uint64_t word_at(const char *p) {
        uint64_t w;
        std::memcpy(&w, p, 8);
        return w;
    }

    // Not zero if one of the eight bytes is a backslash. Bytes behind a key count too, which costs time and no more.
    static uint64_t backslashes(uint64_t word) {
        constexpr uint64_t kOnes = 0x0101010101010101u, kHighs = 0x8080808080808080u;
        uint64_t b = word ^ (kOnes * '\\');
        return (b - kOnes) & ~b & kHighs;
    }

    bool usable_ = false, needs_audit_id_ = false;
    RootKey root_ = kRootOther;
    uint32_t size_ = 0;  // of the second key; 0: there is none
    uint64_t key_[2] = {}, mask_[2] = {};
};

}  // namespace fe
