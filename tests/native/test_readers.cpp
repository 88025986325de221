// Fields of single events: what Falco's plugin answers, oddities included, and what a cut leaves unknown.
#include "native_tools.hpp"
#include "readers.hpp"

using namespace fe;
using fe::test::TestEvent;

static SlotPlan slot(Reader reader, std::vector<std::string> path, std::string key = "", int64_t index = -1) {
    SlotPlan s;
    s.reader = reader;
    s.path = std::move(path);
    if (!s.path.empty()) s.root = root_key({s.path[0].data(), s.path[0].size()});
    s.key = std::move(key);
    s.index = index;
    return s;
}

// `absent`, `unknown`, a text, or a list as `(a|b)`.
static std::string shown(const SlotPlan &s, TestEvent &event) {
    Value v = read_slot(s, event.view, event.arena);
    if (v.state == Value::unknown) return "unknown";
    if (v.state == Value::absent) return "absent";
    if (!v.items) return {v.text.data, v.text.size};
    std::string out = "(";
    for (uint32_t i = 0; i < v.count; ++i) out += (i ? "|" : "") + std::string(v.items[i].data, v.items[i].size);
    return out + ")";
}

// `body` stands behind the audit id, `cut` as for TestEvent.
static std::string read(const SlotPlan &s, const std::string &body, size_t cut = std::string::npos) {
    TestEvent event("{\"auditID\":\"a\"" + (body.empty() ? "" : "," + body) + "}", cut);
    return event.good ? shown(s, event) : "malformed";
}

static std::string request(const std::string &object) { return "\"requestObject\":" + object; }
static std::string pod(const std::string &spec) { return request("{\"spec\":" + spec + "}"); }

static SlotPlan containers(Reader reader, std::vector<std::string> more, int64_t index = -1) {
    std::vector<std::string> path = {"requestObject", "spec", "containers"};
    path.insert(path.end(), more.begin(), more.end());
    return slot(reader, path, "", index);
}

static const std::string kTwo = pod(
    R"({"containers":[{"image":"reg.io:5000/team/app:1.2@sha256:abcd","command":["sh","-c"],"args":["x","y z"],)"
    R"("ports":[{"hostPort":80,"containerPort":8080},{"containerPort":9090},{"name":"q"}],)"
    R"("securityContext":{"privileged":true,"runAsUser":1000,"capabilities":{"add":["NET_ADMIN","SYS_TIME"]}}},)"
    R"({"image":"nginx@sha256:ff","securityContext":{"runAsUser":0}}],"securityContext":{"runAsUser":7}})");

static void scalars() {
    SlotPlan verb = slot(Reader::scalar, {"verb"});
    SAME(read(verb, R"("verb":"get")"), "get");
    SAME(read(verb, R"("verb" : "x" , "verb":"y")"), "x");
    SAME(read(verb, R"("ver\u0062":"x","verb":"y")"), "x");
    SAME(read(verb, R"("verb":null)"), "null");
    SAME(read(verb, R"("verb":1.50)"), "1.50");
    SAME(read(verb, R"("verb":{ "b" : [ 1e3, "caf\u00e9\/" ] })"), R"({"b":[1e3,"caf\u00e9\/"]})");
    SAME(read(verb, R"("verb":"caf\u00e9\ud83d\ude00\ud83d\q")"), "caf\xc3\xa9\xf0\x9f\x98\x80\\ud83d\\q");
    SAME(read(verb, R"("verb":"a\u0000b")"), "a");
    SAME(read(verb, ""), "absent");
    SlotPlan user = slot(Reader::scalar, {"user", "username"});
    for (const char *odd : {"null", "1", "\"x\"", "[]", "{}", "[{\"username\":\"x\"}]"})
        SAME(read(user, "\"user\":" + std::string(odd)), "absent");
    SlotPlan first = slot(Reader::scalar, {"sourceIPs", "0"});
    SAME(read(first, R"("sourceIPs":["1.2.3.4","5"])"), "1.2.3.4");
    SAME(read(first, R"("sourceIPs":[])"), "absent");

    TestEvent without(R"({"verb":"get"})");
    SAME(shown(verb, without), "absent");
    SAME(shown(slot(Reader::json_value, {"verb"}), without), "get");
    SAME(shown(slot(Reader::constant, {}, "true"), without), "absent");
    SAME(shown(slot(Reader::static_text, {}, "x"), without), "x");
    SAME(read(slot(Reader::constant, {}, "true"), ""), "true");
}

