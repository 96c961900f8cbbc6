#include "tests/support/describe_frame.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>
#include <sstream>

#include "tests/support/wire_samples.h"

namespace bosen::test {

using wire::NodeId;

namespace {

std::string describe(NodeId node) {
  return node.is_shard() ? fmt::format("shard {}", node.shard_id()) : fmt::format("client {}", node.rank());
}

std::string yes_or_no(bool value) { return value ? "yes" : "no"; }

template <class T>
std::vector<T> values_at(const std::byte* bytes, std::size_t count) {
  std::vector<T> values(count);
  std::memcpy(values.data(), bytes, count * sizeof(T));
  return values;
}

std::string elements_at(const std::byte* bytes, ElementType type, std::size_t count) {
  switch (type) {
    case ElementType::kFloat:
      return fmt::format("{}", fmt::join(values_at<float>(bytes, count), " "));
    case ElementType::kDouble:
      return fmt::format("{}", fmt::join(values_at<double>(bytes, count), " "));
    case ElementType::kInt32:
      return fmt::format("{}", fmt::join(values_at<std::int32_t>(bytes, count), " "));
    case ElementType::kInt64:
      return fmt::format("{}", fmt::join(values_at<std::int64_t>(bytes, count), " "));
  }
  return {};
}

std::string describe_rows(TableId table, const BufferRef& block) {
  if (!block) return "  no rows\n";
  const wire::RowShape shape = *sample_shape(table);
  const wire::RowBlockView view(shape, *block);
  std::string text;
  for (std::size_t i = 0; i < view.size(); ++i) {
    const std::byte* row = block->data + view.offset(i);
    if (shape.kind == RowKind::kDense) {
      const auto width = static_cast<std::size_t>(shape.width);
      text += fmt::format("  row {}: {}\n", view.id(i), elements_at(row, shape.element, width));
      continue;
    }
    const std::size_t count = wire::SparseRecord::count(row);
    text += fmt::format("  row {}: columns {}: {}\n", view.id(i), fmt::join(values_at<Column>(row + 8, count), " "),
                        elements_at(row + wire::SparseRecord::values_offset(count), shape.element, count));
  }
  return text;
}

struct Describe {
  std::string operator()(const wire::CreateTable& m) const {
    const wire::TableSpec& spec = m.spec;
    return fmt::format(
               "CreateTable table={} kind={} element={} consistency={} width={} staleness={} priority={}\n"
               "  name '{}' updater '{}'",
               m.table, static_cast<int>(spec.shape.kind), static_cast<int>(spec.shape.element),
               static_cast<int>(spec.consistency), spec.shape.width, spec.staleness, spec.priority, spec.name,
               spec.updater.name) +
           fmt::format(" learning_rate={} momentum={} decay1={} decay2={} epsilon={}\n", spec.updater.learning_rate,
                       spec.updater.momentum, spec.updater.decay1, spec.updater.decay2, spec.updater.epsilon);
  }
  std::string operator()(const wire::TableCreated& m) const {
    return fmt::format("TableCreated table={} problem='{}'\n", m.table, m.problem);
  }
  std::string operator()(const wire::Update& m) const {
    return fmt::format("Update table={} worker={} clock={} closes={}\n", m.table, m.worker, m.clock,
                       yes_or_no(m.closes)) +
           describe_rows(m.table, m.block);
  }
  std::string operator()(const wire::ReadRequest& m) const {
    return fmt::format("ReadRequest table={} needed={} rows={}\n", m.table, m.needed, fmt::join(m.rows, " "));
  }
  std::string operator()(const wire::Rows& m) const {
    return fmt::format("Rows table={} clock={} batches_applied={} is_push={} completes_push={}\n", m.table, m.clock,
                       m.batches_applied, yes_or_no(m.is_push), yes_or_no(m.completes_push)) +
           describe_rows(m.table, m.block);
  }
  std::string operator()(const wire::Unsubscribe& m) const {
    return fmt::format("Unsubscribe table={} rows={}\n", m.table, fmt::join(m.rows, " "));
  }
  std::string operator()(const wire::BarrierArrive& m) const {
    return fmt::format("BarrierArrive barrier={} checkpoint={}\n", m.barrier, m.checkpoint);
  }
  std::string operator()(const wire::BarrierRelease& m) const {
    return fmt::format("BarrierRelease barrier={}\n", m.barrier);
  }
  std::string operator()(const wire::ChannelData& m) const {
    return fmt::format("ChannelData channel={} from={} to={} tag={} bytes={}\n", m.channel, m.from, m.to, m.tag,
                       m.bytes ? m.bytes->size : 0);
  }
  std::string operator()(const wire::ChannelCredit& m) const {
    return fmt::format("ChannelCredit channel={} from={} to={} messages={}\n", m.channel, m.from, m.to, m.messages);
  }
  std::string operator()(const wire::CreateChannel& m) const {
    return fmt::format("CreateChannel channel={} name='{}' capacity={}\n", m.channel, m.name, m.capacity);
  }
  std::string operator()(const wire::ChannelCreated& m) const {
    return fmt::format("ChannelCreated channel={} problem='{}'\n", m.channel, m.problem);
  }
};

}  // namespace

std::string describe(const wire::Frame& frame) {
  const wire::FrameHeader& header = frame.header;
  std::string text =
      fmt::format("job={:#018x} epoch={} sequence={} acknowledged={}{}{}\n", header.job, header.epoch, header.sequence,
                  header.acknowledged, header.asks ? " asks" : "", header.repeated ? " repeated" : "");
  if (!frame.message) return text + "Acknowledgement\n";
  text += fmt::format("from {} to {}\n", describe(header.source), describe(header.target));
  return text + std::visit(Describe(), *frame.message);
}

std::string hex_dump(const std::string& label, std::span<const std::byte> bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i % 16 == 0) text += fmt::format("{}{} {:04x} ", i == 0 ? "" : "\n", label, i);
    text += fmt::format(" {:02x}", std::to_integer<int>(bytes[i]));
  }
  return text.empty() ? text : text + "\n";
}

std::vector<std::byte> parse_hex(const std::string& label, const std::string& text) {
  std::vector<std::byte> bytes;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word;
    if (!(words >> word) || word != label || !(words >> word)) continue;
    while (words >> word) bytes.push_back(static_cast<std::byte>(std::stoi(word, nullptr, 16)));
  }
  return bytes;
}

}  // namespace bosen::test
