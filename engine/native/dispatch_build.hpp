// Which rules can still be true, given one operand's class and nothing else.
//
// In: the lowered plan, an operand, and how its values are classified. Out: for each rule root the set of classes for
// which its condition is not certainly false. Called while a rule set is made. Every comparison with other operands
// counts as unknown, so the sets only ever hold too much.
#pragma once

#include "evaluate.hpp"
#include "prefix.hpp"

#include <vector>

namespace fe {

class PartialEvaluation {
  public:
    static constexpr uint32_t kMostClasses = 2048;  // bounds time and memory; beyond, several constants share a class

    // The class here for a class id of an operand.
    static uint32_t fold(uint32_t id) {
        return id < kClassFirst ? id : kClassFirst + (id - kClassFirst) % kMostClasses;
    }

    explicit PartialEvaluation(const Tables &tables) : tables_(tables), plan_(*tables.plan) {}

    // Evaluate all nodes for every class of `operand`, a scalar string: its own classes, or those of its prefixes.
    void run(uint32_t operand, const PrefixTable *prefixes = nullptr) {
        operand_ = operand;
        prefixes_ = prefixes;
        ids_ = prefixes ? prefixes->class_count() : plan_.operands[operand].class_count();
        classes_ = std::min(ids_, kClassFirst + kMostClasses);
        words_ = (classes_ + 63) / 64;
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
    uint32_t classes() const { return classes_; }
    uint32_t ids() const { return ids_; }

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
        if (a.operand != operand_ || a.has_rhs()) return m;
        Known known = what_is_known(a.op);
        if (known == Known::nothing) return m;
        m.no = new_row(kEmpty);
        row(m.no)[0] |= 1;
        if (a.op == AtomOp::exists) return m;
        uint64_t *may = row(m.yes), *may_not = row(m.no);
        std::fill(may, may + words_, 0);
        for (uint32_t id = kClassOther; id < ids_; ++id) {
            bool guess = id == kClassOther && known == Known::but_other;
            bool yes = guess || holds_for(a, id);
            uint32_t c = fold(id);
            if (yes) may[c >> 6] |= uint64_t{1} << (c & 63);
            if (!yes || guess) may_not[c >> 6] |= uint64_t{1} << (c & 63);
        }
        return m;
    }

    // How much a class says about a comparison of the operand with constants.
    enum class Known { nothing, but_other, all };

    Known what_is_known(AtomOp op) const {
        if (op == AtomOp::exists) return Known::all;
        if (prefixes_) return op == AtomOp::startswith ? Known::all : Known::nothing;
        if (op == AtomOp::class_) return Known::all;
        return op == AtomOp::regex ? Known::nothing : Known::but_other;
    }

    bool holds_for(const LoweredAtom &a, uint32_t id) const {
        if (a.op == AtomOp::class_) return a.has_class(id);
        if (id == kClassOther) return false;  // begins with no constant at all
        const uint32_t i = id - kClassFirst;
        const std::string &like = prefixes_ ? prefixes_->constant(i) : plan_.operands[operand_].interned[i];
        return a.holds(Value::of(text_of(like)), tables_.regexes);
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
    const PrefixTable *prefixes_ = nullptr;
    uint32_t operand_ = 0, ids_ = 0, classes_ = 0;
    size_t words_ = 0;
    std::vector<uint64_t> rows_;
    std::vector<bool> absent_;
    std::vector<Maybe> atoms_, nodes_;
};

}  // namespace fe
