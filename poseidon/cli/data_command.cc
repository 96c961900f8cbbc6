// poseidon data: makes a data set from images.

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <string>

#include "bosen/commands.h"
#include "bosen/counted.h"
#include "bosen/error.h"
#include "bosen/say.h"
#include "bosen/shell.h"
#include "poseidon/cli/command.h"
#include "poseidon/data/build.h"

namespace poseidon {
namespace {

constexpr const char* kName = "poseidon data";

struct DataFlags {
  std::string from;
  std::string broken = "refuse";
  BuildOptions build;
};

/// "HEIGHT,WIDTH", or one number for both.
void parse_size(const std::string& text, BuildOptions& build) {
  const auto parse = [](std::string_view part) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc{} || end != part.data() + part.size() || value < 1 || value > 4096) {
      throw bosen::Error(bosen::ErrorKind::kUsage, "must be HEIGHT,WIDTH, each from 1 to 4096");
    }
    return value;
  };
  const std::size_t comma = text.find(',');
  build.height = parse(std::string_view(text).substr(0, comma));
  build.width = comma == std::string::npos ? build.height : parse(std::string_view(text).substr(comma + 1));
}

void declare(bosen::OptionReader& reader, DataFlags& flags) {
  const auto add = [&](const char* name, bosen::OptionTarget target, const char* help, bosen::OptionRule rule) {
    reader.add("Data", {name, std::move(target), help, std::move(rule)});
  };
  add("from", &flags.from, "what the images are",
      {.choices = {"idx", "cifar10", "images"}, .value_name = "idx|cifar10|images", .required = true});
  add("images", &flags.build.images,
      "folder of IDX files, of CIFAR-10's .bin files, or with CLASS/IMAGE or {train,test}/CLASS/IMAGE",
      {.value_name = "PATH", .required = true});
  add("output", &flags.build.output, "folder that the data set becomes", {.value_name = "DIR", .required = true});
  add("resize", bosen::OptionParser([&flags](const std::string& text) { parse_size(text, flags.build); }),
      "size of images from folders; else that of the first", {.value_name = "HEIGHT,WIDTH"});
  add("grey", &flags.build.grey, "images from folders as one channel", {});
  add("broken", &flags.broken,
      "what to do with images that can't be read, records with impossible labels, and files that were cut short",
      {.choices = {"refuse", "skip"}});
  add("test-share", &flags.build.test_share,
      "part of CLASS/IMAGE's images to test with, where no folder train is there", {.minimum = 0, .maximum = 0.9});
  add("seed", &flags.build.seed, "of the order of images from folders, and of the choice to test with", {});
}

/// One line that is written over on a terminal, else a line for every tenth.
class Progress {
 public:
  void show(const std::string& part, std::int64_t done, std::int64_t total) {
    const std::int64_t tenth = total > 0 ? done * 10 / total : 10;
    if (part == part_ && tenth == tenth_ && !terminal_) return;
    part_ = part;
    tenth_ = tenth;
    const char* const end = terminal_ ? (done == total ? "\n" : "") : "\n";
    bosen::say(fmt::format("{}{}: {} {}/{} images{}", terminal_ ? "\r" : "", kName, part, done, total, end));
    std::fflush(stderr);
  }

 private:
  const bool terminal_ = ::isatty(STDERR_FILENO) != 0;
  std::string part_;
  std::int64_t tenth_ = -1;
};

void build(DataFlags& flags) {
  flags.build.skip_broken = flags.broken == "skip";
  Progress progress;
  flags.build.progress = [&progress](const std::string& part, std::int64_t done, std::int64_t total) {
    progress.show(part, done, total);
  };
  BuildResult result;
  if (flags.from == "idx") {
    result = build_from_idx(flags.build);
  } else if (flags.from == "cifar10") {
    result = build_from_cifar10(flags.build);
  } else {
    result = build_from_images(flags.build);
  }
  if (result.broken > 0) {
    bosen::say(fmt::format("{}: left out {} that can't be read; the first: {}\n", kName,
                           bosen::counted(result.broken, "image"), result.first_broken));
  }
  bosen::say(fmt::format("{}: wrote {} ({} to train, {} to test)\n", kName, flags.build.output,
                         bosen::counted(result.train, "image"), result.test));
  const char* const solver = flags.from == "idx"       ? "config/solvers/lenet.yaml"
                             : flags.from == "cifar10" ? "config/solvers/cifar10_quick.yaml"
                                                       : "SOLVER.yaml";
  bosen::say(fmt::format("{}: next, train a net: poseidon train {} --data {}\n", kName, solver,
                         bosen::shell_word(flags.build.output)));
}

}  // namespace

int data_command(int argc, const char* const* argv) {
  DataFlags flags;
  bosen::OptionReader reader(kName, "Makes a data set (train and test) from images.");
  declare(reader, flags);
  if (!bosen::read_flags(reader, argc, argv)) return 0;
  for (const char* name : {"resize", "grey", "test-share", "seed"}) {
    if (flags.from == "images" || !reader.given(name)) continue;
    throw bosen::Error(
        bosen::ErrorKind::kUsage,
        fmt::format("--{} is for --from images: {} has its own size, colours and parts", name, flags.from));
  }
  flags.build.must_share = reader.given("test-share");
  build(flags);
  return 0;
}

}  // namespace poseidon
