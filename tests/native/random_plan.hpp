// Random plans and events, for tests that hold two ways of evaluating against each other.
//
// In: a seed. Out: plans that the loader accepts, in their wire form, and events that the plans' constants fit now and
// then.
#pragma once

#include "plan_load.hpp"

#include <random>

namespace fe::test {

class WireWriter {
  public:
    std::string out;

    void integer(uint64_t v) { head('i', v); }
    void bytes(const std::string &s) { head('b', s.size()); out += s; }
    void list(uint64_t n) { head('l', n); }
    void texts(const std::vector<std::string> &v) { list(v.size()); for (const auto &s : v) bytes(s); }
    template <typename T> void integers(const std::vector<T> &v) { list(v.size()); for (auto x : v) integer(x); }

    void plan(const PlanData &p) {
        list(7);
        integer(kWireVersion);
        list(p.slots.size());
        for (const SlotPlan &s : p.slots) {
            list(8);
            bytes(s.name);
            integer(static_cast<uint64_t>(s.reader));
            integer(static_cast<uint64_t>(s.type));
            integer(s.is_list);
            texts(s.path);
            texts(s.alt);
            integer(static_cast<uint64_t>(s.index));
            bytes(s.key);
        }
        list(p.operands.size());
        for (const OperandPlan &o : p.operands) {
            list(9);
            integer(static_cast<uint64_t>(o.kind));
            integer(static_cast<uint64_t>(o.type));
            integer(o.is_list);
            integer(o.kind == OperandKind::slot ? o.slot : ~uint64_t{0});
            bytes(o.literal);
            integer(static_cast<uint64_t>(o.transform));
            integers(o.args);
            list(o.selector ? 1 : 0);
            if (o.selector) bytes(std::string(1, *o.selector));
            texts(o.interned);
        }
        list(p.atoms.size());
        for (const AtomPlan &a : p.atoms) {
            list(7);
            integer(static_cast<uint64_t>(a.op));
            integer(a.operand);
            integer(static_cast<uint64_t>(a.modifier));
            integer(a.rhs == AtomPlan::kNone ? ~uint64_t{0} : a.rhs);
            texts(a.constants);
            integers(a.numbers);
            integers(a.classes);
        }
        list(p.nodes.size());
        for (const NodePlan &n : p.nodes) {
            list(3);
            integer(static_cast<uint64_t>(n.kind));
            integers(n.args);
            integer(static_cast<uint64_t>(static_cast<int64_t>(n.memo)));
        }
        list(p.rules.size());
        for (const RulePlan &r : p.rules) {
            list(7);
            bytes(r.name);
            integer(r.priority);
            bytes(r.source);
            texts(r.tags);
            integer(r.root);
            list(0);
            list(0);
        }
        integer(p.memo_cells);
    }

  private:
    void head(char tag, uint64_t v) {
        out += tag;
        for (int i = 0; i < 8; ++i) out += static_cast<char>(v >> (8 * i));
    }
};

inline std::string wire_of(const PlanData &plan) {
    WireWriter w;
    w.plan(plan);
    return w.out;
}

class RandomPlan {
  public:
    PlanData plan;

    RandomPlan(uint32_t seed, size_t rules, size_t constants) : random_(seed) {
        for (size_t i = 0; i < constants; ++i) more_words_.push_back("name-" + std::to_string(i));
        slots();
        for (uint32_t i = 0; i < plan.slots.size(); ++i) {
            OperandPlan o;
            o.slot = i;
            o.type = plan.slots[i].type;
            o.is_list = plan.slots[i].is_list;
            operand(o);
        }
        for (int i = 0; i < 12; ++i) derived();
        size_t atoms = 10 + rules * 2;
        for (size_t i = 0; i < atoms; ++i) atom();
        conditions(rules);
    }

    std::string wire() const { return wire_of(plan); }

    // An event with values that the plan's constants fit now and then; without some members, and oddly written.
    std::string event() {
        Members m{*this, "{"};
        m.add("verb", text());
        m.add("stage", text());
        m.add("auditID", below(8) ? text() : "null");
        m.add("requestURI", text());
        Members user{*this, "{"}, target{*this, "{"}, spec{*this, "{"};
        user.add("username", text());
        user.add("groups", texts());
        m.add("user", user.text + '}');
        m.add("sourceIPs", texts());
        for (const char *name : {"resource", "resourceVersion", "name", "namespace", "name"}) target.add(name, text());
        m.add("objectRef", below(12) ? target.text + '}' : texts());
        m.add("responseStatus", "{\"code\":" + std::to_string(below(3) * 100 + 200) + '}');
        spec.add("command", texts());
        spec.add("kind", text());
        m.add("requestObject", "{\"spec\":" + spec.text + "}}");
        return m.text + '}';
    }

