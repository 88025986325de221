// From a text to the longest of some prefixes that it has.
//
// In: the constants of one operand's `startswith`, once; then values. Out: a small number, from which the truth of
// every one of these comparisons follows.
#pragma once

#include "intern.hpp"
#include "operators.hpp"

#include <algorithm>

namespace fe {

class PrefixTable {
  public:
    PrefixTable() = default;

    // Copies the constants; doubles are harmless.
    explicit PrefixTable(std::vector<std::string> constants) : sorted_(std::move(constants)) {
        std::sort(sorted_.begin(), sorted_.end());
        sorted_.erase(std::unique(sorted_.begin(), sorted_.end()), sorted_.end());
        for (uint32_t i = 0; i < sorted_.size(); ++i) {
            uint32_t shorter = i ? i - 1 : kNone;
            while (shorter != kNone && !starts_with(text_of(sorted_[i]), text_of(sorted_[shorter])))
                shorter = shorter_[shorter];
            shorter_.push_back(shorter);
        }
        head_size_ = kLongestHead;
        for (const std::string &c : sorted_) head_size_ = std::min(head_size_, c.size());
        for (const std::string &c : sorted_) heads_.push_back(c.substr(0, head_size_));
        known_heads_ = InternTable(heads_);
    }
    PrefixTable(const PrefixTable &) = delete;
    PrefixTable(PrefixTable &&) = default;
    PrefixTable &operator=(PrefixTable &&) = default;

    // kClassFirst + i: the longest prefix of a present value is `constant(i)`; kClassOther: it has none of them.
    uint32_t find(Text value) const {
        if (value.size < head_size_ || known_heads_.find({value.data, head_size_}) == kClassOther) return kClassOther;
        uint32_t low = 0, high = static_cast<uint32_t>(sorted_.size());  // behind the last constant that is not greater
        while (low < high) {
            uint32_t middle = (low + high) / 2;
            if (compare_texts(text_of(sorted_[middle]), value) <= 0) low = middle + 1;
            else high = middle;
        }
        uint32_t at = low ? low - 1 : kNone;
        while (at != kNone && !starts_with(value, text_of(sorted_[at]))) at = shorter_[at];
        return at == kNone ? kClassOther : at + kClassFirst;
    }

    const std::string &constant(uint32_t i) const { return sorted_[i]; }
    uint32_t class_count() const { return static_cast<uint32_t>(sorted_.size()) + kClassFirst; }

  private:
    static constexpr uint32_t kNone = 0xffffffffu;
    static constexpr size_t kLongestHead = 16;

    std::vector<std::string> sorted_;
    std::vector<uint32_t> shorter_;  // the longest other constant that this one begins with
    std::vector<std::string> heads_;  // how the constants begin, as far as the shortest one goes; almost no value does
    InternTable known_heads_;
    size_t head_size_ = 0;
};

}  // namespace fe
