// Times, templates, escaping, hashes, ids: what goes in and what must come out, from the specifications.
#include "alert_json.hpp"
#include "checks.hpp"
#include "event_time.hpp"

#include <cstdlib>
#include <random>

using namespace fe;

static std::string str(Text t) { return {t.data, t.size}; }
static Text txt(const std::string &s) { return {s.data(), s.size()}; }

static std::string time_of(uint64_t ns, TimeForm form) {
    char b[kTimeTextBytes];
    return {b, static_cast<size_t>(put_time(b, ns, form) - b)};
}

static std::string parsed(const std::string &s) {
    uint64_t ns;
    return parse_event_time(txt(s), ns) ? std::to_string(ns) : "refused";
}

static void times() {
    SAME(parsed("2026-01-02T03:04:01.123456Z"), std::string("1767323041123456000"));
    SAME(parsed("2026-01-02T3:04:01,5+02:00"), std::string("1767315841500000000"));
    SAME(parsed("2026-01-02T03:04:01.1234567899Z"), std::string("1767323041123456789"));
    SAME(parsed("1969-12-31T23:59:59Z"), std::string("0"));
    SAME(parsed("2262-04-12T00:00:00Z"), std::to_string(kLatestTimeNs));
    SAME(parsed("9999-12-31T23:59:59Z"), std::to_string(kLatestTimeNs));
    uint64_t year_one = 0;
    CHECK(parse_event_time({"0001-01-01T00:00:00Z", 20}, year_one) && year_one > 1700000000000000000u);
    for (const char *bad : {"", "2026-01-02 03:04:01Z", "2026-01-02t03:04:01Z", "2026-01-02T03:04:01z", "2026-01-02T24:00:00Z",
                            "2026-01-02T03:04:60Z", "2026-01-02T03:04:01", "2026-02-30T03:04:01Z", "2026-01-02T03:04:01.Z",
                            "2026-1-02T03:04:01Z", "2026-01-02T03:04:01Zx"})
        SAME(parsed(bad), std::string("refused"));

    const uint64_t ns = 1767323041123456000;
    SAME(time_of(ns, TimeForm::clock), std::string("03:04:01.123456000"));
    SAME(time_of(ns, TimeForm::clock_seconds), std::string("03:04:01"));
    SAME(time_of(ns, TimeForm::datetime), std::string("2026-01-02 03:04:01.123456000"));
    SAME(time_of(ns, TimeForm::datetime_seconds), std::string("2026-01-02 03:04:01"));
    SAME(time_of(ns, TimeForm::iso8601), std::string("2026-01-02T03:04:01.123456000+0000"));
    SAME(time_of(ns, TimeForm::zulu), std::string("2026-01-02T03:04:01.123456000Z"));
    SAME(time_of(0, TimeForm::zulu), std::string("1970-01-01T00:00:00.000000000Z"));
    SAME(time_of(kLatestTimeNs, TimeForm::zulu), std::string("2262-04-11T23:47:16.854775807Z"));
    for (int64_t s = -86400 * 800; s < int64_t{9000000000}; s += 86399 * 13) {
        CivilTime t = civil_time(s);
        CHECK(days_from_date(t.year, t.month, t.day) * 86400 + t.hour * 3600 + t.minute * 60 + t.second == s);
    }
}

// The offset at the event's time, also within the hours in which it changes.
static void rome() {
    SAME(time_of(1782961445000000000u, TimeForm::clock), std::string("05:04:05.000000000"));     // 2 July, UTC 03:04:05
    SAME(time_of(1767323041000000000u, TimeForm::clock_seconds), std::string("04:04:01"));       // 2 January
    SAME(time_of(1774745999000000000u, TimeForm::datetime_seconds), std::string("2026-03-29 01:59:59"));
    SAME(time_of(1774746000000000000u, TimeForm::datetime_seconds), std::string("2026-03-29 03:00:00"));
    SAME(time_of(1774746000000000000u, TimeForm::iso8601), std::string("2026-03-29T01:00:00.000000000+0000"));
    for (uint64_t s = 1774700000; s < 1774790000; s += 61) {
        auto clock = static_cast<time_t>(s);
        tm local{};
        localtime_r(&clock, &local);
        char b[40];
        strftime(b, sizeof b, "%Y-%m-%d %H:%M:%S", &local);
        SAME(time_of(s * 1000000000u, TimeForm::datetime_seconds), std::string(b));
    }
}

