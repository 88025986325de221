// The set of seen event ids: against a plain set, under its limit of memory, and from several threads.
#include "checks.hpp"
#include "seen.hpp"

#include <algorithm>
#include <atomic>
#include <random>
#include <set>
#include <thread>

using namespace fe;

static const uint8_t kKey[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static Text txt(const std::string &s) { return {s.data(), s.size()}; }

// Vectors of the reference implementation, input 00 01 02 ...
static void siphash() {
    std::string input;
    for (char c = 0; c < 64; ++c) input.push_back(c);
    SipHash hash(kKey);
    CHECK((hash(input.data(), 0) == Hash128{0xe6a825ba047f81a3u, 0x930255c71472f66du}));
    CHECK((hash(input.data(), 1) == Hash128{0x44af996bd8c187dau, 0x45fc229b11597634u}));
}

// CloudWatch's ids look alike: long decimal numbers that differ in a few places.
static std::string id_of(uint64_t n) { return "3894" + std::to_string(7 * n + 1000000000) + "00000000000000000000000000000000000000" ; }

static void like_a_plain_set() {
    SeenSet seen(kKey, 1000);
    std::set<uint64_t> plain;
    std::mt19937 random(7);
    for (int round = 0; round < 400; ++round) {
        uint64_t ticket = seen.ticket();
        std::set<uint64_t> fresh;
        for (int i = 0; i < 100; ++i) {
            uint64_t n = random() % 20000;
            bool known = plain.count(n) || fresh.count(n);
            if (seen.insert(ticket, txt(id_of(n)), n) == known) CHECK(!"fresh and known are mixed up");
            fresh.insert(n);
        }
        for (uint64_t n : plain) fresh.erase(n);
        if (random() % 3 == 0) {
            SAME(seen.forget(ticket), fresh.size());
            SAME(seen.forget(ticket), size_t{0});
        } else {
            seen.confirm(ticket);
            plain.insert(fresh.begin(), fresh.end());
            SAME(seen.forget(ticket), size_t{0});
        }
        if (round % 50 == 49) {
            uint64_t before = 1000 * (random() % 10) + 500, removed = seen.expire(before);
            uint64_t wanted = 0;
            for (auto it = plain.begin(); it != plain.end() && *it < before / 1000 * 1000; it = plain.erase(it)) ++wanted;
            SAME(removed, wanted);
        }
        SAME(seen.size(), plain.size());
    }
    for (uint64_t n = 0; n < 20000; ++n)
        if (seen.insert(0, txt(id_of(n)), n) == (plain.count(n) != 0)) CHECK(!"lost or invented");
}

static void few_bytes_an_id() {
    SeenSet seen(kKey, 60000);
    double worst = 0;
    for (uint64_t n = 1; n <= 300000; ++n) {
        if (!seen.insert(0, txt(id_of(n)), n / 50)) CHECK(!"a new id was taken for a known one");
        if (n >= 2000 && n % 100 == 0) worst = std::max(worst, static_cast<double>(seen.memory_bytes()) / static_cast<double>(n));
    }
    if (worst > 24.0) fe::test::check_that(false, __FILE__, __LINE__, "bytes an id: " + std::to_string(worst));

    // A page's own notes are gone once it is confirmed.
    uint64_t ticket = seen.ticket(), before = seen.memory_bytes();
    for (uint64_t n = 1; n <= 10000; ++n) seen.insert(ticket, txt(id_of(n)), n / 50);
    seen.confirm(ticket);
    SAME(seen.memory_bytes(), before);
    SAME(seen.expire(1000000), uint64_t{300000});
    CHECK(seen.memory_bytes() < 1000);
}

static void many_threads() {
    SeenSet seen(kKey, 1000);
    std::atomic<uint64_t> fresh = 0;
    auto work = [&](uint64_t salt) {
        std::mt19937 random(static_cast<unsigned>(salt));
        for (int page = 0; page < 50; ++page) {
            uint64_t ticket = seen.ticket(), mine = 0;
            {
                auto held = seen.lock();
                for (int i = 0; i < 100; ++i) {
                    uint64_t n = random() % 5000;
                    mine += seen.insert_locked(ticket, txt(id_of(n)), n);
                }
            }
            if (page % 5 == 4) mine -= seen.forget(ticket);
            else seen.confirm(ticket);
            fresh += mine;
        }
    };
    std::thread one(work, 1), two(work, 2);
    one.join();
    two.join();
    SAME(seen.size(), fresh.load());
}

int main() {
    siphash();
    like_a_plain_set();
    few_bytes_an_id();
    many_threads();
    return fe::test::failures != 0;
}
