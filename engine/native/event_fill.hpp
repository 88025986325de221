// From a JSON value to an `EventView`: which members the event has.
//
// In: a document and the position of an object. Out: the positions of its top-level members. Called by the scanner.
#pragma once

#include "event.hpp"

namespace fe {

// As `root_key`, by length first: this runs for every member of every event.
inline RootKey root_key_fast(const char *d, size_t size) {
    auto is = [d, size](const char *name, RootKey key) { return std::memcmp(d, name, size) == 0 ? key : kRootOther; };
    switch (size) {
    case 4: return d[0] == 'k' ? is("kind", kRootKind) : d[0] == 'v' ? is("verb", kRootVerb) : is("user", kRootUser);
    case 5: return d[0] == 'l' ? is("level", kRootLevel) : is("stage", kRootStage);
    case 7: return is("auditID", kRootAuditId);
    case 9:
        return d[0] == 's' ? is("sourceIPs", kRootSourceIps)
                           : d[0] == 'u' ? is("userAgent", kRootUserAgent) : is("objectRef", kRootObjectRef);
    case 10: return is("requestURI", kRootRequestUri);
    case 11: return is("annotations", kRootAnnotations);
    case 13: return is("requestObject", kRootRequestObject);
    case 14:
        return d[0] == 's' ? is("stageTimestamp", kRootStageTimestamp)
                           : d[8] == 'O' ? is("responseObject", kRootResponseObject)
                                         : is("responseStatus", kRootResponseStatus);
    case 16: return is("impersonatedUser", kRootImpersonatedUser);
    case 24: return is("requestReceivedTimestamp", kRootRequestReceived);
    default: return kRootOther;
    }
}

// Note the members of the object at `root`. The first of equal keys counts; of a truncated event, those that were not
// seen are unknown.
inline void fill_members(EventView &event, uint32_t root, Arena &arena) {
    event.root = root;
    Members members(event.doc, root);
    for (uint32_t &m : event.member) m = kAbsent;
    while (members.next()) {
        RootKey key = root_key_fast(members.key.data, members.key.size);
        if (key == kRootOther) {
            if (!std::memchr(members.key.data, '\\', members.key.size)) continue;
            Text decoded = decode(arena, members.key);
            key = root_key_fast(decoded.data, decoded.size);
            if (key == kRootOther) continue;
        }
        if (event.member[key] == kAbsent) event.member[key] = members.value;
    }
    if (members.cut)
        for (uint32_t &m : event.member)
            if (m == kAbsent) m = kUnknown;
}

}  // namespace fe
