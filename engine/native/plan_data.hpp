// The typed plan as native structs; rules/plan.py says what each means.
//
// Made by load_plan, which checks every index, type and count. Read by everything that evaluates or formats.
#pragma once

#include "event.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fe {

// The numbers of all enums are those of rules/plan.py.
enum class ValueType : uint8_t { string, uint64, abstime, reltime, boolean, count_ };

enum class Reader : uint8_t {
    scalar, plain_list, walk_strict, walk_skip, walk_default, repository, repository_scalar, container_words, host_port,
    subject_names, subject_accounts, rule_words, whole_as_list, volume_types, hostpath_match, any_privileged, uri_param,
    target_pod_name, constant, json_value, json_object, json_rawtime, static_text, evt_num, evt_time, evt_time_s,
    evt_time_iso8601, evt_datetime, evt_datetime_s, evt_rawtime, evt_rawtime_s, evt_rawtime_ns, evt_reltime,
    evt_reltime_s, evt_reltime_ns, evt_pluginname, evt_plugininfo, evt_source, evt_is_async, evt_asynctype,
    evt_hostname, meta, repository_fixed, repository_scalar_fixed, capabilities_fixed, uri_param_fixed,
    walk_default_fixed, effective, effective_list, dry_run, source_address, source_public, source_in, patch_members,
    workload_list, workload_truth, workload_words, workload_repository, workload_default, workload_volume_types,
    workload_hostpath, count_
};

enum class MetaField : uint8_t {
    cluster, account, region, log_group, log_stream, event_id, truncated, ingestion_time_ms, count_
};

enum class OperandKind : uint8_t { slot, literal, list, transform, count_ };
enum class Transform : uint8_t { none, tolower, toupper, b64, basename, len, join, concat, getopt, cstring, count_ };
enum class AtomOp : uint8_t {
    exists, class_, list_all, list_any, eq, ne, lt, le, gt, ge, in, intersects, contains, icontains, startswith,
    endswith, glob, iglob, regex, pmatch, count_
};
enum class Modifier : uint8_t { none, anyof, allof, oneof, count_ };
enum class NodeKind : uint8_t { false_, true_, atom, not_, and_, or_, count_ };

struct SlotPlan {
    std::string name;
    Reader reader = Reader::scalar;
    ValueType type = ValueType::string;
    bool is_list = false;
    std::vector<std::string> path, alt;
    RootKey root = kRootOther;      // of path[0]
    RootKey alt_root = kRootOther;  // of alt[0]
    int64_t index = -1;             // -1: none
    std::string key;
};

struct OperandPlan {
    OperandKind kind = OperandKind::slot;
    ValueType type = ValueType::string;
    bool is_list = false;
    uint32_t slot = 0;
    std::string literal;
    Transform transform = Transform::none;
    std::vector<uint32_t> args;
    std::optional<char> selector;  // getopt: the option asked for
    std::vector<std::string> interned;

    uint32_t class_count() const { return static_cast<uint32_t>(interned.size()) + 2; }
    bool scalar_string() const { return type == ValueType::string && !is_list; }
};

struct AtomPlan {
    static constexpr uint32_t kNone = 0xffffffffu;
    AtomOp op = AtomOp::exists;
    uint32_t operand = 0;
    Modifier modifier = Modifier::none;
    uint32_t rhs = kNone;
    std::vector<std::string> constants;
    std::vector<uint64_t> numbers;
    std::vector<uint32_t> classes;
};

struct NodePlan {
    NodeKind kind = NodeKind::false_;
    std::vector<uint32_t> args;
    int32_t memo = -1;
};

struct SegmentPlan {
    static constexpr uint32_t kText = 0xffffffffu;
    std::string text;
    uint32_t operand = kText;  // kText: literal text
    uint64_t width = 0;
};

struct OutputFieldPlan {
    static constexpr uint32_t kTemplate = 0xffffffffu;
    std::string key;
    uint32_t operand = kTemplate;  // kTemplate: `segments`
    std::vector<SegmentPlan> segments;
    bool null = false;
};

struct RulePlan {
    std::string name;
    uint32_t priority = 0;
    std::string source;
    std::vector<std::string> tags;
    uint32_t root = 0;
    std::vector<SegmentPlan> output;
    std::vector<OutputFieldPlan> output_fields;
};

struct PlanData {
    std::vector<SlotPlan> slots;
    std::vector<OperandPlan> operands;
    std::vector<AtomPlan> atoms;
    std::vector<NodePlan> nodes;
    std::vector<RulePlan> rules;
    uint32_t memo_cells = 0;
};

}  // namespace fe
