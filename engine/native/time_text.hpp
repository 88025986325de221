// Times as Falco prints them, always with nine digits of a second.
//
// In: nanoseconds since 1970. Out: characters. Called by the readers of evt.* and by the formatter.
//
// Local times use the zone of the process (`TZ` at the first use) with the offset in force at the event's own time;
// Falco uses the offset in force now. The offset is remembered for each quarter of an hour that has only one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <mutex>

namespace fe {

struct CivilTime {
    uint32_t year, month, day, hour, minute, second;
};

inline CivilTime civil_time(int64_t seconds) {
    int64_t days = seconds / 86400;
    int64_t rest = seconds % 86400;
    if (rest < 0) { rest += 86400; --days; }
    days += 719468;  // since 0000-03-01, so that the leap day stands last in its year
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    auto day_of_era = static_cast<uint32_t>(days - era * 146097);
    uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t march_month = (5 * day_of_year + 2) / 153;
    CivilTime t;
    t.day = day_of_year - (153 * march_month + 2) / 5 + 1;
    t.month = march_month < 10 ? march_month + 3 : march_month - 9;
    t.year = static_cast<uint32_t>(era * 400 + year_of_era + (t.month <= 2));
    t.hour = static_cast<uint32_t>(rest / 3600);
    t.minute = static_cast<uint32_t>(rest / 60 % 60);
    t.second = static_cast<uint32_t>(rest % 60);
    return t;
}

inline int64_t ask_local_offset(int64_t seconds) {
    static std::once_flag once;
    std::call_once(once, [] { tzset(); });
    auto clock = static_cast<time_t>(seconds);
    tm local{};
    return localtime_r(&clock, &local) ? local.tm_gmtoff : 0;
}

// Seconds east of UTC in the zone of the process at this moment.
inline int64_t local_offset(int64_t seconds) {
    constexpr int64_t kQuarter = 900;
    struct Entry { int64_t quarter = -1, offset = 0; };
    thread_local Entry cache[64];
    int64_t quarter = seconds / kQuarter;
    Entry &entry = cache[static_cast<uint64_t>(quarter) % 64];
    if (entry.quarter == quarter) return entry.offset;
    int64_t offset = ask_local_offset(quarter * kQuarter);
    if (seconds < 0 || offset != ask_local_offset(quarter * kQuarter + kQuarter - 1)) return ask_local_offset(seconds);
    entry = {quarter, offset};
    return offset;
}

// "00" to "99", so that a number is written two digits at a time.
struct DigitPairs {
    char text[200];
    constexpr DigitPairs() : text() {
        for (int i = 0; i < 100; ++i) {
            text[2 * i] = static_cast<char>('0' + i / 10);
            text[2 * i + 1] = static_cast<char>('0' + i % 10);
        }
    }
};
inline constexpr DigitPairs kDigitPairs;

inline char *put_two(char *out, uint32_t n) {
    std::memcpy(out, kDigitPairs.text + 2 * n, 2);
    return out + 2;
}

// `n` below 10^8 as eight digits.
inline char *put_eight(char *out, uint32_t n) {
    uint32_t high = n / 10000, low = n % 10000;
    put_two(out, high / 100);
    put_two(out + 2, high % 100);
    put_two(out + 4, low / 100);
    put_two(out + 6, low % 100);
    return out + 8;
}

inline char *put_date(char *out, const CivilTime &t) {
    out = put_two(put_two(out, t.year / 100 % 100), t.year % 100);
    *out++ = '-';
    out = put_two(out, t.month);
    *out++ = '-';
    return put_two(out, t.day);
}

inline char *put_clock(char *out, const CivilTime &t) {
    out = put_two(out, t.hour);
    *out++ = ':';
    out = put_two(out, t.minute);
    *out++ = ':';
    return put_two(out, t.second);
}

inline char *put_fraction(char *out, uint32_t ns) {
    *out++ = '.';
    *out++ = static_cast<char>('0' + ns / 100000000u);
    return put_eight(out, ns % 100000000u);
}

inline constexpr size_t kTimeTextBytes = 40;  // enough for any of the forms below

enum class TimeForm : uint8_t {
    clock,             // HH:MM:SS.nnnnnnnnn, local
    clock_seconds,     // HH:MM:SS, local
    iso8601,           // YYYY-MM-DDTHH:MM:SS.nnnnnnnnn+0000, UTC
    datetime,          // YYYY-MM-DD HH:MM:SS.nnnnnnnnn, local
    datetime_seconds,  // YYYY-MM-DD HH:MM:SS, local
    zulu,              // YYYY-MM-DDTHH:MM:SS.nnnnnnnnnZ, UTC
};

// Writes at most kTimeTextBytes, no NUL; the position behind them.
inline char *put_time(char *out, uint64_t time_ns, TimeForm form) {
    auto seconds = static_cast<int64_t>(time_ns / 1000000000u);
    auto ns = static_cast<uint32_t>(time_ns % 1000000000u);
    bool utc = form == TimeForm::iso8601 || form == TimeForm::zulu;
    CivilTime t = civil_time(utc ? seconds : seconds + local_offset(seconds));
    if (form != TimeForm::clock && form != TimeForm::clock_seconds) {
        out = put_date(out, t);
        *out++ = utc ? 'T' : ' ';
    }
    out = put_clock(out, t);
    if (form != TimeForm::clock_seconds && form != TimeForm::datetime_seconds) out = put_fraction(out, ns);
    if (form == TimeForm::zulu) *out++ = 'Z';
    if (form == TimeForm::iso8601) {
        constexpr char kUtc[] = "+0000";
        for (int i = 0; i < 5; ++i) *out++ = kUtc[i];
    }
    return out;
}

// Decimal digits, at least `least` (up to 20) of them. The position behind them, at most 20 bytes on.
inline char *put_number(char *out, uint64_t n, size_t least = 1) {
    constexpr uint64_t kEight = 100000000u;
    char digits[24];
    put_eight(digits, static_cast<uint32_t>(n / kEight / kEight));
    put_eight(digits + 8, static_cast<uint32_t>(n / kEight % kEight));
    put_eight(digits + 16, static_cast<uint32_t>(n % kEight));
    size_t from = n < kEight ? 16 : n < kEight * kEight ? 8 : 0;
    while (from < 24 - least && digits[from] == '0') ++from;
    if (from > 24 - least) from = 24 - least;
    std::memcpy(out, digits + from, 24 - from);
    return out + (24 - from);
}

}  // namespace fe
