// A set of rules: from an event to the rules that fire.
//
// In: a plan, once; perhaps later the predicates of a compiled module; then events. Out: numbers of rules, in the order
// of evaluation. A rule set is immutable (but for the module, which is put in place in one step) and shared by threads;
// each thread has its own RuleContext.
#pragma once

#include "dispatch.hpp"
#include "plan_load.hpp"
#include "program.hpp"

#include <atomic>
#include <memory>

namespace fe {

class RuleSet {
  public:
    // nullptr, and `error`, if the wire form is damaged. `digest`: Plan.predicate_digest().
    static std::unique_ptr<RuleSet> load(std::string_view wire, std::string_view digest, bool match_all,
                                         std::string &error) {
        std::unique_ptr<RuleSet> rules(new RuleSet());
        error = load_plan(wire, rules->plan_);
        if (error.empty() && digest.size() != sizeof(rules->digest_)) error = "the plan's digest has not 32 bytes";
        if (!error.empty()) return nullptr;
        std::memcpy(rules->digest_, digest.data(), sizeof(rules->digest_));
        rules->match_all_ = match_all;
        rules->tables_ = Tables(rules->plan_);
        rules->program_ = Program(rules->tables_);
        rules->dispatch_ = Dispatch(rules->tables_);
        return rules;
    }

    const PlanData &plan() const { return plan_; }
    const Tables &tables() const { return tables_; }
    const Program &program() const { return program_; }
    const Dispatch &dispatch() const { return dispatch_; }
    uint32_t rule_count() const { return static_cast<uint32_t>(plan_.rules.size()); }
    bool match_all() const { return match_all_; }

    // Whether some atom needs a regular expression; before the first event `use_regexes` must have been called then.
    bool needs_regexes() const {
        for (const AtomPlan &a : plan_.atoms)
            if (a.op == AtomOp::regex) return true;
        return false;
    }
    void use_regexes(const Regexes &regexes) { tables_.regexes = regexes; }

    // Use compiled predicates from the next event on. The empty text, or why not. The module must outlive the rule set.
    std::string attach(const fe_module *module) {
        if (module->abi_version != FE_ABI_VERSION)
            return "the rule module has ABI version " + std::to_string(module->abi_version) + ", this engine has " +
                   std::to_string(FE_ABI_VERSION);
        if (std::memcmp(module->plan_digest, digest_, sizeof(digest_)) != 0 || module->rule_count != rule_count())
            return "the rule module was compiled from other rules";
        module_.store(module, std::memory_order_release);
        return {};
    }

    const fe_module *module() const { return module_.load(std::memory_order_acquire); }

  private:
    RuleSet() = default;

    PlanData plan_;
    Tables tables_;
    Program program_;
    Dispatch dispatch_;
    std::atomic<const fe_module *> module_{nullptr};
    unsigned char digest_[32] = {};
    bool match_all_ = false;
};

// One thread's view of a rule set.
class RuleContext : public EvalContext {
  public:
    // Use these rules from the next event on; they must stay alive until the next `use`.
    void use(const RuleSet &rules) {
        rules_ = &rules;
        bind(rules.tables());
        candidates_.bind(rules.dispatch());
    }

    const RuleSet &rules() const { return *rules_; }
    const Candidates &candidates() const { return candidates_; }

    // The rules that fire on `event`: all of them, or the first only. `fired` has room for every rule. The values of
    // the event can be asked for until the next call.
    uint32_t match(EventView &event, uint32_t *fired) {
        begin(event);
        if (rules_->rule_count() == 0) return 0;
        if (event.truncated) {
            return each(candidates_.find_cut(*this), fired,
                        [this](uint32_t rule) { return node3(rules_->plan().rules[rule].root) == Tri::yes; });
        }
        const Words4 *found = candidates_.find(*this);
        if (!found) return 0;
        if (const fe_module *module = rules_->module())
            return each(found, fired, [this, module](uint32_t rule) { return module->rules[rule](this) != 0; });
        return each(found, fired, [this](uint32_t rule) { return rules_->program().eval_rule(*this, rule); });
    }

  private:
    template <typename Holds> uint32_t each(const Words4 *candidates, uint32_t *fired, Holds holds) {
        if (!candidates) return 0;
        uint32_t count = 0;
        const size_t blocks = rules_->dispatch().blocks();
        for (size_t b = 0; b < blocks; ++b)
            for (uint32_t w = 0; w < 4; ++w)
                for (uint64_t bits = candidates[b][w]; bits; bits &= bits - 1) {
                    uint32_t first = static_cast<uint32_t>(b) * 256 + w * 64;
                    uint32_t rule = first + static_cast<uint32_t>(std::countr_zero(bits));
                    if (!holds(rule)) continue;
                    fired[count++] = rule;
                    if (!rules_->match_all()) return count;
                }
        return count;
    }

    const RuleSet *rules_ = nullptr;
    Candidates candidates_;
};

}  // namespace fe
