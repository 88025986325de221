// An event read from text, as the scanner would, for the native tests.
#pragma once

#include "checks.hpp"
#include "event_fill.hpp"
#include "event_time.hpp"

#include <string_view>

namespace fe::test {

struct TestEvent {
    std::string bytes;
    Indexer indexer;
    Arena arena;
    EventView view;
    bool good = false;

    // `cut`: how many bytes of the text are there at all.
    explicit TestEvent(std::string_view json, size_t cut = std::string::npos) {
        bytes = json.substr(0, cut);
        size_t size = bytes.size();
        bytes.append(kPadding, '\0');
        IndexResult r = indexer.index(reinterpret_cast<const uint8_t *>(bytes.data()), static_cast<uint32_t>(size), view.doc);
        good = r != IndexResult::malformed && view.doc.count && view.doc.first(0) == '{';
        view.truncated = r == IndexResult::cut;
        if (!good) return;
        fill_members(view, 0, arena);
        uint32_t time = view.member[kRootStageTimestamp];
        if (is_position(time) && !view.doc.is_cut(time) && view.doc.first(time) == '"')
            parse_event_time(decode(arena, view.doc.inside(time)), view.time_ns);
    }
    TestEvent(const TestEvent &) = delete;
};

}  // namespace fe::test
