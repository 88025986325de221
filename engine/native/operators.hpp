// Comparisons: one value with constants, or with another value.
//
// In: atoms of the plan, lowered once (patterns compiled, class sets as bits); then values of whole operands. Out: true
// or false. Absent and unknown operands are the evaluator's business.
#pragma once

#include "glob.hpp"
#include "plan_data.hpp"
#include "pmatch.hpp"
#include "walk.hpp"

#include <algorithm>
#include <memory>

namespace fe {

// memcmp's order; a proper prefix is smaller.
inline int compare_texts(Text a, Text b) {
    size_t n = std::min(a.size, b.size);
    int r = n ? std::memcmp(a.data, b.data, n) : 0;
    return r ? r : (a.size < b.size ? -1 : a.size > b.size);
}

inline bool starts_with(Text s, Text c) {
    return s.size >= c.size && (c.size == 0 || std::memcmp(s.data, c.data, c.size) == 0);
}

inline bool ends_with(Text s, Text c) {
    return s.size >= c.size && (c.size == 0 || std::memcmp(s.data + s.size - c.size, c.data, c.size) == 0);
}

inline bool contains(Text s, Text c) {
    if (c.size == 0) return true;
    return s.size >= c.size && ::memmem(s.data, s.size, c.data, c.size) != nullptr;
}

inline bool icontains(Text s, Text c) {
    if (c.size == 0) return true;
    auto fold = [](char x) { return fold_ascii(static_cast<uint8_t>(x)); };
    const uint8_t first = fold(c.data[0]);
    for (size_t i = 0; i + c.size <= s.size; ++i) {
        if (fold(s.data[i]) != first) continue;
        size_t k = 1;
        while (k < c.size && fold(s.data[i + k]) == fold(c.data[k])) ++k;
        if (k == c.size) return true;
    }
    return false;
}

template <typename T> bool ordered(AtomOp op, T order) {
    switch (op) {
    case AtomOp::eq: return order == 0;
    case AtomOp::ne: return order != 0;
    case AtomOp::lt: return order < 0;
    case AtomOp::le: return order <= 0;
    case AtomOp::gt: return order > 0;
    default: return order >= 0;
    }
}

// A scalar string and one constant or right side; not for patterns that were compiled.
inline bool compare_text(AtomOp op, Text s, Text c) {
    switch (op) {
    case AtomOp::in: case AtomOp::intersects: return s == c;
    case AtomOp::contains: return contains(s, c);
    case AtomOp::icontains: return icontains(s, c);
    case AtomOp::startswith: return starts_with(s, c);
    case AtomOp::endswith: return ends_with(s, c);
    case AtomOp::glob: return Glob(c, false).matches(s);
    case AtomOp::iglob: return Glob(c, true).matches(s);
    case AtomOp::eq: return s == c;
    case AtomOp::ne: return !(s == c);
    default: return ordered(op, compare_texts(s, c));
    }
}

inline bool compare_number(AtomOp op, uint64_t s, uint64_t c) {
    if (op == AtomOp::in || op == AtomOp::intersects) return s == c;
    return ordered(op, s < c ? -1 : s > c ? 1 : 0);
}

// Whether all (else: some) of `items` are among `others`. Large lists are sorted, for an event chooses their sizes.
inline bool items_among(const Text *items, uint32_t count, const Text *others, uint32_t other_count, bool all) {
    auto scan = [&](Text t) { return std::find(others, others + other_count, t) != others + other_count; };
    if (other_count <= 16) {
        for (uint32_t i = 0; i < count; ++i)
            if (scan(items[i]) != all) return !all;
        return all;
    }
    auto less = [](Text a, Text b) { return compare_texts(a, b) < 0; };
    std::vector<Text> sorted(others, others + other_count);
    std::sort(sorted.begin(), sorted.end(), less);
    for (uint32_t i = 0; i < count; ++i)
        if (std::binary_search(sorted.begin(), sorted.end(), items[i], less) != all) return !all;
    return all;
}

// Asks the regular expression of an atom's constant about a value. Given by the Python side; takes the GIL.
using RegexCallback = bool (*)(void *handle, uint32_t atom, uint32_t constant, Text value);

struct Regexes {
    RegexCallback match = nullptr;
    void *handle = nullptr;
};

// One atom of the plan, ready to be asked.
class LoweredAtom {
  public:
    AtomOp op;
    Modifier modifier;
    ValueType type;
    bool is_list;
    uint32_t number, operand, rhs;
    std::vector<uint64_t> class_words;  // a bit for each class id that holds, from id 64 * first_word on
    uint32_t first_word = 0;

