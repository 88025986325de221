// The time of an audit event: RFC 3339 text to nanoseconds since 1970.
//
// In: the content of `stageTimestamp`. Out: nanoseconds, or that it is no time. Called by the scanner for each event.
//
// Accepted is what Go's parser takes (Falco's plugin uses it): a one-digit hour, a fraction behind a point or comma
// with any number of digits (cut to nine), offsets as `Z` or `+hh:mm`. Years before 1970 or beyond 2262 have no place
// in 64 bits: Falco lets them wrap, here they become the first or the last moment there is. Year 1 is Go's zero time
// and means now, as in Falco.
#pragma once

#include "arena.hpp"

#include <cstdint>
#include <ctime>

namespace fe {

inline constexpr uint64_t kLatestTimeNs = 0x7fffffffffffffffu;

// Days since 1970-01-01 of a date of the Gregorian calendar.
inline int64_t days_from_date(int64_t year, unsigned month, unsigned day) {
    year -= month <= 2;  // the year begins in March: the leap day stands last
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    auto year_of_era = static_cast<unsigned>(year - era * 400);
    unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + static_cast<int64_t>(day_of_era) - 719468;
}

inline unsigned days_in_month(unsigned year, unsigned month) {
    static constexpr uint8_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : kDays[month - 1];
}

inline uint64_t now_ns() {
    timespec t{};
    clock_gettime(CLOCK_REALTIME, &t);
    return static_cast<uint64_t>(t.tv_sec) * 1000000000u + static_cast<uint64_t>(t.tv_nsec);
}

class TimeText {
  public:
    explicit TimeText(Text t) : p_(t.data), end_(t.data + t.size) {}

    bool parse(int64_t &seconds, uint32_t &ns) {
        unsigned year, month, day, hour, minute, second;
        bool date = digits(4, year) && skip('-') && digits(2, month) && skip('-') && digits(2, day) && skip('T');
        if (!date) return false;
        if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) return false;
        if (!digits(2, hour) && !digits(1, hour)) return false;
        if (!skip(':') || !digits(2, minute) || !skip(':') || !digits(2, second)) return false;
        if (hour > 23 || minute > 59 || second > 59) return false;
        ns = fraction();
        int64_t offset = 0;
        if (!zone(offset) || p_ != end_) return false;
        seconds = days_from_date(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
        return true;
    }

  private:
    bool digits(int count, unsigned &number) {
        if (end_ - p_ < count) return false;
        unsigned n = 0;
        for (int i = 0; i < count; ++i) {
            unsigned d = static_cast<unsigned>(static_cast<uint8_t>(p_[i])) - '0';
            if (d > 9) return false;
            n = n * 10 + d;
        }
        number = n;
        p_ += count;
        return true;
    }

    bool skip(char c) {
        if (p_ == end_ || *p_ != c) return false;
        ++p_;
        return true;
    }

    // A point or comma counts only with a digit behind it; alone it is left for `zone` to refuse.
    uint32_t fraction() {
        if (end_ - p_ < 2 || (*p_ != '.' && *p_ != ',') || !is_digit(p_[1])) return 0;
        uint32_t ns = 0, scale = 1000000000u;
        for (++p_; p_ != end_ && is_digit(*p_); ++p_) {
            if (scale == 1) continue;
            scale /= 10;
            ns += static_cast<uint32_t>(*p_ - '0') * scale;
        }
        return ns;
    }

    bool zone(int64_t &offset) {
        if (skip('Z')) return true;
        bool west = p_ != end_ && *p_ == '-';
        unsigned hours, minutes;
        if (!west && (p_ == end_ || *p_ != '+')) return false;
        ++p_;
        if (!digits(2, hours) || !skip(':') || !digits(2, minutes) || hours > 24 || minutes > 60) return false;
        offset = hours * 3600 + minutes * 60;
        if (west) offset = -offset;
        return true;
    }

    static bool is_digit(char c) { return c >= '0' && c <= '9'; }

    const char *p_, *end_;
};

// False if the text is no time.
inline bool parse_event_time(Text text, uint64_t &time_ns) {
    constexpr int64_t kYearOne = -62135596800, kBeyond = 9223372036;
    int64_t seconds;
    uint32_t ns;
    if (!text.present() || !TimeText(text).parse(seconds, ns)) return false;
    if (seconds == kYearOne && ns == 0) time_ns = now_ns();
    else if (seconds < 0) time_ns = 0;
    else if (seconds >= kBeyond) time_ns = kLatestTimeNs;
    else time_ns = static_cast<uint64_t>(seconds) * 1000000000u + ns;
    return true;
}

}  // namespace fe
