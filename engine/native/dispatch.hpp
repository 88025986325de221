// From an event's header to the few rules that can still be true.
//
// In: the lowered plan, once; then a context on an event. Out: a set of rules as bits. For each operand of the header
// there is a row of bits per class; the rows of an event's classes are intersected. With that the cost of an event
// hardly depends on the number of rules.
//
// Which operands are worth reading, and in which order, is found by looking at samples of the events themselves.
#pragma once

#include "dispatch_build.hpp"

#include <algorithm>
#include <bit>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace fe {

using Words4 = uint64_t __attribute__((vector_size(32)));  // as many instructions as the machine needs

// falcoeks.truncated, which every event has.
inline bool is_truncated_flag(const SlotPlan &s) {
    return s.reader == Reader::meta && s.index == static_cast<int64_t>(MetaField::truncated);
}

// The table; immutable, shared by threads.
class Dispatch {
  public:
    // One way to tell rules apart: an operand's class, or the longest of its prefixes that some rule names.
    struct Column {
        uint32_t operand;
        uint32_t read_ns, classify_ns;  // roughly
        bool by_prefix;
        bool usual_time;  // the event's time as text, and no constant is as long as the times of our century
        PrefixTable prefixes;
        std::vector<uint32_t> row_of_class;
    };

    Dispatch() = default;

    explicit Dispatch(const Tables &tables) {
        const PlanData &plan = *tables.plan;
        rules_ = static_cast<uint32_t>(plan.rules.size());
        if (rules_ == 0) return;
        blocks_ = (rules_ + 255) / 256;
        rows_.assign(blocks_, Words4{});
        for (uint32_t r = 0; r < rules_; ++r) flip(0, r);  // row 0: every rule
        PartialEvaluation partial(tables);
        for (uint32_t o = 0; o < plan.operands.size(); ++o)
            if (in_header(plan, plan.operands[o])) {
                add(plan, partial, o, PrefixTable());
                PrefixTable prefixes = prefixes_of(plan, o);
                if (prefixes.class_count() > kClassFirst) add(plan, partial, o, std::move(prefixes));
            }
    }

    uint32_t rules() const { return rules_; }
    size_t blocks() const { return blocks_; }
    const std::vector<Column> &columns() const { return columns_; }

    // The class of a whole event's operand in column `i`.
    uint32_t class_in(size_t i, EvalContext &context) const {
        const Column &c = columns_[i];
        if (c.usual_time && context.event().time_ns >= kUsualTime) return kClassOther;
        if (!c.by_prefix) return context.class_of(c.operand);
        const Value &v = context.value(c.operand);
        return v.state == Value::present ? c.prefixes.find(v.text) : kClassAbsent;
    }

    const Words4 *all() const { return rows_.data(); }

    // The rules that can be true if column `i` has class `id`.
    const Words4 *row(size_t i, uint32_t id) const { return rows_.data() + columns_[i].row_of_class[id] * blocks_; }

  private:
    static constexpr uint64_t kUsualTime = 1000000000000000000u;  // in ns; from here on it has 19 digits

    // A string that stands before the large objects of an event, for which reading is cheap; or the event's time as
    // text, which the community rules compare with 0 where they mean "never"; or whether the event was cut.
    static bool in_header(const PlanData &plan, const OperandPlan &o) {
        if (o.kind != OperandKind::slot || !o.scalar_string()) return false;
        const SlotPlan &s = plan.slots[o.slot];
        if (s.reader == Reader::json_rawtime || is_truncated_flag(s)) return true;
        return (s.reader == Reader::scalar || s.reader == Reader::json_value) && !s.path.empty() && s.index < 0 &&
               s.root != kRootOther && s.root != kRootRequestObject && s.root != kRootResponseObject;
    }

    static bool is_usual_time(const PlanData &plan, const OperandPlan &o) {
        if (plan.slots[o.slot].reader != Reader::json_rawtime) return false;
        return std::all_of(o.interned.begin(), o.interned.end(), [](const std::string &c) { return c.size() < 19; });
    }

    static PrefixTable prefixes_of(const PlanData &plan, uint32_t operand) {
        std::vector<std::string> constants;
        for (const AtomPlan &a : plan.atoms)
            if (a.op == AtomOp::startswith && a.operand == operand)
                constants.insert(constants.end(), a.constants.begin(), a.constants.end());
        return PrefixTable(std::move(constants));
    }

    void flip(uint32_t row, uint32_t rule) {
        rows_[row * blocks_ + rule / 256][rule / 64 % 4] ^= uint64_t{1} << (rule & 63);
    }

