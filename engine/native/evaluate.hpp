// Operands and atoms of one event.
//
// In: the lowered plan and an event. Out: values, class ids and truths, each computed at most once for an event and
// only if somebody asks. A context belongs to one thread; generated predicates see its C side (predicate.h).
#pragma once

#include "header.hpp"
#include "intern.hpp"
#include "operators.hpp"
#include "plan_data.hpp"
#include "predicate.h"
#include "readers.hpp"
#include "transforms.hpp"

#include <vector>

namespace fe {

enum class Tri : uint8_t { no, yes, unknown };

inline Tri tri(bool b) { return b ? Tri::yes : Tri::no; }
inline Tri negate(Tri t) { return t == Tri::unknown ? t : tri(t == Tri::no); }

// A plan made ready to be evaluated; shared by threads. The plan must outlive it.
struct Tables {
    const PlanData *plan = nullptr;
    std::vector<InternTable> interns;  // per operand
    std::vector<HeaderSlot> headers;   // per operand
    std::vector<LoweredAtom> atoms;
    Regexes regexes;
    uint32_t cells = 0;  // memo cells: atoms, the plan's shared nodes, the program's own

    Tables() = default;
    explicit Tables(const PlanData &p) : plan(&p) {
        interns.reserve(p.operands.size());
        headers.resize(p.operands.size());
        for (size_t i = 0; i < p.operands.size(); ++i) {
            const OperandPlan &o = p.operands[i];
            interns.emplace_back(o.interned);
            if (o.kind == OperandKind::slot && o.scalar_string()) headers[i] = HeaderSlot(p.slots[o.slot]);
        }
        atoms.reserve(p.atoms.size());
        for (uint32_t i = 0; i < p.atoms.size(); ++i) atoms.emplace_back(p, i);
        cells = static_cast<uint32_t>(p.atoms.size()) + p.memo_cells;
    }
};

class EvalContext : public fe_context {
  public:
    Arena arena;  // what values of the current event live in

    EvalContext() : fe_context{} {
        epoch = 0;
        fe_context::atom = [](fe_context *c, uint32_t a) -> uint32_t { return self(c).compute_atom(a); };
        fe_context::operand_class = [](fe_context *c, uint32_t o) -> uint32_t { return self(c).compute_class(o); };
        fe_context::text = [](fe_context *c, uint32_t o) -> fe_text {
            const Value &v = self(c).value(o);
            if (v.state != Value::present) return {nullptr, 0};
            return {v.text.data ? v.text.data : "", v.text.size};
        };
    }
    EvalContext(const EvalContext &) = delete;
    EvalContext &operator=(const EvalContext &) = delete;

    // Use these tables from the next event on.
    void bind(const Tables &tables) {
        tables_ = &tables;
        size_t operands = tables.plan->operands.size(), nodes = tables.plan->nodes.size();
        memo_.assign(tables.cells, 0);
        nodes3_.assign(nodes, 0);
        class_epoch_.assign(operands, 0);
        class_id_.assign(operands, 0);
        value_epoch_.assign(operands, 0);
        values_.assign(operands, Value());
        element_epoch_.assign(operands, 0);
        elements_.assign(operands, nullptr);
        memo = memo_.data();
        class_epoch = class_epoch_.data();
        class_id = class_id_.data();
        epoch = 0;
    }

    const Tables *tables() const { return tables_; }
    EventView &event() const { return *event_; }

    // Turn to an event. Everything known of the one before is forgotten, its values are gone.
    void begin(EventView &event) {
        event_ = &event;
        arena.reset();
        if (++epoch == uint32_t{1} << 31) {
            bind(*tables_);
            epoch = 1;
        }
    }

    const Value &value(uint32_t operand) {
        Value &v = values_[operand];
        if (value_epoch_[operand] != epoch) {
            if (!tables_->headers[operand].read(*event_, v)) v = compute_value(tables_->plan->operands[operand]);
            value_epoch_[operand] = epoch;
        }
        return v;
    }

    // As fe_class, without a call through a pointer.
    uint32_t class_of(uint32_t operand) {
        return class_epoch[operand] == epoch ? class_id[operand] : compute_class(operand);
    }

    // The same; `known` is false where the operand was cut off.
    uint32_t class_if_known(uint32_t operand, bool &known) {
        known = value(operand).state != Value::unknown;
        return known ? class_of(operand) : kClassAbsent;
    }

    Tri atom3(uint32_t number) {
        const LoweredAtom &a = tables_->atoms[number];
        if (a.op == AtomOp::class_) {
            bool known;
            uint32_t id = class_if_known(a.operand, known);
            return known ? tri(a.has_class(id)) : Tri::unknown;
        }
        const Value &left = value(a.operand);
        if (left.state == Value::absent) return Tri::no;
        if (a.has_rhs()) {
            const Value &right = value(a.rhs);
            if (right.state == Value::absent) return Tri::no;
            if (left.state == Value::unknown || right.state == Value::unknown) return Tri::unknown;
            return tri(a.holds_between(left, right));
        }
        if (left.state == Value::unknown) return Tri::unknown;
        if (a.on_classes()) return tri(holds_elements(a, left));
        return tri(a.holds(left, tables_->regexes));
    }

