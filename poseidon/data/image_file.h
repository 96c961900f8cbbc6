#pragma once

// JPEG and PNG files as pixels of one size.

#include <cstdint>
#include <string>
#include <vector>

namespace poseidon {

/// Channels x height x width, 0 .. 255.
struct Image {
  std::int64_t channels = 0, height = 0, width = 0;
  std::vector<std::uint8_t> pixels;
};

/// Whether the name ends like that of an image which read_image knows.
bool is_image_name(const std::string& path);

/// Decodes a file; `channels` is 1 (grey) or 3. Throws bosen::Error(kData) with the path and the decoder's reason.
Image read_image(const std::string& path, int channels);

/// Scales by averaging over the area of every new pixel where it shrinks, bilinearly where it grows.
Image resize(const Image& image, std::int64_t height, std::int64_t width);

}  // namespace poseidon