    uint32_t below(size_t n) { return static_cast<uint32_t>(random_() % n); }

  private:
    std::string word() {
        static const char *kWords[] = {"get",  "create", "a",  "b",   "ab", "A", "B",    "a/b", "/a/b/c", "",
                                       "YQ==", "YQ",     "-a", "-bx", "--", "x", "pods", "b*",  "?",      "[ab]*",
                                       "200",  "system:node", "true"};
        if (!more_words_.empty() && below(2)) return more_words_[below(more_words_.size())];
        return kWords[below(std::size(kWords))];
    }

    std::string text() {
        switch (below(30)) {
        case 0: return "7";
        case 1: return R"("a\u0062")";
        case 2: return R"("a\u0000b")";
        default: return '"' + word() + '"';
        }
    }

    struct Members {
        RandomPlan &random;
        std::string text;

        void add(const std::string &name, const std::string &value) {
            if (random.below(5) == 0) return;
            if (text.back() != '{') text += random.below(20) ? "," : " , ";
            std::string key = name;
            if (random.below(30) == 0) {
                char escape[8];
                std::snprintf(escape, sizeof(escape), "\\u%04x", static_cast<unsigned>(name[1]));
                key.replace(1, 1, escape);
            }
            text += '"' + key + '"' + (random.below(20) ? ":" : " : ") + value;
        }
    };

    std::string texts() {
        std::string out = "[";
        for (uint32_t n = below(4); n > 0; --n) out += text() + (n > 1 ? "," : "");
        return out + "]";
    }

    void slot(Reader reader, std::vector<std::string> path, bool is_list = false, ValueType type = ValueType::string) {
        SlotPlan s;
        s.name = "field" + std::to_string(plan.slots.size());
        s.reader = reader;
        s.type = type;
        s.is_list = is_list;
        s.path = std::move(path);
        plan.slots.push_back(s);
    }

    void slots() {
        slot(Reader::scalar, {"verb"});
        slot(Reader::scalar, {"stage"});
        slot(Reader::scalar, {"requestURI"});
        slot(Reader::scalar, {"user", "username"});
        slot(Reader::scalar, {"objectRef", "resource"});
        slot(Reader::scalar, {"objectRef", "name"});
        slot(Reader::scalar, {"objectRef", "namespace"});
        slot(Reader::scalar, {"responseStatus", "code"});
        slot(Reader::scalar, {"requestObject", "spec", "kind"});
        slot(Reader::plain_list, {"user", "groups"}, true);
        slot(Reader::plain_list, {"sourceIPs"}, true);
        slot(Reader::plain_list, {"requestObject", "spec", "command"}, true);
        slot(Reader::evt_num, {}, false, ValueType::uint64);
        slot(Reader::evt_is_async, {}, false, ValueType::boolean);
        header_slots_ = 8;
    }

    uint32_t operand(OperandPlan o) {
        if (o.type == ValueType::string && below(4)) {
            for (uint32_t n = below(6); n > 0; --n) o.interned.push_back(word());
            if (!more_words_.empty())
                for (const std::string &w : more_words_)
                    if (below(2)) o.interned.push_back(w);
            std::sort(o.interned.begin(), o.interned.end());
            o.interned.erase(std::unique(o.interned.begin(), o.interned.end()), o.interned.end());
        }
        plan.operands.push_back(o);
        return static_cast<uint32_t>(plan.operands.size() - 1);
    }

    // A random operand of a kind; every plan has one.
    uint32_t pick(bool is_list, bool any_scalar = false) {
        for (;;) {
            uint32_t i = below(plan.operands.size());
            const OperandPlan &o = plan.operands[i];
            if (o.is_list == is_list && (any_scalar || o.type == ValueType::string)) return i;
        }
    }