    // A condition over an event of which a part was cut off: `yes` only where no such part could make it false.
    Tri node3(uint32_t number) {
        uint64_t cell = nodes3_[number];
        if (cell >> 2 == epoch) return static_cast<Tri>(cell & 3u);
        const NodePlan &n = tables_->plan->nodes[number];
        Tri t = Tri::no;
        switch (n.kind) {
        case NodeKind::true_: t = Tri::yes; break;
        case NodeKind::atom: t = atom3(n.args[0]); break;
        case NodeKind::not_: t = negate(node3(n.args[0])); break;
        case NodeKind::and_: case NodeKind::or_: {
            Tri decisive = tri(n.kind == NodeKind::or_);
            t = negate(decisive);
            for (uint32_t arg : n.args) {
                Tri one = node3(arg);
                if (one == decisive) { t = one; break; }
                if (one == Tri::unknown) t = one;
            }
            break;
        }
        default: break;
        }
        nodes3_[number] = uint64_t{epoch} << 2 | static_cast<uint64_t>(t);
        return t;
    }

  private:
    static EvalContext &self(fe_context *c) { return *static_cast<EvalContext *>(c); }

    uint32_t compute_atom(uint32_t number) {
        return fe_keep(this, number, atom3(number) == Tri::yes);
    }

    uint32_t compute_class(uint32_t operand) {
        const Value &v = value(operand);
        uint32_t id = v.state == Value::present ? tables_->interns[operand].find(v.text) : kClassAbsent;
        class_epoch[operand] = epoch;
        return class_id[operand] = id;
    }

    bool holds_elements(const LoweredAtom &a, const Value &list) {
        const uint32_t *ids = elements_[a.operand];
        if (element_epoch_[a.operand] != epoch) {
            uint32_t *made = arena.take_array<uint32_t>(list.count + 1);
            for (uint32_t i = 0; i < list.count; ++i) made[i] = tables_->interns[a.operand].find(list.items[i]);
            elements_[a.operand] = ids = made;
            element_epoch_[a.operand] = epoch;
        }
        bool all = a.op == AtomOp::list_all;
        for (uint32_t i = 0; i < list.count; ++i)
            if (a.has_class(ids[i]) != all) return !all;
        return all;
    }

    Value compute_value(const OperandPlan &o) {
        switch (o.kind) {
        case OperandKind::slot: return read_slot(tables_->plan->slots[o.slot], *event_, arena);
        case OperandKind::literal: return Value::of(text_of(o.literal));
        case OperandKind::list: return literal_list(o);
        default: return transformed(o);
        }
    }

    // Absent if any argument is, else unknown if any is, else present.
    Value::State state_of(const OperandPlan &o) {
        Value::State state = Value::present;
        for (uint32_t arg : o.args) {
            Value::State s = value(arg).state;
            if (s == Value::absent) return s;
            if (s == Value::unknown) state = s;
        }
        return state;
    }

    // A scalar argument as text: numbers in decimal.
    Text as_text(uint32_t operand) {
        const Value &v = value(operand);
        switch (tables_->plan->operands[operand].type) {
        case ValueType::string: return v.text;
        case ValueType::boolean: return v.number ? Text("true", 4) : Text("false", 5);
        default: return decimal(v.number, arena);
        }
    }

    Value literal_list(const OperandPlan &o) {
        Value::State state = state_of(o);
        if (state != Value::present) return state == Value::absent ? Value::none() : Value::lost();
        const std::vector<OperandPlan> &operands = tables_->plan->operands;
        size_t count = 0;
        for (uint32_t arg : o.args) count += operands[arg].is_list ? value(arg).count : 1;
        Text *items = arena.take_array<Text>(count + 1);
        uint32_t n = 0;
        for (uint32_t arg : o.args) {
            if (!operands[arg].is_list) { items[n++] = as_text(arg); continue; }
            const Value &list = value(arg);
            for (uint32_t i = 0; i < list.count; ++i) items[n++] = list.items[i];
        }
        return Value::of_list(items, n);
    }

    Value transformed(const OperandPlan &o) {
        Value::State state = state_of(o);
        if (state != Value::present) return state == Value::absent ? Value::none() : Value::lost();
        const Value &first = value(o.args[0]);
        switch (o.transform) {
        case Transform::len: {
            if (tables_->plan->operands[o.args[0]].is_list) return Value::of_number(first.count);
            return Value::of_number(until_nul(first.text).size);
        }
        case Transform::join: {
            const Value &list = value(o.args[1]);
            return Value::of(join(as_text(o.args[0]), list.items, list.count, arena));
        }
        case Transform::concat: {
            Text *parts = arena.take_array<Text>(o.args.size());
            for (size_t i = 0; i < o.args.size(); ++i) parts[i] = as_text(o.args[i]);
            return Value::of(join(Text("", 0), parts, static_cast<uint32_t>(o.args.size()), arena));
        }
        case Transform::getopt: {
            const Value &options = value(o.args[1]);
            if (o.selector) return getopt_one(first.items, first.count, options.text, *o.selector, arena);
            return getopt_list(first.items, first.count, options.text, arena);
        }
        default: break;
        }
        Value out = first;
        if (!o.is_list) return map_text(o.transform, first.text, out.text) ? out : Value::none();
        Text *items = arena.take_array<Text>(first.count + 1);
        for (uint32_t i = 0; i < first.count; ++i)
            if (!map_text(o.transform, first.items[i], items[i])) return Value::none();
        return Value::of_list(items, first.count);
    }

    bool map_text(Transform transform, Text in, Text &out) {
        switch (transform) {
        case Transform::tolower: out = change_case(in, false, arena); return true;
        case Transform::toupper: out = change_case(in, true, arena); return true;
        case Transform::basename: out = basename_of(in); return true;
        case Transform::b64: return decode_b64(in, out, arena);
        default: out = until_nul(in); return true;
        }
    }

    const Tables *tables_ = nullptr;
    EventView *event_ = nullptr;
    std::vector<uint64_t> nodes3_;
    std::vector<uint32_t> memo_, class_epoch_, class_id_, value_epoch_, element_epoch_;
    std::vector<Value> values_;
    std::vector<const uint32_t *> elements_;
};

}  // namespace fe
