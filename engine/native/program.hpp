// Conditions as jump code: the plan interpreter for whole events.
//
// In: the plan's nodes, once; then a context on an event. Out: whether a rule's condition is true. Every comparison is
// one step that says where to go on; `and`, `or` and `not` leave nothing behind but the order of steps. A condition
// that is used several times becomes a routine of its own, which remembers its value in a memo cell.
#pragma once

#include "evaluate.hpp"

#include <algorithm>

namespace fe {

class Program {
  public:
    Program() = default;

    // Takes memo cells of its own behind those of `tables`.
    explicit Program(Tables &tables) { Compiler(*this, tables).run(); }

    bool eval_rule(EvalContext &context, uint32_t rule) const { return run(context, entries_[rule]); }

  private:
    static constexpr uint32_t kYes = 0xffffffffu, kNo = 0xfffffffeu;  // where code ends
    static constexpr uint32_t kInlineSize = 3;  // comparisons; what is larger and used several times is a routine

    enum Op : uint16_t { small_class, word_class, large_class, exists, atom, call };

    struct Step {
        uint64_t mask;     // small_class, word_class: the class ids that hold
        uint32_t subject;  // operand, atom (large_class too) or routine
        uint32_t on_yes, on_no;
        Op op;
        uint16_t word = 0;  // word_class: of which 64 ids the mask is
    };

    struct Routine {
        uint32_t cell, entry;
    };

    bool run(EvalContext &c, uint32_t at) const {
        while (at < kNo) {
            const Step &s = steps_[at];
            uint32_t truth;
            switch (s.op) {
            case small_class: truth = static_cast<uint32_t>(s.mask >> c.class_of(s.subject)) & 1u; break;
            case word_class: {
                uint32_t id = c.class_of(s.subject);
                truth = id >> 6 == s.word ? static_cast<uint32_t>(s.mask >> (id & 63u)) & 1u : 0;
                break;
            }
            case large_class: {
                const LoweredAtom &a = c.tables()->atoms[s.subject];
                truth = a.has_class(c.class_of(a.operand));
                break;
            }
            case exists: truth = c.class_of(s.subject) != kClassAbsent; break;
            case atom: truth = fe_atom(&c, s.subject); break;
            default: {
                const Routine &r = routines_[s.subject];
                uint32_t cell = c.memo[r.cell];
                truth = cell >> 1 == c.epoch ? cell & 1u : fe_keep(&c, r.cell, run(c, r.entry));
            }
            }
            at = truth ? s.on_yes : s.on_no;
        }
        return at == kYes;
    }

    class Compiler {
      public:
        Compiler(Program &program, Tables &tables) : out_(program), tables_(tables), plan_(*tables.plan) {}

        void run() {
            measure();
            routine_of_.assign(plan_.nodes.size(), kNone);
            for (const RulePlan &r : plan_.rules) out_.entries_.push_back(compile(r.root, kYes, kNo));
            for (size_t i = 0; i < bodies_.size(); ++i) {  // compiling a body may add more
                uint32_t entry = body(bodies_[i], kYes, kNo);
                out_.routines_[i].entry = entry;
            }
        }

      private:
        static constexpr uint32_t kNone = 0xffffffffu;

        // How often each node that a rule reaches is used, and how many comparisons it is.
        void measure() {
            uses_.assign(plan_.nodes.size(), 0);
            sizes_.assign(plan_.nodes.size(), 0);
            for (const RulePlan &r : plan_.rules) ++uses_[r.root];
            for (size_t i = plan_.nodes.size(); i-- > 0;)
                if (uses_[i] && plan_.nodes[i].kind != NodeKind::atom)
                    for (uint32_t arg : plan_.nodes[i].args) ++uses_[arg];
            for (size_t i = 0; i < plan_.nodes.size(); ++i) {
                const NodePlan &n = plan_.nodes[i];
                uint64_t size = n.kind == NodeKind::atom || n.args.empty();
                if (n.kind != NodeKind::atom)
                    for (uint32_t arg : n.args) size += sizes_[arg];
                sizes_[i] = static_cast<uint32_t>(std::min<uint64_t>(size, 1u << 20));
            }
        }

        // Code that ends at `yes` or `no`; gives its entry.
        uint32_t compile(uint32_t node, uint32_t yes, uint32_t no) {
            if (uses_[node] < 2 || sizes_[node] <= kInlineSize) return body(node, yes, no);
            uint32_t &routine = routine_of_[node];
            if (routine == kNone) {
                routine = static_cast<uint32_t>(bodies_.size());
                bodies_.push_back(node);
                out_.routines_.push_back({tables_.cells++, 0});
            }
            return emit({0, routine, yes, no, call});
        }

        uint32_t body(uint32_t node, uint32_t yes, uint32_t no) {
            const NodePlan &n = plan_.nodes[node];
            switch (n.kind) {
            case NodeKind::false_: return no;
            case NodeKind::true_: return yes;
            case NodeKind::atom: return comparison(n.args[0], yes, no);
            case NodeKind::not_: return compile(n.args[0], no, yes);
            default: break;
            }
            bool all = n.kind == NodeKind::and_;
            uint32_t next = all ? yes : no;
            for (size_t i = n.args.size(); i-- > 0;)
                next = all ? compile(n.args[i], next, no) : compile(n.args[i], yes, next);
            return next;
        }

        uint32_t comparison(uint32_t number, uint32_t yes, uint32_t no) {
            const LoweredAtom &a = tables_.atoms[number];
            if (a.op == AtomOp::exists && a.type == ValueType::string && !a.is_list)
                return emit({0, a.operand, yes, no, exists});
            if (a.op != AtomOp::class_) return emit({0, number, yes, no, atom});
            if (plan_.operands[a.operand].class_count() <= 64)
                return emit({a.class_words.empty() ? 0 : a.class_words[0], a.operand, yes, no, small_class});
            if (a.class_words.size() == 1 && a.first_word <= 0xffff)
                return emit({a.class_words[0], a.operand, yes, no, word_class, static_cast<uint16_t>(a.first_word)});
            return emit({0, number, yes, no, large_class});
        }

        uint32_t emit(Step step) {
            out_.steps_.push_back(step);
            return static_cast<uint32_t>(out_.steps_.size() - 1);
        }

        Program &out_;
        Tables &tables_;
        const PlanData &plan_;
        std::vector<uint32_t> uses_, sizes_, routine_of_;
        std::vector<uint32_t> bodies_;
    };

    std::vector<Step> steps_;
    std::vector<Routine> routines_;
    std::vector<uint32_t> entries_;  // per rule; kYes or kNo where nothing is to be asked
};

}  // namespace fe
