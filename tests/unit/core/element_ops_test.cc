#include "bosen/core/element_ops.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace bosen::core {
namespace {

template <class T>
void expect_sums() {
  const ElementOps& ops = element_ops(ElementTypeOf<T>::value);
  EXPECT_EQ(ops.bytes, sizeof(T));
  for (const std::size_t count : {0U, 1U, 7U, 16U, 33U, 1000U}) {
    std::vector<T> target(count + 1, T{5});
    std::vector<T> update(count);
    for (std::size_t i = 0; i < count; ++i) update[i] = static_cast<T>(i);
    ops.add(reinterpret_cast<std::byte*>(target.data()), reinterpret_cast<const std::byte*>(update.data()), count);
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(target[i], static_cast<T>(5 + i));
    EXPECT_EQ(target[count], T{5}) << "beyond the end";

    std::vector<T> sum(count + 1, T{7});
    ops.sum(reinterpret_cast<std::byte*>(sum.data()), reinterpret_cast<const std::byte*>(target.data()),
            reinterpret_cast<const std::byte*>(update.data()), count);
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(sum[i], static_cast<T>(5 + 2 * i));
    EXPECT_EQ(sum[count], T{7}) << "beyond the end";
  }
  std::vector<T> target(10, T{0});
  const std::vector<Column> columns{9, 0, 9};
  const std::vector<T> update{1, 2, 3};
  ops.add_at(reinterpret_cast<std::byte*>(target.data()), columns.data(),
             reinterpret_cast<const std::byte*>(update.data()), columns.size());
  EXPECT_EQ(target[9], T{4});
  EXPECT_EQ(target[0], T{2});
  EXPECT_EQ(target[5], T{0});
}

TEST(ElementOps, AddEveryElementType) {
  expect_sums<float>();
  expect_sums<double>();
  expect_sums<std::int32_t>();
  expect_sums<std::int64_t>();
}

TEST(ElementOps, IntegersWrapAround) {
  std::int32_t value = std::numeric_limits<std::int32_t>::max();
  const std::int32_t one = 1;
  element_ops(ElementType::kInt32)
      .add(reinterpret_cast<std::byte*>(&value), reinterpret_cast<const std::byte*>(&one), 1);
  EXPECT_EQ(value, std::numeric_limits<std::int32_t>::min());
}

}  // namespace
}  // namespace bosen::core
