// Which rules can still be true, given one operand's class and nothing else.
//
// In: the lowered plan and an operand. Out: for each rule root the set of classes for which its condition is not certainly
// false. Called while a rule set is made. Every comparison with other operands counts as unknown, so the sets only ever
// hold too much.
#pragma once

#include "evaluate.hpp"

#include <vector>

namespace fe {

class PartialEvaluation {
  public:
    explicit PartialEvaluation(const Tables &tables) : tables_(tables), plan_(*tables.plan) {}

    // Evaluate all nodes for every class of `operand`, a scalar string.
    void run(uint32_t operand) {
        operand_ = operand;
        words_ = (plan_.operands[operand].class_count() + 63) / 64;
        rows_.assign(2 * words_, 0);
        std::fill(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(words_), ~uint64_t{0});
        absent_with_operand();
        atoms_.clear();
        for (const LoweredAtom &a : tables_.atoms) atoms_.push_back(atom(a));
        nodes_.clear();
        for (const NodePlan &n : plan_.nodes) nodes_.push_back(node(n));
    }

    // Whether a rule can be true whatever the operand is.
    bool indifferent(uint32_t root) const { return nodes_[root].yes == kAll; }

    // A bit for each class id for which the node may be true. Bits behind the last class mean nothing.
    const uint64_t *may_be_true(uint32_t root) const { return row(nodes_[root].yes); }

    size_t words() const { return words_; }

  private:
    static constexpr uint32_t kAll = 0, kEmpty = 1;  // numbers of rows

    // Rows of the classes for which something may be true, and of those for which it may be false.
    struct Maybe {
        uint32_t yes = kAll, no = kAll;
    };

    const uint64_t *row(uint32_t number) const { return rows_.data() + number * words_; }
    uint64_t *row(uint32_t number) { return rows_.data() + number * words_; }

    uint32_t new_row(uint32_t like) {
        uint32_t number = static_cast<uint32_t>(rows_.size() / words_);
        rows_.resize(rows_.size() + words_);
        std::copy_n(row(like), words_, row(number));
        return number;
    }

    // Whatever takes the operand as an argument is absent when it is.
    void absent_with_operand() {
        absent_.assign(plan_.operands.size(), false);
        for (size_t i = 0; i < plan_.operands.size(); ++i) {
            absent_[i] = i == operand_;
            for (uint32_t arg : plan_.operands[i].args)
                if (absent_[arg]) absent_[i] = true;
        }
    }

    Maybe atom(const LoweredAtom &a) {
        if (!absent_[a.operand] && !(a.has_rhs() && absent_[a.rhs])) return {};
        Maybe m{new_row(kAll), kAll};
        row(m.yes)[0] &= ~uint64_t{1};  // absent: false
        if (a.operand != operand_ || a.has_rhs() || a.op == AtomOp::regex) return m;
        m.no = new_row(kEmpty);
        row(m.no)[0] |= 1;
        if (a.op == AtomOp::exists) return m;
        const std::vector<std::string> &constants = plan_.operands[operand_].interned;
        bool on_classes = a.op == AtomOp::class_;
        for (uint32_t id = kClassOther; id < constants.size() + kClassFirst; ++id) {
            bool other = id == kClassOther, yes;
            if (on_classes) yes = a.has_class(id);
            else yes = other || a.holds(Value::of(text_of(constants[id - kClassFirst])), tables_.regexes);
            uint64_t bit = uint64_t{1} << (id & 63);
            if (!yes) row(m.yes)[id >> 6] &= ~bit;
            if (!yes || (other && !on_classes)) row(m.no)[id >> 6] |= bit;
        }
        return m;
    }

    Maybe node(const NodePlan &n) {
        switch (n.kind) {
        case NodeKind::false_: return {kEmpty, kAll};
        case NodeKind::true_: return {kAll, kEmpty};
        case NodeKind::atom: return atoms_[n.args[0]];
        case NodeKind::not_: return {nodes_[n.args[0]].no, nodes_[n.args[0]].yes};
        default: break;
        }
        bool all = n.kind == NodeKind::and_;
        return {combine(n.args, &Maybe::yes, all), combine(n.args, &Maybe::no, !all)};
    }

    // The intersection or the union of one side of some nodes.
    uint32_t combine(const std::vector<uint32_t> &args, uint32_t Maybe::*side, bool intersection) {
        const uint32_t neutral = intersection ? kAll : kEmpty, decisive = intersection ? kEmpty : kAll;
        uint32_t result = neutral;
        bool own = false;
        for (uint32_t arg : args) {
            uint32_t part = nodes_[arg].*side;
            if (part == decisive) return decisive;
            if (part == neutral || part == result) continue;
            if (result == neutral) { result = part; continue; }
            if (!own) result = new_row(result);
            own = true;
            uint64_t *to = row(result);
            const uint64_t *from = row(part);
            for (size_t w = 0; w < words_; ++w) to[w] = intersection ? to[w] & from[w] : to[w] | from[w];
        }
        return result;
    }

    const Tables &tables_;
    const PlanData &plan_;
    uint32_t operand_ = 0;
    size_t words_ = 0;
    std::vector<uint64_t> rows_;
    std::vector<bool> absent_;
    std::vector<Maybe> atoms_, nodes_;
};

}  // namespace fe
