#include "poseidon/solver/snapshot.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <stdexcept>

#include "poseidon/solver/parameter_updater.h"
#include "tests/unit/poseidon/solver/solver_fixture.h"

namespace poseidon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

class SnapshotTest : public SolverTest {
 protected:
  SnapshotTest() {
    state_.net = "TwoLayers";
    state_.fingerprint = fingerprint_of(weights_);
    state_.rule = "SGD";
    state_.seed = 0xFFFFFFFFFFFFFFFFULL;
  }

  std::string write(std::int64_t iteration) {
    state_.iteration = iteration;
    state_.examples = iteration * 64;
    set(parameter(0, 1).value, {static_cast<float>(iteration), 2});
    set(*history_[1].tensor, {static_cast<float>(-iteration), 3});
    return write_snapshot(snapshots_, state_, {.weights = weights_, .history = history_}, backend_);
  }
  void load(const std::string& path) {
    load_snapshot(open_snapshot(path), state_, {.weights = weights_, .history = history_}, backend_);
  }
  std::string refusal(const std::string& path) {
    return error_of([&] { load(path); }, bosen::ErrorKind::kData);
  }

  const std::string snapshots_ = (folder_ / "snapshots").string();
  ParameterUpdater updater_{layers_, backend_, {}};
  std::vector<NamedTensor> weights_ = parameters_of(layers_);
  std::vector<NamedTensor> history_ = updater_.history();
  TrainingState state_;
};

TEST_F(SnapshotTest, BringsBackEveryTensorAndTheState) {
  const std::string path = write(7);
  EXPECT_EQ(path, snapshots_ + "/iter_7");
  set(parameter(0, 1).value, {0, 0});
  set(*history_[1].tensor, {0, 0});
  load(path);
  EXPECT_THAT(get(parameter(0, 1).value), ElementsAre(7, 2));
  EXPECT_THAT(get(*history_[1].tensor), ElementsAre(-7, 3));
  const TrainingState state = open_snapshot(path).state;
  EXPECT_EQ(state.iteration, 7);
  EXPECT_EQ(state.examples, 7 * 64);
  EXPECT_EQ(state.seed, 0xFFFFFFFFFFFFFFFFULL);
  EXPECT_EQ(state.net, "TwoLayers");
}

TEST_F(SnapshotTest, FindsTheNewestCompleteOneOfAFolder) {
  write(9);
  write(100);
  write(20);
  EXPECT_EQ(open_snapshot(snapshots_).state.iteration, 100);
  EXPECT_EQ(open_snapshot(folder_.string()).state.iteration, 100);
  fs::remove(fs::path(snapshots_) / "iter_100" / "state.json");
  EXPECT_EQ(open_snapshot(snapshots_).state.iteration, 20);
  EXPECT_THAT(open_snapshot(snapshots_).passed_over,
              testing::AllOf(HasSubstr("iter_100"), HasSubstr("state.json"), HasSubstr("not there")));
  fs::resize_file(fs::path(snapshots_) / "iter_20" / "weights.safetensors", 100);
  EXPECT_EQ(open_snapshot(snapshots_).path, snapshots_ + "/iter_9");
  EXPECT_EQ(find_weights(snapshots_).path, snapshots_ + "/iter_9/weights.safetensors");
  EXPECT_THAT(find_weights(snapshots_).passed_over, HasSubstr("iter_100"));
  EXPECT_EQ(find_weights("other.safetensors").path, "other.safetensors");
}

TEST_F(SnapshotTest, KeepsTheSchemesOnWhichWorkersSettled) {
  EXPECT_TRUE(open_snapshot(write(3)).state.schemes.layers.empty());
  state_.schemes = {.processes = 2, .workers = 6, .layers = {{"ip1", Scheme::kSfb}, {"ip2", Scheme::kPs}}};
  const SettledSchemes schemes = open_snapshot(write(4)).state.schemes;
  EXPECT_EQ(schemes.processes, 2);
  EXPECT_EQ(schemes.workers, 6);
  EXPECT_EQ(schemes.layers, state_.schemes.layers);
  for (const char* word : {"sfb", "processes", "layers"}) {
    const fs::path file = fs::path(write(4)) / "state.json";
    std::ifstream in(file);
    std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    text.replace(text.find(word), 1, "?");
    std::ofstream(file) << text;
    EXPECT_THAT(refusal(file.parent_path()), HasSubstr("no proper 'schemes'")) << word;
  }
}

