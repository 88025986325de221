/* The contract between generated predicates and the engine: the only header that generated code includes.
 *
 * In: a context, one per scanner thread, positioned on one event. Out: 0 or 1. Called by the rule set for events that
 * are whole; a truncated event is evaluated by the interpreter, which is three-valued.
 *
 * Everything here is C, so that a rule module does not depend on the engine's C++ or on its compiler.
 */
#ifndef FALCOEKS_PREDICATE_H
#define FALCOEKS_PREDICATE_H

#include <stddef.h>
#include <stdint.h>

#define FE_ABI_VERSION 1

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fe_context fe_context;

typedef struct fe_text {
    const char *data; /* NULL: absent */
    size_t size;
} fe_text;

/* Filled in by the engine once per context; `atom`, `operand_class` and `text` compute and remember. */
struct fe_context {
    uint32_t epoch;          /* of the current event, 1 .. 2^31-1; a cell of another epoch is unknown */
    uint32_t *memo;          /* cells: first the atoms, then the shared nodes; epoch << 1 | truth */
    uint32_t *class_epoch;   /* per operand */
    uint32_t *class_id;      /* per operand; 0 absent, 1 other, 2 + i the i-th interned constant */
    uint32_t (*atom)(fe_context *, uint32_t atom);             /* 0 or 1; stores memo[atom] */
    uint32_t (*operand_class)(fe_context *, uint32_t operand); /* stores class_id[operand] */
    fe_text (*text)(fe_context *, uint32_t operand);           /* a scalar string operand */
};

typedef uint32_t (*fe_predicate)(fe_context *);

/* What a rule module exports, as a PyCapsule named "falcoeks_fast.module" in its attribute `module`. */
typedef struct fe_module {
    uint32_t abi_version;           /* FE_ABI_VERSION */
    uint32_t rule_count;
    unsigned char plan_digest[32];  /* Plan.predicate_digest() */
    const fe_predicate *rules;      /* in the order of the plan */
} fe_module;

#define FE_MODULE_CAPSULE "falcoeks_fast.module"

/* The value of an atom, from its memo cell if this event has been asked before. */
static inline uint32_t fe_atom(fe_context *context, uint32_t atom) {
    uint32_t cell = context->memo[atom];
    return (cell >> 1) == context->epoch ? cell & 1u : context->atom(context, atom);
}

/* The class id of a scalar string operand. */
static inline uint32_t fe_class(fe_context *context, uint32_t operand) {
    return context->class_epoch[operand] == context->epoch ? context->class_id[operand]
                                                           : context->operand_class(context, operand);
}

/* Whether the operand's class is in a set of class ids given as 64-bit words. `words` covers every id of the operand. */
static inline uint32_t fe_in_classes(fe_context *context, uint32_t operand, const uint64_t *words) {
    uint32_t id = fe_class(context, operand);
    return (uint32_t)(words[id >> 6] >> (id & 63u)) & 1u;
}

/* Remember the value of a shared node in its cell and give it back. */
static inline uint32_t fe_keep(fe_context *context, uint32_t cell, uint32_t truth) {
    context->memo[cell] = (context->epoch << 1) | truth;
    return truth;
}

#ifdef __cplusplus
}
#endif

#endif