    void derived() {
        OperandPlan o;
        switch (below(5)) {
        case 0:
            o.kind = OperandKind::literal;
            o.literal = word();
            break;
        case 1:
            o.kind = OperandKind::list;
            o.is_list = true;
            for (uint32_t n = below(4); n > 0; --n) o.args.push_back(pick(below(3) == 0, true));
            break;
        default:
            o.kind = OperandKind::transform;
            o.transform = static_cast<Transform>(1 + below(9));
            bool list = below(2);
            switch (o.transform) {
            case Transform::len: o.args = {pick(list)}; o.type = ValueType::uint64; break;
            case Transform::join: o.args = {pick(false), pick(true)}; break;
            case Transform::concat: o.args = {pick(false, true), pick(false)}; break;
            case Transform::getopt:
                o.args = {pick(true), pick(false)};
                if (list) o.selector = 'a';
                o.is_list = !list;
                break;
            default: o.args = {pick(list)}; o.is_list = list;
            }
        }
        operand(o);
    }

    void atom() {
        AtomPlan a;
        a.operand = below(3) ? below(header_slots_) : below(plan.operands.size());
        const OperandPlan &o = plan.operands[a.operand];
        auto choose = [&](std::initializer_list<AtomOp> ops) { a.op = ops.begin()[below(ops.size())]; };
        using enum AtomOp;
        if (below(8) == 0) {
            a.op = exists;
        } else if (o.type != ValueType::string) {
            if (o.type == ValueType::boolean) choose({eq, ne, in, intersects});
            else choose({eq, ne, lt, le, gt, ge, in, intersects});
            for (uint32_t n = below(3) + 1; n > 0; --n) a.numbers.push_back(below(4));
            if (a.op == eq || a.op == ne) a.modifier = static_cast<Modifier>(below(4));
        } else if (below(8) == 0) {
            do a.rhs = pick(o.is_list); while (plan.operands[a.rhs].type != o.type);
            if (o.is_list) choose({in, intersects});
            else choose({eq, ne, lt, ge, in, intersects, contains, icontains, startswith, endswith, glob, iglob});
        } else if (o.is_list) {
            choose({list_all, list_any});
            classes(a, o);
        } else if (below(3)) {
            a.op = class_;
            classes(a, o);
        } else {
            choose({lt, le, gt, ge, contains, icontains, startswith, endswith, AtomOp::glob, iglob, AtomOp::pmatch});
            bool order = a.op >= lt && a.op <= ge;
            if (!order && a.op != AtomOp::pmatch) a.modifier = static_cast<Modifier>(below(4));
            uint32_t n = a.modifier == Modifier::none && a.op != AtomOp::pmatch ? 1 : below(4);
            for (; n > 0; --n) a.constants.push_back(word());
        }
        plan.atoms.push_back(a);
    }

    void classes(AtomPlan &a, const OperandPlan &o) {
        bool negative = below(4) == 0;
        for (uint32_t id = 1; id < o.class_count(); ++id) {
            bool in = below(o.class_count()) < 2;
            if (id == 1 ? negative : in != negative) a.classes.push_back(id);
        }
    }

    uint32_t node(NodeKind kind, std::vector<uint32_t> args) {
        plan.nodes.push_back({kind, std::move(args), -1});
        return static_cast<uint32_t>(plan.nodes.size() - 1);
    }

    void conditions(size_t rules) {
        std::vector<uint32_t> shared;
        auto leaf = [&] {
            if (below(40) == 0) return node(below(2) ? NodeKind::true_ : NodeKind::false_, {});
            uint32_t n = node(NodeKind::atom, {below(plan.atoms.size())});
            return below(4) ? n : node(NodeKind::not_, {n});
        };
        auto branch = [&](auto &&self, int depth) -> uint32_t {
            if (depth == 0) return leaf();
            if (!shared.empty() && below(4) == 0) return shared[below(shared.size())];
            std::vector<uint32_t> args;
            for (uint32_t n = below(4); n > 0; --n)
                args.push_back(self(self, static_cast<int>(below(static_cast<size_t>(depth)))));
            uint32_t n = node(below(3) ? NodeKind::and_ : NodeKind::or_, args);
            return below(5) ? n : node(NodeKind::not_, {n});
        };
        for (int i = 0; i < 6; ++i) {
            shared.push_back(branch(branch, 2));
            if (below(2)) plan.nodes[shared.back()].memo = static_cast<int32_t>(plan.memo_cells++);
        }
        for (size_t i = 0; i < rules; ++i) {
            std::vector<uint32_t> args{leaf(), leaf(), branch(branch, 3)};
            RulePlan r;
            r.name = "rule" + std::to_string(i);
            r.root = node(below(8) ? NodeKind::and_ : NodeKind::or_, args);
            plan.rules.push_back(r);
        }
    }

    std::mt19937 random_;
    std::vector<std::string> more_words_;
    uint32_t header_slots_ = 0;
};

}  // namespace fe::test
