#include "bosen/net/traffic_meter.h"

#include <gtest/gtest.h>

namespace bosen::net {
namespace {

template <class T>
wire::Message of_table(T message) {
  message.table = 3;
  return message;
}

template <class T>
wire::Message of_channel(T message, std::uint32_t channel) {
  message.channel = channel;
  return message;
}

TEST(TrafficMeterTest, CountsByTableAndByChannel) {
  TrafficMeter meter;
  meter.sent(of_table(wire::Update{}), 100);
  meter.sent(of_table(wire::ReadRequest{}), 10);
  meter.received(of_table(wire::Rows{}), 40);
  meter.sent(of_channel(wire::ChannelData{}, 3), 7);
  meter.received(of_channel(wire::ChannelCredit{}, 0), 5);
  EXPECT_EQ(meter.table(3).bytes_sent, 110);
  EXPECT_EQ(meter.table(3).bytes_received, 40);
  EXPECT_EQ(meter.channel(3).bytes_sent, 7);
  EXPECT_EQ(meter.channel(0).bytes_received, 5);
}

TEST(TrafficMeterTest, TellsFramingFromWhatTheAppGave) {
  TrafficMeter meter;
  BufferPool pool;
  wire::BlockBuilder builder(pool, {.width = 4}, 1024);
  for (const RowId row : {1, 2}) builder.append_dense(row);
  wire::Update update;
  update.table = 3;
  update.block = builder.take().at(0);
  meter.sent(update, 64 + 24 + 2 * (16 + 8));
  EXPECT_EQ(meter.table(3).framing_bytes, 64 + 24 + 2 * 8);
  meter.received(of_table(wire::ReadRequest{}), 90);
  EXPECT_EQ(meter.table(3).framing_bytes, 64 + 24 + 2 * 8 + 90);
  wire::ChannelData data;
  data.channel = 1;
  data.bytes = pool.take(100);
  data.bytes->size = 100;
  meter.received(data, 180);
  EXPECT_EQ(meter.channel(1).framing_bytes, 80);
}

TEST(TrafficMeterTest, LeavesOutWhatBelongsToNeither) {
  TrafficMeter meter;
  meter.sent(std::nullopt, 64);
  meter.received(wire::BarrierArrive{1}, 72);
  EXPECT_EQ(meter.table(0).bytes_sent, 0);
  EXPECT_EQ(meter.table(99).bytes_received, 0);
  EXPECT_EQ(meter.channel(7).bytes_sent, 0);
}

}  // namespace
}  // namespace bosen::net
