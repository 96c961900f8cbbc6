#include "poseidon/data/image_file.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "tests/unit/poseidon/data/data_fixture.h"

namespace poseidon {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class ImageFileTest : public DataTest {
 protected:
  std::string write(const std::string& name, const Bytes& bytes) {
    write_file(path(name), bytes);
    return path(name);
  }
};

Image image_of(std::int64_t channels, std::int64_t height, std::int64_t width, std::uint64_t seed) {
  return {channels, height, width, noise(static_cast<std::size_t>(channels * height * width), seed)};
}

/// Bilinear where it grows, a tent over 2 x the step where it shrinks; in double, pixel by pixel.
double plain_resized(const Image& image, std::int64_t c, std::int64_t y, std::int64_t x, std::int64_t height,
                     std::int64_t width) {
  const auto weight = [](std::int64_t from, std::int64_t to, std::int64_t old_place, std::int64_t new_place) {
    const double step = static_cast<double>(from) / static_cast<double>(to);
    const double centre = (static_cast<double>(new_place) + 0.5) * step - 0.5;
    return std::max(0.0, 1 - std::abs(static_cast<double>(old_place) - centre) / std::max(1.0, step));
  };
  double sum = 0;
  double weights = 0;
  for (std::int64_t row = 0; row < image.height; ++row) {
    for (std::int64_t column = 0; column < image.width; ++column) {
      const double both = weight(image.height, height, row, y) * weight(image.width, width, column, x);
      sum += both * image.pixels[static_cast<std::size_t>((c * image.height + row) * image.width + column)];
      weights += both;
    }
  }
  return sum / weights;
}

TEST_F(ImageFileTest, ReadsPngExactly) {
  const Bytes colours{1, 2, 3, 40, 50, 60, 7, 8, 9, 100, 110, 120, 13, 14, 15, 255, 0, 255};
  const Image image = read_image(write("a.png", png(colours, 3, 2, 3)), 3);
  EXPECT_EQ(image.channels, 3);
  EXPECT_EQ(image.height, 2);
  EXPECT_EQ(image.width, 3);
  EXPECT_EQ(image.pixels, (Bytes{1, 40, 7, 100, 13, 255, 2, 50, 8, 110, 14, 0, 3, 60, 9, 120, 15, 255}));
  const Bytes greys{0, 100, 200, 255};
  EXPECT_EQ(read_image(write("b.png", png(greys, 1, 2, 2)), 1).pixels, greys);
  EXPECT_EQ(read_image(path("b.png"), 3).pixels, (Bytes{0, 100, 200, 255, 0, 100, 200, 255, 0, 100, 200, 255}));
}

TEST_F(ImageFileTest, TakesSixteenBitsForFinerSteps) {
  const Image image = read_image(write("a.png", png_of_16_bits({0, 0x8080, 0xC0C0, 0xFFFF}, 2, 2)), 1);
  EXPECT_EQ(image.pixels, (Bytes{0, 128, 192, 255}));
}

TEST_F(ImageFileTest, WeighsColoursAlikeInEveryFormat) {
  for (const Bytes& colour : {Bytes{255, 0, 0}, Bytes{0, 255, 0}, Bytes{20, 90, 200}}) {
    Bytes pixels;
    for (int i = 0; i < 64; ++i) pixels.insert(pixels.end(), colour.begin(), colour.end());
    const Image from_png = read_image(write("a.png", png(pixels, 3, 8, 8)), 1);
    const Image from_jpeg = read_image(write("a.jpg", jpeg(pixels, 3, 8, 8)), 1);
    EXPECT_NEAR(from_png.pixels[0], 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2], 0.5);
    EXPECT_NEAR(from_png.pixels[0], from_jpeg.pixels[0], 2);
  }
}

TEST_F(ImageFileTest, PutsWhatIsTransparentOnWhite) {
  EXPECT_EQ(read_image(write("a.png", png({10, 20, 30, 0, 10, 20, 30, 255}, 4, 1, 2)), 3).pixels,
            (Bytes{255, 10, 255, 20, 255, 30}));
}