TEST_F(SnapshotTest, ReplacesASnapshotOfTheSameIteration) {
  write(5);
  set(parameter(2, 0).value, {8, 9});
  write(5);
  set(parameter(2, 0).value, {0, 0});
  load(snapshots_);
  EXPECT_THAT(get(parameter(2, 0).value), ElementsAre(8, 9));
  EXPECT_EQ(std::distance(fs::directory_iterator(snapshots_), fs::directory_iterator()), 1);
}

TEST_F(SnapshotTest, RefusesWhatWasCutShort) {
  const fs::path path = write(3);
  for (const char* file : {"weights.safetensors", "solver.safetensors"}) {
    write(3);
    fs::resize_file(path / file, fs::file_size(path / file) - 1);
    EXPECT_THAT(refusal(path.string()), testing::AllOf(HasSubstr(file), HasSubstr("cut short")));
    EXPECT_THAT(refusal(snapshots_), HasSubstr("holds no complete snapshot"));
    fs::remove(path / file);
    EXPECT_THAT(refusal(path.string()), testing::AllOf(HasSubstr(file), HasSubstr("not there")));
  }
  write(3);
  fs::resize_file(path / "state.json", 20);
  EXPECT_THAT(refusal(path.string()), testing::AllOf(HasSubstr("state.json"), HasSubstr("damaged")));
  std::ofstream(path / "state.json") << R"({"format": 2, "net": 5})";
  EXPECT_THAT(refusal(path.string()), HasSubstr("no proper 'net'"));
  std::ofstream(path / "state.json") << R"({"format": 1})";
  EXPECT_THAT(refusal(path.string()), HasSubstr("format 1"));
  fs::remove(path / "state.json");
  EXPECT_THAT(refusal(path.string()), HasSubstr("no complete snapshot"));
}

TEST_F(SnapshotTest, RefusesWhatIsNotAsItWasWritten) {
  for (const char* file : {"weights.safetensors", "solver.safetensors"}) {
    const std::string path = write(3);
    load(path);  // it is as it was
    std::fstream damaged(fs::path(path) / file, std::ios::in | std::ios::out | std::ios::binary);
    damaged.seekp(-2, std::ios::end);
    damaged.put('\x01');
    damaged.close();
    EXPECT_THAT(refusal(path), testing::AllOf(HasSubstr(file), HasSubstr("not as it was written")));
  }
  const std::string path = write(3);
  std::ofstream(fs::path(path) / "weights.safetensors", std::ios::in | std::ios::out).put('?');
  EXPECT_THAT(error_of([&] { (void)find_weights(path); }, bosen::ErrorKind::kData), HasSubstr("not as it was written"));
}

TEST_F(SnapshotTest, RefusesOtherNetsAndChangesNothing) {
  const std::string path = write(3);
  set(parameter(0, 1).value, {1, 1});
  state_.net = "Other";
  EXPECT_THAT(refusal(path), HasSubstr("of net 'TwoLayers', not 'Other'"));
  state_.net = "TwoLayers";
  state_.rule = "Adam";
  EXPECT_THAT(refusal(path), HasSubstr("solver type SGD, not Adam"));
  state_.rule = "SGD";

  const auto same_name_but = [&](std::vector<std::pair<std::string, Shape>> parameters) {
    std::vector<std::unique_ptr<Layer>> layers;
    layers.push_back(std::make_unique<BareLayer>(backend_, "ip1", parameters));
    const std::vector<NamedTensor> weights = parameters_of(layers);
    TrainingState state = state_;
    state.fingerprint = fingerprint_of(weights);
    return error_of([&] { load_snapshot(open_snapshot(path), state, {.weights = weights, .history = {}}, backend_); },
                    bosen::ErrorKind::kData);
  };
  EXPECT_THAT(same_name_but({{"weight", {2, 4}}}), HasSubstr("tensor 'ip1.weight' is 2x3 there and 2x4 in this net"));
  EXPECT_THAT(same_name_but({{"scale", {2}}}), HasSubstr("has no tensor 'ip1.scale'"));
  EXPECT_THAT(same_name_but({{"weight", {2, 3}}}), HasSubstr("which this net has not"));
  EXPECT_THAT(get(parameter(0, 1).value), ElementsAre(1, 1));
}

TEST_F(SnapshotTest, RefusesWhatIsNoSnapshot) {
  EXPECT_THAT(refusal("/nowhere/at/all"), HasSubstr("is no folder"));
  EXPECT_THAT(refusal(folder_.string()), HasSubstr("holds no snapshot"));
}

TEST_F(SnapshotTest, BringsBackTheLossesOfEveryWorker) {
  EXPECT_TRUE(open_snapshot(write(1)).state.losses.empty());
  state_.losses = {{0.1, 1.0 / 3}, {}};
  EXPECT_EQ(open_snapshot(write(2)).state.losses, state_.losses);
}

