#pragma once

// The shards' part of a codec: updaters of tables whose rows are what a codec makes of gradients. As with clock_sum, a
// row shows the sum of the last clock's updates, under bsp; it is encoded as they are, and what that loses goes into
// the next clock's sum (two-way error feedback; Tang et al., ICML'19, and Zheng et al., NeurIPS'19).

#include <memory>
#include <string>

#include "bosen/app.h"
#include "poseidon/sync/gradient_codec.h"

namespace poseidon {

/// The updater's name. The codec is not kFp32.
[[nodiscard]] std::string sum_of(Codec codec);
[[nodiscard]] std::unique_ptr<bosen::Updater<std::int32_t>> make_coded_sum(Codec codec);

/// Makes these updaters known to all processes of the job.
void add_coded_sums(bosen::App& app);

}  // namespace poseidon
