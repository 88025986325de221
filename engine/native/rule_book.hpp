// A rule set with everything that belongs to it: its formatter, its prefilter, its regular expressions.
//
// In: the wire form of a plan and the options of falco.yaml. Out: what a scanner needs to turn events into alerts.
// Made and owned by the Python face; immutable but for the compiled module; shared by scanners.
#pragma once

#include "alert_json.hpp"
#include "prefilter.hpp"
#include "ruleset.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace fe {

// Asks pattern number `pattern` about a value. Takes the GIL.
using RegexCall = bool (*)(void *handle, uint32_t pattern, const char *data, size_t size);

class RuleBook {
  public:
    // nullptr, and `error`, if the wire form is damaged.
    static std::unique_ptr<RuleBook> make(const std::string &wire, const std::string &digest,
                                          const FormatOptions &options, bool match_all, RegexCall regex, void *handle,
                                          std::string &error) {
        std::unique_ptr<RuleSet> rules = RuleSet::load(wire, digest, match_all, error);
        if (!rules) return nullptr;
        return std::unique_ptr<RuleBook>(new RuleBook(std::move(rules), options, regex, handle));
    }

    size_t rule_count() const { return rules_->rule_count(); }
    bool compiled() const { return rules_->module() != nullptr; }
    std::string attach(const void *module) { return rules_->attach(static_cast<const fe_module *>(module)); }
    const std::string &rule_name(size_t rule) const { return rules_->plan().rules[rule].name; }
    const std::vector<std::string> &patterns() const { return patterns_; }

    const RuleSet &rules() const { return *rules_; }
    const AlertFormatter &formatter() const { return formatter_; }
    const Prefilter &prefilter() const { return prefilter_; }
    Text hostname() const { return formatter_.options().host_info ? text(formatter_.options().hostname) : Text(); }
    Text plugin() const { return text(formatter_.options().plugin); }

    // Different for every rule book of the process, also for one made where another lay before.
    uint64_t serial() const { return serial_; }

  private:
    RuleBook(std::unique_ptr<RuleSet> rules, const FormatOptions &options, RegexCall regex, void *handle)
        : rules_(std::move(rules)), formatter_(rules_->plan(), options), prefilter_(*rules_), regex_(regex),
          regex_handle_(handle) {
        static std::atomic<uint64_t> last{0};
        serial_ = ++last;
        const std::vector<AtomPlan> &atoms = rules_->plan().atoms;
        first_pattern_.resize(atoms.size());
        for (size_t a = 0; a < atoms.size(); ++a) {
            first_pattern_[a] = static_cast<uint32_t>(patterns_.size());
            if (atoms[a].op == AtomOp::regex)
                patterns_.insert(patterns_.end(), atoms[a].constants.begin(), atoms[a].constants.end());
        }
        Regexes regexes;
        regexes.handle = this;
        regexes.match = [](void *self, uint32_t atom, uint32_t constant, Text value) {
            const RuleBook *book = static_cast<const RuleBook *>(self);
            return book->regex_(book->regex_handle_, book->first_pattern_[atom] + constant, value.data, value.size);
        };
        rules_->use_regexes(regexes);
    }

    static Text text(const std::string &s) { return {s.data(), s.size()}; }

    std::unique_ptr<RuleSet> rules_;
    AlertFormatter formatter_;
    Prefilter prefilter_;
    RegexCall regex_;
    void *regex_handle_;
    std::vector<std::string> patterns_;
    std::vector<uint32_t> first_pattern_;  // per atom
    uint64_t serial_ = 0;
};

}  // namespace fe
