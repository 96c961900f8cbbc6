#include "bosen/core/stable_array.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace bosen::core {
namespace {

TEST(StableArray, NeverMovesAnElement) {
  StableArray<std::uint64_t> array;
  std::vector<std::uint64_t*> places;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    EXPECT_EQ(array.grow(), i);
    array[i] = i;
    places.push_back(&array[i]);
  }
  EXPECT_EQ(array.size(), 100'000U);
  for (std::uint32_t i = 0; i < array.size(); ++i) {
    EXPECT_EQ(&array[i], places[i]);
    EXPECT_EQ(array[i], i);
  }
}

TEST(StableArray, NewElementsAreDefaultConstructedAndAllAreDestroyed) {
  const auto counted = std::make_shared<int>(0);
  struct Element {
    int value = 42;
    std::shared_ptr<int> held;
  };
  {
    StableArray<Element> array;
    for (int i = 0; i < 1000; ++i) {
      Element& element = array[array.grow()];
      EXPECT_EQ(element.value, 42);
      element.held = counted;
    }
    EXPECT_EQ(counted.use_count(), 1001);
  }
  EXPECT_EQ(counted.use_count(), 1);
}

TEST(StableArray, KeepsTheAlignmentOfItsElements) {
  struct alignas(64) Line {
    char bytes[64];
  };
  StableArray<Line> array;
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&array[array.grow()]) % 64, 0U);
  }
}

}  // namespace
}  // namespace bosen::core