    void add(const PlanData &plan, PartialEvaluation &partial, uint32_t operand, PrefixTable prefixes) {
        const bool by_prefix = prefixes.class_count() > kClassFirst;
        partial.run(operand, by_prefix ? &prefixes : nullptr);
        const uint32_t classes = partial.classes();
        std::vector<uint32_t> row_of(classes, 0);
        const size_t first = rows_.size() / blocks_;
        bool useful = false;
        uint32_t usual = new_row(0);  // what the class "other" leaves
        for (uint32_t r = 0; r < rules_; ++r) {
            uint32_t root = plan.rules[r].root;
            if (partial.indifferent(root)) continue;
            useful = true;
            if (!(partial.may_be_true(root)[0] >> kClassOther & 1u)) flip(usual, r);
        }
        if (!useful) { rows_.resize(first * blocks_); return; }
        std::fill(row_of.begin(), row_of.end(), usual);
        for (uint32_t r = 0; r < rules_; ++r) {
            uint32_t root = plan.rules[r].root;
            if (partial.indifferent(root)) continue;
            const uint64_t *may = partial.may_be_true(root);
            const uint64_t all = may[0] >> kClassOther & 1u ? ~uint64_t{0} : 0;
            for (size_t w = 0; w < partial.words(); ++w)
                for (uint64_t bits = may[w] ^ all; bits; bits &= bits - 1) {
                    uint32_t id = static_cast<uint32_t>(w * 64) + static_cast<uint32_t>(std::countr_zero(bits));
                    if (id >= classes) break;
                    if (row_of[id] == usual) row_of[id] = new_row(usual);
                    flip(row_of[id], r);
                }
        }
        share(row_of, first);
        std::vector<uint32_t> row_of_id(partial.ids());
        for (uint32_t id = 0; id < row_of_id.size(); ++id) row_of_id[id] = row_of[PartialEvaluation::fold(id)];
        uint32_t depth = static_cast<uint32_t>(plan.slots[plan.operands[operand].slot].path.size());
        const bool usual_time = !by_prefix && is_usual_time(plan, plan.operands[operand]);
        const uint32_t read_ns = usual_time ? 0 : 10 + 8 * depth, classify_ns = usual_time ? 2 : by_prefix ? 12 : 8;
        columns_.push_back(
            {operand, read_ns, classify_ns, by_prefix, usual_time, std::move(prefixes), std::move(row_of_id)});
    }

    uint32_t new_row(uint32_t like) {
        uint32_t number = static_cast<uint32_t>(rows_.size() / blocks_);
        rows_.resize(rows_.size() + blocks_);
        std::copy_n(rows_.data() + like * blocks_, blocks_, rows_.data() + number * blocks_);
        return number;
    }

    // Keep one of equal rows, from row `first` on.
    void share(std::vector<uint32_t> &row_of, size_t first) {
        const size_t bytes = blocks_ * sizeof(Words4);
        const std::vector<Words4> made(rows_.begin() + static_cast<std::ptrdiff_t>(first * blocks_), rows_.end());
        rows_.resize(first * blocks_);
        std::unordered_map<std::string_view, uint32_t> known;
        std::unordered_map<uint32_t, uint32_t> moved;
        for (uint32_t &number : row_of) {
            auto seen = moved.find(number);
            if (seen == moved.end()) {
                const Words4 *from = made.data() + (number - first) * blocks_;
                std::string_view content(reinterpret_cast<const char *>(from), bytes);
                auto [same, fresh] = known.try_emplace(content, static_cast<uint32_t>(rows_.size() / blocks_));
                if (fresh) rows_.insert(rows_.end(), from, from + blocks_);
                seen = moved.emplace(number, same->second).first;
            }
            number = seen->second;
        }
    }

    uint32_t rules_ = 0;
    size_t blocks_ = 0;  // of 256 rules
    std::vector<Words4> rows_;
    std::vector<Column> columns_;
};

// One thread's use of the table: the order of columns, and the candidates of the current event.
class Candidates {
  public:
    void bind(const Dispatch &dispatch) {
        dispatch_ = &dispatch;
        set_.assign(dispatch.blocks(), Words4{});
        events_until_sample_ = 0;
        interval_ = 1;
        samples_.clear();
        invent_samples();
        choose_order();
    }

    // The candidates of the event that the context is on. nullptr: none.
    const Words4 *find(EvalContext &context) {
        if (events_until_sample_-- == 0) sample(context);
        const Words4 *current = dispatch_->all();
        for (uint32_t i : order_) {
            current = intersect(current, dispatch_->row(i, dispatch_->class_in(i, context)));
            if (!current) return nullptr;
        }
        return current;
    }

    // The same for an event of which a part was cut off.
    const Words4 *find_cut(EvalContext &context) {
        const Words4 *current = dispatch_->all();
        for (uint32_t i : order_) {
            if (context.value(dispatch_->columns()[i].operand).state == Value::unknown) continue;
            current = intersect(current, dispatch_->row(i, dispatch_->class_in(i, context)));
            if (!current) return nullptr;
        }
        return current;
    }

