// Output templates: values as text, padded and put together.
//
// In: segments of a plan, and the values of their operands. Out: text at the end of a buffer. Called by the text and
// JSON forms of an alert.
//
// Spec: formatting. A missing value (also one that was cut off) prints `<NA>`; a list prints `(a,b)` with a comma only
// behind something that was printed, cut to 1,023 bytes; a width pads or cuts bytes.
#pragma once

#include "json_escape.hpp"
#include "plan_data.hpp"
#include "time_text.hpp"

#include <vector>

namespace fe {

inline constexpr size_t kListTextBytes = 1023;

// How an operand is written, decided once for each rule set.
enum class Shape : uint8_t {
    text,
    cleaned,          // texts of evt.* fields
    list,
    number,
    signed_number,    // times; JSON shows them as signed
    signed_of_nine,   // the same, at least nine digits in text
    boolean,
    time,             // text in templates, nanoseconds in JSON
};

inline Shape shape_of(const PlanData &plan, const OperandPlan &o) {
    if (o.is_list) return Shape::list;
    if (o.type == ValueType::boolean) return Shape::boolean;
    if (o.kind != OperandKind::slot) return o.type == ValueType::string ? Shape::text : Shape::number;
    switch (plan.slots[o.slot].reader) {
    case Reader::evt_time: case Reader::evt_time_s: case Reader::evt_time_iso8601: case Reader::evt_datetime:
    case Reader::evt_datetime_s:
        return Shape::time;
    case Reader::evt_rawtime: case Reader::evt_rawtime_s: case Reader::evt_reltime_s: return Shape::signed_number;
    case Reader::evt_rawtime_ns: case Reader::evt_reltime: case Reader::evt_reltime_ns: return Shape::signed_of_nine;
    case Reader::evt_pluginname: case Reader::evt_plugininfo: case Reader::evt_source: case Reader::evt_hostname:
        return Shape::cleaned;
    default: return o.type == ValueType::string ? Shape::text : Shape::number;
    }
}

struct TemplatePiece {
    std::string text;
    uint32_t operand = SegmentPlan::kText;
    size_t width = 0;
    Shape shape = Shape::text;
};

class Template {
  public:
    Template() = default;
    Template(const PlanData &plan, const std::vector<SegmentPlan> &segments) {
        for (const SegmentPlan &s : segments) {
            bool literal = s.operand == SegmentPlan::kText;
            if (literal && !pieces_.empty() && pieces_.back().operand == SegmentPlan::kText) {
                pieces_.back().text += s.text;
                continue;
            }
            Shape shape = literal ? Shape::text : shape_of(plan, plan.operands[s.operand]);
            pieces_.push_back({s.text, s.operand, s.width, shape});
        }
    }

    // `value(operand)` gives a Value. `visible`: control characters of values are made visible; `scratch` is for that.
    template <typename ValueOf> void render(Buffer &out, ValueOf &&value, bool visible, Buffer &scratch) const {
        for (const TemplatePiece &piece : pieces_) {
            if (piece.operand == SegmentPlan::kText) {
                out.add(text_of(piece.text));
                continue;
            }
            Value v = value(piece.operand);
            if (!visible) {
                add_padded(out, piece, v);
            } else if (piece.width == 0 && piece.shape == Shape::text && v.state == Value::present) {
                add_visible(out, v.text);
            } else {
                scratch.clear();
                add_padded(scratch, piece, v);
                add_visible(out, scratch.text());
            }
        }
    }

    static void add_text(Buffer &out, Shape shape, const Value &v) {
        if (v.state != Value::present) return out.add("<NA>");
        switch (shape) {
        case Shape::text: case Shape::time: return out.add(v.text);
        case Shape::cleaned: return add_cleaned(out, v.text);
        case Shape::list: return add_list(out, v);
        case Shape::boolean: return v.number ? out.add("true") : out.add("false");
        case Shape::number: case Shape::signed_number: return out.commit(put_number(out.room(24), v.number));
        case Shape::signed_of_nine: return out.commit(put_number(out.room(24), v.number, 9));
        }
    }

  private:
    static Text text_of(const std::string &s) { return {s.data(), s.size()}; }

    static void add_padded(Buffer &out, const TemplatePiece &piece, const Value &v) {
        size_t from = out.size();
        add_text(out, piece.shape, v);
        if (piece.width == 0) return;
        size_t written = out.size() - from;
        if (written < piece.width) {
            char *p = out.room(piece.width - written);
            std::memset(p, ' ', piece.width - written);
            out.commit(p + (piece.width - written));
        }
        out.cut(from + piece.width);
    }

    static void add_list(Buffer &out, const Value &v) {
        size_t from = out.size(), limit = from + kListTextBytes;
        out.add('(');
        for (uint32_t i = 0; i < v.count && out.size() <= limit; ++i) {
            if (out.size() > from + 1) out.add(',');
            out.add(v.items[i]);
        }
        out.add(')');
        out.cut(limit);
    }

    std::vector<TemplatePiece> pieces_;
};

}  // namespace fe
