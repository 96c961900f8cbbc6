#pragma once

// Builds data sets from what people have: IDX files, CIFAR-10's binary files, folders of images.

#include <cstdint>
#include <functional>
#include <string>

namespace poseidon {

struct BuildOptions {
  std::string images;       ///< folder of the files, or of the folders
  std::string output;       ///< folder that gets `train` and `test`; must not be there yet
  std::int64_t height = 0;  ///< of images from folders; 0: that of the first
  std::int64_t width = 0;
  bool grey = false;         ///< images from folders as one channel
  bool skip_broken = false;  ///< leave out images and records that are broken, and count them
  double test_share = 0.1;   ///< of images from folders without parts; of every class, at random
  bool must_share = false;   ///< refuse images that have parts already, of which no share is held out
  std::uint64_t seed = 1;    ///< of the order of images from folders, and of who is in the test part
  /// Told now and then: part, examples written so far, of how many.
  std::function<void(const std::string& part, std::int64_t done, std::int64_t total)> progress =
      [](const std::string&, std::int64_t, std::int64_t) {};
};

struct BuildResult {
  std::int64_t train = 0, test = 0;
  std::int64_t broken = 0;   ///< left out
  std::string first_broken;  ///< why the first of them was
};

/// Fashion-MNIST's and MNIST's files: {train,t10k}-{images-idx3,labels-idx1}-ubyte, with .gz or not. Classes are as
/// many as the labels need.
BuildResult build_from_idx(const BuildOptions& options);
/// data_batch_1.bin .. data_batch_5.bin, test_batch.bin; batches.meta.txt names the classes where it is there.
BuildResult build_from_cifar10(const BuildOptions& options);
/// train/CLASS/IMAGE and test/CLASS/IMAGE, JPEG or PNG; or CLASS/IMAGE, of which test_share become the test part.
/// Classes are folders (of train) in the order of their names.
BuildResult build_from_images(const BuildOptions& options);

}  // namespace poseidon
