// One audit event, indexed, with the facts that are not in its JSON.
//
// In: a document and where it came from. Out: what readers, predicates and the formatter look at. Made by the scanner,
// one per thread, used again for every event.
#pragma once

#include "arena.hpp"
#include "json.hpp"

#include <cstdint>
#include <string>

namespace fe {

// Where events come from (falcoeks.cluster and its relatives; part of alert ids).
struct OriginFacts {
    std::string cluster, account, region, log_group;
};

// What an operand is for one event.
struct Value {
    enum State : uint8_t { absent, present, unknown };
    State state = absent;
    Text text;                    // scalar strings; up to the first NUL, unless b64 made them
    const Text *items = nullptr;  // lists
    uint32_t count = 0;
    uint64_t number = 0;          // numbers, times in ns, bools

    static Value none() { return {}; }
    static Value lost() { Value v; v.state = unknown; return v; }
    static Value of(Text t) { Value v; v.state = present; v.text = t; return v; }
    static Value of_number(uint64_t n) { Value v; v.state = present; v.number = n; return v; }
    static Value of_list(const Text *items, uint32_t count) {
        Value v; v.state = present; v.items = items; v.count = count; return v;
    }
};

// Top-level members of an audit event; their positions are noted in one walk (the first of equal keys counts).
enum RootKey : uint8_t {
    kRootKind, kRootLevel, kRootAuditId, kRootStage, kRootRequestUri, kRootVerb, kRootUser, kRootImpersonatedUser,
    kRootSourceIps, kRootUserAgent, kRootObjectRef, kRootResponseStatus, kRootRequestObject, kRootResponseObject,
    kRootRequestReceived, kRootStageTimestamp, kRootAnnotations,
    kRootKeys,     // how many there are
    kRootOther = 0xff,
};

// The root key that a path's first component names, kRootOther for any other name.
inline RootKey root_key(Text name) {
    static constexpr struct { const char *text; uint8_t size; RootKey key; } kNames[] = {
        {"kind", 4, kRootKind}, {"verb", 4, kRootVerb}, {"user", 4, kRootUser}, {"level", 5, kRootLevel},
        {"stage", 5, kRootStage}, {"auditID", 7, kRootAuditId}, {"sourceIPs", 9, kRootSourceIps},
        {"userAgent", 9, kRootUserAgent}, {"objectRef", 9, kRootObjectRef}, {"requestURI", 10, kRootRequestUri},
        {"annotations", 11, kRootAnnotations}, {"requestObject", 13, kRootRequestObject},
        {"responseObject", 14, kRootResponseObject}, {"responseStatus", 14, kRootResponseStatus},
        {"stageTimestamp", 14, kRootStageTimestamp}, {"impersonatedUser", 16, kRootImpersonatedUser},
        {"requestReceivedTimestamp", 24, kRootRequestReceived},
    };
    for (const auto &n : kNames)
        if (n.size == name.size && n.text[0] == name.data[0] && std::memcmp(n.text, name.data, n.size) == 0) return n.key;
    return kRootOther;
}

struct EventView {
    Document doc;
    uint32_t root = 0;                // position of the event's object (an item of a list: inside doc)
    uint32_t member[kRootKeys] = {};  // position, kAbsent or kUnknown
    uint64_t time_ns = 0;             // stageTimestamp (CloudWatch's timestamp where it was cut off)
    uint64_t first_time_ns = 0;       // of the first event of the run
    uint64_t number = 0;              // evt.num
    bool truncated = false;
    const OriginFacts *origin = nullptr;
    Text log_stream, event_id;        // of the CloudWatch message; empty elsewhere
    uint64_t timestamp_ms = 0, ingestion_ms = 0;
    uint32_t item = 0;                // running number inside the message
    Text hostname, plugin;            // evt.hostname, evt.pluginname

    // Whether ka.* fields exist for this event (a key auditID, whatever its value).
    uint32_t audit_id() const { return member[kRootAuditId]; }
};

}  // namespace fe
