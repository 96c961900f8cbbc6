#pragma once

// Arrays as NumPy's .npy files: numpy.load(path) reads them. Format 1.0 of
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace apps {

/// Writes `values`, in C order, as an array of that shape. The file appears whole or not at all. Throws
/// bosen::Error(kStorage). T is float, double or std::int64_t.
template <class T>
void write_npy(const std::string& path, std::span<const T> values, const std::vector<std::int64_t>& shape);

}  // namespace apps