static std::string json(const std::string &s) { return json_string(s); }

static std::string visible(const std::string &s) {
    Buffer b;
    add_visible(b, txt(s));
    return str(b.text());
}

static std::string cleaned(const std::string &s) {
    Buffer b;
    add_cleaned(b, txt(s));
    return str(b.text());
}

static void escapes() {
    const std::string bad = "\xef\xbf\xbd";
    SAME(json("a\"b\\c/\b\f\n\r\t\x01\x1f\x7f\xc3\xa9"), std::string("\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa9\""));
    SAME(json(std::string("\0", 1)), std::string("\"\\u0000\""));
    SAME(json("\xe2\x28\xa1"), "\"" + bad + "(" + bad + "\"");
    SAME(json("\xe2\x82"), "\"" + bad + "\"");
    SAME(json("\xf0\x9f\x98" "x"), "\"" + bad + "x\"");
    SAME(json("\xc0\x80\xed\xa0\x80\xf5"), "\"" + bad + bad + bad + bad + bad + bad + "\"");
    SAME(json("\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf"), std::string("\"\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\""));
    SAME(visible("a\tb\"\\\n\x1b[0m\x7f\xc2\x85\xe2\x80\xa8\xc3\xa9\xff"),
         "a\tb\"\\\\n\\u001b[0m\\u007f\\u0085\\u2028\xc3\xa9" + bad);
    SAME(cleaned("a\n\xc2\x85\xef\xb7\x90\xef\xbf\xbf\xf0\x9f\xbf\xbe\xc3\xa9\xe2\x82"),
         "a" + bad + bad + bad + bad + bad + "\xc3\xa9" + bad);

    // Every length and place: the blocks of sixteen and the rest must agree with going byte by byte.
    std::mt19937 random(1);
    for (int round = 0; round < 3000; ++round) {
        std::string s(random() % 70, 'a'), slow = "\"";
        for (char &c : s)
            if (random() % 8 == 0) c = static_cast<char>(random() % 256);
        for (size_t i = 0; i < s.size();) {
            Utf8Piece p = utf8_piece(s.data() + i, s.size() - i);
            char b[8];
            if (!p.valid) slow += bad;
            else if (p.size > 1 || is_plain(s[i], true) || s[i] == 0x7f) slow += s.substr(i, p.size);
            else slow.append(b, static_cast<size_t>(put_json_escape(b, s[i]) - b));
            i += p.size;
        }
        SAME(json(s), slow + "\"");
    }
}

// A plan of slots that give fixed values, one operand for each.
struct FixedPlan {
    PlanData plan;
    std::vector<Value> values;

    uint32_t add(Reader reader, ValueType type, bool list, Value v) {
        SlotPlan s;
        s.reader = reader;
        s.type = type;
        s.is_list = list;
        OperandPlan o;
        o.type = type;
        o.is_list = list;
        o.slot = static_cast<uint32_t>(plan.slots.size());
        plan.slots.push_back(s);
        plan.operands.push_back(o);
        values.push_back(v);
        return o.slot;
    }

    std::string text(uint32_t operand, uint64_t width = 0, bool make_visible = false) const {
        Template t(plan, {{"", operand, width}});
        Buffer out, scratch;
        t.render(out, [this](uint32_t o) { return values[o]; }, make_visible, scratch);
        return str(out.text());
    }
};

static std::vector<Text> texts(const std::vector<std::string> &s) {
    std::vector<Text> out;
    for (const std::string &one : s) out.push_back(txt(one));
    return out;
}