static void pointers() {
    const std::string body = R"("items":[{"a":1},[ 2 , 3 ]],"":"empty","a/b":"slash")";
    SAME(read(slot(Reader::json_value, {"items", "01", "1"}), body), "3");
    SAME(read(slot(Reader::json_value, {"items", "-"}), body), "absent");
    SAME(read(slot(Reader::json_value, {""}), body), "empty");
    SAME(read(slot(Reader::json_value, {"a/b"}), body), "slash");
    SAME(read(slot(Reader::json_value, {}), R"("x" : [ 1 ])"), R"({"auditID":"a","x":[1]})");
    SAME(read(slot(Reader::json_object, {}), R"("e":{},"l":[ ],"x":[1,{"y":"\u00e9"}])"),
         "{\n  \"auditID\": \"a\",\n  \"e\": {},\n  \"l\": [],\n  \"x\": [\n    1,\n    {\n      \"y\": \"\\u00e9\"\n    }\n  ]\n}");
    for (const char *lenient : {"01", "1e", "+1", "NaN", "\"\\q\"", "\"\x01\""})
        SAME(read(slot(Reader::json_object, {}), "\"x\":" + std::string(lenient)), "absent");
}

static void lists() {
    SlotPlan groups = slot(Reader::plain_list, {"user", "groups"});
    SAME(read(groups, R"("user":{"groups":["a",1,null,{"k":"v"},""]})"), R"((a|1|null|{"k":"v"}|))");
    SAME(read(groups, R"("user":{"groups":[]})"), "absent");
    SAME(read(groups, R"("user":{"groups":"a"})"), "absent");
    SAME(read(slot(Reader::plain_list, {"sourceIPs"}, "", 1), R"("sourceIPs":["a","b"])"), "(b)");
    SAME(read(slot(Reader::plain_list, {"sourceIPs"}, "", 2), R"("sourceIPs":["a","b"])"), "absent");

    SAME(read(containers(Reader::walk_strict, {"image"}), kTwo), "(reg.io:5000/team/app:1.2@sha256:abcd|nginx@sha256:ff)");
    SAME(read(containers(Reader::repository, {"image"}), kTwo), "(reg.io|nginx)");
    SAME(read(containers(Reader::repository_fixed, {"image"}), kTwo), "(reg.io:5000/team/app|nginx)");
    SAME(read(containers(Reader::repository, {"image"}, 1), kTwo), "(nginx)");
    SAME(read(containers(Reader::container_words, {"command"}), kTwo), "(sh -c)");
    SAME(read(containers(Reader::container_words, {"args"}), kTwo), "(x y z)");
    SAME(read(containers(Reader::container_words, {"args"}, 1), kTwo), "absent");
    SAME(read(containers(Reader::host_port, {"ports"}), kTwo), "(80|9090)");
    SAME(read(containers(Reader::walk_skip, {"securityContext", "privileged"}), kTwo), "(true)");
    SAME(read(containers(Reader::walk_skip, {"securityContext", "runAsUser"}), kTwo), "(1000|0)");
    SAME(read(containers(Reader::walk_skip, {"securityContext", "runAsGroup"}), kTwo), "absent");
    SAME(read(containers(Reader::walk_skip, {"securityContext", "capabilities", "add"}), kTwo), R"((["NET_ADMIN","SYS_TIME"]))");
    SAME(read(containers(Reader::capabilities_fixed, {"securityContext", "capabilities", "add"}), kTwo), "(NET_ADMIN|SYS_TIME)");

    SAME(read(containers(Reader::walk_strict, {"image"}), pod(R"({"containers":[null,{"image":null}]})")), "absent");
    SAME(read(containers(Reader::walk_strict, {"image"}), pod(R"({"containers":[{"image":null}]})")), "(null)");
    SAME(read(containers(Reader::walk_strict, {"name"}), pod(R"({"containers":{"name":"x"}})")), "(x)");
    SAME(read(containers(Reader::walk_strict, {"name"}), pod(R"({"containers":[[{"name":"x"},[]],{"name":"y"}]})")), "(x|y)");
    SAME(read(containers(Reader::walk_strict, {"name"}), pod(R"({"containers":[]})")), "absent");
    for (const char *bad : {"null", "\"sh\"", "[\"a\",1]", "[null]", "{}"})
        SAME(read(containers(Reader::container_words, {"args"}), pod(R"({"containers":[{"args":["x"]},{"args":)" + std::string(bad) + "}]}")),
             "absent");
    SAME(read(containers(Reader::container_words, {"args"}), pod(R"({"containers":[{"args":[]},{}]})")), "()");
    SAME(read(containers(Reader::host_port, {"ports"}), pod(R"({"containers":[{"ports":[{"hostPort":null},7,[]]}]})")), "(null)");
    SAME(read(containers(Reader::host_port, {"ports"}), pod(R"({"containers":[{"ports":[{"hostPort":1}]},{"ports":{}}]})")), "absent");
}

