#pragma once

// Arrays as NumPy's .npy files: numpy.load(path) reads them. Format 1.0 of
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace apps {

/// Writes `values`, in C order, as an array of that shape. The file appears whole or not at all. Throws
/// bosen::Error(kStorage). T is float, double, std::int32_t or std::int64_t.
template <class T>
void write_npy(const std::string& path, std::span<const T> values, const std::vector<std::int64_t>& shape);

template <class T>
struct NpyArray {
  std::vector<T> values;
  std::vector<std::int64_t> shape;
};

/// Reads what write_npy has written, or NumPy in the same form. Throws bosen::Error(kData), also where it is of another
/// type. T is std::int32_t.
template <class T>
NpyArray<T> read_npy(const std::string& path);

}  // namespace apps
