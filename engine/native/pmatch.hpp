// The path prefix operator: some member's components are the first components of the value.
//
// In: members, once; then values. Out: whether one of them fits. Empty components count nowhere, so a member without
// any fits every value.
#pragma once

#include "glob.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace fe {

class PathSet {
  public:
    explicit PathSet(const std::vector<std::string> &members) {
        for (const std::string &m : members) add(m);
    }

    bool matches(Text value) const {
        if (everything_) return true;
        Walk walk{value, 0};
        Text first;
        if (!walk.next(first)) return false;
        auto found = by_first_.find(std::string_view(first.data, first.size));
        if (found != by_first_.end())
            for (uint32_t number : found->second)
                if (fits(members_[number], 1, walk)) return true;
        for (uint32_t number : by_glob_)
            if (members_[number].components[0].fits(first) && fits(members_[number], 1, walk)) return true;
        return false;
    }

  private:
    struct Component {
        std::string text;
        std::vector<Glob> glob;  // one, or none: then the text itself

        bool fits(Text c) const {
            return glob.empty() ? c == Text(text.data(), text.size()) : glob[0].matches(c);
        }
    };

    struct Member {
        std::vector<Component> components;
    };

    struct Walk {
        Text path;
        size_t at;

        bool next(Text &component) {
            while (at < path.size && path.data[at] == '/') ++at;
            size_t from = at;
            while (at < path.size && path.data[at] != '/') ++at;
            component = {path.data + from, at - from};
            return at > from;
        }
    };

    struct TextHash {
        using is_transparent = void;
        size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
    };

    static bool fits(const Member &member, size_t from, Walk walk) {
        Text c;
        for (size_t i = from; i < member.components.size(); ++i)
            if (!walk.next(c) || !member.components[i].fits(c)) return false;
        return true;
    }

    void add(const std::string &path) {
        Member member;
        Walk walk{Text(path.data(), path.size()), 0};
        for (Text c; walk.next(c);) {
            Component component{std::string(c.data, c.size), {}};
            if (component.text.find_first_of("?*[") != std::string::npos) component.glob.emplace_back(c, false);
            member.components.push_back(std::move(component));
        }
        if (member.components.empty()) { everything_ = true; return; }
        uint32_t number = static_cast<uint32_t>(members_.size());
        const Component &first = member.components[0];
        if (first.glob.empty()) by_first_[first.text].push_back(number);
        else by_glob_.push_back(number);
        members_.push_back(std::move(member));
    }

    std::vector<Member> members_;
    std::unordered_map<std::string, std::vector<uint32_t>, TextHash, std::equal_to<>> by_first_;
    std::vector<uint32_t> by_glob_;
    bool everything_ = false;
};

}  // namespace fe
