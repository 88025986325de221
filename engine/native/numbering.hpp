// evt.num and the time of the first event, shared by all scanners of a run.
#pragma once

#include <atomic>
#include <cstdint>

namespace fe {

class Numbering {
  public:
    uint64_t next() { return last_.fetch_add(1, std::memory_order_relaxed) + 1; }
    uint64_t last() const { return last_.load(std::memory_order_relaxed); }

    // Whether the first event's time is known.
    bool started() const { return first_time_.load(std::memory_order_relaxed) != kNone; }

    // The time of the run's first event, which is this one if there was none before.
    uint64_t first_time(uint64_t time_ns) {
        uint64_t first = first_time_.load(std::memory_order_relaxed);
        if (first != kNone) return first;
        return first_time_.compare_exchange_strong(first, time_ns, std::memory_order_relaxed) ? time_ns : first;
    }

  private:
    static constexpr uint64_t kNone = ~uint64_t{0};
    std::atomic<uint64_t> last_{0};
    std::atomic<uint64_t> first_time_{kNone};
};

}  // namespace fe
