// Bytes -> plan.
//
// In: the wire form that rules/plan.py writes. Out: `PlanData`, checked so that everything behind it may trust every
// index, type and count; or a text that says what is wrong. Called once for each rule set.
#pragma once

#include "plan_data.hpp"

#include <algorithm>
#include <string_view>

namespace fe {

inline constexpr uint64_t kWireVersion = 1;
inline constexpr uint32_t kMaxNodeDepth = 4000;  // of a condition with its macros; keeps recursion within any stack
inline constexpr uint32_t kMaxOperandDepth = 1000;

// Reads the wire form. After the first fault every read gives a harmless default, and `error` says what it was.
class WireReader {
  public:
    explicit WireReader(std::string_view wire) : wire_(wire) {}

    std::string error;

    bool ok() const { return error.empty(); }
    size_t offset() const { return at_; }
    bool at_end() const { return at_ == wire_.size(); }

    void fail(const std::string &what) {
        if (ok()) error = "damaged plan at byte " + std::to_string(at_) + ": " + what;
    }

    uint64_t integer() { return head('i', "an integer"); }

    std::string bytes() {
        uint64_t n = head('b', "a byte string");
        if (n > left()) { fail("a byte string is longer than the plan"); return {}; }
        std::string out(wire_.substr(at_, n));
        at_ += n;
        return out;
    }

    // The number of items, each of which takes at least nine bytes.
    uint64_t list() {
        uint64_t n = head('l', "a list");
        if (n > left() / 9) { fail("a list is longer than the plan"); return 0; }
        return n;
    }

    void record(uint64_t items, const char *what) {
        if (list() != items) fail(std::string(what) + " has not " + std::to_string(items) + " parts");
    }

    uint64_t below(uint64_t limit, const char *what) {
        uint64_t v = integer();
        if (v < limit) return v;
        fail(std::string(what) + " " + std::to_string(static_cast<int64_t>(v)) + " is out of range");
        return 0;
    }

    // An index below `limit`, or -1 for `none`.
    uint32_t index_or(uint64_t limit, uint32_t none, const char *what) {
        uint64_t v = integer();
        if (v == ~uint64_t{0}) return none;
        if (v >= limit) { fail(std::string(what) + " is out of range"); return none; }
        return static_cast<uint32_t>(v);
    }

    template <typename E> E choice(const char *what) {
        return static_cast<E>(below(static_cast<uint64_t>(E::count_), what));
    }

    template <typename T, typename Read> std::vector<T> list_of(Read read) {
        std::vector<T> out;
        uint64_t n = list();
        for (uint64_t i = 0; i < n && ok(); ++i) out.push_back(read());
        return out;
    }

    std::vector<std::string> texts() {
        return list_of<std::string>([this] { return bytes(); });
    }

    std::vector<uint32_t> indices(uint64_t limit, const char *what) {
        return list_of<uint32_t>([&] { return static_cast<uint32_t>(below(limit, what)); });
    }

  private:
    size_t left() const { return wire_.size() - at_; }

    uint64_t head(char tag, const char *what) {
        if (!ok()) return 0;
        if (left() < 9) { fail("it ends early"); return 0; }
        if (wire_[at_] != tag) { fail(std::string("expected ") + what); return 0; }
        uint64_t v = 0;
        for (int i = 8; i > 0; --i) v = v << 8 | static_cast<uint8_t>(wire_[at_ + static_cast<size_t>(i)]);
        at_ += 9;
        return v;
    }

    std::string_view wire_;
    size_t at_ = 0;
};

// Every index points backwards, every type fits its use.
class PlanDecoder {
  public:
    PlanDecoder(WireReader &in, PlanData &plan) : in_(in), plan_(plan) {}

    std::string run() {
        in_.record(7, "the plan");
        uint64_t version = in_.integer();
        if (in_.ok() && version != kWireVersion)
            return "the plan has wire version " + std::to_string(version) + ", this engine reads version " +
                   std::to_string(kWireVersion) + ": use rules and engine of the same release";
        table(plan_.slots, [this] { return slot(); });
        table(plan_.operands, [this] { return operand(); });
        table(plan_.atoms, [this] { return atom(); });
        table(plan_.nodes, [this] { return node(); });
        table(plan_.rules, [this] { return rule(); });
        plan_.memo_cells = static_cast<uint32_t>(in_.below(uint64_t{1} << 24, "the number of memo cells"));
        if (greatest_memo_ >= static_cast<int64_t>(plan_.memo_cells)) in_.fail("a memo cell is out of range");
        if (in_.ok() && !in_.at_end()) in_.fail("bytes behind its end");
        return in_.error;
    }

  private:
    template <typename T, typename Read> void table(std::vector<T> &out, Read read) {
        uint64_t n = in_.list();
        for (uint64_t i = 0; i < n && in_.ok(); ++i) out.push_back(read());
    }