TEST_F(SnapshotTest, RefusesCountsThatCannotBe) {
  for (const std::int64_t examples : {std::int64_t{-1}, std::numeric_limits<std::int64_t>::max()}) {
    state_.examples = examples;
    state_.iteration = 3;
    const std::string path = write_snapshot(snapshots_, state_, {.weights = weights_, .history = history_}, backend_);
    EXPECT_THAT(refusal(path), testing::AllOf(HasSubstr("state.json"), HasSubstr(std::to_string(examples))));
  }
}

TEST_F(SnapshotTest, RefusesWeightsAndHistoryThatAreNotFinite) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::string path = write(3);
  const auto refuses = [&](Tensor& tensor, const char* file, const char* name) {
    const std::vector<float> kept = get(tensor);
    set(tensor, {1, nan});
    write_snapshot(snapshots_, state_, {.weights = weights_, .history = history_}, backend_);
    set(tensor, kept);
    EXPECT_THAT(refusal(path), testing::AllOf(HasSubstr(file), HasSubstr("element 1"), HasSubstr(name)));
    EXPECT_EQ(get(tensor), kept);
  };
  refuses(parameter(0, 1).value, "weights.safetensors", "'ip1.bias'");
  refuses(*history_[1].tensor, "solver.safetensors", "'ip1.bias.history0'");
}

TEST_F(SnapshotTest, KeepsOlderSnapshotsWhereWritingFails) {
  write(1);
  write(2);
  // The device fails while the weights are written.
  struct Failing final : Memory {
    std::byte* data() override { throw std::runtime_error("device lost"); }
    [[nodiscard]] std::size_t bytes() const override { return 4; }
  };
  Tensor lost(TensorDescription::row_major({1}), std::make_shared<Failing>());
  std::vector<NamedTensor> weights = weights_;
  weights.push_back({"lost", &lost});
  for (const std::int64_t iteration : {2, 3}) {
    state_.iteration = iteration;
    EXPECT_ANY_THROW(write_snapshot(snapshots_, state_, {.weights = weights, .history = history_}, backend_));
    EXPECT_EQ(open_snapshot(snapshots_).state.iteration, 2);
    EXPECT_EQ(std::distance(fs::directory_iterator(snapshots_), fs::directory_iterator()), 2);
  }
  load(snapshots_);
}

TEST_F(SnapshotTest, SaysWhereItCannotWrite) {
  std::ofstream(folder_ / "file") << "in the way";
  const std::string error = error_of(
      [&] {
        write_snapshot((folder_ / "file").string(), state_, {.weights = weights_, .history = history_}, backend_);
      },
      bosen::ErrorKind::kStorage);
  EXPECT_THAT(error, HasSubstr((folder_ / "file").string()));
}

TEST_F(SnapshotTest, IgnoresWhatAKilledRunHasLeft) {
  fs::create_directories(fs::path(snapshots_) / ".iter_4.partial");
  std::ofstream(fs::path(snapshots_) / ".iter_4.partial" / "weights.safetensors") << "half";
  EXPECT_THAT(refusal(snapshots_), HasSubstr("holds no snapshot"));
  write(4);
  EXPECT_EQ(open_snapshot(snapshots_).state.iteration, 4);
  EXPECT_EQ(std::distance(fs::directory_iterator(snapshots_), fs::directory_iterator()), 1);
}

TEST_F(SnapshotTest, TakesWhatFitsForFineTuning) {
  const TensorFile file(write(6) + "/weights.safetensors");
  std::vector<std::unique_ptr<Layer>> layers;
  layers.push_back(std::make_unique<BareLayer>(
      backend_, "ip1", std::vector<std::pair<std::string, Shape>>{{"weight", {2, 3}}, {"bias", {2}}}));
  layers.push_back(
      std::make_unique<BareLayer>(backend_, "new", std::vector<std::pair<std::string, Shape>>{{"weight", {5, 2}}}));
  const std::vector<NamedTensor> weights = parameters_of(layers);
  EXPECT_EQ(load_tensors(file, weights, Match::kCommon, backend_), 2U);
  EXPECT_THAT(get(layers[0]->parameters()[1].value), ElementsAre(6, 2));
  EXPECT_THAT(error_of([&] { load_tensors(file, weights, Match::kTensors, backend_); }, bosen::ErrorKind::kData),
              HasSubstr("has no tensor 'new.weight'"));
}

}  // namespace
}  // namespace poseidon
