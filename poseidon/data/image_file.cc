#include "poseidon/data/image_file.h"

#include <fmt/format.h>
#include <png.h>
#include <turbojpeg.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>

#include "bosen/error.h"

namespace poseidon {
namespace {

constexpr std::int64_t kPixelsMax = std::int64_t{1} << 28;

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
  throw bosen::Error(bosen::ErrorKind::kData, fmt::format("{}: {}", path, reason));
}

/// From interleaved to planar.
Image planar(const std::vector<std::uint8_t>& interleaved, std::int64_t channels, std::int64_t height,
             std::int64_t width) {
  Image image{channels, height, width, std::vector<std::uint8_t>(interleaved.size())};
  const std::int64_t plane = height * width;
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t i = 0; i < plane; ++i) {
      image.pixels[static_cast<std::size_t>(c * plane + i)] = interleaved[static_cast<std::size_t>(i * channels + c)];
    }
  }
  return image;
}

std::vector<std::uint8_t> read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) refuse(path, std::string("cannot be read: ") + std::strerror(errno));
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

Image read_jpeg(const std::string& path, const std::vector<std::uint8_t>& bytes, int channels) {
  const std::unique_ptr<void, int (*)(tjhandle)> decoder(tjInitDecompress(), tjDestroy);
  int width = 0;
  int height = 0;
  int subsampling = 0;
  int colours = 0;
  const auto fail = [&] {
    refuse(path, std::string("is no JPEG image that can be read: ") + tjGetErrorStr2(decoder.get()));
  };
  const auto size = static_cast<unsigned long>(bytes.size());
  if (tjDecompressHeader3(decoder.get(), bytes.data(), size, &width, &height, &subsampling, &colours) != 0) fail();
  if (std::int64_t{width} * height > kPixelsMax)
    refuse(path, fmt::format("is too large: {} x {} pixels", width, height));
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) *
                                   static_cast<std::size_t>(channels));
  const int format = channels == 1 ? TJPF_GRAY : TJPF_RGB;
  // A file that ends early is decoded with a warning, which counts as broken.
  if (tjDecompress2(decoder.get(), bytes.data(), size, pixels.data(), width, 0, height, format, 0) != 0) fail();
  return planar(pixels, channels, height, width);
}

/// Of interleaved RGB, as JPEG has it (ITU-R BT.601).
std::vector<std::uint8_t> grey_of(const std::vector<std::uint8_t>& rgb) {
  std::vector<std::uint8_t> grey;
  for (std::size_t i = 0; i < rgb.size(); i += 3) {
    grey.push_back(static_cast<std::uint8_t>(std::lround(0.299 * rgb[i] + 0.587 * rgb[i + 1] + 0.114 * rgb[i + 2])));
  }
  return grey;
}

Image read_png(const std::string& path, const std::vector<std::uint8_t>& bytes, int channels) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  const auto fail = [&] {
    const std::string reason = png.message;
    png_image_free(&png);
    refuse(path, "is no PNG image that can be read: " + reason);
  };
  if (png_image_begin_read_from_memory(&png, bytes.data(), bytes.size()) == 0) fail();
  if (std::int64_t{png.width} * png.height > kPixelsMax) {
    png_image_free(&png);
    refuse(path, fmt::format("is too large: {} x {} pixels", png.width, png.height));
  }
  png.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;  // 16 bits are finer steps of the same, not of linear light
  // libpng weighs colours in linear light to make them grey; JPEG does not, and one set may have both.
  const bool greys = channels == 1 && (png.format & PNG_FORMAT_FLAG_COLOR) != 0;
  png.format = channels == 1 && !greys ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  std::vector<std::uint8_t> pixels(PNG_IMAGE_SIZE(png));
  const png_color background{255, 255, 255};
  if (png_image_finish_read(&png, &background, pixels.data(), 0, nullptr) == 0) fail();
  return planar(greys ? grey_of(pixels) : pixels, channels, png.height, png.width);
}

/// How much each old pixel counts for a new one, along one axis.
struct Weights {
  std::int64_t first = 0;
  std::vector<float> values;
};

std::vector<Weights> weights_of(std::int64_t from, std::int64_t to) {
  const double step = static_cast<double>(from) / static_cast<double>(to);
  const double reach = std::max(1.0, step);
  std::vector<Weights> all;
  for (std::int64_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * step - 0.5;
    const auto first = std::max<std::int64_t>(0, std::llround(std::ceil(centre - reach)));
    const auto last = std::min<std::int64_t>(from - 1, std::llround(std::floor(centre + reach)));
    Weights weights{first, {}};
    double sum = 0;
    for (std::int64_t k = first; k <= last; ++k) {
      const double weight = std::max(0.0, 1 - std::abs(static_cast<double>(k) - centre) / reach);
      weights.values.push_back(static_cast<float>(weight));
      sum += weight;
    }
    for (float& weight : weights.values) weight /= static_cast<float>(sum);
    all.push_back(std::move(weights));
  }
  return all;
}

/// Of means of bytes, which are 0 or more.
std::uint8_t rounded(float value) {
  return static_cast<std::uint8_t>(std::min(255.0, static_cast<double>(value) + 0.5));
}

}  // namespace

bool is_image_name(const std::string& path) {
  std::string lower = path;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower.ends_with(".jpg") || lower.ends_with(".jpeg") || lower.ends_with(".png");
}

// By content: files are often named wrongly.
Image read_image(const std::string& path, int channels) {
  const std::vector<std::uint8_t> bytes = read_bytes(path);
  if (bytes.empty()) refuse(path, "is empty");
  const bool is_png = bytes.size() >= 8 && png_sig_cmp(bytes.data(), 0, 8) == 0;
  return is_png ? read_png(path, bytes, channels) : read_jpeg(path, bytes, channels);
}

Image resize(const Image& image, std::int64_t height, std::int64_t width) {
  if (image.height == height && image.width == width) return image;
  const std::vector<Weights> columns = weights_of(image.width, width);
  const std::vector<Weights> rows = weights_of(image.height, height);
  Image result{image.channels, height, width, {}};
  result.pixels.reserve(static_cast<std::size_t>(image.channels * height * width));
  std::vector<float> narrow(static_cast<std::size_t>(image.height * width));
  std::vector<float> row(static_cast<std::size_t>(width));
  for (std::int64_t c = 0; c < image.channels; ++c) {
    const std::uint8_t* const plane = image.pixels.data() + c * image.height * image.width;
    for (std::int64_t y = 0; y < image.height; ++y) {
      for (std::int64_t x = 0; x < width; ++x) {
        const Weights& weights = columns[static_cast<std::size_t>(x)];
        float sum = 0;
        for (std::size_t k = 0; k < weights.values.size(); ++k) {
          sum += weights.values[k] *
                 static_cast<float>(plane[y * image.width + weights.first + static_cast<std::int64_t>(k)]);
        }
        narrow[static_cast<std::size_t>(y * width + x)] = sum;
      }
    }
    for (const Weights& weights : rows) {
      std::fill(row.begin(), row.end(), 0.0F);
      const float* from = narrow.data() + weights.first * width;
      for (const float weight : weights.values) {
        for (std::size_t x = 0; x < row.size(); ++x) row[x] += weight * from[x];
        from += width;
      }
      for (const float value : row) result.pixels.push_back(rounded(value));
    }
  }
  return result;
}

}  // namespace poseidon