    SlotPlan slot() {
        SlotPlan s;
        in_.record(8, "a slot");
        s.name = in_.bytes();
        s.reader = in_.choice<Reader>("a slot's reader");
        s.type = in_.choice<ValueType>("a slot's type");
        s.is_list = in_.below(2, "a slot's list mark") != 0;
        s.path = in_.texts();
        s.alt = in_.texts();
        s.index = static_cast<int64_t>(in_.integer());
        s.key = in_.bytes();
        if (!s.path.empty()) s.root = root_key(Text(s.path[0].data(), s.path[0].size()));
        if (!s.alt.empty()) s.alt_root = root_key(Text(s.alt[0].data(), s.alt[0].size()));
        if (s.index < -1) in_.fail("a slot's index is negative");
        if (s.is_list && s.type != ValueType::string) in_.fail("a slot is a list of something else than strings");
        if (s.path.empty() && needs_path(s.reader)) in_.fail("a slot without a path");
        if (s.reader == Reader::meta && (s.index < 0 || s.index >= static_cast<int64_t>(MetaField::count_)))
            in_.fail("a slot's fact about the origin is out of range");
        return s;
    }

    static bool needs_path(Reader r) {
        if (r <= Reader::target_pod_name) return true;
        return r >= Reader::repository_fixed;
    }

    OperandPlan operand() {
        OperandPlan o;
        in_.record(9, "an operand");
        o.kind = in_.choice<OperandKind>("an operand's kind");
        o.type = in_.choice<ValueType>("an operand's type");
        o.is_list = in_.below(2, "an operand's list mark") != 0;
        uint32_t slot = in_.index_or(plan_.slots.size(), AtomPlan::kNone, "an operand's slot");
        o.literal = in_.bytes();
        o.transform = in_.choice<Transform>("an operand's transformer");
        o.args = in_.indices(plan_.operands.size(), "an operand's argument");
        uint64_t selectors = in_.list();
        if (selectors > 1) in_.fail("an operand has several selectors");
        if (selectors == 1) {
            std::string s = in_.bytes();
            if (in_.ok() && s.size() != 1) in_.fail("a selector is not one byte");
            if (in_.ok()) o.selector = s[0];
        }
        o.interned = in_.texts();
        if (!in_.ok()) return o;
        if (o.is_list && o.type != ValueType::string) in_.fail("an operand is a list of something else than strings");
        if (!o.interned.empty() && o.type != ValueType::string) in_.fail("a number has interned constants");
        if (o.interned.size() > (size_t{1} << 28)) in_.fail("too many interned constants");
        switch (o.kind) {
        case OperandKind::slot:
            if (slot == AtomPlan::kNone) { in_.fail("an operand without its slot"); break; }
            o.slot = slot;
            if (plan_.slots[slot].type != o.type || plan_.slots[slot].is_list != o.is_list)
                in_.fail("an operand's type is not its slot's");
            break;
        case OperandKind::literal:
            if (!o.scalar_string()) in_.fail("a literal that is no string");
            break;
        case OperandKind::list:
            if (!o.is_list) in_.fail("a literal list that is no list");
            break;
        default: transform(o);
        }
        uint32_t depth = 0;
        for (uint32_t a : o.args) depth = std::max(depth, operand_depth_[a]);
        operand_depth_.push_back(depth + 1);
        if (depth >= kMaxOperandDepth) in_.fail("transformers are nested too deeply");
        return o;
    }

    void transform(const OperandPlan &o) {
        auto arg = [&](size_t i) -> const OperandPlan & { return plan_.operands[o.args[i]]; };
        size_t n = o.args.size();
        bool ok = false;
        switch (o.transform) {
        case Transform::tolower: case Transform::toupper: case Transform::b64: case Transform::basename:
        case Transform::cstring:
            ok = n == 1 && arg(0).type == ValueType::string && o.type == ValueType::string &&
                 arg(0).is_list == o.is_list;
            break;
        case Transform::len:
            ok = n == 1 && arg(0).type == ValueType::string && o.type == ValueType::uint64 && !o.is_list;
            break;
        case Transform::join:
            ok = n == 2 && !arg(0).is_list && arg(1).is_list && o.scalar_string();
            break;
        case Transform::concat:
            ok = n >= 1 && o.scalar_string();
            for (size_t i = 0; i < n; ++i) ok = ok && !arg(i).is_list;
            break;
        case Transform::getopt:
            ok = n == 2 && arg(0).is_list && arg(1).scalar_string() && o.type == ValueType::string &&
                 o.is_list == !o.selector.has_value();
            break;
        default: break;
        }
        if (!ok) in_.fail("a transformer does not fit its arguments");
    }