static void templates() {
    FixedPlan p;
    const std::string name = "Alice", accent = "\xc3\xa9t\xc3\xa9\x1b";
    uint32_t alice = p.add(Reader::scalar, ValueType::string, false, Value::of(txt(name)));
    uint32_t none = p.add(Reader::scalar, ValueType::string, false, Value::none());
    uint32_t lost = p.add(Reader::scalar, ValueType::string, false, Value::lost());
    uint32_t seven = p.add(Reader::evt_rawtime_ns, ValueType::abstime, false, Value::of_number(7));
    uint32_t num = p.add(Reader::evt_num, ValueType::uint64, false, Value::of_number(7));
    uint32_t no = p.add(Reader::evt_is_async, ValueType::boolean, false, Value::of_number(0));
    uint32_t odd = p.add(Reader::scalar, ValueType::string, false, Value::of(txt(accent)));
    SAME(p.text(alice), name);
    SAME(p.text(alice, 10), std::string("Alice     "));
    SAME(p.text(alice, 3), std::string("Ali"));
    SAME(p.text(none, 5), std::string("<NA> "));
    SAME(p.text(none, 2), std::string("<N"));
    SAME(p.text(lost), std::string("<NA>"));
    SAME(p.text(seven), std::string("000000007"));
    SAME(p.text(num), std::string("7"));
    SAME(p.text(no), std::string("false"));
    SAME(p.text(odd), accent);
    SAME(p.text(odd, 1), std::string("\xc3"));
    SAME(p.text(odd, 0, true), std::string("\xc3\xa9t\xc3\xa9\\u001b"));

    auto list = [&p](const std::vector<std::string> &s) {
        std::vector<Text> t = texts(s);
        uint32_t o = p.add(Reader::plain_list, ValueType::string, true, Value::of_list(t.data(), static_cast<uint32_t>(t.size())));
        return p.text(o);
    };
    SAME(list({"", "a", "", "b"}), std::string("(a,,b)"));
    SAME(list({"", ""}), std::string("()"));
    SAME(list({"a,b", "c"}), std::string("(a,b,c)"));
    SAME(list({std::string(2000, 'x')}), "(" + std::string(1022, 'x'));
    SAME(list({std::string(1021, 'x')}), "(" + std::string(1021, 'x') + ")");
    SAME(list({std::string(1022, 'x')}), "(" + std::string(1022, 'x'));
    SAME(list({std::string(1021, 'x'), "y"}), "(" + std::string(1021, 'x') + ",");
}

static std::string alert(const FormatOptions &options, EventView &event, const std::string &user) {
    FixedPlan p;
    uint32_t name = p.add(Reader::scalar, ValueType::string, false, Value::of(txt(user)));
    uint32_t raw = p.add(Reader::evt_rawtime, ValueType::abstime, false, Value::of_number(~uint64_t{0}));
    uint32_t when = p.add(Reader::evt_time, ValueType::string, false, Value::of({"unused", 6}));
    RulePlan rule;
    rule.name = "R \"1\"";
    rule.priority = 5;
    rule.source = "k8s_audit";
    rule.tags = {"T 1", "alpha"};
    rule.output = {{"u=", SegmentPlan::kText, 0}, {"", name, 0}};
    rule.output_fields = {{"evt.rawtime", raw, {}, false}, {"evt.time", when, {}, false},
                          {"f", OutputFieldPlan::kTemplate, {{"", name, 3}}, false}, {"ka.user.name", name, {}, false},
                          {"zero", OutputFieldPlan::kTemplate, {}, true}};
    p.plan.rules = {rule};
    AlertFormatter f(p.plan, options);
    AlertScratch scratch;
    Buffer out;
    f.append(out, scratch, 0, event, [&p](uint32_t o) { return p.values[o]; });
    return str(out.text());
}

