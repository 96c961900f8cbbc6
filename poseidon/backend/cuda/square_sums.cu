#include "poseidon/backend/cuda/square_sums.h"

#include <algorithm>
#include <vector>

#include "poseidon/backend/cuda/launch.h"

namespace poseidon::cuda {
namespace {

/// Elements; a block's threads have some loads each.
constexpr std::int64_t kPiece = std::int64_t{1} << 15;
constexpr std::uint32_t kWidth = Pack<float>::kWidth;

struct Piece {
  const float* elements;
  std::uint32_t count;
};

struct DoubleSum {
  double sum = 0;
  POSEIDON_DEVICE void add(const DoubleSum& other) { sum += other.sum; }
};

struct StoreDouble {
  double* result;
  POSEIDON_DEVICE void operator()(std::uint32_t output, const DoubleSum& value) const { result[output] = value.sum; }
};

template <class T>
struct Square {
  const T* elements;
  POSEIDON_DEVICE DoubleSum operator()(std::uint32_t /*output*/, std::uint32_t i) const {
    const double value = to_float(elements[i]);
    return {value * value};
  }
};

/// Of a pack of elements.
struct SquaresOfPiece {
  const Piece* pieces;
  POSEIDON_DEVICE DoubleSum operator()(std::uint32_t piece, std::uint32_t i) const {
    const Piece own = pieces[piece];
    const std::uint32_t first = kWidth * i;
    DoubleSum sum;
    if (first + kWidth <= own.count) {
      const auto pack = *reinterpret_cast<const Pack<float>*>(own.elements + first);
      POSEIDON_UNROLL
      for (unsigned k = 0; k < kWidth; ++k) sum.sum += static_cast<double>(pack.elements[k]) * pack.elements[k];
      return sum;
    }
    for (std::uint32_t k = first; k < own.count; ++k) {
      const double value = own.elements[k];
      sum.sum += value * value;
    }
    return sum;
  }
};

struct PartOfTensor {
  const std::uint32_t* ends;
  const double* parts;
  POSEIDON_DEVICE DoubleSum operator()(std::uint32_t tensor, std::uint32_t i) const {
    const std::uint32_t at = (tensor == 0 ? 0 : ends[tensor - 1]) + i;
    return {at < ends[tensor] ? parts[at] : 0};
  }
};

template <class T>
std::size_t bytes_of_all(const std::vector<T>& values) {
  return values.size() * sizeof(T);
}

}  // namespace

struct SquareSums::Cut {
  explicit Cut(std::span<const Tensor* const> tensors) {
    for (const Tensor* const tensor : tensors) {
      const auto before = static_cast<std::int64_t>(pieces.size());
      for (std::int64_t first = 0; first < tensor->count(); first += kPiece) {
        const std::int64_t count = std::min(kPiece, tensor->count() - first);
        pieces.push_back({tensor->data() + first, static_cast<std::uint32_t>(count)});
        longest_piece = std::max(longest_piece, count);
      }
      ends.push_back(static_cast<std::uint32_t>(pieces.size()));
      most_pieces = std::max(most_pieces, static_cast<std::int64_t>(pieces.size()) - before);
    }
  }

  std::vector<Piece> pieces;
  std::vector<std::uint32_t> ends;
  std::int64_t most_pieces = 0, longest_piece = 0;
};

void sum_of_squares(Device& device, const Tensor& tensor, double* result) {
  with_element(arrangement_of(tensor.description()).element, [&](auto zero) {
    using T = decltype(zero);
    fold<DoubleSum>(device, Along::kInputs, 1, tensor.count(), Square<T>{elements_of<T>(tensor)}, StoreDouble{result});
  });
}

SquareSums::SquareSums(Device& device, std::span<const Tensor* const> tensors) : SquareSums(device, Cut(tensors)) {}

SquareSums::SquareSums(Device& device, const Cut& cut)
    : device_(device),
      tensors_(static_cast<std::int64_t>(cut.ends.size())),
      pieces_(static_cast<std::int64_t>(cut.pieces.size())),
      most_pieces_(cut.most_pieces),
      longest_piece_(cut.longest_piece),
      table_(device, bytes_of_all(cut.pieces)),
      ends_(device, bytes_of_all(cut.ends)),
      parts_(device, cut.pieces.size() * sizeof(double)) {
  device.copy_to_device(Lane::kCompute, table_.data(), cut.pieces.data(), table_.bytes());
  device.copy_to_device(Lane::kCompute, ends_.data(), cut.ends.data(), ends_.bytes());
  device.synchronize();  // before the host's tables go
}

void SquareSums::run(double* sums) {
  auto* const parts = reinterpret_cast<double*>(parts_.data());
  fold<DoubleSum>(device_, Along::kInputs, pieces_, (longest_piece_ + kWidth - 1) / kWidth,
                  SquaresOfPiece{reinterpret_cast<const Piece*>(table_.data())}, StoreDouble{parts});
  fold<DoubleSum>(device_, Along::kInputs, tensors_, most_pieces_,
                  PartOfTensor{reinterpret_cast<const std::uint32_t*>(ends_.data()), parts}, StoreDouble{sums});
}

}  // namespace poseidon::cuda