    AtomPlan atom() {
        AtomPlan a;
        in_.record(7, "an atom");
        a.op = in_.choice<AtomOp>("an atom's operator");
        a.operand = static_cast<uint32_t>(in_.below(plan_.operands.size(), "an atom's operand"));
        a.modifier = in_.choice<Modifier>("an atom's modifier");
        a.rhs = in_.index_or(plan_.operands.size(), AtomPlan::kNone, "an atom's right side");
        a.constants = in_.texts();
        a.numbers = in_.list_of<uint64_t>([this] { return in_.integer(); });
        uint64_t classes = in_.ok() ? plan_.operands[a.operand].class_count() : 0;
        a.classes = in_.indices(classes, "an atom's class");
        if (in_.ok()) check(a);
        return a;
    }

    void check(const AtomPlan &a) {
        const OperandPlan &o = plan_.operands[a.operand];
        bool has_rhs = a.rhs != AtomPlan::kNone;
        if (has_rhs) {
            const OperandPlan &r = plan_.operands[a.rhs];
            if (r.type != o.type || r.is_list != o.is_list) { in_.fail("an atom compares different types"); return; }
            if (a.modifier != Modifier::none) { in_.fail("an atom has a modifier and a right side"); return; }
        }
        bool text = o.type == ValueType::string, ok = false;
        switch (a.op) {
        case AtomOp::exists: ok = !has_rhs; break;
        case AtomOp::class_: ok = o.scalar_string() && !has_rhs; break;
        case AtomOp::list_all: case AtomOp::list_any: ok = text && o.is_list && !has_rhs; break;
        case AtomOp::eq: case AtomOp::ne: ok = !o.is_list; break;
        case AtomOp::lt: case AtomOp::le: case AtomOp::gt: case AtomOp::ge:
            ok = !o.is_list && o.type != ValueType::boolean;
            break;
        case AtomOp::in: case AtomOp::intersects: ok = true; break;
        case AtomOp::regex: case AtomOp::pmatch: ok = o.scalar_string() && !has_rhs; break;
        default: ok = o.scalar_string();
        }
        if (!ok) in_.fail("an atom's operator does not fit its operand");
        if (a.op == AtomOp::class_ || a.op == AtomOp::list_all || a.op == AtomOp::list_any)
            for (uint32_t id : a.classes)
                if (id == 0) in_.fail("an atom is true for an absent value");
    }

    NodePlan node() {
        NodePlan n;
        in_.record(3, "a node");
        n.kind = in_.choice<NodeKind>("a node's kind");
        bool leaf = n.kind == NodeKind::atom;
        n.args = in_.indices(leaf ? plan_.atoms.size() : plan_.nodes.size(), "a node's argument");
        n.memo = static_cast<int32_t>(in_.index_or(uint64_t{1} << 24, AtomPlan::kNone, "a node's memo cell"));
        if (!in_.ok()) return n;
        bool one = n.kind == NodeKind::atom || n.kind == NodeKind::not_;
        if (one && n.args.size() != 1) in_.fail("a node has not one argument");
        if (n.kind <= NodeKind::true_ && !n.args.empty()) in_.fail("a constant node has arguments");
        greatest_memo_ = std::max(greatest_memo_, static_cast<int64_t>(n.memo));
        uint32_t depth = 0;
        if (!leaf)
            for (uint32_t a : n.args) depth = std::max(depth, node_depth_[a]);
        node_depth_.push_back(depth + 1);
        if (depth >= kMaxNodeDepth) in_.fail("a condition is nested too deeply");
        return n;
    }

    SegmentPlan segment() {
        SegmentPlan s;
        in_.record(3, "a template segment");
        s.text = in_.bytes();
        s.operand = in_.index_or(plan_.operands.size(), SegmentPlan::kText, "a template's operand");
        s.width = in_.below(uint64_t{1} << 31, "a template's width");
        return s;
    }

    RulePlan rule() {
        RulePlan r;
        in_.record(7, "a rule");
        r.name = in_.bytes();
        r.priority = static_cast<uint32_t>(in_.below(8, "a rule's priority"));
        r.source = in_.bytes();
        r.tags = in_.texts();
        r.root = static_cast<uint32_t>(in_.below(plan_.nodes.size(), "a rule's condition"));
        r.output = in_.list_of<SegmentPlan>([this] { return segment(); });
        r.output_fields = in_.list_of<OutputFieldPlan>([this] {
            OutputFieldPlan f;
            in_.record(4, "an output field");
            f.key = in_.bytes();
            f.operand = in_.index_or(plan_.operands.size(), OutputFieldPlan::kTemplate, "an output field's operand");
            f.segments = in_.list_of<SegmentPlan>([this] { return segment(); });
            f.null = in_.below(2, "an output field's null mark") != 0;
            return f;
        });
        return r;
    }

    WireReader &in_;
    PlanData &plan_;
    std::vector<uint32_t> node_depth_, operand_depth_;
    int64_t greatest_memo_ = -1;
};

// Decode `wire` into `plan`. The empty text on success, else what is wrong with it.
inline std::string load_plan(std::string_view wire, PlanData &plan) {
    WireReader in(wire);
    return PlanDecoder(in, plan).run();
}

}  // namespace fe
