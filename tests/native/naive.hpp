// The language by the book, slowly: what the evaluator is held against.
//
// In: a plan and an event. Out: whether a node is true. No interning, no order, no memory, standard library only; the
// values of slots are the readers'.
#pragma once

#include "plan_data.hpp"
#include "readers.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <string>
#include <vector>

namespace fe::test {

class Naive {
  public:
    struct Found {
        std::string text;
        std::vector<std::string> items;
        uint64_t number = 0;
    };
    using Maybe = std::optional<Found>;  // nothing: absent

    Naive(const PlanData &plan, const EventView &event, Arena &arena) : plan_(plan), event_(event), arena_(arena) {}

    bool node(uint32_t i) {
        const NodePlan &n = plan_.nodes[i];
        auto holds = [this](uint32_t arg) { return node(arg); };
        switch (n.kind) {
        case NodeKind::false_: return false;
        case NodeKind::true_: return true;
        case NodeKind::atom: return atom(plan_.atoms[n.args[0]]);
        case NodeKind::not_: return !node(n.args[0]);
        case NodeKind::and_: return std::all_of(n.args.begin(), n.args.end(), holds);
        default: return std::any_of(n.args.begin(), n.args.end(), holds);
        }
    }

    Maybe operand(uint32_t i) {
        const OperandPlan &o = plan_.operands[i];
        if (o.kind == OperandKind::slot) {
            Value v = read_slot(plan_.slots[o.slot], event_, arena_);
            if (v.state != Value::present) return {};
            Found f{std::string(v.text.data ? v.text.data : "", v.text.size), {}, v.number};
            for (uint32_t k = 0; k < v.count; ++k) f.items.emplace_back(v.items[k].data, v.items[k].size);
            return f;
        }
        if (o.kind == OperandKind::literal) return Found{o.literal, {}, 0};
        std::vector<Found> args;
        for (uint32_t arg : o.args) {
            Maybe m = operand(arg);
            if (!m) return {};
            ValueType type = plan_.operands[arg].type;
            if (type == ValueType::boolean) m->text = m->number ? "true" : "false";
            else if (type != ValueType::string) m->text = std::to_string(m->number);
            args.push_back(*m);
        }
        if (o.kind == OperandKind::list) {
            Found f;
            for (size_t k = 0; k < args.size(); ++k) {
                const std::vector<std::string> &more = args[k].items;
                if (plan_.operands[o.args[k]].is_list) f.items.insert(f.items.end(), more.begin(), more.end());
                else f.items.push_back(args[k].text);
            }
            return f;
        }
        return transform(o, args, plan_.operands[o.args[0]].is_list);
    }

  private:
    static Maybe transform(const OperandPlan &o, std::vector<Found> &args, bool on_list) {
        Found out;
        switch (o.transform) {
        case Transform::len:
            out.number = on_list ? args[0].items.size() : std::string(args[0].text.c_str()).size();
            return out;
        case Transform::join:
            for (size_t i = 0; i < args[1].items.size(); ++i) out.text += (i ? args[0].text : "") + args[1].items[i];
            return out;
        case Transform::concat:
            for (const Found &f : args) out.text += f.text;
            return out;
        case Transform::getopt: return getopt(args[0].items, args[1].text, o.selector);
        default: break;
        }
        if (!on_list) {
            auto t = map(o.transform, args[0].text);
            if (!t) return {};
            out.text = *t;
            return out;
        }
        for (const std::string &s : args[0].items) {
            auto t = map(o.transform, s);
            if (!t) return {};
            out.items.push_back(*t);
        }
        return out;
    }

    static std::optional<std::string> map(Transform transform, std::string s) {
        auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; };
        auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
        switch (transform) {
        case Transform::tolower: std::transform(s.begin(), s.end(), s.begin(), lower); return s;
        case Transform::toupper: std::transform(s.begin(), s.end(), s.begin(), upper); return s;
        case Transform::basename: return s.substr(s.rfind('/') + 1);
        case Transform::cstring: return std::string(s.c_str());
        default: break;
        }
        static const std::string kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for (int i = 0; i < 2 && !s.empty() && s.back() == '='; ++i) s.pop_back();
        std::string bits;
        for (char c : s) {
            size_t at = kAlphabet.find(c);
            if (at == std::string::npos) return {};
            for (int b = 5; b >= 0; --b) bits += at >> b & 1 ? '1' : '0';
        }
        if (s.size() % 4 == 1 || bits.find('1', bits.size() / 8 * 8) != std::string::npos) return {};
        std::string out;
        for (size_t i = 0; i + 8 <= bits.size(); i += 8)
            out += static_cast<char>(std::stoi(bits.substr(i, 8), nullptr, 2));
        while (!out.empty() && out.back() == 0) out.pop_back();
        return out;
    }

