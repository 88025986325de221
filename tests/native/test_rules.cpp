// The rule set against the book: interpreter, dispatch and the three-valued evaluation on random plans and events.
#include "naive.hpp"
#include "native_tools.hpp"
#include "random_plan.hpp"
#include "ruleset.hpp"

using namespace fe;
using namespace fe::test;

static std::unique_ptr<RuleSet> load(const std::string &wire, bool match_all) {
    std::string error;
    auto rules = RuleSet::load(wire, std::string(32, 'd'), match_all, error);
    CHECK(rules != nullptr);
    if (!rules) std::fprintf(stderr, "%s\n", error.c_str());
    return rules;
}

static std::vector<uint32_t> fired(RuleContext &context, EventView &event) {
    std::vector<uint32_t> out(context.rules().rule_count() + 1);
    out.resize(context.match(event, out.data()));
    return out;
}

struct Tally {
    size_t events = 0, fired = 0, fired_cut = 0, cut = 0;
};

static void one_plan(uint32_t seed, size_t rule_count, size_t constants, size_t events, Tally &tally) {
    RandomPlan random(seed, rule_count, constants);
    auto all = load(random.wire(), true), first = load(random.wire(), false);
    if (!all || !first) return;
    RuleContext context_all, context_first;
    context_all.use(*all);
    context_first.use(*first);
    for (size_t e = 0; e < events; ++e) {
        std::string text = random.event();
        TestEvent event(text);
        CHECK(event.good);
        event.view.number = e;
        Naive naive(random.plan, event.view, event.arena);
        std::vector<uint32_t> wanted;
        for (uint32_t r = 0; r < rule_count; ++r)
            if (naive.node(random.plan.rules[r].root)) wanted.push_back(r);
        const std::string where = "seed " + std::to_string(seed) + ", event " + text;
        check_that(fired(context_all, event.view) == wanted, __FILE__, __LINE__, "all rules: " + where);
        for (uint32_t r = 0; r < rule_count; ++r) {
            bool three = context_all.node3(random.plan.rules[r].root) == Tri::yes;
            bool two = std::binary_search(wanted.begin(), wanted.end(), r);
            check_that(three == two, __FILE__, __LINE__, "three values, rule " + std::to_string(r) + ": " + where);
        }
        std::vector<uint32_t> one(wanted.begin(), wanted.begin() + (wanted.empty() ? 0 : 1));
        check_that(fired(context_first, event.view) == one, __FILE__, __LINE__, "first rule: " + where);
        tally.events += 1;
        tally.fired += wanted.size();

        TestEvent part(text, 1 + random.below(text.size() - 1));
        if (!part.good) continue;
        CHECK(part.view.truncated);
        part.view.number = e;
        std::vector<uint32_t> certain = fired(context_all, part.view);
        check_that(std::includes(wanted.begin(), wanted.end(), certain.begin(), certain.end()), __FILE__, __LINE__,
                   "a rule fires on " + part.bytes + " but not on the whole: " + where);
        std::vector<uint32_t> without_dispatch;
        for (uint32_t r = 0; r < rule_count; ++r)
            if (context_all.node3(random.plan.rules[r].root) == Tri::yes) without_dispatch.push_back(r);
        check_that(certain == without_dispatch, __FILE__, __LINE__, "dispatch of " + part.bytes + ": " + where);
        tally.cut += 1;
        tally.fired_cut += certain.size();
    }
}

// Predicates of a stand-in for a compiled module: whatever the rule, true for odd numbers of rules.
static uint32_t odd_rule(fe_context *) { return 1; }
static uint32_t even_rule(fe_context *) { return 0; }

static void modules() {
    RandomPlan random(7, 2, 0);
    for (NodePlan &n : random.plan.nodes) n = {NodeKind::true_, {}, -1};
    auto rules = load(random.wire(), true);
    RuleContext context;
    context.use(*rules);
    TestEvent event("{\"auditID\":\"x\"}");
    CHECK(fired(context, event.view) == (std::vector<uint32_t>{0, 1}));
    const fe_predicate predicates[] = {even_rule, odd_rule};
    fe_module module{FE_ABI_VERSION, 2, {}, predicates};
    CHECK(!rules->attach(&module).empty());  // another digest
    std::memset(module.plan_digest, 'd', sizeof(module.plan_digest));
    module.rule_count = 3;
    CHECK(!rules->attach(&module).empty());
    module.rule_count = 2;
    module.abi_version = FE_ABI_VERSION + 1;
    CHECK(!rules->attach(&module).empty());
    CHECK(rules->module() == nullptr);
    module.abi_version = FE_ABI_VERSION;
    SAME(rules->attach(&module), std::string());
    CHECK(fired(context, event.view) == (std::vector<uint32_t>{1}));
}

