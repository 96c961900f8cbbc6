#include "poseidon/sync/coded_rows.h"

#include <utility>

namespace poseidon {

CodedRows::CodedRows(RowTable table, std::int64_t width, std::vector<bosen::RowId> ids, RowRange sent)
    : table_(std::move(table)), width_(static_cast<std::size_t>(width)), ids_(std::move(ids)), sent_(sent) {
  if (!is_coded()) return;
  late_.resize((sent.end - sent.begin) * width_);
  words_.resize(static_cast<std::size_t>(coded_words(table_.codec, width)));
  decoded_.resize(width_);
}

std::span<float> CodedRows::late(std::size_t row) {
  return std::span(late_).subspan((row - sent_.begin) * width_, width_);
}

void CodedRows::send(bosen::Worker& worker, std::size_t row, std::span<const float> values) {
  if (!is_coded()) return table_.floats.inc(worker, ids_[row], values);
  const std::span<float> sum = late(row);
  for (std::size_t i = 0; i < width_; ++i) sum[i] += values[i];
  encode(table_.codec, sum, words_, sum);
  table_.coded.inc(worker, ids_[row], words_);
}

void CodedRows::advance(bosen::Worker& worker) {
  is_coded() ? table_.coded.advance(worker) : table_.floats.advance(worker);
}

void CodedRows::await(bosen::Worker& worker) {
  if (is_coded()) {
    coded_ = table_.coded.get(worker, ids_);
  } else {
    floats_ = table_.floats.get(worker, ids_);
  }
}

std::span<const float> CodedRows::row(std::size_t row) {
  if (!is_coded()) return {floats_[row].begin(), floats_[row].end()};
  decode(table_.codec, {coded_[row].begin(), coded_[row].end()}, decoded_);
  return decoded_;
}

void CodedRows::release() {
  coded_.clear();
  floats_.clear();
}

}  // namespace poseidon
