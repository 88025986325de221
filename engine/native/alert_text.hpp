// An alert as a line of text: `<time>: <Priority> <message>`.
//
// In: a rule's template and an event. Out: the line, without its end. Called by the formatter; the JSON form puts the
// same line, raw, into `output`.
//
// Falco 0.44 prints values as they are, so that a line break in a user agent forges a line. Here the control characters
// of values are made visible (`\n`, `\u001b`, see TerminalRule) and invalid UTF-8 becomes U+FFFD, unless `raw_text`
// asks for Falco's bytes. A template's own text is printed as its author wrote it.
#pragma once

#include "template_format.hpp"

namespace fe {

inline constexpr const char *kPriorities[8] = {"Emergency", "Alert",  "Critical",      "Error",
                                               "Warning",   "Notice", "Informational", "Debug"};

class AlertLine {
  public:
    AlertLine(const PlanData &plan, const RulePlan &rule, bool iso8601)
        : template_(plan, rule.output), form_(iso8601 ? TimeForm::iso8601 : TimeForm::clock),
          priority_(std::string(": ") + kPriorities[rule.priority & 7u] + " ") {}

    // Appends the line; where in the buffer its message begins.
    template <typename ValueOf>
    size_t append(Buffer &out, const EventView &event, ValueOf &&value, bool visible, Buffer &scratch) const {
        out.commit(put_time(out.room(kTimeTextBytes), event.time_ns, form_));
        out.add(priority_.data(), priority_.size());
        size_t message = out.size();
        template_.render(out, value, visible, scratch);
        return message;
    }

  private:
    Template template_;
    TimeForm form_;
    std::string priority_;
};

}  // namespace fe