    LoweredAtom(const PlanData &plan, uint32_t atom)
        : op(plan.atoms[atom].op), modifier(plan.atoms[atom].modifier), number(atom), operand(plan.atoms[atom].operand),
          rhs(plan.atoms[atom].rhs), plan_(&plan.atoms[atom]) {
        type = plan.operands[operand].type;
        is_list = plan.operands[operand].is_list;
        if (!plan_->classes.empty()) {
            auto [least, most] = std::minmax_element(plan_->classes.begin(), plan_->classes.end());
            first_word = *least >> 6;
            class_words.assign((*most >> 6) - first_word + 1, 0);
        }
        for (uint32_t id : plan_->classes) class_words[(id >> 6) - first_word] |= uint64_t{1} << (id & 63);
        if (op == AtomOp::glob || op == AtomOp::iglob)
            for (const std::string &c : plan_->constants) globs_.emplace_back(text_of(c), op == AtomOp::iglob);
        if (op == AtomOp::pmatch) paths_ = std::make_unique<PathSet>(plan_->constants);
    }

    bool has_rhs() const { return rhs != AtomPlan::kNone; }
    bool on_classes() const { return op == AtomOp::class_ || op == AtomOp::list_all || op == AtomOp::list_any; }

    bool has_class(uint32_t id) const {
        uint32_t w = (id >> 6) - first_word;
        return w < class_words.size() && (class_words[w] >> (id & 63) & 1u);
    }

    // A present value with the atom's constants. Not for class atoms.
    bool holds(const Value &v, const Regexes &regexes) const {
        if (op == AtomOp::exists) return true;
        if (type != ValueType::string) return holds_number(v.number);
        if (is_list) return holds_list(v);
        if (op == AtomOp::pmatch) return paths_->matches(v.text);
        size_t n = plan_->constants.size();
        bool any = op == AtomOp::in || op == AtomOp::intersects;
        return judge(n, any, [&](size_t i) {
            if (!globs_.empty()) return globs_[i].matches(v.text);
            if (op == AtomOp::regex)
                return regexes.match && regexes.match(regexes.handle, number, static_cast<uint32_t>(i), v.text);
            return compare_text(op, v.text, text_of(plan_->constants[i]));
        });
    }

    // Two present values of the same type.
    bool holds_between(const Value &left, const Value &right) const {
        if (type != ValueType::string) return compare_number(op, left.number, right.number);
        if (!is_list) return compare_text(op, left.text, right.text);
        return items_among(left.items, left.count, right.items, right.count, op == AtomOp::in);
    }

  private:
    // Counts list positions, as the modifiers do. Without a modifier the first constant decides, or `any` of them.
    template <typename Holds> bool judge(size_t n, bool any, Holds holds) const {
        if (n == 0) return false;
        if (modifier == Modifier::none && !any) return holds(0);
        size_t k = 0;
        for (size_t i = 0; i < n; ++i) {
            bool h = holds(i);
            k += h;
            if (modifier == Modifier::allof ? !h : h && modifier != Modifier::oneof) return h;
        }
        return modifier == Modifier::allof || k == 1;
    }

    bool holds_number(uint64_t v) const {
        bool any = op == AtomOp::in || op == AtomOp::intersects;
        return judge(plan_->numbers.size(), any, [&](size_t i) { return compare_number(op, v, plan_->numbers[i]); });
    }

    bool holds_list(const Value &v) const {
        std::vector<Text> constants;
        for (const std::string &c : plan_->constants) constants.push_back(text_of(c));
        const uint32_t count = static_cast<uint32_t>(constants.size());
        return items_among(v.items, v.count, constants.data(), count, op == AtomOp::in);
    }

    const AtomPlan *plan_;
    std::vector<Glob> globs_;
    std::unique_ptr<PathSet> paths_;
};

}  // namespace fe
