// Patterns, paths, transformers and the plan's loader, case by case.
#include "intern.hpp"
#include "native_tools.hpp"
#include "operators.hpp"
#include "prefix.hpp"
#include "random_plan.hpp"
#include "ruleset.hpp"
#include "transforms.hpp"

#include <fnmatch.h>

#include <set>

using namespace fe;
using namespace fe::test;

static bool globs(const std::string &pattern, const std::string &value, bool fold = false) {
    return Glob(text_of(pattern), fold).matches(text_of(value));
}

static void glob_table() {
    struct { const char *pattern, *value; bool fits; } cases[] = {
        {"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "a/.\n", true}, {"a*", ".a", false},
        {"*a", ".a", true},
        {"h??", "h\xc3\xa9\xc3\xa9", false}, {"h????", "h\xc3\xa9\xc3\xa9", true}, {"[abc]", "b", true},
        {"[a-c]x", "bx", true},
        {"[!a-c]", "b", false}, {"[^a-c]", "d", true}, {"[]a]", "]", true}, {"[!]a]", "]", false},
        {"[a/]b", "/b", true},
        {"[z-a]", "m", false}, {"[[:alpha:]]", "Q", true}, {"[[:digit:][:upper:]]", "7", true},
        {"[[:nope:]]", "a", false},
        {"[![:nope:]]", "a", false}, {"[a[:nope:]]", "a", true}, {"[[.a.]]", "a", true}, {"[[=a=]]", "a", true},
        {"[[.-.]-z]", "m", true}, {"\\*", "*", true}, {"\\*", "a", false}, {"a\\", "a", false}, {"a\\", "a\\", false},
        {"[\\]]", "]", true}, {"[abc", "[abc", true}, {"[abc", "a", false}, {"[", "[", true}, {"a[", "a[", true},
        {"{a,b}", "a", false}, {"{a,b}", "{a,b}", true}, {"**", "x", true}, {"*a*b*c*", "xxaybzc", true},
        {"*a*b*c*", "xxacyb", false}, {"a*[", "axx[", true}, {"[a-]", "-", true}, {"[-a]", "-", true},
        {"?", "", false}, {"[=\xc3\xa9[=[a-c]", "=", false}, {"[=\xc3\xa9[=[a-c]", "b", true},
        {"[:[=[=B/[A-Z]", ":", false}, {"[:[=[=B/[A-Z]", "B", true}, {"[=[^[:-[:lower:][a-c]", "=", true},
    };
    for (const auto &c : cases)
        check_that(globs(c.pattern, c.value) == c.fits, __FILE__, __LINE__, std::string(c.pattern) + " on " + c.value);
    CHECK(globs("AL*", "alice", true));
    CHECK(globs("[A-C]x", "bX", true));
    CHECK(!globs("AL*", "alice"));
    // A pattern made to be slow: exponential in a naive matcher.
    std::string pattern, value(5000, 'a');
    for (int i = 0; i < 200; ++i) pattern += "*a";
    CHECK(!globs(pattern + "*b", value));
}

// Random patterns, held against the C library's in the C locale.
static void glob_like_libc() {
#ifdef __GLIBC__
    std::mt19937 random(3);
    const std::string bytes = "abAB[]!^-\\*?:=.zd/";
    const char *pieces[] = {"[:alpha:]", "[:upper:]", "[:foo:]", "[[:digit:]]", "[a-z]",
                            "[!a]",      "[[.a.]]",   "[A-Z]",   "[\\]]",     "[=",
                            "[.",        "[:",        "=]",      ".]",          "[=a=]", "[.-.]", "[a-c]"};
    size_t different = 0, fits = 0;
    for (int i = 0; i < 60000; ++i) {
        std::string pattern, value;
        for (size_t n = random() % 7; n > 0; --n) {
            if (random() % 6) pattern += bytes[random() % bytes.size()];
            else pattern += pieces[random() % std::size(pieces)];
        }
        for (size_t n = random() % 5; n > 0; --n) value += bytes[random() % bytes.size()];
        for (bool fold : {false, true}) {
            bool wanted = fnmatch(pattern.c_str(), value.c_str(), fold ? FNM_CASEFOLD : 0) == 0;
            fits += wanted;
            different += wanted != globs(pattern, value, fold);
        }
    }
    CHECK(fits > 1000);
    CHECK(different == 0);
#endif
}

static void paths() {
    struct { std::vector<std::string> members; const char *value; bool fits; } cases[] = {
        {{"usr/lib"}, "//usr//lib/x", true}, {{"/usr/lib/"}, "/usr/lib", true}, {{"/usr/li"}, "/usr/lib", false},
        {{"/usr/lib/x"}, "/usr/lib", false}, {{"/"}, "", true}, {{""}, "get", true}, {{}, "get", false},
        {{"/u*/l?b"}, "/usr/lib/x", true}, {{"/[a/b]/c"}, "/a/c", false}, {{"/a*/x", "/*b/y"}, "/ab/x", true},
        {{"/a*/x", "/*b/y"}, "/ab/y", true}, {{"/a*/x", "/*b/y"}, "/ab", false}, {{"/a\\b"}, "/a\\b", true},
        {{"/a/x", "/a/y", "/*/z"}, "/a/z/q", true}, {{"usr"}, "", false},
    };
    for (const auto &c : cases)
        check_that(PathSet(c.members).matches({c.value, std::strlen(c.value)}) == c.fits, __FILE__, __LINE__, c.value);
}

static std::string listed(const Value &v) {
    if (v.state != Value::present) return "absent";
    if (!v.items) return '<' + std::string(v.text.data, v.text.size) + '>';
    std::string out;
    for (uint32_t i = 0; i < v.count; ++i) out += (i ? "," : "") + std::string(v.items[i].data, v.items[i].size);
    return '(' + out + ')';
}

static void options() {
    struct { std::vector<std::string> argv; const char *options; char selector; const char *wanted; } cases[] = {
        {{"x"}, "nt:", 0, "()"}, {{"-n", "-tv", "x", "-z"}, "nt:", 0, "(n,t,v)"},
        {{"-n", "-tv", "x"}, "nt:", 't', "<v>"},
        {{"-t", "v"}, ":t:", 0, "(t,v)"}, {{"-t"}, "t:", 0, "()"}, {{"-t"}, "t:", 't', "<>"}, {{"-q"}, "n", 0, "(?)"},
        {{"-nq"}, "n", 'n', "<n>"}, {{"--", "-n"}, "n", 0, "()"}, {{"--long", "-n"}, "n", 0, "(n)"},
        {{"-", "-n"}, "n", 0, "()"},
        {{"", "-n"}, "n", 0, "()"}, {{"-t", "1", "-t2"}, "t::", 't', "<2>"}, {{"-n"}, "t", 't', "absent"},
        {{"-:"}, "a:", 0, "(?)"},
    };
    Arena arena;
    for (const auto &c : cases) {
        std::vector<Text> argv;
        for (const std::string &s : c.argv) argv.push_back(text_of(s));
        uint32_t n = static_cast<uint32_t>(argv.size());
        Text letters(c.options, std::strlen(c.options));
        Value v = c.selector ? getopt_one(argv.data(), n, letters, c.selector, arena)
                             : getopt_list(argv.data(), n, letters, arena);
        std::string got = listed(v), wanted = c.wanted;
        if (got == "()" && v.count == 1) got = "(one empty)";
        if (c.argv == std::vector<std::string>{"-t"} && !c.selector) wanted = "(one empty)";
        SAME(got, wanted);
    }
}

static void base64() {
    struct { const char *text, *wanted; } cases[] = {
        {"aGVsbG8=", "<hello>"}, {"aGVsbG8", "<hello>"}, {"aGVsbG8==", "<hello>"}, {"", "<>"}, {"=", "<>"},
        {"a", "absent"},
        {"aGVs bG8", "absent"}, {"a-_a", "absent"}, {"YQ", "<a>"}, {"YR", "absent"}, {"YQ===", "absent"},
        {"YQA=", "<a>"},
        {"AAAA", "<>"}, {"++//", "<\xfb\xef\xff>"},
    };
    Arena arena;
    for (const auto &c : cases) {
        Text out;
        bool good = decode_b64({c.text, std::strlen(c.text)}, out, arena);
        SAME(listed(good ? Value::of(out) : Value::none()), std::string(c.wanted));
    }
    Text out;
    CHECK(decode_b64({"YQBi", 4}, out, arena));
    SAME(out.size, size_t{3});
}

static void interning() {
    std::vector<std::string> constants;
    for (int i = 0; i < 3000; ++i) constants.push_back("system:serviceaccount:ns-" + std::to_string(i));
    constants.push_back("");
    InternTable table(constants);
    for (uint32_t i = 0; i < constants.size(); ++i) SAME(table.find(text_of(constants[i])), i + kClassFirst);
    for (int i = 3000; i < 9000; ++i) {
        std::string other = "system:serviceaccount:ns-" + std::to_string(i);
        SAME(table.find(text_of(other)), kClassOther);
    }
    SAME(InternTable().find({"", 0}), kClassOther);
    for (size_t n = 0; n < 70; ++n) {  // every way of reading a text to its end
        std::string a(n, 'x'), b = a + "y";
        const std::vector<std::string> both{a, b};
        InternTable two(both);
        SAME(two.find(text_of(a)), kClassFirst);
        SAME(two.find(text_of(b)), kClassFirst + 1);
        SAME(two.find(text_of(a + "z")), kClassOther);
    }
}

static void prefixes() {
    std::mt19937 random(11);
    auto text = [&random](size_t longest) {
        std::string out;
        for (size_t n = random() % (longest + 1); n > 0; --n) out += "ab"[random() % 2];
        return out;
    };
    size_t found = 0;
    for (int round = 0; round < 300; ++round) {
        std::vector<std::string> constants;
        for (size_t n = random() % 8 + 1; n > 0; --n) constants.push_back((round % 3 ? "a" : "") + text(6));
        PrefixTable table(constants);
        for (int i = 0; i < 40; ++i) {
            std::string value = text(9), longest;
            bool any = false;
            for (const std::string &c : constants)
                if (value.rfind(c, 0) == 0 && (!any || c.size() > longest.size())) { any = true; longest = c; }
            uint32_t id = table.find(text_of(value));
            SAME(id >= kClassFirst, any);
            if (any && id >= kClassFirst) SAME(table.constant(id - kClassFirst), longest);
            found += any;
        }
    }
    CHECK(found > 1000);
}

// A list of what an event chooses is compared in reasonable time, whatever its size.
static void large_lists() {
    std::vector<std::string> words;
    for (int i = 0; i < 40000; ++i) words.push_back("group-" + std::to_string(i));
    std::vector<Text> texts;
    for (const std::string &s : words) texts.push_back(text_of(s));
    uint32_t half = 20000;
    CHECK(items_among(texts.data(), half, texts.data(), 2 * half, true));
    CHECK(!items_among(texts.data(), 2 * half, texts.data(), half, true));
    CHECK(!items_among(texts.data() + half, half, texts.data(), half, false));
    CHECK(items_among(texts.data() + half - 1, half, texts.data(), half, false));
}

// Damage of any kind is an error or another good plan, never more.
static void damaged_plans() {
    std::mt19937 random(5);
    TestEvent event(R"({"auditID":"x","verb":"get","user":{"username":"a","groups":["b"]},"objectRef":{"name":"ab"}})");
    std::vector<uint32_t> fired(16);
    for (uint32_t seed = 1; seed <= 6; ++seed) {
        std::string wire = RandomPlan(seed, 4, 0).wire();
        PlanData plan;
        SAME(load_plan(wire, plan), std::string());
        SAME(wire_of(plan), wire);
        for (size_t size = 0; size < wire.size(); size += 1 + size / 64) {
            PlanData part;
            CHECK(!load_plan(std::string_view(wire).substr(0, size), part).empty());
        }
        CHECK(!load_plan(wire + "x", plan = {}).empty());
        for (int i = 0; i < 1500; ++i) {
            std::string other = wire;
            for (uint32_t n = random() % 3 + 1; n > 0; --n) {
                size_t at = random() % other.size();
                uint32_t one_bit = static_cast<uint8_t>(other[at]) ^ 1u << random() % 8;
                other[at] = static_cast<char>(random() % 2 ? random() : one_bit);
            }
            std::string error;
            auto rules = RuleSet::load(other, std::string(32, 'd'), true, error);
            CHECK((rules == nullptr) == !error.empty());
            if (!rules) continue;
            RuleContext context;  // what loads can also be run
            context.use(*rules);
            context.match(event.view, fired.data());
        }
    }
    std::string other = RandomPlan(1, 1, 0).wire();
    other[10] = static_cast<char>(kWireVersion + 1);
    PlanData plan;
    CHECK(load_plan(other, plan).find("wire version") != std::string::npos);
}

int main() {
    glob_table();
    glob_like_libc();
    paths();
    options();
    base64();
    interning();
    prefixes();
    large_lists();
    damaged_plans();
    return failures ? 1 : 0;
}