// A shared condition is asked once for an event, and again for the next one.
static void memory() {
    RandomPlan random(1, 3, 0);
    PlanData &plan = random.plan;
    plan.atoms = {AtomPlan{AtomOp::contains, 0, Modifier::none, AtomPlan::kNone, {"a"}, {}, {}},
                  AtomPlan{AtomOp::contains, 0, Modifier::none, AtomPlan::kNone, {"b"}, {}, {}}};
    plan.nodes = {{NodeKind::atom, {0}, -1}, {NodeKind::atom, {1}, -1}};
    std::vector<uint32_t> parts;
    for (uint32_t i = 0; i < 8; ++i) parts.push_back(i % 2);
    plan.nodes.push_back({NodeKind::and_, parts, 0});
    plan.nodes.push_back({NodeKind::not_, {2}, -1});
    plan.memo_cells = 1;
    for (uint32_t r = 0; r < 3; ++r) plan.rules[r].root = r == 2 ? 3 : 2;
    auto rules = load(random.wire(), true);
    RuleContext context;
    context.use(*rules);
    TestEvent yes("{\"auditID\":\"x\",\"verb\":\"ab\"}"), no("{\"auditID\":\"x\",\"verb\":\"aa\"}");
    for (int i = 0; i < 3; ++i) {
        CHECK(fired(context, yes.view) == (std::vector<uint32_t>{0, 1}));
        CHECK(fired(context, no.view) == (std::vector<uint32_t>{2}));
    }
    context.epoch = (uint32_t{1} << 31) - 2;  // the counter of events begins anew
    for (int i = 0; i < 3; ++i) {
        CHECK(fired(context, no.view) == (std::vector<uint32_t>{2}));
        CHECK(fired(context, yes.view) == (std::vector<uint32_t>{0, 1}));
    }
}

// The text of a constant stands for a regular expression here; every question is noted.
struct Asked {
    std::vector<std::string> questions;
    static bool answer(void *handle, uint32_t atom, uint32_t constant, Text value) {
        std::string text(value.data, value.size);
        std::string question = std::to_string(atom) + "." + std::to_string(constant) + ":" + text;
        static_cast<Asked *>(handle)->questions.push_back(question);
        return text == "yes" || text == std::to_string(constant);
    }
};

static void regexes() {
    RandomPlan random(1, 4, 0);
    PlanData &plan = random.plan;
    plan.atoms.clear();
    plan.nodes.clear();
    plan.memo_cells = 0;
    for (Modifier m : {Modifier::none, Modifier::anyof, Modifier::allof, Modifier::oneof}) {
        uint32_t number = static_cast<uint32_t>(plan.atoms.size());
        plan.atoms.push_back({AtomOp::regex, 0, m, AtomPlan::kNone, {"a", "b"}, {}, {}});
        plan.nodes.push_back({NodeKind::atom, {number}, -1});
        plan.rules[number].root = number;
    }
    auto rules = load(random.wire(), true);
    CHECK(rules->needs_regexes());
    Asked asked;
    rules->use_regexes({Asked::answer, &asked});
    RuleContext context;
    context.use(*rules);
    TestEvent yes("{\"auditID\":\"x\",\"verb\":\"yes\"}"), one("{\"auditID\":\"x\",\"verb\":\"1\"}");
    TestEvent none("{\"auditID\":\"x\"}");
    CHECK(fired(context, yes.view) == (std::vector<uint32_t>{0, 1, 2}));
    const std::vector<std::string> all{"0.0:yes", "1.0:yes", "2.0:yes", "2.1:yes", "3.0:yes", "3.1:yes"};
    CHECK(asked.questions == all);
    asked.questions.clear();
    CHECK(fired(context, one.view) == (std::vector<uint32_t>{1, 3}));
    SAME(asked.questions.size(), size_t{6});
    asked.questions.clear();
    CHECK(fired(context, none.view).empty());
    SAME(asked.questions.size(), size_t{0});
}

// What generated predicates see of a context.
static void c_side() {
    RandomPlan random(1, 1, 0);
    PlanData &plan = random.plan;
    plan.operands[0].interned = {"get", "list"};
    plan.atoms = {AtomPlan{AtomOp::startswith, 0, Modifier::none, AtomPlan::kNone, {"l"}, {}, {}}};
    plan.nodes = {{NodeKind::atom, {0}, -1}};
    plan.memo_cells = 0;
    plan.rules[0].root = 0;
    auto rules = load(random.wire(), true);
    RuleContext context;
    context.use(*rules);
    fe_context *c = &context;
    const uint64_t only_list[] = {8};
    struct { const char *event; uint32_t id, starts; const char *text; } cases[] = {
        {"{\"auditID\":1,\"verb\":\"list\"}", 3, 1, "list"}, {"{\"auditID\":1,\"verb\":\"look\"}", 1, 1, "look"},
        {"{\"auditID\":1,\"verb\":\"\"}", 1, 0, ""},         {"{\"auditID\":1}", 0, 0, nullptr},
    };
    for (const auto &one : cases) {
        TestEvent event(one.event);
        context.begin(event.view);
        for (int i = 0; i < 2; ++i) {
            SAME(fe_class(c, 0), one.id);
            SAME(fe_in_classes(c, 0, only_list), uint32_t{one.id == 3});
            SAME(fe_atom(c, 0), one.starts);
            fe_text t = c->text(c, 0);
            CHECK((t.data == nullptr) == (one.text == nullptr));
            if (t.data && one.text) SAME(std::string(t.data, t.size), std::string(one.text));
        }
    }
}