    static Maybe getopt(const std::vector<std::string> &argv, const std::string &options,
                        std::optional<char> selector) {
        Found out;
        Maybe selected;
        auto take = [&](char c, const std::string &value) {
            if (selector && *selector == c) selected = Found{value, {}, 0};
        };
        for (size_t i = 0; i < argv.size(); ++i) {
            const std::string &w = argv[i];
            if (w == "--" || w == "-" || w.empty() || w[0] != '-') break;
            if (w.rfind("--", 0) == 0) continue;
            for (size_t k = 1; k < w.size(); ++k) {
                size_t at = w[k] == ':' ? std::string::npos : options.rfind(w[k]);
                if (at == std::string::npos) { out.items.push_back("?"); continue; }
                std::string letter(1, w[k]);
                if (at + 1 >= options.size() || options[at + 1] != ':') {
                    out.items.push_back(letter);
                    take(w[k], letter);
                    continue;
                }
                if (k + 1 == w.size() && i + 1 == argv.size()) {
                    out.items.push_back("");
                    take(w[k], "");
                    break;
                }
                std::string value = k + 1 < w.size() ? w.substr(k + 1) : argv[++i];
                out.items.push_back(letter);
                out.items.push_back(value);
                take(letter[0], value);
                break;
            }
        }
        return selector ? selected : Maybe(out);
    }

    bool atom(const AtomPlan &a) {
        const OperandPlan &o = plan_.operands[a.operand];
        Maybe left = operand(a.operand);
        if (!left) return false;
        if (a.rhs != AtomPlan::kNone) {
            Maybe right = operand(a.rhs);
            if (!right) return false;
            if (o.type != ValueType::string) return number(a.op, left->number, right->number);
            if (o.is_list) return among(a.op == AtomOp::in, left->items, right->items);
            return text(a.op, left->text, right->text);
        }
        if (a.op == AtomOp::exists) return true;
        auto has_class = [&](const std::string &s) {
            auto at = std::find(o.interned.begin(), o.interned.end(), s);
            uint32_t id = at == o.interned.end() ? 1 : static_cast<uint32_t>(at - o.interned.begin()) + 2;
            return std::count(a.classes.begin(), a.classes.end(), id) > 0;
        };
        if (a.op == AtomOp::class_) return has_class(left->text);
        if (a.op == AtomOp::list_all) return std::all_of(left->items.begin(), left->items.end(), has_class);
        if (a.op == AtomOp::list_any) return std::any_of(left->items.begin(), left->items.end(), has_class);
        if (o.type != ValueType::string)
            return count(a, a.numbers, [&](uint64_t c) { return number(a.op, left->number, c); });
        return count(a, a.constants, [&](const std::string &c) { return text(a.op, left->text, c); });
    }

    template <typename T, typename Holds>
    static bool count(const AtomPlan &a, const std::vector<T> &constants, Holds holds) {
        size_t k = static_cast<size_t>(std::count_if(constants.begin(), constants.end(), holds));
        if (constants.empty()) return false;
        switch (a.modifier) {
        case Modifier::allof: return k == constants.size();
        case Modifier::oneof: return k == 1;
        case Modifier::anyof: return k > 0;
        default: break;
        }
        if (a.op == AtomOp::in || a.op == AtomOp::intersects || a.op == AtomOp::pmatch) return k > 0;
        return holds(constants[0]);
    }

    static bool among(bool all, const std::vector<std::string> &left, const std::vector<std::string> &right) {
        auto in = [&](const std::string &s) { return std::find(right.begin(), right.end(), s) != right.end(); };
        return all ? std::all_of(left.begin(), left.end(), in) : std::any_of(left.begin(), left.end(), in);
    }

    template <typename T> static bool number(AtomOp op, const T &s, const T &c) {
        switch (op) {
        case AtomOp::ne: return s != c;
        case AtomOp::lt: return s < c;
        case AtomOp::le: return s <= c;
        case AtomOp::gt: return s > c;
        case AtomOp::ge: return s >= c;
        default: return s == c;
        }
    }

    static bool text(AtomOp op, const std::string &s, const std::string &c) {
        auto lower = [](const std::string &t) { return *map(Transform::tolower, t); };
        switch (op) {
        case AtomOp::contains: return s.find(c) != std::string::npos;
        case AtomOp::icontains: return lower(s).find(lower(c)) != std::string::npos;
        case AtomOp::startswith: return s.rfind(c, 0) == 0;
        case AtomOp::endswith: return s.size() >= c.size() && s.substr(s.size() - c.size()) == c;
        case AtomOp::glob: return fnmatch(c.c_str(), s.c_str(), 0) == 0;
        case AtomOp::iglob: return fnmatch(lower(c).c_str(), lower(s).c_str(), 0) == 0;
        case AtomOp::pmatch: return path(s, c);
        default: return number(op, s, c);
        }
    }

    static std::vector<std::string> components(const std::string &s) {
        std::vector<std::string> out;
        std::string part;
        for (char c : s + "/") {
            if (c != '/') { part += c; continue; }
            if (!part.empty()) out.push_back(part);
            part.clear();
        }
        return out;
    }

    static bool path(const std::string &s, const std::string &member) {
        std::vector<std::string> value = components(s), wanted = components(member);
        if (wanted.size() > value.size()) return false;
        for (size_t i = 0; i < wanted.size(); ++i) {
            bool glob = wanted[i].find_first_of("?*[") != std::string::npos;
            if (glob ? fnmatch(wanted[i].c_str(), value[i].c_str(), 0) != 0 : wanted[i] != value[i]) return false;
        }
        return true;
    }

    const PlanData &plan_;
    const EventView &event_;
    Arena &arena_;
};

}  // namespace fe::test
