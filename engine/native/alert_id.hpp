// The name of an alert: the same for the same rule on the same event, however often it is delivered.
//
// In: where the event came from, its id, its running number inside the message, the rule's name. Out: 32 hex digits,
// the first 128 bits of SHA-256 over account, region, log group, event id, item (decimal) and rule, with a NUL between
// each two. Called by the formatter and by the core for `Alert.id`.
#pragma once

#include "event.hpp"
#include "sha256.hpp"
#include "time_text.hpp"

namespace fe {

inline constexpr size_t kAlertIdBytes = 32;

// What stands for an event in alert ids: its event id, or, where it has none (of a file, a webhook), its number and
// time, which are its own within a run.
class EventName {
  public:
    EventName(Text event_id, uint64_t number, uint64_t time_ns) : text_(event_id) {
        if (event_id.size) return;
        char *p = room_;
        *p++ = '#';
        p = put_number(p, number);
        *p++ = '@';
        p = put_number(p, time_ns);
        text_ = {room_, static_cast<size_t>(p - room_)};
    }
    EventName(const EventName &) = delete;
    EventName &operator=(const EventName &) = delete;

    Text text() const { return text_; }

  private:
    char room_[48];
    Text text_;
};

// Writes kAlertIdBytes characters.
inline void put_alert_id(char *out, const OriginFacts &origin, Text event_id, uint32_t item, Text rule) {
    char number[24];
    Sha256 hash;
    for (const std::string *part : {&origin.account, &origin.region, &origin.log_group})
        hash.add(part->c_str(), part->size() + 1);
    hash.add(event_id.data, event_id.size).add("", 1);
    hash.add(number, static_cast<size_t>(put_number(number, item) - number)).add("", 1);
    hash.add(rule.data, rule.size);
    std::array<uint8_t, 32> digest = hash.digest();
    constexpr char kHex[] = "0123456789abcdef";
    for (size_t i = 0; i < kAlertIdBytes; i += 2) {
        out[i] = kHex[digest[i / 2] >> 4];
        out[i + 1] = kHex[digest[i / 2] & 15];
    }
}

}  // namespace fe
