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
  public:
    // One thread's working memory. Remembers whether asking has been worth while.
    struct State {
        std::vector<Words4> set;
        uint32_t asked = 0, answered = 0, rest = 0;
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
            if (slot.path.size() > 2 || wanted_.size() == kMostValues) continue;
            bool of_audit = slot.reader == Reader::scalar;
            HeadValue value{slot.root, slot.path.size() == 2 ? slot.path[1] : std::string()};
            // A number as a key is an index where the value turns out to be an array: not for a look at the head.
            if (!value.member.empty() && value.member.find_first_not_of("0123456789") == std::string::npos) continue;
            needs_audit_id_ |= of_audit;
            size_t same = 0;
            while (same < wanted_.size() &&
                   (wanted_[same].root != value.root || wanted_[same].member != value.member))
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
        if (state.rest) {
            --state.rest;
            return false;
        }
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
    static bool only_zero(const OperandPlan &operand) {
        for (const std::string &constant : operand.interned)
            if (constant != "0") return false;
        return true;
    }

    static constexpr size_t kMostValues = 64;
    static constexpr uint32_t kJudgeAfter = 1024;

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

    bool look(Text message, State &state) const {
        state.set.resize(dispatch_->blocks());
        const Words4 *left = dispatch_->all();
        for (size_t i : of_time_)
            if (left) left = intersect(left, dispatch_->row(i, kClassOther), state);
        uint64_t seen = 0;
        EscapedWalk walk(message);
        auto allowed = [&] { return walk.kind_is_event && (walk.has_audit_id || !needs_audit_id_); };
        auto narrow = [&](size_t value, auto &&class_of) {
            for (uint32_t i : columns_[value]) {
                if (!left) return;
                left = intersect(left, dispatch_->row(i, class_of(i)), state);
            }
        };
        HeadWalk result = walk.walk(wanted_, [&](size_t value, Text text) {
            seen |= uint64_t{1} << value;
            narrow(value, [&](uint32_t i) {
                return text.present() ? class_of(dispatch_->columns()[i], text) : kClassAbsent;
            });
            return !left && allowed();
        });
        if (result == HeadWalk::stopped) return true;
        if (result == HeadWalk::odd || !allowed()) return false;
        for (size_t value = 0; value < wanted_.size(); ++value)
            if (!((seen | walk.passed_over) >> value & 1)) narrow(value, [](uint32_t) { return kClassAbsent; });
        return !left;
    }

    uint32_t class_of(const Dispatch::Column &column, Text text) const {
        return column.by_prefix ? column.prefixes.find(text) : tables_->interns[column.operand].find(text);
    }

    const Words4 *intersect(const Words4 *a, const Words4 *b, State &state) const {
        Words4 any{}, *to = state.set.data();
        for (size_t i = 0; i < state.set.size(); ++i) {
            to[i] = a[i] & b[i];
            any |= to[i];
        }
        return (any[0] | any[1] | any[2] | any[3]) ? to : nullptr;
    }

    const Dispatch *dispatch_ = nullptr;
    const Tables *tables_ = nullptr;
    std::vector<HeadValue> wanted_;
    std::vector<size_t> of_time_;                  // columns of the event's time
    std::vector<std::vector<uint32_t>> columns_;  // per wanted value, those of the dispatch table that ask for it
    bool needs_audit_id_ = false;
};

}  // namespace fe
