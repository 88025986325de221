// Checks that say where they failed; a test program returns `failures != 0`.
#pragma once

#include <cstdio>
#include <string>
#include <type_traits>

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

}  // namespace fe::test