    const std::vector<uint32_t> &order() const { return order_; }

  private:
    static constexpr size_t kSamples = 64;
    static constexpr uint32_t kLongestInterval = 4096;  // events between samples
    static constexpr uint32_t kRuleNs = 40;            // of evaluating a candidate, roughly

    const Words4 *intersect(const Words4 *a, const Words4 *b) {
        Words4 any{}, *to = set_.data();
        for (size_t i = 0; i < set_.size(); ++i) {
            to[i] = a[i] & b[i];
            any |= to[i];
        }
        return (any[0] | any[1] | any[2] | any[3]) ? to : nullptr;
    }

    void sample(EvalContext &context) {
        events_until_sample_ = interval_;
        const size_t columns = dispatch_->columns().size();
        for (size_t i = 0; i < columns; ++i) samples_.push_back(dispatch_->class_in(i, context));
        if (samples_.size() < kSamples * columns) return;
        choose_order();
        samples_.clear();
        interval_ = std::min(interval_ * 16, kLongestInterval);
    }

    // Before there are events: some values absent, half of the others not named by any rule.
    void invent_samples() {
        uint64_t random = 1;
        auto below = [&random](size_t n) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            return static_cast<uint32_t>((random >> 33) % n);
        };
        for (size_t s = 0; s < kSamples; ++s)
            for (const Dispatch::Column &c : dispatch_->columns()) {
                uint32_t classes = static_cast<uint32_t>(c.row_of_class.size()), kind = below(8);
                if (kind == 0) samples_.push_back(kClassAbsent);
                else if (kind < 4 || classes == kClassFirst) samples_.push_back(kClassOther);
                else samples_.push_back(kClassFirst + below(classes - kClassFirst));
            }
    }

    // Greedily: next the column that saves most, as long as it saves more than it costs.
    void choose_order() {
        const size_t n = dispatch_->columns().size(), blocks = dispatch_->blocks();
        std::vector<const uint32_t *> events;  // those that still have candidates
        for (size_t at = 0; n && at < samples_.size(); at += n) events.push_back(samples_.data() + at);
        std::vector<Words4> left;
        for (size_t e = 0; e < events.size(); ++e) left.insert(left.end(), dispatch_->all(), dispatch_->all() + blocks);
        std::vector<bool> used(n, false);
        order_.clear();
        for (;;) {
            int64_t best_gain = 0;
            size_t best = n;
            for (size_t i = 0; i < n; ++i) {
                if (used[i]) continue;
                int64_t dropped = 0;
                for (size_t e = 0; e < events.size(); ++e)
                    dropped += count_dropped(left.data() + e * blocks, i, events[e][i]);
                int64_t cost = cost_ns(i) * static_cast<int64_t>(events.size());
                int64_t gain = dropped * kRuleNs - cost;
                if (gain > best_gain) { best_gain = gain; best = i; }
            }
            if (best == n) break;
            used[best] = true;
            order_.push_back(static_cast<uint32_t>(best));
            size_t kept = 0;
            for (size_t e = 0; e < events.size(); ++e) {
                const Words4 *row = dispatch_->row(best, events[e][best]);
                uint64_t any = 0;
                for (size_t b = 0; b < blocks; ++b) {
                    Words4 both = left[e * blocks + b] & row[b];
                    left[kept * blocks + b] = both;
                    any |= both[0] | both[1] | both[2] | both[3];
                }
                if (any) events[kept++] = events[e];
            }
            events.resize(kept);
        }
        samples_.clear();
    }

    // What column `i` costs after those chosen; a value that another one has read is there already.
    int64_t cost_ns(size_t i) const {
        const Dispatch::Column &c = dispatch_->columns()[i];
        for (uint32_t other : order_)
            if (dispatch_->columns()[other].operand == c.operand) return c.classify_ns;
        return int64_t{c.read_ns} + c.classify_ns;
    }

    // How many of these candidates column `i` drops.
    int count_dropped(const Words4 *left, size_t i, uint32_t id) const {
        const Words4 *row = dispatch_->row(i, id);
        int dropped = 0;
        for (size_t b = 0; b < dispatch_->blocks(); ++b)
            for (int w = 0; w < 4; ++w) dropped += std::popcount(left[b][w] & ~row[b][w]);
        return dropped;
    }

    const Dispatch *dispatch_ = nullptr;
    std::vector<Words4> set_;
    std::vector<uint32_t> order_;    // numbers of columns
    std::vector<uint32_t> samples_;  // class ids, event by event
    uint32_t events_until_sample_ = 0, interval_ = 1;
};

}  // namespace fe
