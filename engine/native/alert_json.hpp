// Alerts as they leave the engine: a line of text or a JSON object.
//
// In: the rules of a plan and the options of falco.yaml, once; then a rule, an event and its values for each alert.
// Out: the alert's bytes at the end of a buffer, without a line end. Called by the scanner. Immutable, shared by
// threads; what changes is in an AlertScratch, one per thread.
//
// Everything that is the same for all alerts of a rule is written out beforehand. Keys stand in byte order.
#pragma once

#include "alert_id.hpp"
#include "alert_text.hpp"

#include <algorithm>

namespace fe {

struct FormatOptions {
    bool json_output = false;
    bool include_output = true;
    bool include_message = false;
    bool include_output_fields = true;
    bool include_tags = true;
    bool iso8601 = false;
    bool raw_text = false;
    bool alert_id = false;       // `falcoeks.alert_id` in output_fields
    bool origin_fields = false;  // `falcoeks.account`, `.cluster` and `.region` in output_fields
    bool host_info = true;       // evt.hostname is the host's name, not empty
    std::string hostname;
    std::string plugin = "k8saudit-eks";
};

struct AlertScratch {
    Buffer line, value;

    // Keep what ordinary alerts need, give back what a rare large one took.
    void shrink() {
        line.shrink(256 * 1024);
        value.shrink(256 * 1024);
    }
};

// One entry of `output_fields`.
class OutputField {
  public:
    enum class Source : uint8_t { null, operand, text, alert_id, account, cluster, region };

    OutputField(std::string key, Source source) : key_(std::move(key)), source_(source) {}

    OutputField(const PlanData &plan, const OutputFieldPlan &field) : key_(field.key) {
        if (field.null) return;
        if (field.operand == OutputFieldPlan::kTemplate) {
            source_ = Source::text;
            template_ = Template(plan, field.segments);
        } else {
            source_ = Source::operand;
            operand_ = field.operand;
            shape_ = shape_of(plan, plan.operands[operand_]);
        }
    }

    const std::string &key() const { return key_; }
    void lead(bool first) { lead_ = (first ? "" : ",") + json_string(key_) + ":"; }

    template <typename ValueOf>
    void append(Buffer &out, AlertScratch &scratch, const EventView &event, const std::string &rule,
                ValueOf &&value) const {
        out.add(lead_.data(), lead_.size());
        switch (source_) {
        case Source::null: return out.add("null");
        case Source::operand:
            if (shape_ == Shape::time) return out.commit(put_signed(out.room(24), event.time_ns));
            return add_value(out, scratch, value(operand_));
        case Source::text:
            scratch.line.clear();
            template_.render(scratch.line, value, false, scratch.value);
            return add_json_string(out, scratch.line.text());
        case Source::alert_id: return add_id(out, event, rule);
        default: return add_origin(out, event);
        }
    }

  private:
    static char *put_signed(char *out, uint64_t n) {
        if (n >> 63) {
            *out++ = '-';
            n = 0 - n;
        }
        return put_number(out, n);
    }

    void add_value(Buffer &out, AlertScratch &scratch, const Value &v) const {
        if (v.state != Value::present) return out.add("null");
        switch (shape_) {
        case Shape::cleaned:
            scratch.value.clear();
            add_cleaned(scratch.value, v.text);
            return add_json_string(out, scratch.value.text());
        case Shape::list:
            out.add('[');
            for (uint32_t i = 0; i < v.count; ++i) {
                if (i) out.add(',');
                add_json_string(out, v.items[i]);
            }
            return out.add(']');
        case Shape::boolean: return v.number ? out.add("true") : out.add("false");
        case Shape::number: return out.commit(put_number(out.room(24), v.number));
        case Shape::signed_number: case Shape::signed_of_nine: return out.commit(put_signed(out.room(24), v.number));
        default: return add_json_string(out, v.text);
        }
    }

    static void add_id(Buffer &out, const EventView &event, const std::string &rule) {
        if (!event.origin) return out.add("null");
        EventName name(event.event_id, event.number, event.time_ns);
        char *p = out.room(kAlertIdBytes + 2);
        *p++ = '"';
        put_alert_id(p, *event.origin, name.text(), event.item, {rule.data(), rule.size()});
        p += kAlertIdBytes;
        *p++ = '"';
        out.commit(p);
    }