static void defaults() {
    auto effective = [](Reader reader, std::vector<std::string> tail, int64_t index = -1) {
        SlotPlan s = containers(reader, tail, index);
        s.alt = {"requestObject", "spec"};
        s.alt.insert(s.alt.end(), tail.begin(), tail.end());
        s.alt_root = kRootRequestObject;
        return s;
    };
    const std::string some = pod(R"({"runAsUser":5,"containers":[{"runAsUser":1},{}]})");
    SAME(read(effective(Reader::walk_default, {"runAsUser"}), kTwo), "(0|0)");
    SAME(read(effective(Reader::walk_default, {"runAsUser"}), some), "(1|5)");
    SAME(read(effective(Reader::walk_default, {"runAsUser"}, 1), some), "absent");
    SAME(read(effective(Reader::walk_default_fixed, {"runAsUser"}, 1), some), "(5)");
    SAME(read(effective(Reader::walk_default_fixed, {"runAsUser"}, 2), some), "absent");
    SAME(read(effective(Reader::walk_default_fixed, {"securityContext", "runAsUser"}), kTwo), "(1000|0)");
    const std::string patch = request(R"([{"op":"replace","path":"/x"},{"op":"add"}])");
    SAME(read(effective(Reader::walk_default, {"runAsUser"}), patch), "(0|0)");
    SAME(read(effective(Reader::walk_default_fixed, {"runAsUser"}), patch), "absent");
}

static void yes_or_no() {
    SlotPlan privileged = containers(Reader::any_privileged, {});
    SAME(read(privileged, kTwo), "true");
    SAME(read(privileged, pod(R"({"containers":[]})")), "false");
    SAME(read(privileged, pod(R"({"containers":[{"securityContext":{"privileged":"true"}},null]})")), "false");
    SAME(read(privileged, pod("{}")), "absent");
    SAME(read(privileged, request("[{},{}]")), "false");
    const std::string volumes = pod(R"({"volumes":[null,{"name":"a","hostPath":{"path":"/etcd"}},{"name":"b","emptyDir":{},"x":1},7]})");
    auto match = [&](const char *key) { return slot(Reader::hostpath_match, {"requestObject", "spec", "volumes"}, key); };
    SAME(read(match("/etc*"), volumes), "true");
    SAME(read(match("/etc"), volumes), "false");
    SAME(read(match("/etcd"), volumes), "true");
    SAME(read(match("*"), volumes), "true");
    SAME(read(match("/x"), pod("{}")), "absent");
    SAME(read(match("/x"), pod(R"({"volumes":[]})")), "false");
    SAME(read(match("/x"), request("[{}]")), "false");
    auto types = [](int64_t index) { return slot(Reader::volume_types, {"requestObject", "spec", "volumes"}, "", index); };
    SAME(read(types(-1), volumes), "(hostPath|emptyDir|x)");
    SAME(read(types(2), volumes), "(emptyDir|x)");
    SAME(read(types(0), volumes), "absent");
    SAME(read(types(-1), request("[{},null,[]]")), "absent");
    SAME(read(types(-1), pod("[null]")), "absent");
}