TEST_F(ImageFileTest, ReadsJpegNearly) {
  Bytes smooth;
  for (int y = 0; y < 16; ++y) {
    for (int x = 0; x < 24; ++x) {
      for (const int value : {8 * x, 10 * y, 128}) smooth.push_back(static_cast<std::uint8_t>(value));
    }
  }
  const Image image = read_image(write("a.jpg", jpeg(smooth, 3, 16, 24)), 3);
  ASSERT_EQ(image.pixels.size(), smooth.size());
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t i = 0; i < 16 * 24; ++i) EXPECT_NEAR(image.pixels[c * 16 * 24 + i], smooth[3 * i + c], 10);
  }
  const Image grey = read_image(write("b.jpg", jpeg(Bytes(64, 77), 1, 8, 8)), 1);
  for (const std::uint8_t value : grey.pixels) EXPECT_NEAR(value, 77, 1);
}

TEST_F(ImageFileTest, GoesByContentNotByName) {
  EXPECT_EQ(read_image(write("a.jpg", png(Bytes(4, 9), 1, 2, 2)), 1).pixels, Bytes(4, 9));
}

TEST_F(ImageFileTest, RefusesWhatIsBroken) {
  const auto refused = [&](const std::string& name, const Bytes& bytes) {
    write(name, bytes);
    EXPECT_THAT(error_of([&] { static_cast<void>(read_image(path(name), 3)); }),
                testing::StartsWith(path(name) + ": is"));
  };
  const Bytes whole_jpeg = jpeg(noise(3 * 32 * 32, 1), 3, 32, 32);
  const Bytes whole_png = png(noise(3 * 32 * 32, 1), 3, 32, 32);
  const auto half = [](const Bytes& bytes) {
    return Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() / 2));
  };
  refused("empty.jpg", {});
  refused("text.jpg", {'h', 'e', 'l', 'l', 'o'});
  refused("half.jpg", half(whole_jpeg));
  refused("half.png", half(whole_png));
  Bytes damaged = whole_png;
  damaged[damaged.size() / 2] ^= 1;
  refused("damaged.png", damaged);
  EXPECT_THAT(error_of([&] { static_cast<void>(read_image(path("none.jpg"), 3)); }),
              AllOf(HasSubstr(path("none.jpg")), HasSubstr("No such file")));
}

TEST_F(ImageFileTest, NeverCrashesOnDamage) {
  // Decoders are not ours; that their errors come out as ours is.
  for (const Bytes& whole : {jpeg(noise(3 * 16 * 16, 2), 3, 16, 16), png(noise(3 * 16 * 16, 2), 3, 16, 16)}) {
    int refusals = 0;
    for (std::size_t i = 0; i < whole.size(); i += 11) {
      Bytes damaged = whole;
      damaged[i] ^= 0xFF;
      write("damaged", damaged);
      try {
        static_cast<void>(read_image(path("damaged"), 3));
      } catch (const bosen::Error& error) {
        ++refusals;
        EXPECT_EQ(error.kind(), bosen::ErrorKind::kData) << error.what();
      }
    }
    EXPECT_GT(refusals, 0);
  }
}

TEST_F(ImageFileTest, ResizesLikeThePlainWay) {
  for (const auto& [height, width] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{9, 7}, {18, 14}, {3, 20}, {4, 3}, {1, 1}, {9, 2}, {10, 8}}) {
    const Image image = image_of(2, 9, 7, 5);
    const Image resized = resize(image, height, width);
    ASSERT_EQ(resized.height, height);
    ASSERT_EQ(resized.width, width);
    ASSERT_EQ(resized.pixels.size(), static_cast<std::size_t>(2 * height * width));
    for (std::int64_t i = 0; i < 2 * height * width; ++i) {
      EXPECT_NEAR(resized.pixels[static_cast<std::size_t>(i)],
                  plain_resized(image, i / (height * width), i / width % height, i % width, height, width), 0.51)
          << height << " x " << width << " at " << i;
    }
  }
}

TEST_F(ImageFileTest, KnowsImagesByName) {
  for (const char* name : {"a.jpg", "b.JPG", "c.jpeg", "d.Png"}) EXPECT_TRUE(is_image_name(name)) << name;
  for (const char* name : {"a.txt", "jpg", "b.jpg.bak", ""}) EXPECT_FALSE(is_image_name(name)) << name;
}

}  // namespace
}  // namespace poseidon