    void add_origin(Buffer &out, const EventView &event) const {
        if (!event.origin) return out.add("null");
        const OriginFacts &o = *event.origin;
        const std::string &s = source_ == Source::account   ? o.account
                               : source_ == Source::cluster ? o.cluster
                                                            : o.region;
        if (s.empty()) return out.add("null");
        add_json_string(out, {s.data(), s.size()});
    }

    std::string key_, lead_;
    Source source_ = Source::null;
    uint32_t operand_ = 0;
    Shape shape_ = Shape::text;
    Template template_;
};

class AlertFormatter {
  public:
    AlertFormatter(const PlanData &plan, const FormatOptions &options) : options_(options) {
        head_ = "{\"hostname\":" + json_string(options.hostname);
        rules_.reserve(plan.rules.size());
        for (const RulePlan &rule : plan.rules) rules_.push_back(prepared(plan, rule));
    }

    const FormatOptions &options() const { return options_; }

    // Append the alert of rule number `rule`. `value(operand)` gives the Value of an operand for this event.
    template <typename ValueOf>
    void append(Buffer &out, AlertScratch &scratch, uint32_t rule, const EventView &event, ValueOf &&value) const {
        const Rule &r = rules_[rule];
        if (!options_.json_output) {
            r.line.append(out, event, value, !options_.raw_text, scratch.value);
            return;
        }
        out.add(head_.data(), head_.size());
        if (options_.include_output || options_.include_message) add_texts(out, scratch, r, event, value);
        if (options_.include_output_fields) {
            out.add(",\"output_fields\":{");
            for (const OutputField &f : r.fields) f.append(out, scratch, event, r.name, value);
            out.add('}');
        }
        out.add(r.tail.data(), r.tail.size());
        char *p = put_time(out.room(kTimeTextBytes + 2), event.time_ns, TimeForm::zulu);
        *p++ = '"';
        *p++ = '}';
        out.commit(p);
    }

  private:
    struct Rule {
        std::string name;
        AlertLine line;
        std::vector<OutputField> fields;
        std::string tail;  // from `priority` to the opening quote of the time
    };

    Rule prepared(const PlanData &plan, const RulePlan &rule) const {
        Rule r{rule.name, AlertLine(plan, rule, options_.iso8601), fields_of(plan, rule), {}};
        r.tail = std::string(",\"priority\":\"") + kPriorities[rule.priority & 7u];
        r.tail += "\",\"rule\":" + json_string(rule.name) + ",\"source\":" + json_string(rule.source);
        if (options_.include_tags) {
            r.tail += ",\"tags\":[";
            for (size_t i = 0; i < rule.tags.size(); ++i) r.tail += (i ? "," : "") + json_string(rule.tags[i]);
            r.tail += ']';
        }
        r.tail += ",\"time\":\"";
        return r;
    }

    // The plan's fields and our own, which give way to a field of the same name.
    std::vector<OutputField> fields_of(const PlanData &plan, const RulePlan &rule) const {
        using Source = OutputField::Source;
        std::vector<OutputField> fields;
        for (const OutputFieldPlan &f : rule.output_fields) fields.emplace_back(plan, f);
        auto own = [&fields](const char *key, Source source) {
            for (const OutputField &f : fields)
                if (f.key() == key) return;
            fields.emplace_back(key, source);
        };
        if (options_.alert_id) own("falcoeks.alert_id", Source::alert_id);
        if (options_.origin_fields) {
            own("falcoeks.account", Source::account);
            own("falcoeks.cluster", Source::cluster);
            own("falcoeks.region", Source::region);
        }
        std::stable_sort(fields.begin(), fields.end(),
                         [](const OutputField &a, const OutputField &b) { return a.key() < b.key(); });
        for (size_t i = 0; i < fields.size(); ++i) fields[i].lead(i == 0);
        return fields;
    }

    // The line is put together raw and then escaped as a whole, so that a character which a width has cut meets its
    // neighbours as it would in Falco.
    template <typename ValueOf>
    void add_texts(Buffer &out, AlertScratch &scratch, const Rule &r, const EventView &event, ValueOf &&value) const {
        scratch.line.clear();
        size_t message = r.line.append(scratch.line, event, value, false, scratch.value);
        const Text line = scratch.line.text();
        if (options_.include_message) {
            out.add(",\"message\":");
            add_json_string(out, {line.data + message, line.size - message});
        }
        if (options_.include_output) {
            out.add(",\"output\":");
            add_json_string(out, line);
        }
    }

    FormatOptions options_;
    std::string head_;
    std::vector<Rule> rules_;
};

}  // namespace fe
