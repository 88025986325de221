// Every rule of a plan alerts on every event: what readers and formatter make of them, without scanner and interpreter.
//
// usage: alert_dump PLAN EVENTS text|json. Operands must be plain slots. Writes one alert a line.
#include "alert_json.hpp"
#include "native_tools.hpp"
#include "plan_load.hpp"
#include "readers.hpp"

#include <fstream>
#include <iterator>

static std::string file(const char *path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

int main(int, char **argv) {
    using namespace fe;
    PlanData plan;
    std::string error = load_plan(file(argv[1]), plan);
    if (!error.empty()) {
        std::fprintf(stderr, "%s\n", error.c_str());
        return 2;
    }
    FormatOptions options;
    options.json_output = std::string(argv[3]) == "json";
    options.hostname = "oracle";
    AlertFormatter formatter(plan, options);
    AlertScratch scratch;
    Buffer out;
    std::string events = file(argv[2]);
    uint64_t number = 0, first_time_ns = 0;
    for (size_t from = 0; from < events.size();) {
        size_t to = events.find('\n', from);
        test::TestEvent event(std::string_view(events).substr(from, to - from));
        from = to == std::string::npos ? events.size() : to + 1;
        if (!event.good) continue;
        EventView &view = event.view;
        view.number = ++number;
        if (number == 1) first_time_ns = view.time_ns;
        view.first_time_ns = first_time_ns;
        view.hostname = {"oracle", 6};
        view.plugin = {"k8saudit", 8};
        for (uint32_t rule = 0; rule < plan.rules.size(); ++rule) {
            formatter.append(out, scratch, rule, view, [&](uint32_t operand) {
                return read_slot(plan.slots[plan.operands[operand].slot], view, event.arena);
            });
            out.add('\n');
        }
    }
    std::fwrite(out.data(), 1, out.size(), stdout);
    return 0;
}