static void alerts() {
    EventView event;
    event.time_ns = 1767323041123456000;
    FormatOptions o;
    SAME(alert(o, event, "a\nb"), std::string("03:04:01.123456000: Notice u=a\\nb"));
    o.raw_text = true;
    SAME(alert(o, event, "a\nb"), std::string("03:04:01.123456000: Notice u=a\nb"));
    o = FormatOptions();
    o.json_output = o.include_message = o.iso8601 = true;
    o.hostname = "h\"h";
    SAME(alert(o, event, "a\nb"),
         std::string("{\"hostname\":\"h\\\"h\",\"message\":\"u=a\\nb\",\"output\":\"2026-01-02T03:04:01.123456000+0000: Notice "
                     "u=a\\nb\",\"output_fields\":{\"evt.rawtime\":-1,\"evt.time\":1767323041123456000,\"f\":\"a\\nb\","
                     "\"ka.user.name\":\"a\\nb\",\"zero\":null},\"priority\":\"Notice\",\"rule\":\"R \\\"1\\\"\",\"source\":"
                     "\"k8s_audit\",\"tags\":[\"T 1\",\"alpha\"],\"time\":\"2026-01-02T03:04:01.123456000Z\"}"));
    o = FormatOptions();
    o.json_output = true;
    o.include_output = o.include_output_fields = o.include_tags = false;
    SAME(alert(o, event, "x"), std::string("{\"hostname\":\"\",\"priority\":\"Notice\",\"rule\":\"R \\\"1\\\"\",\"source\":"
                                           "\"k8s_audit\",\"time\":\"2026-01-02T03:04:01.123456000Z\"}"));
    o.include_output_fields = o.alert_id = o.origin_fields = true;
    OriginFacts origin{"prod", "123456789012", "eu-west-1", "/aws/eks/prod/cluster"};
    event.origin = &origin;
    event.event_id = {"38", 2};
    event.item = 12;
    char id[kAlertIdBytes];
    put_alert_id(id, origin, event.event_id, 12, {"R \"1\"", 5});
    std::string all = alert(o, event, "x");
    CHECK(all.find("\"evt.time\":1767323041123456000,\"f\":\"x  \",\"falcoeks.account\":\"123456789012\",\"falcoeks.alert_id\":\"" +
                   std::string(id, sizeof id) + "\",\"falcoeks.cluster\":\"prod\",\"falcoeks.region\":\"eu-west-1\",\"ka.user.name\"") !=
          std::string::npos);
    event.event_id = {};
    put_alert_id(id, origin, EventName({}, event.number, event.time_ns).text(), 12, {"R \"1\"", 5});
    CHECK(alert(o, event, "x").find("\"falcoeks.alert_id\":\"" + std::string(id, 32)) != std::string::npos);
}

static std::string hex(const std::array<uint8_t, 32> &d) {
    std::string out;
    for (uint8_t b : d) {
        char two[3];
        std::snprintf(two, sizeof two, "%02x", b);
        out += two;
    }
    return out;
}

// The examples of the standard, and pieces against the whole.
static void hashes() {
    std::string million(1000000, 'a');
    for (auto block : {sha256_detail::plain_block, sha256_detail::block_function()}) {
        SAME(hex(Sha256(block).add("abc", 3).digest()),
             std::string("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
        SAME(hex(Sha256(block).digest()), std::string("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
        SAME(hex(Sha256(block).add(million.data(), million.size()).digest()),
             std::string("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"));
    }
    for (size_t n = 0; n < 300; ++n) {
        Sha256 pieces, whole(sha256_detail::plain_block);
        for (size_t i = 0; i < n; i += n % 7 + 1) pieces.add(million.data(), std::min(n % 7 + 1, n - i));
        CHECK(pieces.digest() == whole.add(million.data(), n).digest());
    }
    OriginFacts origin{"c", "1", "r", "g"};
    char id[kAlertIdBytes];
    put_alert_id(id, origin, {"e", 1}, 3, {"rule", 4});
    SAME(std::string(id, sizeof id), std::string("940437e86053381245c2dd662ee322dd"));  // by Python's hashlib
}

// Without an argument everything but local times in a zone that changes its clocks: `rome` asks for those.
int main(int argc, char **) {
    setenv("TZ", argc > 1 ? "Europe/Rome" : "UTC", 1);
    if (argc > 1) {
        rome();
    } else {
        times();
        escapes();
        templates();
        alerts();
        hashes();
    }
    return fe::test::failures != 0;
}
