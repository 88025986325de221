// What floor.cpp gives; see there.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fe {

struct FloorCount {
    uint64_t events = 0;
    uint64_t checksum = 0;
};

FloorCount floor_walk(const uint8_t *body, size_t size);

}  // namespace fe
