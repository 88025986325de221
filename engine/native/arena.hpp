// Memory for one event: handed out by moving a pointer, taken back all at once.
//
// In: sizes. Out: bytes that live until `reset`. Called by everything that has to make text (decoding, joining,
// formatting a list). Grows in blocks and gives back what a rare large event took.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

namespace fe {

// Bytes that somebody else owns. data == nullptr: no value.
struct Text {
    const char *data = nullptr;
    size_t size = 0;

    Text() = default;
    Text(const char *d, size_t n) : data(d), size(n) {}
    bool present() const { return data != nullptr; }
    bool operator==(const Text &other) const {
        return size == other.size && (size == 0 || std::memcmp(data, other.data, size) == 0);
    }
};

class Arena {
  public:
    Arena() { blocks_.push_back(Block(kBlockBytes)); }

    // `size` bytes, aligned to 8. Never nullptr; throws std::bad_alloc when the machine has no memory left.
    char *take(size_t size) {
        size = (size + 7u) & ~size_t{7};
        if (used_ + size > blocks_[current_].size) return take_from_next(size);
        char *p = blocks_[current_].data.get() + used_;
        used_ += size;
        return p;
    }

    template <typename T> T *take_array(size_t count) { return reinterpret_cast<T *>(take(count * sizeof(T))); }

    Text copy(const char *data, size_t size) {
        char *p = take(size + 1);
        if (size) std::memcpy(p, data, size);
        p[size] = 0;
        return {p, size};
    }

    // Give the end of the last `take` back: `from` points into it.
    void trim(const char *from) {
        const char *base = blocks_[current_].data.get();
        size_t used = (static_cast<size_t>(from - base) + 7u) & ~size_t{7};
        if (used < used_) used_ = used;
    }

    void reset() {
        if (blocks_.size() > 1) blocks_.erase(blocks_.begin() + 1, blocks_.end());
        current_ = 0;
        used_ = 0;
    }

  private:
    static constexpr size_t kBlockBytes = 64 * 1024;

    struct Block {
        std::unique_ptr<char[]> data;
        size_t size;
        explicit Block(size_t n) : data(new char[n]), size(n) {}
    };

    char *take_from_next(size_t size) {
        blocks_.push_back(Block(size > kBlockBytes ? size : kBlockBytes));
        current_ = blocks_.size() - 1;
        used_ = size;
        return blocks_[current_].data.get();
    }

    std::vector<Block> blocks_;
    size_t current_ = 0;
    size_t used_ = 0;
};

}  // namespace fe
