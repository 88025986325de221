// "No rule can match", from the escaped text of a message alone.
//
// In: the dispatch table of a rule set; then messages. Out: true only if the exact way would find no rule for this
// message's event. Called by the scanner before a message is decoded. Derived from the plan: the values that the
// dispatch table knows are looked for at the head of the event, and the rows of their classes are intersected until
// nothing is left.
//
// What it answers true for is not looked at any further: that the rest of the message is JSON, and that its
// stageTimestamp is a time, stays unchecked. Only messages that start like a whole audit event get this far.
#pragma once

#include "escaped_walk.hpp"
#include "ruleset.hpp"

#include <vector>

namespace fe {

class Prefilter {
    // A column of the dispatch table, and for how many events it dropped a rule.
    struct Use {
        uint32_t column;
        uint32_t dropped = 0;
    };

  public:
    // One thread's working memory. Remembers whether asking has been worth while, and which columns ever decide.
    struct State {
        std::vector<uint64_t> start, set;  // rules as bits: before anything was read; what is left
        uint32_t asked = 0, answered = 0, rest = 0, periods = 0;
        HeadPlan plan;
        std::vector<std::vector<Use>> uses;  // per value of the plan
    };

    Prefilter() = default;

    explicit Prefilter(const RuleSet &rules) : dispatch_(&rules.dispatch()), tables_(&rules.tables()) {
        for (size_t i = 0; i < dispatch_->columns().size(); ++i) {
            const OperandPlan &operand = rules.plan().operands[dispatch_->columns()[i].operand];
            const SlotPlan &slot = rules.plan().slots[operand.slot];
            if (slot.reader == Reader::json_rawtime) {
                if (only_zero(operand)) of_time_.push_back(i);
                continue;
            }
            if (is_truncated_flag(slot)) {
                of_cut_.push_back(i);
                continue;
            }
            if (slot.path.size() > 2 || wanted_.size() == kMostValues) continue;
            needs_audit_id_ |= slot.reader == Reader::scalar;
            HeadValue value{slot.root, slot.path.size() == 2 ? slot.path[1] : std::string()};
            // A number as a key is an index where the value turns out to be an array: not for a look at the head.
            if (!value.member.empty() && value.member.find_first_not_of("0123456789") == std::string::npos) continue;
            size_t same = 0;
            while (same < wanted_.size() && (wanted_[same].root != value.root || wanted_[same].member != value.member))
                ++same;
            if (same == wanted_.size()) {
                wanted_.push_back(std::move(value));
                columns_.emplace_back();
            }
            columns_[same].push_back(static_cast<uint32_t>(i));
        }
        drop_containers();
    }

    // `timestamp_ms`: CloudWatch's, by which the scanner knows that no event of a page is of 1970.
    bool nothing_can_match(Text message, int64_t timestamp_ms, State &state) const {
        if (wanted_.empty() || timestamp_ms <= 0) return false;
        if (!of_cut_.empty() && !is_whole(message)) return false;
        if (state.rest) {
            --state.rest;
            return false;
        }
        if (state.asked == 0) prepare(state);
        ++state.asked;
        bool answer = look(message, state);
        state.answered += answer;
        if (state.asked == kJudgeAfter) {
            // Where nearly every event has a candidate, the look at its head is work done twice.
            if (state.answered < kJudgeAfter / 8) state.rest = 16 * kJudgeAfter;
            state.asked = state.answered = 0;
        }
        return answer;
    }

  private:
    // At the beginning of a period: look for all values, or only for those that decided something in the one before.
    void prepare(State &state) const {
        const bool all = state.periods++ % kPeriodsOfFew == 0;
        std::vector<std::vector<Use>> before;
        before.swap(state.uses);
        state.plan = HeadPlan();
        begin(state);
        auto decided = [&](uint32_t column) {
            for (const auto &uses : before)
                for (const Use &use : uses)
                    if (use.column == column) return use.dropped >= kJudgeAfter / 64;
            return false;
        };
        for (size_t value = 0; value < wanted_.size(); ++value) {
            std::vector<Use> uses;
            for (uint32_t column : columns_[value])
                if (all || decided(column)) uses.push_back({column});
            if (uses.empty()) continue;
            state.plan.add(wanted_[value]);
            state.uses.push_back(std::move(uses));
        }
    }