static void subjects_and_rules() {
    const std::string body = request(
        R"({"subjects":[{"kind":"User","name":"u"},{"kind":"ServiceAccount","name":"s","namespace":"n"},)"
        R"({"kind":"ServiceAccount","name":"t"},{"kind":"User"},null,["kind"]],)"
        R"("rules":[{"verbs":["get","list"],"resources":"pods"},{"verbs":"*"},{"verbs":[""]},7]})");
    auto names = [](const char *kind) { return slot(Reader::subject_names, {"requestObject", "subjects"}, kind); };
    SAME(read(names("User"), body), "(u)");
    SAME(read(names("ServiceAccount"), body), "(s|t)");
    SAME(read(names("Group"), body), "absent");
    SAME(read(slot(Reader::subject_accounts, {"requestObject", "subjects"}), body), "(n:s)");
    auto words = [](const char *key, int64_t index) { return slot(Reader::rule_words, {"requestObject", "rules"}, key, index); };
    SAME(read(words("verbs", -1), body), "(get|list|)");
    SAME(read(words("verbs", 0), body), "(get|list)");
    SAME(read(words("verbs", 1), body), "absent");
    SAME(read(words("resources", -1), body), "absent");
    SlotPlan ports = slot(Reader::whole_as_list, {"requestObject", "spec", "ports"}, "", 9);
    SAME(read(ports, pod(R"({"ports":[ {"port":1} ]})")), R"(([{"port":1}]))");
}

static void target_pod() {
    SlotPlan s = slot(Reader::target_pod_name, {"responseObject", "metadata", "name"});
    const std::string response = R"(,"responseObject":{"metadata":{"name":"p"}})";
    SAME(read(s, R"("objectRef":{"resource":"pods"})" + response), "p");
    SAME(read(s, R"("objectRef":{"resource":"pods","subresource":""})" + response), "p");
    SAME(read(s, R"("objectRef":{"resource":"pods","subresource":1})" + response), "p");
    SAME(read(s, R"("objectRef":{"resource":"pods","subresource":"log"})" + response), "absent");
    SAME(read(s, R"("objectRef":{"resource":"services"})" + response), "absent");
    SAME(read(s, R"("objectRef":{"resource":"pods"})"), "absent");
}

static void uris() {
    struct { const char *uri, *plain, *fixed; } rows[] = {
        {"/a?x=1&x=2", "1", "1"}, {"/a?x=%2Fb%20c+d", "/b c d", "/b c d"}, {"/a?x", "", ""}, {"/a?x=", "", ""},
        {"/a?%78=1", "1", "1"}, {"/a?x=a=b", "a=b", "a=b"}, {"/a?x=1?y=2", "1?y=2", "1?y=2"},
        {"/a?x=1;y=2", "absent", "absent"}, {"/a?x=1&y=%zz", "absent", "1"}, {"/a%zz?x=1", "absent", "1"},
        {"/a?x=1&y=1;2", "absent", "1"}, {"/a?y=1", "absent", "absent"}, {"/a?x=1#%zz", "absent", "1"},
        {"/a#?x=1", "absent", "absent"}, {"/a?x=1%00b", "1", "1"}, {"a:b?x=1", "1", "1"}, {"1a:b?x=1", "absent", "1"},
        {"//h:8a/?x=1", "absent", "1"}, {"/a\\u0001?x=1", "absent", "1"}, {"?x=1", "1", "1"}, {"", "absent", "absent"},
    };
    for (const auto &r : rows) {
        std::string body = "\"requestURI\":\"" + std::string(r.uri) + "\"";
        SAME(read(slot(Reader::uri_param, {"requestURI"}, "x"), body), r.plain);
        SAME(read(slot(Reader::uri_param_fixed, {"requestURI"}, "x"), body), r.fixed);
    }
}

