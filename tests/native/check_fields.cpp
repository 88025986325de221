// Readers and formatter on many events, without scanner and interpreter. Every operand of the plan is a plain slot.
//
// usage: check_fields alerts PLAN EVENTS         every rule's alert on every event, as JSON lines
//        check_fields cuts PLAN EVENTS STRIDE    what is known of a beginning of an event (one for every STRIDE bytes)
//                                                is what the whole event says
//        check_fields damage PLAN EVENTS TIMES   each event damaged TIMES times over: no sanitizer and no crash speaks up
#include "alert_json.hpp"
#include "native_tools.hpp"
#include "plan_load.hpp"
#include "readers.hpp"

#include <fstream>
#include <iterator>
#include <random>

using namespace fe;
using fe::test::TestEvent;

static std::string file(const char *path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

class Checks {
  public:
    Checks(const PlanData &plan, const FormatOptions &options)
        : plan_(plan), formatter_(plan, options), text_formatter_(plan, FormatOptions()) {}

    void alerts(TestEvent &event) {
        EventView &view = event.view;
        view.number = ++number_;
        if (number_ == 1) first_time_ns_ = view.time_ns;
        view.first_time_ns = first_time_ns_;
        view.hostname = {"oracle", 6};
        view.plugin = {"k8saudit", 8};
        format(formatter_, event);
    }

    void format(const AlertFormatter &formatter, TestEvent &event) {
        EventView &view = event.view;
        for (uint32_t rule = 0; rule < plan_.rules.size(); ++rule) {
            formatter.append(out_, scratch_, rule, view, [&](uint32_t operand) {
                return read_slot(plan_.slots[plan_.operands[operand].slot], view, event.arena);
            });
            out_.add('\n');
        }
    }

    void print() {
        std::fwrite(out_.data(), 1, out_.size(), stdout);
        out_.clear();
    }

    void cuts(const std::string &text, size_t stride) {
        TestEvent whole(text);
        if (!whole.good) return;
        std::vector<Value> wanted;
        for (const SlotPlan &slot : plan_.slots) wanted.push_back(read_slot(slot, whole.view, whole.arena));
        for (size_t cut = 1 + ++number_ % stride; cut < text.size(); cut += stride) {
            TestEvent part(text, cut);
            if (!part.good) continue;
            for (size_t i = 0; i < plan_.slots.size(); ++i) {
                const SlotPlan &slot = plan_.slots[i];
                if (!from_json(slot.reader)) continue;
                Value v = read_slot(slot, part.view, part.arena);
                ++(v.state == Value::unknown ? unknown : known);
                if (v.state != Value::unknown && !same(v, wanted[i]))
                    test::check_that(false, __FILE__, __LINE__, slot.name + " of event " + std::to_string(number_) + " cut at " +
                                                                   std::to_string(cut) + " is not what it was");
            }
        }
    }

    void damage(const std::string &text, size_t times) {
        for (size_t i = 0; i < times; ++i) {
            std::string odd = damaged(text);
            TestEvent event(odd, random_() % 2 ? std::string::npos : random_() % (odd.size() + 1));
            if (!event.good) continue;
            ++known;
            for (const SlotPlan &slot : plan_.slots) touch(read_slot(slot, event.view, event.arena));
            alerts(event);
            out_.clear();
            format(text_formatter_, event);
            check_lines();
            out_.clear();
        }
    }

    uint64_t known = 0, unknown = 0, touched = 0;

  private:
    static bool from_json(Reader r) {
        return r <= Reader::json_object || r >= Reader::repository_fixed || r == Reader::evt_plugininfo;
    }

    static bool same(const Value &a, const Value &b) {
        if (a.state != b.state || a.count != b.count || a.number != b.number || !(a.text == b.text)) return false;
        for (uint32_t i = 0; i < a.count; ++i)
            if (!(a.items[i] == b.items[i])) return false;
        return true;
    }

    // Whatever an event holds, a text alert is one line without control characters.
    void check_lines() {
        size_t lines = 0;
        for (size_t i = 0; i < out_.size(); ++i) {
            auto c = static_cast<uint8_t>(out_.data()[i]);
            lines += c == '\n';
            if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f) test::check_that(false, __FILE__, __LINE__, "a raw control character");
        }
        SAME(lines, plan_.rules.size());
    }

    void touch(Text t) {
        for (size_t i = 0; i < t.size; ++i) touched += static_cast<uint8_t>(t.data[i]);
    }

    void touch(const Value &v) {
        touch(v.text);
        for (uint32_t i = 0; i < v.count; ++i) touch(v.items[i]);
    }

    std::string damaged(std::string odd) {
        for (unsigned n = random_() % 4 + 1; n && !odd.empty(); --n) {
            size_t at = random_() % odd.size(), span = random_() % 12;
            switch (random_() % 4) {
            case 0: odd[at] = static_cast<char>(random_()); break;
            case 1: odd.erase(at, span); break;
            case 2: odd.insert(at, odd.substr(random_() % odd.size(), span)); break;
            default: odd.insert(at, 1, "{}[]\",:\\0\1n9"[random_() % 13]);
            }
        }
        return odd;
    }

    const PlanData &plan_;
    AlertFormatter formatter_, text_formatter_;
    AlertScratch scratch_;
    Buffer out_;
    std::mt19937 random_{1};
    uint64_t number_ = 0, first_time_ns_ = 0;
};

int main(int, char **argv) {
    PlanData plan;
    std::string error = load_plan(file(argv[2]), plan);
    if (!error.empty()) return std::fprintf(stderr, "%s\n", error.c_str()), 2;
    FormatOptions options;
    options.json_output = true;
    options.hostname = "oracle";
    Checks checks(plan, options);
    const std::string what = argv[1], events = file(argv[3]);
    for (size_t from = 0; from < events.size();) {
        size_t to = std::min(events.find('\n', from), events.size());
        std::string text = events.substr(from, to - from);
        from = to + 1;
        if (what == "cuts") checks.cuts(text, std::stoul(argv[4]));
        if (what == "damage") checks.damage(text, std::stoul(argv[4]));
        if (what != "alerts") continue;
        TestEvent event(text);
        if (event.good) checks.alerts(event);
        checks.print();
    }
    if (what != "alerts")
        std::printf("%llu %llu %llu\n", static_cast<unsigned long long>(checks.known),
                    static_cast<unsigned long long>(checks.unknown), static_cast<unsigned long long>(checks.touched));
    return test::failures != 0;
}
