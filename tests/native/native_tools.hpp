// What the native tests share: events from text, and checks that say where they failed.
#pragma once

#include "event_fill.hpp"
#include "event_time.hpp"

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

namespace fe::test {

inline int failures = 0;

inline void check_that(bool good, const char *file, int line, const std::string &what) {
    if (good) return;
    ++failures;
    std::fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
}

template <typename A, typename B> void check_same(const A &got, const B &wanted, const char *file, int line) {
    if (got == wanted) return;
    if constexpr (std::is_convertible_v<A, std::string>)
        check_that(false, file, line, "got <" + std::string(got) + ">, wanted <" + std::string(wanted) + ">");
    else
        check_that(false, file, line, "got " + std::to_string(got) + ", wanted " + std::to_string(wanted));
}

#define CHECK(condition) ::fe::test::check_that((condition), __FILE__, __LINE__, #condition)
#define SAME(got, wanted) ::fe::test::check_same((got), (wanted), __FILE__, __LINE__)

// An event read from text, with everything it lives in.
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
