#pragma once

// Reads what mlr learns from: a folder of IDX files, or files in libsvm's format. Every problem is a
// bosen::Error(kData) that names file, place and remedy.

#include <string>

#include "apps/mlr/examples.h"

namespace mlr {

/// Where the data is.
struct DataOptions {
  std::string data;  ///< folder of IDX files, or a libsvm file
  std::string test;  ///< libsvm file; empty with a folder
  int classes = 0;   ///< 0: 10 for a folder, found in the labels of a file
  bool need_test = true;
};

/// Examples to learn from and to test with.
struct DataSet {
  Examples train;
  Examples test;  ///< empty where not asked for
};

/// Throws bosen::Error(kUsage) where the options don't fit together, and Error(kData) where a file is not there: cheap
/// enough to do before anything starts.
void check(const DataOptions& options);

/// Reads the files.
DataSet read_data_set(const DataOptions& options);

/// Reads "NAME-images-idx3-ubyte" and "NAME-labels-idx1-ubyte", or the same names with .gz, from a folder: the format
/// of MNIST and Fashion-MNIST. Pixels are scaled to 0..1. Labels are below `classes`.
Examples read_idx(const std::string& folder, const std::string& name, int classes);

/// Reads files of lines "LABEL INDEX:VALUE INDEX:VALUE ..." with indices that ascend from 1 or higher; '#' begins a
/// comment. Labels are -1 and +1, or 0..K-1, or 1..K, and become 0..K-1; `classes` other than 0 fixes K. Features of
/// `test_path` (empty: none) that `path` doesn't have are left out.
DataSet read_libsvm(const std::string& path, const std::string& test_path, int classes);

}  // namespace mlr