static void facts() {
    TestEvent event(R"({"stageTimestamp":"2026-01-02T03:04:01.000000007Z"})");
    event.view.first_time_ns = event.view.time_ns + 1;
    auto number = [&](Reader r) { return read_slot(slot(r, {}), event.view, event.arena).number; };
    SAME(number(Reader::evt_rawtime), uint64_t{1767323041000000007});
    SAME(number(Reader::evt_rawtime_s), uint64_t{1767323041});
    SAME(number(Reader::evt_rawtime_ns), uint64_t{7});
    SAME(number(Reader::evt_reltime), ~uint64_t{0});
    SAME(shown(slot(Reader::json_rawtime, {}), event), "1767323041000000007");
    SAME(shown(slot(Reader::evt_time_iso8601, {}), event), "2026-01-02T03:04:01.000000007+0000");
    SAME(shown(slot(Reader::evt_hostname, {}), event), "");
    SAME(shown(slot(Reader::evt_asynctype, {}), event), "absent");
    auto fact = [&](MetaField f) { return shown(slot(Reader::meta, {}, "", static_cast<int64_t>(f)), event); };
    SAME(fact(MetaField::cluster), "absent");
    SAME(fact(MetaField::truncated), "false");
    SAME(fact(MetaField::ingestion_time_ms), "absent");
    OriginFacts origin{"prod", "1", "eu", "g"};
    event.view.origin = &origin;
    event.view.ingestion_ms = 5;
    SAME(fact(MetaField::cluster), "prod");
    SAME(fact(MetaField::region), "eu");
    SAME(fact(MetaField::ingestion_time_ms), "5");
}

// The text up to and with `upto`.
static std::string read_cut(const SlotPlan &s, const std::string &body, const std::string &upto) {
    return read(s, body, std::string("{\"auditID\":\"a\",").size() + body.find(upto) + upto.size());
}

static void cuts() {
    SlotPlan verb = slot(Reader::scalar, {"verb"});
    SAME(read_cut(verb, R"("verb":"get","x":1)", "\"x\""), "get");
    SAME(read_cut(verb, R"("verb":"get","x":1)", "ge"), "unknown");
    SAME(read_cut(verb, R"("x":1,"verb":"get")", "\"x\""), "unknown");
    SAME(read(verb, R"("verb":"get")", 8), "unknown");  // the audit id itself
    const std::string volumes = pod(R"({"volumes":[{"hostPath":{"path":"/etc"}},{"hostPath":{"path":"/var"}}]})");
    auto match = [&](const char *key) { return slot(Reader::hostpath_match, {"requestObject", "spec", "volumes"}, key); };
    SAME(read_cut(match("/etc"), volumes, "/etc\"}"), "true");
    SAME(read_cut(match("/var"), volumes, "/etc\"}"), "unknown");
    SAME(read_cut(match("/e*"), volumes, "/et"), "unknown");
    SAME(read_cut(containers(Reader::any_privileged, {}), kTwo, "\"privileged\":true,"), "true");
    SAME(read_cut(containers(Reader::any_privileged, {}), kTwo, "\"privileged\":"), "unknown");
    SAME(read_cut(containers(Reader::walk_strict, {"image"}), kTwo, "\"privileged\""), "unknown");
    SAME(read_cut(containers(Reader::walk_strict, {"image"}, 0), kTwo, "\"privileged\""), "(reg.io:5000/team/app:1.2@sha256:abcd)");
    SAME(read_cut(slot(Reader::json_value, {}), kTwo, "\"privileged\""), "unknown");
    SAME(read_cut(slot(Reader::json_object, {}), kTwo, "\"privileged\""), "unknown");
}

int main() {
    scalars();
    pointers();
    lists();
    defaults();
    yes_or_no();
    subjects_and_rules();
    target_pod();
    uris();
    facts();
    cuts();
    return fe::test::failures != 0;
}
