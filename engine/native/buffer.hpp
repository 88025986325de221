// Bytes that grow at their end.
//
// In: pieces of text. Out: one run of bytes that stays valid until the next piece. Called by the formatter and by
// everything that gathers output. Growth is by half, so that appending costs the same however much there is.
#pragma once

#include "arena.hpp"

#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace fe {

class Buffer {
  public:
    Buffer() = default;
    Buffer(const Buffer &) = delete;
    Buffer &operator=(const Buffer &) = delete;
    Buffer(Buffer &&other) noexcept { swap(other); }
    Buffer &operator=(Buffer &&other) noexcept { swap(other); return *this; }
    ~Buffer() { std::free(data_); }

    const char *data() const { return data_; }
    char *data() { return data_; }
    size_t size() const { return size_; }
    size_t capacity() const { return room_; }
    Text text() const { return {data_, size_}; }

    // Room for `n` more bytes; write there, then `commit` the end. Throws std::bad_alloc.
    char *room(size_t n) {
        if (n > room_ - size_) grow(n);
        return data_ + size_;
    }

    void commit(const char *end) { size_ = static_cast<size_t>(end - data_); }

    void add(const char *p, size_t n) {
        if (n == 0) return;
        std::memcpy(room(n), p, n);
        size_ += n;
    }

    void add(Text t) { add(t.data, t.size); }
    template <size_t N> void add(const char (&literal)[N]) { add(literal, N - 1); }

    void add(char c) {
        *room(1) = c;
        ++size_;
    }

    void cut(size_t size) { size_ = size < size_ ? size : size_; }
    void clear() { size_ = 0; }

    // Give memory back that a rare large alert took.
    void shrink(size_t keep_bytes) {
        if (room_ <= keep_bytes) return;
        std::free(data_);
        data_ = nullptr;
        size_ = room_ = 0;
    }

    void swap(Buffer &other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(room_, other.room_);
    }

  private:
    void grow(size_t n) {
        size_t room = room_ + room_ / 2 + n + 256;
        auto *data = static_cast<char *>(std::realloc(data_, room));
        if (!data) throw std::bad_alloc();
        data_ = data;
        room_ = room;
    }

    char *data_ = nullptr;
    size_t size_ = 0, room_ = 0;
};

}  // namespace fe