    static bool only_zero(const OperandPlan &operand) {
        for (const std::string &constant : operand.interned)
            if (constant != "0") return false;
        return true;
    }

    // CloudWatch cuts messages of 256 kB and more; a shorter one that ends with a brace is whole.
    static bool is_whole(Text message) {
        return message.size > 0 && message.size < kNeverCutBytes && message.data[message.size - 1] == '}';
    }

    static constexpr size_t kNeverCutBytes = 200'000;
    static constexpr size_t kMostValues = 64;
    static constexpr uint32_t kJudgeAfter = 1024;  // events of a period
    static constexpr uint32_t kPeriodsOfFew = 32;  // so often all values are tried again

    // A root that is wanted both whole and by its members cannot be read in one go; its members serve better.
    void drop_containers() {
        for (size_t i = 0; i < wanted_.size();) {
            bool has_members = false;
            for (const HeadValue &other : wanted_)
                has_members |= other.root == wanted_[i].root && !other.member.empty();
            if (wanted_[i].member.empty() && has_members) {
                wanted_.erase(wanted_.begin() + static_cast<std::ptrdiff_t>(i));
                columns_.erase(columns_.begin() + static_cast<std::ptrdiff_t>(i));
            } else {
                ++i;
            }
        }
    }

    size_t words() const { return (dispatch_->rules() + 63) / 64; }

    // Which rules can match an event of our times.
    void begin(State &state) const {
        state.set.resize(words());
        state.start.resize(words());
        std::memcpy(state.start.data(), dispatch_->all(), words() * sizeof(uint64_t));
        for (size_t i : of_time_)
            for (size_t w = 0; w < words(); ++w) state.start[w] &= word(dispatch_->row(i, kClassOther), w);
        for (size_t i : of_cut_) {
            uint32_t whole = class_of(dispatch_->columns()[i], Text("false", 5));
            for (size_t w = 0; w < words(); ++w) state.start[w] &= word(dispatch_->row(i, whole), w);
        }
    }

    bool look(Text message, State &state) const {
        const uint64_t *left = state.start.data();
        bool dropped = false;
        uint64_t seen = 0;
        EscapedWalk walk(message);
        auto allowed = [&] { return walk.kind_is_event && (walk.has_audit_id || !needs_audit_id_); };
        auto narrow = [&](size_t value, Text text) {
            for (Use &use : state.uses[value]) {
                if (!left) return;
                uint32_t id = text.present() ? class_of(dispatch_->columns()[use.column], text) : kClassAbsent;
                dropped = false;
                left = intersect(left, dispatch_->row(use.column, id), state, dropped);
                use.dropped += dropped;
            }
        };
        HeadWalk result = walk.walk(state.plan, [&](size_t value, Text text) {
            seen |= uint64_t{1} << value;
            narrow(value, text);
            return !left && allowed();
        });
        if (result == HeadWalk::stopped) return true;
        if (result == HeadWalk::odd || !allowed()) return false;
        for (size_t value = 0; value < state.plan.values.size(); ++value)
            if (!((seen | walk.passed_over) >> value & 1)) narrow(value, Text());
        return !left;
    }

    uint32_t class_of(const Dispatch::Column &column, Text text) const {
        return column.by_prefix ? column.prefixes.find(text) : tables_->interns[column.operand].find(text);
    }

    static uint64_t word(const Words4 *row, size_t number) {
        uint64_t w;
        std::memcpy(&w, reinterpret_cast<const char *>(row) + number * sizeof w, sizeof w);
        return w;
    }

    const uint64_t *intersect(const uint64_t *left, const Words4 *row, State &state, bool &dropped) const {
        uint64_t any = 0, gone = 0;
        for (size_t i = 0; i < state.set.size(); ++i) {
            uint64_t both = left[i] & word(row, i);
            gone |= left[i] ^ both;
            any |= both;
            state.set[i] = both;
        }
        dropped = gone != 0;
        return any ? state.set.data() : nullptr;
    }

    const Dispatch *dispatch_ = nullptr;
    const Tables *tables_ = nullptr;
    std::vector<HeadValue> wanted_;
    std::vector<size_t> of_time_;                  // columns of the event's time
    std::vector<size_t> of_cut_;                   // columns of falcoeks.truncated
    std::vector<std::vector<uint32_t>> columns_;  // per wanted value, those of the dispatch table that ask for it
    bool needs_audit_id_ = false;
};

}  // namespace fe