// A thousand rules about different names: an event meets the one that is about its own.
static void narrow() {
    RandomPlan random(1, 1000, 0);
    PlanData &plan = random.plan;
    const uint32_t name = 5, uri = 2;  // operands
    plan.atoms.clear();
    plan.nodes.clear();
    plan.memo_cells = 0;
    plan.operands[name].interned.clear();
    for (uint32_t i = 0; i < 1000; ++i) {
        const std::string text = "name-" + std::to_string(i);
        if (i % 2) {
            plan.operands[name].interned.push_back(text);
            plan.atoms.push_back({AtomOp::class_, name, Modifier::none, AtomPlan::kNone, {}, {}, {}});
        } else {
            const std::string path = "/" + text + "/";
            plan.atoms.push_back({AtomOp::startswith, uri, Modifier::none, AtomPlan::kNone, {path}, {}, {}});
        }
        plan.nodes.push_back({NodeKind::atom, {i}, -1});
        plan.rules[i].root = i;
    }
    for (uint32_t i = 1; i < 1000; i += 2) plan.atoms[i].classes = {kClassFirst + i / 2};
    auto rules = load(random.wire(), true);
    Candidates candidates;
    candidates.bind(rules->dispatch());
    RuleContext context;
    context.use(*rules);
    struct { const char *members; size_t left; } cases[] = {
        {R"("requestURI":"/name-8/x","objectRef":{"name":"name-7"})", 2},
        {R"("requestURI":"/name-8","objectRef":{})", 0},
        {R"("requestURI":"/name-800/","objectRef":{"name":"name"})", 1},
        {R"("objectRef":{"name":"name-999"})", 1},
    };
    for (const auto &c : cases) {
        TestEvent event(R"({"auditID":"x",)" + std::string(c.members) + "}");
        context.begin(event.view);
        const Words4 *found = candidates.find(context);
        size_t left = 0;
        for (size_t b = 0; found && b < rules->dispatch().blocks(); ++b)
            for (int w = 0; w < 4; ++w) left += static_cast<size_t>(std::popcount(found[b][w]));
        SAME(left, c.left);
        SAME(fired(context, event.view).size(), c.left);
    }
}

// Conditions that a naive expansion would never finish.
static void nested() {
    RandomPlan random(1, 1, 0);
    PlanData &plan = random.plan;
    plan.atoms = {AtomPlan{}};
    plan.nodes = {{NodeKind::atom, {0}, -1}};
    for (uint32_t i = 0; i < 3000; ++i) plan.nodes.push_back({i % 2 ? NodeKind::or_ : NodeKind::and_, {i, i}, -1});
    plan.rules[0].root = 3000;
    auto rules = load(random.wire(), true);
    RuleContext context;
    context.use(*rules);
    TestEvent yes("{\"auditID\":\"x\",\"verb\":\"ab\"}"), no("{\"auditID\":\"x\"}");
    SAME(fired(context, yes.view).size(), size_t{1});
    SAME(fired(context, no.view).size(), size_t{0});
    for (uint32_t i = 3000; i < 5000; ++i) plan.nodes.push_back({NodeKind::not_, {i}, -1});
    std::string error;
    CHECK(RuleSet::load(random.wire(), std::string(32, 'd'), true, error) == nullptr);
    CHECK(error.find("nested too deeply") != std::string::npos);
}

int main(int argc, char **argv) {
    const uint32_t plans = argc > 1 ? static_cast<uint32_t>(std::stoul(argv[1])) : 60;
    Tally tally;
    for (uint32_t seed = 1; seed <= plans; ++seed) {
        size_t rules = seed % 10 == 0 ? 600 : seed % 3 == 0 ? 70 : 1 + seed % 20;
        one_plan(seed, rules, seed % 4 == 0 ? 200 : 0, seed % 10 == 0 ? 40 : 150, tally);
    }
    one_plan(1001, 30, 5000, 60, tally);  // more constants than the dispatch tells apart
    modules();
    regexes();
    c_side();
    narrow();
    memory();
    nested();
    CHECK(tally.fired > tally.events && tally.fired_cut > 0);  // else nothing was tested
    std::printf("%zu events, %zu firings; ", tally.events, tally.fired);
    std::printf("%zu cut, %zu firings\n", tally.cut, tally.fired_cut);
    return failures ? 1 : 0;
}
